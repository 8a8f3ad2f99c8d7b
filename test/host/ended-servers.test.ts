/** Libraries that end the server of a mount, and tests that use it. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import { createTerminus } from '@godaddy/terminus'
import gracefulShutdown from 'http-graceful-shutdown'
import { createHttpTerminator } from 'http-terminator'
import request from 'supertest'
import { closeHosts, exchange, get, newHost, RawClient, started } from './support.js'

afterEach(closeHosts)

const LONG = 600_000

const enders: Record<string, (server: Server) => () => Promise<unknown>> = {
  'http-terminator': server => {
    const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: LONG })
    return () => terminator.terminate()
  },
  'http-graceful-shutdown': server => gracefulShutdown(server, { timeout: LONG, signals: '', forceExit: false }),
  terminus: server => {
    const listeners = process.listeners('SIGTERM')
    createTerminus(server, { timeout: 1000 })
    for (const added of process.listeners('SIGTERM')) if (!listeners.includes(added)) process.off('SIGTERM', added)
    const { stop } = server as Server & { stop(done: () => void): void }
    return () => new Promise<void>(resolve => stop.call(server, resolve))
  },
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
