/** Libraries that end the server of a mount, and tests that use it. */
import { once } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { createTerminus } from '@godaddy/terminus'
import gracefulShutdown from 'http-graceful-shutdown'
import { createHttpTerminator } from 'http-terminator'
import request from 'supertest'
import type { SynclessError } from '../../src/core/index.js'
import { passOn } from '../../src/host/index.js'
import { fastify } from './frameworks.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started } from './support.js'

afterEach(closeHosts)

const LONG = 600_000

type Ender = (server: Server, limit?: number) => () => Promise<unknown>

/** Those that have a limit, in milliseconds, for answers that do not end. */
const limited: Record<string, Ender> = {
  'http-terminator': (server, limit = LONG) => {
    const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: limit })
    return () => terminator.terminate()
  },
  'http-graceful-shutdown': (server, limit = LONG) =>
    gracefulShutdown(server, { timeout: limit, signals: '', forceExit: false }),
  terminus: (server, limit = 1000) => {
    const listeners = process.listeners('SIGTERM')
    createTerminus(server, { timeout: limit })
    for (const added of process.listeners('SIGTERM')) if (!listeners.includes(added)) process.off('SIGTERM', added)
    const { stop } = server as Server & { stop(done: () => void): void }
    return () => new Promise<void>(resolve => stop.call(server, resolve))
  },
}

const enders: Record<string, Ender> = {
  ...limited,
  'close()': server => () => new Promise(resolve => server.close(resolve)),
  'listen({ signal })': server => {
    const controller = new AbortController()
    server.listen({ signal: controller.signal })
    return async () => {
      const closed = once(server, 'close')
      controller.abort()
      await closed
    }
  },
}

test.each(Object.keys(enders))('%s ends the mount after its requests, and leaves the neighbours', async name => {
  const host = newHost()
  const server = host.server('/a').on('request', (_req, res) => void res.end('a'))
  host.server('/b').on('request', (_req, res) => void res.end('b'))
  const end = enders[name]?.(server.unref())
  const { port } = await started(host)
  const idle = new RawClient(port).send('GET /a HTTP/1.1\nHost: x\n\n')
  await idle.until(/a$/)
  await end?.()
  expect(await exchange(port, get('/b'))).toMatch(/b$/)
  expect(await exchange(port, get('/a'))).toMatch(/^HTTP\/1.1 503 /)
  idle.socket.destroy()
})

describe.each(Object.keys(limited))('%s breaks off at its limit', name => {
  test('an answer that does not end, and no other mount’s', async () => {
    const host = newHost()
    const server = host.server('/a').on('request', (_req, res) => void res.write('a begins'))
    host.server('/b').on('request', (_req, res) => void res.write('b begins'))
    const end = limited[name]?.(server, 250)
    const { port } = await started(host)
    const [a, b] = [new RawClient(port).send(get('/a')), new RawClient(port).send(get('/b'))]
    await Promise.all([a.until(/a begins/), b.until(/b begins/)])
    await end?.()
    await a.closed
    // Cut, and not ended.
    expect(a.text).not.toMatch(/0\r\n\r\n$/)
    expect(b.socket.closed).toBe(false)
    b.socket.destroy()
  })

  test('a connection that was upgraded, and no other mount’s', async () => {
    const host = newHost()
    const accept = (_req: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => {}).write('HTTP/1.1 101 Switching Protocols\r\n\r\nupgraded')
    }
    const server = host.server('/a').on('upgrade', accept)
    host.server('/b').on('upgrade', accept)
    const end = limited[name]?.(server, 250)
    const { port } = await started(host)
    const [a, b] = ['/a', '/b'].map(path =>
      new RawClient(port).send(`GET ${path} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: x\n\n`),
    )
    await Promise.all([a?.until(/upgraded/), b?.until(/upgraded/)])
    await end?.()
    await a?.closed
    expect(b?.socket.closed).toBe(false)
    b?.socket.destroy()
  })
})

test('whoever listens to its connections is told of each request, by a socket that closes with it', async () => {
  const host = newHost()
  const [first, second] = [host.server('/a', { handOver: true }), host.server('/')]
  first.on('request', (req, res) => (req.url === '/a/1' ? res.end('a') : passOn(req)))
  second.on('request', (_req, res) => void res.end('b'))
  const seen: string[] = []
  const closed: Promise<unknown>[] = []
  for (const [path, server] of Object.entries({ '/a': first, '/': second })) {
    server.on('connection', socket => {
      seen.push(`${path} ${socket.remoteAddress}`)
      closed.push(once(socket.setTimeout(1).setNoDelay(), 'close'))
    })
  }
  const { port } = await started(host)
  const client = new RawClient(port).send('GET /a/1 HTTP/1.1\nHost: x\n\n')
  await client.until(/a$/)
  client.send('GET /a/2 HTTP/1.1\nHost: x\n\n')
  await client.until(/b$/)
  await Promise.all(closed)
  expect(seen).toEqual(['/a 127.0.0.1', '/a 127.0.0.1', '/ 127.0.0.1'])
  client.socket.destroy()
})

test('a connection that a listener destroys at once is a request that is refused', async () => {
  const host = newHost()
  const server = host.server('/a').on('request', (_req, res) => void res.end('a'))
  server.on('upgrade', (_req, socket) => void socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
  server.on('connection', socket => void socket.destroy())
  const { port } = await started(host)
  expect(await exchange(port, get('/a'))).toMatch(/^HTTP\/1.1 503 /)
  expect(await exchange(port, 'GET /a HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: x\n\n')).toMatch(/ 503 /)
})

test('a listener to connections that throws fails the request or the upgrade, and no other', async () => {
  const errors: SynclessError[] = []
  const host = newHost({ onError: error => void errors.push(error) })
  const server = host.server('/a').on('request', (_req, res) => void res.end('a'))
  server.on('upgrade', (_req, socket) => void socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
  server.on('connection', () => {
    throw new Error('no')
  })
  host.server('/b').on('request', (_req, res) => void res.end('b'))
  const { port } = await started(host)
  expect(await exchange(port, get('/a'))).toMatch(/^HTTP\/1.1 500 /)
  expect(await exchange(port, 'GET /a HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: x\n\n')).toBe('')
  expect(await exchange(port, get('/b'))).toMatch(/b$/)
  expect(errors.map(({ code }) => code)).toEqual(['HANDLER_FAILED', 'HANDLER_FAILED'])
})

test('a signal that was aborted before closes it, and one that stays leaves nothing on it', async () => {
  const host = newHost()
  const server = host.server('/a')
  const closed = once(server, 'close')
  server.listen({ signal: AbortSignal.abort() })
  await closed
  expect(server.listening).toBe(false)
})

test.each(['after', 'before'])('supertest on the server of a mount, %s the host listens', async when => {
  const host = newHost()
  const server = host.server('/a').on('request', (_req, res) => void res.end('a'))
  if (when === 'after') await started(host)
  const answer = request(server).get('/a')
  if (when === 'before') await started(host)
  expect((await answer).text).toBe('a')
})

test('supertest on the server of a mount whose host does not listen fails within a second, and says why', async () => {
  const server = newHost().server('/a')
  server.on('request', (_req, res) => void res.end('a'))
  await expect(request(server).get('/a')).rejects.toMatchObject({
    code: 'HOST_STATE',
    message: expect.stringContaining('call host.listen({ port: 0 })'),
  })
})

test('a host that takes long to start is awaited by supertest', async () => {
  jest.useFakeTimers()
  const host = newHost()
  const app = fastify({ serverFactory: host.serverFactory('/') })
  const ready = defer()
  app.addHook('onReady', () => ready.promise)
  const server = host.server('/a').on('request', (_req, res) => void res.end('a'))
  const failed = jest.fn()
  const listening = once(server, 'listening')
  server.on('error', failed).listen(0, '127.0.0.1')
  const starting = started(host)
  jest.advanceTimersByTime(2000)
  jest.useRealTimers()
  ready.resolve()
  await Promise.all([starting, listening])
  expect(failed).not.toHaveBeenCalled()
})
