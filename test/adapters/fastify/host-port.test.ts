import fastify from 'fastify'
import { closeHosts, defer, exchange, get, newHost, RawClient, started } from '../../host/support.js'

afterEach(closeHosts)
afterEach(() => {
  jest.restoreAllMocks()
})

async function body(url: string): Promise<string> {
  return (await fetch(url)).text()
}

describe('an instance made with the server factory', () => {
  test('is started by the host, and its hooks run as if it listened itself', async () => {
    const order: string[] = []
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    app.addHook('onReady', async () => void order.push('onReady'))
    app.addHook('onListen', async () => void order.push('onListen'))
    app.addHook('preClose', async () => void order.push('preClose'))
    app.addHook('onClose', async () => void order.push('onClose'))
    app.register(async plugin => {
      plugin.addHook('onListen', async () => void order.push('onListen of a plugin'))
      plugin.get('/api/plugin', async () => 'from a plugin')
    })
    const { url, port } = await started(host)
    expect(await body(`${url}/api/plugin`)).toBe('from a plugin')
    expect(order).toEqual(['onReady', 'onListen', 'onListen of a plugin'])
    expect(app.addresses()).toMatchObject([{ address: '127.0.0.1', port }])
    expect(app.listeningOrigin).toBe(url)
    expect((await host.close()).clean).toBe(true)
    expect(order.slice(3)).toEqual(['preClose', 'onClose'])
  })

  test('its own listen() resolves with the address of the host, called before or after', async () => {
    const host = newHost()
    const warn = jest.spyOn(process, 'emitWarning')
    const onListen = jest.fn(async () => {})
    const early = fastify({ serverFactory: host.serverFactory('/early') }).addHook('onListen', onListen)
    const listening = early.listen({ port: 3000 })
    const calledBack = defer<string>()
    fastify({ serverFactory: host.serverFactory('/callback') })
      .addHook('onListen', onListen)
      .listen({ port: 3000 }, (_error, address) => calledBack.resolve(address))
    const { url } = await started(host)
    expect(await listening).toBe(url)
    expect(await calledBack.promise).toBe(url)
    expect(onListen).toHaveBeenCalledTimes(2)
    expect(warn).not.toHaveBeenCalled()
    const late = fastify({ serverFactory: host.serverFactory('/late') })
    late.get('/late', async () => 'late')
    expect(await late.listen({ port: 3000 })).toBe(url)
    expect(await body(`${url}/late`)).toBe('late')
  })

  test('made while the host listens, it is started in the next turn', async () => {
    const host = newHost()
    const { url } = await started(host)
    const onListen = defer()
    const app = fastify({ serverFactory: host.serverFactory('/late') })
    app.addHook('onListen', async () => onListen.resolve())
    app.get('/late', async () => 'late')
    expect((await fetch(`${url}/late/other`)).status).toBe(404)
    expect(await body(`${url}/late`)).toBe('late')
    await onListen.promise
    expect(app.listeningOrigin).toBe(url)
  })

  test('closed before the host listens, it answers 503, and its path is free for another', async () => {
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    app.register(async () => {
      throw new Error('no database')
    })
    await expect(host.listen({ port: 0 })).rejects.toThrow('no database')
    await app.close().catch(() => {})
    const { url } = await started(host)
    expect((await fetch(`${url}/api`)).status).toBe(503)
    fastify({ serverFactory: host.serverFactory('/api') }).get('/api', async () => 'second')
    await new Promise(resolve => setImmediate(resolve))
    expect(await body(`${url}/api`)).toBe('second')
  })

  test('its close() waits for its own requests, then runs onClose, and leaves the others up', async () => {
    const host = newHost()
    const order: string[] = []
    const [begun, finish] = [defer(), defer()]
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    app.get('/api/slow', async () => {
      begun.resolve()
      await finish.promise
      order.push('answered')
      return 'slow'
    })
    app.addHook('onClose', async () => void order.push('onClose'))
    host.mount('/', (_req: unknown, res: { end(text: string): void }) => res.end('up'))
    const { url } = await started(host)
    const slow = body(`${url}/api/slow`)
    await begun.promise
    const closing = app.close()
    // Nothing but a turn of the loop: the hook must not have run by then.
    await new Promise(resolve => setImmediate(resolve))
    expect(order).toEqual([])
    finish.resolve()
    expect(await slow).toBe('slow')
    await closing
    expect(order).toEqual(['answered', 'onClose'])
    expect(await body(url)).toBe('up')
    expect((await fetch(`${url}/api/slow`)).status).toBe(503)
  })

  test('a closed instance does not close connections that others use', async () => {
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    host.mount('/', (_req: unknown, res: { end(text: string): void }) => res.end('up'))
    const { port } = await started(host)
    await app.close()
    const client = new RawClient(port).send('GET /api/x HTTP/1.1\nHost: x\n\n')
    await client.until(/503 Service Unavailable[\s\S]*Service Unavailable\n/)
    client.send('GET / HTTP/1.1\nHost: x\n\n')
    await client.until(/\r\n\r\n[\s\S]*up/)
    client.socket.destroy()
  })

  test('may be given to mount() as well, at the same path', async () => {
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    expect(host.mount('/api', app)).toBe(host)
    expect(() => host.mount('/api', fastify())).toThrow(expect.objectContaining({ code: 'MOUNT_TAKEN' }))
  })

  test('its failure to start is the failure of host.listen()', async () => {
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/api') })
    app.register(async () => {
      throw new Error('no database')
    })
    await expect(host.listen({ port: 0 })).rejects.toThrow('no database')
  })
})

describe('a prebuilt instance', () => {
  beforeEach(() => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  })

  test('answers as a bare one does, and a warning says that onListen will not run', async () => {
    const make = () => {
      const app = fastify()
      app.get('/api/x', async () => ({ x: 1 }))
      app.get('/api/throws', async () => {
        throw new Error('oops')
      })
      return app
    }
    const bare = make()
    await bare.listen({ port: 0, host: '127.0.0.1' })
    const barePort = Number(new URL(bare.listeningOrigin).port)
    const host = newHost({ http: { keepAliveTimeout: 72_000, requestTimeout: 0 } })
    host.mount('/api', make())
    expect(process.emitWarning).toHaveBeenCalledWith(expect.stringContaining('onListen'), expect.anything())
    const { port } = await started(host)
    for (const path of ['/api/x', '/api/throws', '/api/missing', '/api/%zz']) {
      const request = get(path)
      expect(await exchange(port, request)).toBe(await exchange(barePort, request))
    }
    await bare.close()
  })

  test('runs onClose when its last request is over, and not before', async () => {
    const host = newHost()
    const [begun, closing, finish] = [defer(), defer(), defer()]
    const closed = jest.fn(async () => {})
    const app = fastify().addHook('onClose', closed)
    app.addHook('preClose', async () => closing.resolve())
    app.get('/slow', async () => {
      begun.resolve()
      await finish.promise
      return 'slow'
    })
    host.mount('/', app)
    const { url } = await started(host)
    const slow = body(`${url}/slow`)
    await begun.promise
    const done = app.close()
    await closing.promise
    for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
    expect(closed).not.toHaveBeenCalled()
    finish.resolve()
    expect(await slow).toBe('slow')
    await done
    expect(closed).toHaveBeenCalledTimes(1)
  })

  test('waits for its requests after every other preClose hook, which may be what ends them', async () => {
    const host = newHost()
    const order: string[] = []
    const [begun, finish] = [defer(), defer()]
    const app = fastify()
    app.get('/slow', async () => {
      begun.resolve()
      await finish.promise
      order.push('answered')
      return 'slow'
    })
    app.addHook('onClose', async () => void order.push('onClose'))
    // Ends long responses: it has to run before the host waits for them.
    app.addHook('preClose', async () => {
      order.push('preClose')
      finish.resolve()
    })
    host.mount('/', app)
    const { url } = await started(host)
    const slow = body(`${url}/slow`)
    await begun.promise
    await app.close()
    expect(order).toEqual(['preClose', 'answered', 'onClose'])
    expect(await slow).toBe('slow')
  })

  test('ends its connections when it closes, where it was made so', async () => {
    const host = newHost()
    const begun = defer()
    const app = fastify({ forceCloseConnections: true })
    app.get('/never', () => begun.resolve())
    host.mount('/', app)
    const { url } = await started(host)
    const never = body(`${url}/never`)
    await begun.promise
    await Promise.all([app.close(), expect(never).rejects.toThrow()])
  })

  test('is refused once it is ready, or listens', async () => {
    const ready = fastify()
    await ready.ready()
    const refused = expect.objectContaining({ code: 'APP_ALREADY_READY', message: expect.stringContaining('"/api"') })
    expect(() => newHost().mount('/api', ready)).toThrow(refused)
    const late = fastify()
    const host = newHost()
    host.mount('/api', late)
    await late.ready()
    await expect(host.listen({ port: 0 })).rejects.toEqual(refused)
  })

  test('that does not start fails every listen() with its own error, until it is closed', async () => {
    const host = newHost()
    const app = fastify()
    app.register(async () => {
      throw new Error('no database')
    })
    host.mount('/', app)
    await expect(host.listen({ port: 0 })).rejects.toThrow('no database')
    await expect(host.listen({ port: 0 })).rejects.toThrow('no database')
    await app.close().catch(() => {})
    host.mount('/', (_req: unknown, res: { end(text: string): void }) => res.end('second'))
    const { url } = await started(host)
    expect(await body(url)).toBe('second')
  })

  test('may have a WebSocket server on its own server', async () => {
    const host = newHost()
    const app = fastify()
    app.server.on('upgrade', (req, socket) => socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${req.url}`))
    host.mount('/', app)
    const { port } = await started(host)
    const upgrade =
      'GET /chat HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: x\nSec-WebSocket-Version: 13\n\n'
    expect(await exchange(port, upgrade)).toContain('/chat')
  })

  test('may have several, each of which leaves the paths of the others alone', async () => {
    const host = newHost()
    const app = fastify()
    for (const path of ['/a', '/b']) {
      app.server.on('upgrade', (req, socket) => {
        if (req.url === path) socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\nfrom ${path}`)
      })
    }
    host.mount('/', app)
    const { port } = await started(host)
    const upgrade = (path: string) =>
      `GET ${path} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: x\nSec-WebSocket-Version: 13\n\n`
    for (const path of ['/a', '/b']) expect(await exchange(port, upgrade(path))).toContain(`from ${path}`)
  })
})
