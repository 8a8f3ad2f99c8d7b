/** Clients that are slow on purpose: each is answered and dropped as Node does it, others are served, and nothing stays. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { type Host, requestScope } from '../../src/host/index.js'
import { bareServer } from './attack/wire.js'
import { closeHosts, exchange, get, newHost, started, turns } from './support.js'

afterEach(closeHosts)

const http = { headersTimeout: 60, requestTimeout: 120, connectionsCheckingInterval: 20 }
const COUNT = 100
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/**
 * Sends `first`, and then one of `bytes` every few milliseconds, for ever. Gives what it gets until it is dropped; null if
 * it had something on the way then, which makes its system throw the answer away.
 */
function dribble(port: number, first: string, bytes: string): Promise<string | null> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let at = 0
    socket.setEncoding('latin1').on('data', chunk => {
      text += chunk
    })
    socket.write(first)
    const timer = setInterval(() => socket.write(bytes[at++ % bytes.length] ?? ''), 5)
    socket.on('error', () => {})
    socket.on('close', failed => {
      clearInterval(timer)
      resolve(failed && text.replace(CONTINUE, '') === '' ? null : text)
    })
  })
}

const got = (text: string | null): text is string => text !== null

const head = 'POST / HTTP/1.1\r\nHost: x\r\n'

describe.each([
  ['the request line', 'GET /', 'path'],
  ['the headers', 'GET / HTTP/1.1\r\nHost: x\r\n', 'a: b\r\n'],
  ['a header that does not end', 'GET / HTTP/1.1\r\nHost: x\r\nA: ', 'aaaa'],
  ['a body', `${head}Content-Length: 1000000\r\n\r\n`, 'body'],
  ['chunks', `${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\na\r\n'],
  ['the size of a chunk', `${head}Transfer-Encoding: chunked\r\n\r\n`, '0'],
  ['an extension of a chunk', `${head}Transfer-Encoding: chunked\r\n\r\n5;`, 'a'],
  ['trailers', `${head}Transfer-Encoding: chunked\r\n\r\n0\r\n`, 'a: b\r\n'],
  ['a body that is expected', `${head}Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n`, 'body'],
  ['nothing at all', '', ''],
])('%s', (_what, first, bytes) => {
  test(`${COUNT} clients: answered as by Node, their scopes are cancelled, and others are served`, async () => {
    let cancelled = 0
    let begun = 0
    const handler = (req: IncomingMessage, res: ServerResponse) => {
      req.on('error', () => {})
      req.resume().on('end', () => res.end('fine'))
    }
    const host = newHost({ http, onError: () => {} })
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      begun++
      requestScope(req).signal.addEventListener('abort', () => cancelled++)
      handler(req, res)
    })
    const { port } = await started(host)
    const bare = await bareServer(handler, http)
    const nodes = Promise.all(Array.from({ length: 10 }, () => dribble(bare.port, first, bytes)))
    const attack = Promise.all(Array.from({ length: COUNT }, () => dribble(port, first, bytes)))
    expect(await exchange(port, get('/'))).toContain('fine')
    begun--
    const expected = (await nodes).find(got) ?? ''
    const texts = (await attack).filter(got)
    expect(texts.length).toBeGreaterThan(0)
    // On a busy machine, the time of some is over before their request is read.
    for (const text of texts) expect(text.replace(CONTINUE, '')).toBe(expected.replace(CONTINUE, ''))
    expect(texts.some(text => text.startsWith(CONTINUE))).toBe(first.includes('100-continue'))
    expect(expected).toContain('408')
    await turns()
    expect(cancelled).toBe(begun)
    expect(connectionsOf(host)).toBe(0)
    bare.server.close()
  })
})

const connectionsOf = (host: Host) =>
  (host as unknown as { traffic: { connections: Set<unknown> } }).traffic.connections.size

describe('readers that do not read', () => {
  test('are held, cost no more than a buffer each, and end with the host', async () => {
    const host = newHost()
    const scopes: AbortSignal[] = []
    let written = 0
    const chunk = Buffer.alloc(1 << 16)
    host.mount('/', async (req: IncomingMessage, res: ServerResponse) => {
      const { signal } = requestScope(req)
      scopes.push(signal)
      const left = new Promise(resolve => signal.addEventListener('abort', resolve))
      while (!signal.aborted) {
        written += chunk.length
        if (!res.write(chunk)) await Promise.race([left, new Promise(resolve => res.once('drain', resolve))])
      }
    })
    const { port } = await started(host)
    const sockets: Socket[] = []
    for (let i = 0; i < 20; i++) {
      const socket = connect(port, '127.0.0.1').pause()
      socket.on('error', () => {})
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      sockets.push(socket)
    }
    while (scopes.length < sockets.length) await turns()
    let before = -1
    while (written !== before) {
      before = written
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    // What the two kernels and the buffers of Node hold of each answer.
    expect(written / sockets.length).toBeLessThan(16 << 20)
    expect(await host.close({ deadline: 20 })).toMatchObject({ clean: false, requests: Array(20).fill('GET /') })
    expect(scopes.every(signal => signal.aborted)).toBe(true)
    for (const socket of sockets) socket.destroy()
  })

  test('that leave in the middle cancel their requests, and nothing else', async () => {
    const host = newHost()
    let begun = 0
    let cancelled = 0
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      begun++
      requestScope(req).signal.addEventListener('abort', () => cancelled++)
      res.write(Buffer.alloc(1 << 20))
    })
    const { port } = await started(host)
    for (let round = 0; round < 5; round++) {
      const sockets = Array.from({ length: 40 }, () => connect(port, '127.0.0.1'))
      await Promise.all(
        sockets.map(
          socket =>
            new Promise(resolve => {
              socket.on('error', () => {}).once('readable', resolve)
              socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            }),
        ),
      )
      for (const [i, socket] of sockets.entries()) i % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()
    }
    while (cancelled < begun) await turns()
    expect([begun, cancelled]).toEqual([200, 200])
    while (connectionsOf(host) > 0) await turns()
    expect((await host.close()).clean).toBe(true)
  })
})
