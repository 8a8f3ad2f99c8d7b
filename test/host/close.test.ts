import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Server } from 'node:net'
import fastify from 'fastify'
import type { HostPort } from '../../src/adapters/port.js'
import { channel, go, never, type SynclessError } from '../../src/core/index.js'
import { requestScope, taskletHandler } from '../../src/host/index.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from './support.js'

afterEach(closeHosts)

const clean = { clean: true, requests: [], tasklets: 0, upgrades: 0, connections: 0, mounts: [], errors: [] }
/** More than the system takes off the server's hands. */
const BIG = 32 << 20

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown

async function serve(handler: Handler) {
  const errors: SynclessError[] = []
  const host = newHost({ onError: error => void errors.push(error) })
  host.mount('/', handler)
  return { host, errors, ...(await started(host)) }
}

describe('within the deadline', () => {
  test('an idle host closes at once, idle connections included, and says that it was clean', async () => {
    const { host, port } = await serve((_req, res) => res.end('x'))
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await client.until(/x$/)
    expect(await host.close()).toEqual(clean)
    await client.closed
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
  })

  test('it gives back the server in Node that has parsed its requests', async () => {
    const closed = jest.spyOn(HttpServer.prototype, 'close')
    const { host, url } = await serve((_req, res) => res.end('x'))
    await (await fetch(url)).text()
    await host.close()
    expect(closed).toHaveBeenCalledTimes(1)
    closed.mockRestore()
  })

  test('it waits for a response, tells its client that the connection ends, and accepts nobody new', async () => {
    const [begun, finish] = [defer(), defer()]
    const { host, port } = await serve(async (_req, res) => {
      begun.resolve()
      await finish.promise
      res.end('the answer')
    })
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await begun.promise
    let closed = false
    const report = host.close().finally(() => {
      closed = true
    })
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
    expect(closed).toBe(false)
    finish.resolve()
    expect(await report).toEqual(clean)
    await client.closed
    expect(client.text).toMatch(/Connection: close[\s\S]*the answer$/)
  })

  test('a response that had begun is finished, and its connection does not idle on', async () => {
    const [begun, finish] = [defer(), defer()]
    const { host, port } = await serve(async (_req, res) => {
      res.write('first ')
      begun.resolve()
      await finish.promise
      res.end('last')
    })
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await begun.promise
    await client.until(/keep-alive[\s\S]*first/)
    const report = host.close()
    finish.resolve()
    expect(await report).toEqual(clean)
    await client.closed
    expect(client.text).toMatch(/last\r\n0\r\n\r\n$/)
  })

  test('a request that arrives while the host drains is refused with 503, behind the answer that is under way', async () => {
    const [begun, arrived] = [defer(), defer()]
    const { host, port } = await serve((req, res) => {
      if (req.url === '/upload') return void req.on('data', () => arrived.resolve()).on('end', () => res.end())
      res.write('first ')
      begun.resolve()
      arrived.promise.then(turns).then(() => res.end(`last of ${req.url}`))
    })
    const upload = new RawClient(port).send('POST /upload HTTP/1.1\nHost: x\nContent-Length: 1\n\n')
    const client = new RawClient(port).send('GET /1 HTTP/1.1\nHost: x\n\n')
    await Promise.all([begun.promise, client.until(/first/)])
    const report = host.close()
    client.send('GET /2 HTTP/1.1\nHost: x\n\n')
    upload.send('x')
    expect(await report).toEqual(clean)
    await client.closed
    expect(client.text).toMatch(/last of \/1\r\n0\r\n\r\nHTTP\/1.1 503 Service Unavailable\r\nConnection: close/)
    expect(client.text).not.toContain('/2')
  })

  test('pipelined requests that are under way are all answered; the last one says that the connection ends', async () => {
    const [both, finish] = [defer(), defer()]
    let begun = 0
    const { host, port } = await serve(async (req, res) => {
      if (++begun === 2) both.resolve()
      await finish.promise
      res.end(`answer ${req.url}`)
    })
    const client = new RawClient(port).send('GET /1 HTTP/1.1\nHost: x\n\nGET /2 HTTP/1.1\nHost: x\n\n')
    await both.promise
    const report = host.close()
    finish.resolve()
    expect(await report).toEqual(clean)
    await client.closed
    expect(client.text).toMatch(/Connection: keep-alive[\s\S]*answer \/1HTTP[\s\S]*Connection: close[\s\S]*answer \/2$/)
  })

  test('a response that was ended and not yet sent is sent whole, even when others settle meanwhile', async () => {
    const ended = defer()
    const finish = defer()
    const { host, port } = await serve(async (req, res) => {
      if (req.url === '/big') {
        res.end(Buffer.alloc(BIG, 'x'))
        return ended.resolve()
      }
      await finish.promise
      res.end('small')
    })
    const client = new RawClient(port)
    client.socket.pause()
    client.send('GET /big HTTP/1.1\nHost: x\n\n')
    const small = new RawClient(port).send('GET /small HTTP/1.1\nHost: x\n\n')
    await ended.promise
    const report = host.close()
    finish.resolve()
    await small.closed
    client.socket.resume()
    expect(await report).toEqual(clean)
    await client.closed
    expect(client.text.length - client.text.indexOf('\r\n\r\n') - 4).toBe(BIG)
  })

  test.each([
    ['nothing', ''],
    ['half a header', 'GET / HT'],
    ['a request, and half of another', 'GET /1 HTTP/1.1\nHost: x\n\nGET /2 HT'],
  ])('it does not wait for a connection on which the client has sent %s', async (_what, bytes) => {
    const { host, url, port } = await serve((_req, res) => res.end('x'))
    const client = new RawClient(port).send(bytes)
    await new Promise(resolve => client.socket.once('connect', resolve))
    // On a connection that came later.
    await (await fetch(url)).text()
    expect(await host.close({ deadline: 600_000 })).toEqual(clean)
    await client.closed
  })

  test('it waits for tasklets of a request that was answered while it closed', async () => {
    const [answer, finish] = [channel<void>(), channel<void>()]
    const begun = defer()
    let worked = false
    const { host, port } = await serve((_req, res) => {
      go(function* () {
        begun.resolve()
        yield* answer.receive()
        res.end('answered')
        yield* finish.receive()
        worked = true
      })
    })
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await begun.promise
    const report = host.close().then(value => ({ ...value, worked }))
    await answer.send(undefined)
    await client.closed
    await turns()
    await finish.send(undefined)
    expect(await report).toEqual({ ...clean, worked: true })
  })

  test('it waits for the cleanup of tasklets whose client has left', async () => {
    const gate = channel<void>()
    const [begun, cleaning] = [defer(), defer()]
    let cleaned = false
    const { host, port } = await serve(
      taskletHandler(function* () {
        try {
          begun.resolve()
          yield* never
        } finally {
          cleaning.resolve()
          yield* gate.receive()
          cleaned = true
        }
      }),
    )
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await begun.promise
    client.socket.destroy()
    await cleaning.promise
    const report = host.close().then(value => ({ ...value, cleaned }))
    await turns()
    await gate.send(undefined)
    expect(await report).toEqual({ ...clean, cleaned: true })
  })

  test.each([
    ['were at work when it was answered', true],
    ['were started later', false],
  ])('it waits for tasklets of an answered request that %s', async (_which, early) => {
    const gate = channel<void>()
    const begun = defer()
    const { host, url } = await serve(async (_req, res) => {
      if (early) go(work)
      const ended = new Promise(resolve => res.on('close', resolve))
      res.end('answered')
      await ended
      if (!early) go(work)
      begun.resolve()
    })
    let worked = false
    function* work() {
      yield* gate.receive()
      worked = true
    }
    await (await fetch(url)).text()
    await begun.promise
    let closed = false
    const report = host.close().finally(() => {
      closed = true
    })
    for (let i = 0; i < 5; i++) await turns()
    expect(closed).toBe(false)
    await gate.send(undefined)
    expect({ ...(await report), worked }).toEqual({ ...clean, worked: true })
  })

  test('it closes frameworks that never listened', async () => {
    const host = newHost()
    const closed = jest.fn(async () => {})
    fastify({ serverFactory: host.serverFactory('/api') }).addHook('onClose', closed)
    expect(await host.close()).toEqual(clean)
    expect(closed).toHaveBeenCalledTimes(1)
  })

  test('what an app’s own close fails with is in the report', async () => {
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    const failure = new Error('database is gone')
    app.addHook('onClose', async () => {
      throw failure
    })
    await started(host)
    expect(await host.close()).toEqual({ ...clean, clean: false, errors: [failure] })
  })
})

describe('at the deadline', () => {
  test('requests, tasklets and upgraded connections are ended and reported', async () => {
    const reasons: unknown[] = []
    const here = defer()
    let count = 0
    const arrive = () => {
      if (++count === 3) here.resolve()
    }
    const { host, port, errors } = await serve(
      taskletHandler(function* (req) {
        const { signal } = requestScope(req)
        signal.addEventListener('abort', () => reasons.push(signal.reason.reason))
        arrive()
        yield* never
      }),
    )
    host.server('/hang').on('request', arrive)
    host.server('/ws').on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello')
      arrive()
    })
    const clients = [
      new RawClient(port).send('GET /tasklet HTTP/1.1\nHost: x\n\n'),
      new RawClient(port).send('GET /hang HTTP/1.1\nHost: x\n\n'),
      new RawClient(port).send('GET /ws HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n\n'),
    ]
    await here.promise
    const report = await host.close({ deadline: 20 })
    expect(report).toEqual({
      clean: false,
      requests: expect.arrayContaining(['GET /tasklet', 'GET /hang']),
      tasklets: 1,
      upgrades: 1,
      connections: 0,
      mounts: [],
      errors: [],
    })
    await Promise.all(clients.map(client => client.closed))
    expect(reasons).toMatchObject([{ code: 'HOST_STATE' }])
    expect(errors).toEqual([])
  })

  test('a client that does not take its answer is reported, with its request', async () => {
    const ended = defer()
    const { host, port } = await serve((_req, res) => {
      res.end(Buffer.alloc(BIG))
      ended.resolve()
    })
    const client = new RawClient(port)
    client.socket.pause()
    client.send('GET /big?secret HTTP/1.1\nHost: x\n\n')
    await ended.promise
    expect(await host.close({ deadline: 20 })).toEqual({ ...clean, clean: false, requests: ['GET /big'] })
    client.socket.destroy()
  })

  test('a request under a stripped mount is named as its client sent it', async () => {
    const begun = defer()
    const host = newHost()
    host.mount('/api', () => begun.resolve(), { strip: true })
    const { port } = await started(host)
    const client = new RawClient(port).send('GET /api/slow HTTP/1.1\nHost: x\n\n')
    await begun.promise
    expect(await host.close({ deadline: 20 })).toMatchObject({ requests: ['GET /api/slow'] })
    await client.closed
  })

  test('a Fastify handler that hangs does not keep onClose from running', async () => {
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    const [begun, closed] = [defer(), jest.fn(async () => {})]
    app.get('/api', () => {
      begun.resolve()
      return new Promise(() => {})
    })
    app.addHook('onClose', closed)
    const { port } = await started(host)
    const answer = exchange(port, get('/api'))
    await begun.promise
    const report = await host.close({ deadline: 20 })
    expect(report).toMatchObject({ clean: false, requests: ['GET /api'], mounts: [] })
    expect(closed).toHaveBeenCalledTimes(1)
    expect(await answer).toBe('')
  })

  test('an app whose cleanup never ends is named, and does not hang the close', async () => {
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    app.addHook('onClose', () => new Promise(() => {}))
    await started(host)
    expect(await host.close({ deadline: 20 })).toMatchObject({ clean: false, mounts: ['/api'] })
  })
})

describe('more than once, and early', () => {
  test('later calls get the first one’s report', async () => {
    const { host } = await serve(() => {})
    const [first, second] = [host.close(), host.close({ deadline: 1 })]
    expect(await first).toBe(await second)
    expect(await host.close()).toBe(await first)
  })

  test('during listen(): that rejects, and nothing is bound', async () => {
    const host = newHost()
    const ready = defer()
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    app.register(() => ready.promise)
    const listening = host.listen({ port: 0 })
    const closing = host.close({ deadline: 50 })
    await expect(listening).rejects.toMatchObject({ code: 'HOST_STATE' })
    ready.resolve()
    await closing
    expect(host.address()).toBe(null)
  })

  test.each([true, false])(
    'an app that becomes ready afterwards does not bring the host up; begun: %s',
    async begun => {
      const [app, ready] = [{}, defer()]
      const slow: HostPort = { name: 'slow', accepts: x => x === app, open: () => ({ ready: () => ready.promise }) }
      const host = newHost({ ports: [slow] })
      host.mount('/', app)
      const listen = jest.spyOn(Server.prototype, 'listen')
      const listening = expect(host.listen({ port: 0 })).rejects.toMatchObject({ code: 'HOST_STATE' })
      if (begun) await turns()
      await host.close()
      await listening
      ready.resolve()
      await turns()
      expect(host.address()).toBe(null)
      expect(listen).not.toHaveBeenCalled()
      listen.mockRestore()
    },
  )

  test('while the name of its address is looked up', async () => {
    const host = newHost()
    const listening = expect(host.listen({ port: 0, host: 'localhost' })).rejects.toMatchObject({ code: 'HOST_STATE' })
    const listen = jest.spyOn(Server.prototype, 'listen')
    // The look-up takes a turn of the loop; these take none.
    for (let i = 0; i < 20 && listen.mock.contexts.length === 0; i++) await null
    await host.close()
    await listening
    const server = listen.mock.contexts[0] as Server
    listen.mockRestore()
    // It has been told to listen, and does, for a moment.
    if (!server.listening) await new Promise(resolve => server.once('listening', resolve))
    await turns()
    expect([host.address(), server.listening]).toEqual([null, false])
  })

  test.each([null, 5, 'now'])('options that are none: %j', async options => {
    const host = newHost()
    await expect(Reflect.apply(host.close, host, [options])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a deadline that is no time', async () => {
    await expect(newHost().close({ deadline: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('await using closes it', async () => {
    const { host } = await serve(() => {})
    await host[Symbol.asyncDispose]()
    expect(host.listening).toBe(false)
  })
})
