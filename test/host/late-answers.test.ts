/** Timers, queues and limits come late: by then there may be nothing to answer, and nobody who listens. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { answer, isAnswerable } from '../../src/host/answer/answer.js'
import { type Host, type HostOptions, requestScope } from '../../src/host/index.js'
import { virtualClock } from '../../src/testing/index.js'
import { ca, server as tls } from './certificates.js'
import { alone, closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from './support.js'

const sessions: ClientHttp2Session[] = []
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy()
})
afterEach(closeHosts)

async function http2(host: Host): Promise<ClientHttp2Session> {
  const { port } = await started(host)
  const session = connect(`https://127.0.0.1:${port}`, { ca })
  sessions.push(session)
  session.on('error', () => {})
  await once(session, 'connect')
  return session
}

const http2Host = (options: HostOptions) => newHost({ tls, http2: true, ...options })

async function statusOf(stream: ClientHttp2Stream): Promise<number | undefined> {
  stream.on('error', () => {}).resume()
  const [headers] = await once(stream, 'response')
  return headers[':status']
}

test('a body beyond its limit over HTTP/2 is refused, and is no uncaught exception', async () => {
  const clock = virtualClock()
  try {
    const host = http2Host({ limits: { body: 1000 } })
    const readers: Record<string, (req: IncomingMessage) => void> = {
      '/flowing': req => void req.resume(),
      '/listening': req => void req.on('data', () => {}),
    }
    const requests: IncomingMessage[] = []
    host.mount('/', (req: IncomingMessage, _res: ServerResponse) => {
      requests.push(req)
      readers[req.url ?? '']?.(req)
    })
    const session = await http2(host)
    for (const path of Object.keys(readers)) {
      const stream = session.request({ ':method': 'POST', ':path': path })
      stream.write(Buffer.alloc(5000))
      expect([path, await statusOf(stream)]).toEqual([path, 413])
      await clock.advance(1000)
      await turns()
    }
    // The process is still there, and serves: jest fails the file for an uncaught exception.
    expect(requests.map(req => req.destroyed)).toEqual([true, true])
  } finally {
    clock.restore()
  }
})

test('a request that was answered while it waited for admission is not answered again', async () => {
  const clock = virtualClock()
  try {
    const host = newHost({ admission: { inFlight: 1, queue: 5, maxWait: 100 } })
    const busy = defer<ServerResponse>()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => busy.resolve(res))
    // Middleware around the host answers by itself, as a timeout does.
    const waiting: ServerResponse[] = []
    await alone(
      (req, res) => {
        if (req.url === '/waits') waiting.push(res)
        host.handler(req, res)
      },
      async port => {
        const first = new RawClient(port).send(get('/first'))
        await busy.promise
        const second = new RawClient(port).send('GET /waits HTTP/1.1\nHost: x\n\n')
        while (waiting.length === 0) await turns()
        waiting[0]?.writeHead(504).write('too late')
        await second.until(/too late/)
        await clock.advance(200)
        await turns()
        waiting[0]?.end()
        expect(second.text).not.toMatch(/503/)
        first.socket.destroy()
        second.socket.destroy()
      },
    )
  } finally {
    clock.restore()
  }
})

test('an HTTP/2 stream that was closed before its time is over is left alone', async () => {
  const host = http2Host({ http: { requestTimeout: 20 } })
  const closed = defer()
  host.mount('/', (req: IncomingMessage) => {
    if (req.url === '/open') return
    // The end of the stream is not told before its reader has read.
    Reflect.get(req, 'stream').close()
    closed.resolve()
  })
  const session = await http2(host)
  const stream = session.request({ ':method': 'POST', ':path': '/' })
  stream.on('error', () => {}).write('some')
  await closed.promise
  await once(stream, 'close')
  // The time of this one began later.
  const other = session.request({ ':method': 'POST', ':path': '/open' })
  other.write('some')
  expect(await statusOf(other)).toBe(408)
  expect(session.destroyed).toBe(false)
})

test('answer() says whether there was something to answer', async () => {
  const states: Record<string, (res: ServerResponse) => void> = {
    fresh: () => {},
    'head sent': res => void res.writeHead(200).flushHeaders(),
    ended: res => void res.end('done'),
    destroyed: res => void res.destroy(),
  }
  const seen: Record<string, boolean> = {}
  await alone(
    (req, res) => {
      const state = decodeURI(req.url ?? '').slice(1)
      states[state]?.(res)
      const answerable = isAnswerable(res)
      seen[state] = answer(res, 503)
      expect(answerable).toBe(seen[state])
      res.end()
    },
    async port => {
      for (const state of Object.keys(states)) await exchange(port, get(`/${encodeURI(state)}`))
    },
  )
  expect(seen).toEqual({ fresh: true, 'head sent': false, ended: false, destroyed: false })
})

describe('a connection with more pipelined requests than are served at once', () => {
  test.each(['end', 'resetAndDestroy'] as const)('notices its client’s %s()', async how => {
    const clock = virtualClock()
    try {
      const host = newHost({ limits: { pipelining: 3 } })
      let gone = 0
      let begun = 0
      host.mount('/', (req: IncomingMessage) => {
        begun++
        requestScope(req).signal.addEventListener('abort', () => gone++)
      })
      const { port } = await started(host)
      const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n'.repeat(10))
      while (begun < 3) await turns()
      client.socket[how]()
      for (let i = 0; i < 50 && gone < 3; i++) {
        await clock.advance(1000)
        await turns()
      }
      expect(gone).toBe(3)
      expect(begun).toBe(3)
    } finally {
      clock.restore()
    }
  })
})
