/** Uses each option with a time beyond 2^31-1 ms, and prints for which Node has warned that it takes the time for 1 ms. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as http2Connect } from 'node:http2'
import { connect } from 'node:net'
import { go, sleep, timeout } from '../../src/core/index.js'
import { listen, connect as nbConnect } from '../../src/core/nbsocket/index.js'
import { createHost, type HostOptions } from '../../src/host/index.js'

const [, , key = '', cert = ''] = process.argv
const long = 2 ** 31

async function serve(options: HostOptions, ask: (port: number) => Promise<unknown>): Promise<void> {
  const host = createHost(options)
  host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
    req.resume().on('end', () => res.end('answer'))
  })
  const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
  await ask(port)
  await host.close({ deadline: long })
}

async function askPlain(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'data')
  await new Promise(resolve => setTimeout(resolve, 20))
  if (socket.destroyed) throw new Error('cut off')
  socket.destroy()
}

async function askHttp2(port: number): Promise<void> {
  const session = http2Connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  const stream = session.request({ ':method': 'POST', ':path': '/' })
  setTimeout(() => stream.end(), 20)
  await once(stream, 'response')
  session.destroy()
}

const plain = ['headersTimeout', 'requestTimeout', 'keepAliveTimeout', 'connectionsCheckingInterval', 'timeout']
const tls = { key, cert }
const rows: Record<string, () => Promise<unknown>> = {
  ...Object.fromEntries(
    plain.map(name => [
      `http.${name}`,
      () => serve({ http: { requestTimeout: long, headersTimeout: long, [name]: long } }, askPlain),
    ]),
  ),
  ...Object.fromEntries(
    ['requestTimeout', 'keepAliveTimeout'].map(name => [
      `http.${name} over HTTP/2`,
      () => serve({ http: { [name]: long }, tls, http2: true }, askHttp2),
    ]),
  ),
  'tls.handshakeTimeout': () => serve({ tls: { ...tls, handshakeTimeout: long }, http2: true }, askHttp2),
  'admission.maxWait': () =>
    serve({ admission: { inFlight: 1, maxWait: long } }, async port => {
      const ask = async (method: string) => {
        const body = method === 'POST' ? { body: new Uint8Array(100_000) } : {}
        const response = await fetch(`http://127.0.0.1:${port}/`, { method, ...body })
        if (response.status !== 200) throw new Error(`refused: ${response.status}`)
        await response.text()
      }
      await Promise.all(['POST', 'GET'].map(ask))
    }),
  'a timeout in memory': async () => {
    const host = createHost()
    host.mount('/', (_req, res) => void setTimeout(() => res.end('answer'), 20))
    const { request } = await import('node:http')
    const asked = request({ agent: host.agent, path: '/' }).end()
    asked.on('socket', socket => socket.setTimeout(long, () => asked.destroy(new Error('timed out'))))
    const [response] = await once(asked, 'response')
    response.resume()
    await once(response, 'end')
    await host.close({ deadline: long })
  },
  'sockets of nbsocket': () =>
    go(function* () {
      const server = yield* listen({ port: 0, host: '127.0.0.1', timeout: long, lifetime: long })
      const client = yield* nbConnect({
        port: server.port,
        host: '127.0.0.1',
        timeout: long,
        keepAlive: true,
        keepAliveInitialDelay: long,
      })
      const accepted = yield* server.accept()
      client.timeout = long
      yield* client.send('x')
      accepted.timeout = long
      yield* accepted.recv()
      yield* client.close()
      yield* accepted.close()
      yield* server.close()
    }).then(() => {}),
  'timeout() and sleep()': () =>
    go(function* () {
      yield* timeout(long, sleep(20))
    }).then(() => {}),
}

let warned: string[] = []
// For a socket it says that the time was cut to the longest one, which is long.
process.on('warning', ({ name, message }) => {
  if (name === 'TimeoutOverflowWarning' && /set to 1\b/.test(message)) warned.push(message)
})
const results: Record<string, string> = {}
for (const [name, run] of Object.entries(rows)) {
  warned = []
  results[name] = await run().then(
    () => 'long',
    error => String(error),
  )
  await new Promise(resolve => setImmediate(resolve))
  if (warned.length > 0) results[name] = 'short'
}
process.stdout.write(JSON.stringify(results), () => process.exit())
