/** Node's timers take a time beyond 2^31-1 ms for 1 ms. An option that is so long is long. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as http2Connect } from 'node:http2'
import { connect as tlsConnect } from 'node:tls'
import { promisify } from 'node:util'
import { listen } from '../../src/core/nbsocket/index.js'
import { createHost, type HostOptions } from '../../src/host/index.js'
import { ca, server as certificate } from './certificates.js'

const long = 2 ** 31
const times = {
  headersTimeout: long,
  requestTimeout: long,
  keepAliveTimeout: long,
  connectionsCheckingInterval: long,
  timeout: long,
}

async function serving(options: HostOptions): Promise<{ port: number; close(): Promise<unknown> }> {
  const host = createHost(options)
  host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
    req.resume().on('end', () => res.end('answer'))
  })
  await host.listen({ port: 0, host: '127.0.0.1' })
  const [address] = host.addresses()
  return { port: address?.port ?? 0, close: () => host.close({ deadline: long }) }
}

/** Longer than Node's timers take for a time that is too long for them. */
async function turn(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 20))
}

test('of each option by itself, as Node warns of no time that it takes for 1 ms', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--no-warnings',
    '--import',
    './test/adapters/contract/typescript.mjs',
    './test/host/long-times-child.ts',
    String(certificate.key),
    String(certificate.cert),
  ])
  const results: Record<string, string> = JSON.parse(stdout)
  expect(Object.keys(results)).toHaveLength(12)
  expect(results).toEqual(Object.fromEntries(Object.keys(results).map(name => [name, 'long'])))
})

test('of a host with TLS, and HTTP/2 with a body that is on its way', async () => {
  const host = await serving({ http: times, http2: true, tls: { ...certificate, handshakeTimeout: long } })
  const session = http2Connect(`https://127.0.0.1:${host.port}`, { ca, servername: 'localhost' })
  const stream = session.request({ ':method': 'POST', ':path': '/' })
  await turn()
  stream.end()
  const [headers] = await once(stream, 'response')
  expect(headers[':status']).toBe(200)
  session.destroy()
  await host.close()
})

test('of a listener of nbsockets, with TLS and without', async () => {
  const tls = { ...certificate, handshakeTimeout: long }
  const server = await listen({ port: 0, host: '127.0.0.1', tls, plain: true, timeout: long, lifetime: long })
  const client = tlsConnect({ port: server.port, host: '127.0.0.1', ca, servername: 'localhost' })
  const sock = await server.accept()
  await turn()
  expect(client.destroyed).toBe(false)
  client.destroy()
  await sock.close()
  await server.close()
})
