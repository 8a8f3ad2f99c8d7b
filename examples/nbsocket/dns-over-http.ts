// A resolver that is asked over HTTP: GET /resolve?name=example.com&type=MX. It asks DNS_SERVERS, or those of the system.
import { type Op, SynclessError, timeout } from 'syncless'
import { createHost, taskletHandler } from 'syncless/host'
import { type Resolver, resolver } from 'syncless/nbsocket'

const servers = process.env.DNS_SERVERS
const dns = resolver(servers === undefined ? {} : { servers: servers.split(',') })

const questions: Record<string, (dns: Resolver, name: string) => Op<unknown>> = {
  A: (dns, name) => dns.resolve4(name),
  AAAA: (dns, name) => dns.resolve6(name),
  MX: (dns, name) => dns.resolveMx(name),
  NS: (dns, name) => dns.resolveNs(name),
  SRV: (dns, name) => dns.resolveSrv(name),
  TXT: (dns, name) => dns.resolveTxt(name),
}

const statuses: Record<string, number> = { NAME_NOT_FOUND: 404, TIMEOUT: 504, LOOKUP_FAILED: 502 }

const host = createHost()
host.mount(
  '/resolve',
  taskletHandler(function* (req, res) {
    const { searchParams } = new URL(req.url ?? '', 'http://localhost')
    const name = searchParams.get('name') ?? ''
    const ask = questions[searchParams.get('type') ?? 'A']
    const answer = (status: number, body: object) =>
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (name === '' || ask === undefined) return answer(400, { error: 'ask for a name, and a type that is known' })
    try {
      // The client may leave: then this tasklet is killed, and the query abandoned.
      answer(200, { name, answers: yield* timeout(2000, ask(dns, name)) })
    } catch (error) {
      if (!(error instanceof SynclessError) || statuses[error.code] === undefined) throw error
      answer(statuses[error.code] ?? 500, { name, error: error.code })
    }
  }),
)
const { port } = await host.run({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })
console.log(`listening on http://localhost:${port}`)
