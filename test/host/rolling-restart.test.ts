/** Two processes behind a balancer are replaced, one after the other, under load: no request may fail. */
import { Agent, request } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { type Program, programs } from './program.js'

const begin = programs()

/** A TCP balancer, as a cloud has it: it asks each process whether it is ready, and new connections go to one that is. */
class Balancer {
  readonly #server: Server
  readonly #backends = new Map<Backend, NodeJS.Timeout>()
  #turn = 0

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, client => this.#connect(client, 0))
  }

  listen(): Promise<number> {
    return new Promise(resolve => {
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port))
    })
  }

  /** Resolves when it is ready. */
  async add(backend: Backend): Promise<void> {
    while (!(await backend.asked())) {}
    this.#backends.set(
      backend,
      setInterval(async () => {
        backend.ready = await backend.asked()
      }, PERIOD),
    )
  }

  remove(backend: Backend): void {
    clearInterval(this.#backends.get(backend))
    this.#backends.delete(backend)
  }

  close(): void {
    for (const backend of this.#backends.keys()) this.remove(backend)
    this.#server.close()
  }

  #connect(client: Socket, tries: number): void {
    const ready = [...this.#backends.keys()].filter(backend => backend.ready)
    const backend = ready[this.#turn++ % ready.length]
    if (backend === undefined || tries > 10) {
      client.destroy()
      return
    }
    const upstream = connect({ port: backend.port, host: '127.0.0.1', allowHalfOpen: true })
    upstream.once('error', () => {
      // Refused before anything was sent: the next one has it.
      if (upstream.bytesWritten === 0 && upstream.bytesRead === 0) this.#connect(client, tries + 1)
      else client.destroy()
    })
    upstream.once('connect', () => {
      client.on('error', () => upstream.destroy())
      upstream.on('error', () => client.destroy())
      client.pipe(upstream).pipe(client)
    })
  }
}

interface Backend {
  readonly program: Program
  readonly port: number
  ready: boolean
  asked(): Promise<boolean>
}

/** How often the balancer asks, and how long a process goes on serving, in milliseconds: many periods. */
const PERIOD = 25
const DELAY = 1500

async function start(name: string): Promise<Backend> {
  const program = begin(
    `import express from 'express'
    import fastify from 'fastify'
    const app = express()
    app.post('/:n', express.text(), (req, res) => setTimeout(() => res.send('${name} ' + req.params.n + req.body), 5))
    host.mount('/', app)
    const api = fastify({ serverFactory: host.serverFactory('/api') })
    api.get('/api/:n', async req => '${name} ' + req.params.n)
    const { port } = await host.run({ port: 0, host: '127.0.0.1', readinessDelay: ${DELAY}, deadline: 10_000 })
    say('ports ' + port + ' ' + host.adminAddress().port)`,
    '{ admin: { port: 0 } }',
  )
  const [port, admin] = (await program.said(/ports (\d+ \d+)/)).split(' ').map(Number)
  return {
    program,
    port: port ?? 0,
    ready: true,
    asked: () =>
      fetch(`http://127.0.0.1:${admin}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ),
  }
}

/** Sends one request after another until it is told to stop; says how each came out. */
function load(port: number, agent: Agent) {
  const outcome = { served: new Map<string, number>(), failures: [] as string[] }
  let running = true
  const one = (n: number) =>
    new Promise<void>(resolve => {
      const post = n % 2 === 0
      const options = {
        port,
        host: '127.0.0.1',
        agent,
        path: post ? `/${n}` : `/api/${n}`,
        method: post ? 'POST' : 'GET',
      }
      const req = request({ ...options, headers: { 'content-type': 'text/plain' } }, async res => {
        let text = ''
        try {
          for await (const chunk of res.setEncoding('utf8')) text += chunk
        } catch (error) {
          text = String(error)
        }
        const [, name = ''] = text.match(new RegExp(post ? `^(\\w+) ${n}body$` : `^(\\w+) ${n}$`)) ?? []
        if (res.statusCode === 200 && name !== '') outcome.served.set(name, (outcome.served.get(name) ?? 0) + 1)
        else outcome.failures.push(`${res.statusCode} ${text}`)
        resolve()
      })
      req.on('error', error => {
        outcome.failures.push(String(error))
        resolve()
      })
      req.end(post ? 'body' : undefined)
    })
  const client = async (first: number) => {
    for (let n = first; running; n += 1000) await one(n)
  }
  const clients = Promise.all(Array.from({ length: 8 }, (_, n) => client(n)))
  return {
    outcome,
    stop: async () => {
      running = false
      await clients
    },
  }
}

test.each([
  ['clients that keep their connections', true],
  ['a connection for each request', false],
])(
  '%s: no request fails',
  async (_kind, keepAlive) => {
    const balancer = new Balancer()
    const agent = new Agent({ keepAlive })
    const backends = await Promise.all([start('A1'), start('B1')])
    for (const backend of backends) await balancer.add(backend)
    const { outcome, stop } = load(await balancer.listen(), agent)
    const reach = async (name: string, more: number) => {
      const goal = (outcome.served.get(name) ?? 0) + more
      while ((outcome.served.get(name) ?? 0) < goal) await new Promise(resolve => setTimeout(resolve, PERIOD))
    }
    for (const [at, old] of backends.entries()) {
      const name = 'AB'[at]
      await reach(`${name}1`, 50)
      const next = await start(`${name}2`)
      await balancer.add(next)
      old.program.child.kill('SIGTERM')
      expect(await old.program.exit).toBe(0)
      balancer.remove(old)
      await reach(`${name}2`, 50)
    }
    await stop()
    balancer.close()
    agent.destroy()
    expect(outcome.failures).toEqual([])
    expect([...outcome.served.keys()].sort()).toEqual(['A1', 'A2', 'B1', 'B2'])
  },
  60_000,
)
