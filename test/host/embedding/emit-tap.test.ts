/** A host inside a server that is not its own: attached to it, called by it, or mounted in another host. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer, Server as HttpServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import connect from 'connect'
import gracefulShutdown from 'http-graceful-shutdown'
import { createHttpTerminator } from 'http-terminator'
import Koa from 'koa'
import { Server as SocketServer } from 'socket.io'
import { io } from 'socket.io-client'
import WebSocket, { WebSocketServer } from 'ws'
import { go, never, type SynclessError, sleep } from '../../../src/core/index.js'
import { fetchHandler, type HostOptions, passOn, requestScope } from '../../../src/host/index.js'
import { server as certificate } from '../certificates.js'
import { express, express4, fastify } from '../frameworks.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

const servers: Server[] = []

afterEach(closeHosts)
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
})

type Listener = (req: IncomingMessage, res: ServerResponse) => void

/** Somebody else's server. */
async function foreign(listener: Listener | undefined = says('own')): Promise<{ server: Server; port: number }> {
  const server = createServer(listener)
  return { server, port: await listening(server) }
}

async function listening(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const says = (text: string) => (req: IncomingMessage, res: ServerResponse) => {
  res.end(`${text} ${req.url}`)
}

const body = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4)

/** Everything on a server that an attachment could leave behind. */
function snapshot(server: Server) {
  const events = server.eventNames().map(name => [String(name), server.rawListeners(name)] as const)
  return {
    keys: Reflect.ownKeys(server).map(String).sort(),
    events: Object.fromEntries(events.sort(([a], [b]) => (a < b ? -1 : 1))),
    emit: server.emit,
  }
}

const upgrade = (path: string, protocol = 'websocket') =>
  `GET ${path} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: ${protocol}\n\n`

const accept = (name: string) => (req: IncomingMessage, socket: Duplex) => {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n${name} ${req.url}`)
  socket.pipe(socket)
}

describe('attached to a server', () => {
  test('it serves what its mounts own, and the rest is the server’s, on one connection', async () => {
    const { server, port } = await foreign()
    const host = newHost()
    host.mount('/api', says('hosted'))
    await host.attach(server)
    const client = new RawClient(port)
    for (const [path, text] of [
      ['/api/x', 'hosted'],
      ['/apis', 'own'],
      ['/api', 'hosted'],
      ['/', 'own'],
    ]) {
      client.text = ''
      client.send(`GET ${path} HTTP/1.1\nHost: x\n\n`)
      expect(body(await client.until(new RegExp(`${text} ${path}$`)))).toBe(`${text} ${path}`)
    }
    client.socket.destroy()
  })

  test('pipelined answers keep their order across the two', async () => {
    const { server, port } = await foreign((req, res) => void turns().then(() => res.end(`own ${req.url}`)))
    const host = newHost()
    host.mount('/api', says('hosted'))
    await host.attach(server)
    const client = new RawClient(port).send(`GET /1 HTTP/1.1\nHost: x\n\nGET /api HTTP/1.1\nHost: x\n\n${get('/2')}`)
    await client.closed
    expect(client.text.match(/own \/1|hosted \/api|own \/2/g)).toEqual(['own /1', 'hosted /api', 'own /2'])
  })

  test.each(['before', 'after'])(
    'listeners that are added %s are asked for the rest, and can be removed',
    async when => {
      const { server, port } = await foreign(undefined)
      server.removeAllListeners('request')
      const host = newHost()
      host.mount('/api', says('hosted'))
      const late = says('late')
      if (when === 'before') server.on('request', late)
      await host.attach(server)
      if (when === 'after') server.on('request', late)
      expect(body(await exchange(port, get('/api')))).toBe('hosted /api')
      expect(body(await exchange(port, get('/x')))).toBe('late /x')
      server.off('request', late).on('request', says('other'))
      expect(body(await exchange(port, get('/x')))).toBe('other /x')
    },
  )

  test('detached, the server is as it was, to the last listener', async () => {
    const { server, port } = await foreign()
    server.on('upgrade', accept('own')).on('checkContinue', says('continued'))
    // Node notes something on a server at its first request.
    await exchange(port, get('/'))
    const before = snapshot(server)
    const host = newHost()
    host.mount('/api', says('hosted'))
    const attachment = await host.attach(server)
    expect(body(await exchange(port, get('/api')))).toBe('hosted /api')
    attachment.detach()
    attachment.detach()
    expect(snapshot(server)).toEqual(before)
    expect(body(await exchange(port, get('/api')))).toBe('own /api')
    using _again = await host.attach(server)
    expect(body(await exchange(port, get('/api')))).toBe('hosted /api')
  })

  test('so it is before it has ever listened', async () => {
    const server = createServer()
    const before = snapshot(server)
    const host = newHost()
    const attachment = await host.attach(server)
    attachment.detach()
    expect(snapshot(server)).toEqual(before)
  })

  test('so it is after host.close()', async () => {
    const { server, port } = await foreign()
    const before = snapshot(server)
    const host = newHost()
    host.mount('/api', says('hosted'))
    await host.attach(server)
    expect((await host.close()).clean).toBe(true)
    expect(snapshot(server)).toEqual(before)
    expect(body(await exchange(port, get('/api')))).toBe('own /api')
  })

  test('what others have put on top of it stays when it goes', async () => {
    const { server, port } = await foreign()
    const host = newHost()
    host.mount('/api', says('hosted'))
    const attachment = await host.attach(server)
    const seen: unknown[] = []
    const { emit } = server
    server.emit = function (this: Server, event: string, ...args: unknown[]) {
      if (event === 'request') seen.push((args[0] as IncomingMessage).url)
      return Reflect.apply(emit, this, [event, ...args])
    } as never
    expect(body(await exchange(port, get('/api')))).toBe('hosted /api')
    attachment.detach()
    expect(body(await exchange(port, get('/api')))).toBe('own /api')
    expect(seen).toEqual(['/api', '/api'])
  })

  test('two hosts share a server; the one that came last is asked first', async () => {
    const { server, port } = await foreign()
    const [first, second] = [newHost(), newHost()]
    first.mount('/a', says('first')).mount('/b', says('first'))
    second.mount('/b', says('second'))
    const one = await first.attach(server)
    await second.attach(server)
    expect(body(await exchange(port, get('/a')))).toBe('first /a')
    expect(body(await exchange(port, get('/b')))).toBe('second /b')
    // Not in the order of stacks.
    one.detach()
    expect(body(await exchange(port, get('/a')))).toBe('own /a')
    expect(body(await exchange(port, get('/b')))).toBe('second /b')
  })

  test('one host serves several servers, and listens as well', async () => {
    const [one, two] = [await foreign(says('one')), await foreign(says('two'))]
    const host = newHost()
    host.mount('/api', says('hosted'))
    await host.attach(one.server)
    await host.attach(two.server)
    const { port } = await started(host)
    for (const at of [one.port, two.port, port]) expect(body(await exchange(at, get('/api')))).toBe('hosted /api')
    expect(body(await exchange(two.port, get('/')))).toBe('two /')
    expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 404/)
  })

  test('what cannot be', async () => {
    const { server } = await foreign()
    const host = newHost()
    await expect(host.attach({} as Server)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await host.attach(server)
    await expect(host.attach(server)).rejects.toMatchObject({ code: 'HOST_STATE' })
    await host.close()
    await expect(host.attach(server)).rejects.toMatchObject({ code: 'HOST_STATE' })
  })

  test('over TLS', async () => {
    const server = createSecureServer(certificate, says('own'))
    const port = await listening(server)
    const host = newHost()
    host.mount('/api', (req: IncomingMessage, res: ServerResponse) => res.end(`hosted ${'encrypted' in req.socket}`))
    await host.attach(server)
    const { get: request } = await import('node:https')
    const fetched = (path: string) =>
      new Promise(resolve => {
        request({ port, path, host: '127.0.0.1', rejectUnauthorized: false, agent: false }, res => {
          res.setEncoding('utf8').on('data', resolve)
        })
      })
    expect(await fetched('/api')).toBe('hosted true')
    expect(await fetched('/x')).toBe('own /x')
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    client.write(upgrade('/x').replaceAll('\n', '\r\n'))
    expect(body(String((await once(client, 'data'))[0]))).toBe('own /x')
    client.destroy()
  })
})

describe('who stands around a server that a host is attached to', () => {
  const span = new AsyncLocalStorage<string>()
  const { emit } = HttpServer.prototype
  let seen = 0
  beforeEach(() => {
    seen = 0
    // As instrumentations do, of OpenTelemetry, Datadog and others.
    HttpServer.prototype.emit = function (this: Server, event: string, ...args: unknown[]) {
      const pass = () => Reflect.apply(emit, this, [event, ...args])
      if (event !== 'request') return pass()
      seen++
      return span.run('a span', pass)
    } as never
  })
  afterEach(() => {
    HttpServer.prototype.emit = emit
  })

  const store = (_req: IncomingMessage, res: ServerResponse) => void res.end(String(span.getStore()))
  const decline = (_req: IncomingMessage, _res: ServerResponse, next: () => void) => next()

  test('those who cover `emit` see each request once, and handlers run in their context', async () => {
    const { server, port } = await foreign(store)
    const [inner, host] = [newHost(), newHost()]
    inner.mount('/in', store)
    host.mount('/api', store).mount('/declined', decline, { handOver: true }).mount('/in', inner)
    await host.attach(server)
    for (const path of ['/own', '/api', '/declined', '/in']) {
      seen = 0
      expect([path, body(await exchange(port, get(path))), seen]).toEqual([path, 'a span', 1])
    }
    seen = 0
    expect(await exchange(port, get('/api', 'Expect: 100-continue\n'))).toMatch(/a span$/)
    expect(seen).toBe(1)
  })

  test('listeners behind the first one see each request once', async () => {
    const { server, port } = await foreign(says('own'))
    const counted: unknown[] = []
    server.on('request', (req, res) => {
      if (!res.headersSent) res.setHeader('x-seen', 'yes')
      res.on('finish', () => counted.push(req.url))
    })
    const host = newHost()
    host.mount('/api', says('hosted')).mount('/declined', decline, { handOver: true })
    await host.attach(server)
    const paths = ['/own', '/api', '/declined']
    for (const path of paths) await exchange(port, get(path))
    expect(counted).toEqual(paths)
    expect(await exchange(port, get('/api'))).toMatch(/x-seen: yes/i)
  })

  test.each<[string, (server: Server, look: Listener, app: Listener) => void]>([
    [
      'put before the app of Express that the server was made with',
      (server, look, app) => {
        server.removeAllListeners('request')
        server.on('request', express().use(app)).prependListener('request', look)
      },
    ],
    [
      'added before an app of Express',
      (server, look, app) => {
        server.removeAllListeners('request')
        server.on('request', look).on('request', express().use(app))
      },
    ],
    [
      'that takes a response, added behind a function of any parameters',
      (server, look, app) => {
        const [made] = server.listeners('request')
        expect([made?.length, app.length]).toEqual([0, 2])
        server.on('request', (req, res) => look(req, res))
      },
    ],
    [
      'that takes no response, added before a function',
      (server, look, app) => {
        server.removeAllListeners('request')
        server.on('request', req => look(req, new ServerResponse(req))).on('request', app)
      },
    ],
  ])('a listener %s sees each request once, and the app only its own', async (_how, add) => {
    const looked: unknown[] = []
    const served: unknown[] = []
    const app: Listener = (req, res) => {
      served.push(req.url)
      says('own')(req, res)
    }
    const { server, port } = await foreign((...args) => app(...args))
    add(server, req => void looked.push(req.url), app)
    const host = newHost()
    host.mount('/api', says('hosted')).mount('/declined', decline, { handOver: true })
    await host.attach(server)
    const paths = ['/own', '/api', '/declined']
    const answers = []
    for (const path of paths) answers.push(body(await exchange(port, get(path))))
    expect(answers).toEqual(['own /own', 'hosted /api', 'own /declined'])
    expect([looked, served]).toEqual([paths, ['/own', '/declined']])
  })

  test('http-graceful-shutdown ends the server, after the requests of the host', async () => {
    const { server, port } = await foreign()
    const arrived = defer<ServerResponse>()
    const host = newHost()
    host.mount('/api', (_req: IncomingMessage, res: ServerResponse) => arrived.resolve(res))
    await host.attach(server)
    const shutDown = gracefulShutdown(server, { timeout: 600_000, signals: '', forceExit: false })
    const idle = new RawClient(port).send('GET /own HTTP/1.1\nHost: x\n\n')
    await idle.until(/own \/own/)
    const answer = exchange(port, 'GET /api HTTP/1.1\nHost: x\n\n')
    const res = await arrived.promise
    const ended = shutDown()
    // It ends what is idle at once, and waits for the rest.
    await idle.closed
    expect(res.writableEnded).toBe(false)
    res.end('done')
    await ended
    expect(await answer).toMatch(/connection: close[\s\S]*done/i)
  })

  test('http-terminator ends the server, after the requests of the host', async () => {
    const { server, port } = await foreign()
    const arrived = defer<ServerResponse>()
    const host = newHost()
    host.mount('/api', (_req: IncomingMessage, res: ServerResponse) => arrived.resolve(res))
    await host.attach(server)
    const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: 600_000 })
    const answer = exchange(port, 'GET /api HTTP/1.1\nHost: x\n\n')
    const res = await arrived.promise
    const ended = terminator.terminate()
    res.end('done')
    await ended
    expect(await answer).toMatch(/connection: close[\s\S]*done/i)
  })
})

describe('apps of an attached host', () => {
  test('Fastify starts, hears of listening, and closes with the host, not with the server', async () => {
    const server = createServer(says('own'))
    const host = newHost()
    const heard: unknown[] = []
    const api = fastify({ serverFactory: host.serverFactory('/api') })
    api.get('/api/x', async () => 'Fastify')
    api.addHook('onReady', async () => void heard.push('ready'))
    api.addHook('onListen', async () => void heard.push(api.server.address()))
    api.addHook('onClose', async () => void heard.push('closed'))
    await host.attach(server)
    expect([heard, host.listening]).toEqual([['ready'], false])
    const port = await listening(server)
    while (heard.length < 2) await turns()
    expect(heard[1]).toMatchObject({ port })
    expect([host.listening, host.address()]).toEqual([true, server.address()])
    expect(body(await exchange(port, get('/api/x')))).toBe('Fastify')
    await host.close()
    expect(heard[2]).toBe('closed')
    expect(body(await exchange(port, get('/api/x')))).toBe('own /api/x')
  })

  test('a mount that is made later is started', async () => {
    const { server, port } = await foreign()
    const host = newHost()
    await host.attach(server)
    const api = fastify({ serverFactory: host.serverFactory('/api') })
    const listens = defer()
    api.addHook('onListen', async () => listens.resolve())
    api.get('/api', async () => 'late')
    await listens.promise
    expect(body(await exchange(port, get('/api')))).toBe('late')
  })

  test('one that does not start fails the attachment, and the server is left alone', async () => {
    const { server, port } = await foreign()
    const before = snapshot(server)
    const host = newHost()
    const api = fastify({ serverFactory: host.serverFactory('/api') })
    api.addHook('onReady', () => Promise.reject(new Error('no database')))
    await expect(host.attach(server)).rejects.toThrow('no database')
    expect(snapshot(server)).toEqual(before)
    expect(body(await exchange(port, get('/api')))).toBe('own /api')
  })

  test('a mount that declines hands the request on, as it was', async () => {
    const context = new AsyncLocalStorage<string>()
    const { server, port } = await foreign((req, res) => {
      const { baseUrl, originalUrl } = req as { baseUrl?: string; originalUrl?: string }
      res.end(JSON.stringify([req.url, baseUrl, originalUrl, Object.hasOwn(req, 'baseUrl'), context.getStore()]))
    })
    const host = newHost()
    const declines = (_req: IncomingMessage, _res: unknown, next: () => void) => context.run('inside', next)
    host.mount('/api', declines, { strip: true })
    await host.attach(server)
    expect(body(await exchange(port, get('/api/x?y')))).toBe('["/api/x?y",null,null,false,null]')
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
  })

  describe('that hands over', () => {
    const order =
      'POST /orders HTTP/1.1\nHost: x\nConnection: close\nContent-Type: application/json\nContent-Length: 7\n\n{"a":1}'
    const legacy = () =>
      express()
        .use(express.json())
        .post('/orders', (req, res) => void res.json(['own', req.body, req.originalUrl]))
        .get('/*any', (req, res) => void res.send(`own ${req.url}`))

    test.each<[string, (host: ReturnType<typeof newHost>) => unknown]>([
      [
        'Fastify',
        host => {
          const api = fastify({
            serverFactory: host.serverFactory('/', { handOver: true, accept: ['case', 'trailing-slash'] }),
          })
          api.get('/new', async () => 'new')
          api.post('/orders', async (_request, reply) => passOn(reply))
        },
      ],
      [
        'Express',
        host =>
          host.mount(
            '/',
            express()
              .get('/new', (_req, res) => void res.send('new'))
              .use(express.json()),
            {
              handOver: true,
            },
          ),
      ],
      [
        'Fastify, and Express after it',
        host => {
          const api = fastify({
            serverFactory: host.serverFactory('/', { handOver: true, accept: ['case', 'trailing-slash'] }),
          })
          api.get('/new', async () => 'new')
          api.post('/orders', async (_request, reply) => passOn(reply))
          host.mount('/', express().use(express.json()), { handOver: true })
        },
      ],
    ])('%s: the server’s own listeners get what is left, body and all', async (_which, mount) => {
      const { server, port } = await foreign(legacy())
      const host = newHost()
      mount(host)
      await host.attach(server)
      expect(body(await exchange(port, get('/new')))).toBe('new')
      expect(body(await exchange(port, get('/old?x')))).toBe('own /old?x')
      expect(body(await exchange(port, order))).toBe('["own",{"a":1},"/orders"]')
      expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
    })

    test('a body beyond the limit is not handed over', async () => {
      const { server, port } = await foreign(legacy())
      const host = newHost({ onError: () => {} })
      host.mount('/', express().use(express.json()), { handOver: { limit: 3 } })
      await host.attach(server)
      expect(await exchange(port, order)).toMatch(/^HTTP\/1.1 413/)
    })

    test('a host in a host: the outer one’s next app gets it', async () => {
      const [outer, inner] = [newHost(), newHost()]
      inner.mount('/orders', express().use(express.json()), { handOver: true })
      outer.mount('/', inner, { handOver: true }).mount('/', legacy())
      const { port } = await started(outer)
      expect(body(await exchange(port, order))).toBe('["own",{"a":1},"/orders"]')
      expect(body(await exchange(port, get('/x')))).toBe('own /x')
    })
  })

  test('what was handed on is not waited for', async () => {
    const own = defer<ServerResponse>()
    const { server, port } = await foreign((_req, res) => own.resolve(res))
    const host = newHost()
    host.mount('/api', (_req: IncomingMessage, _res: unknown, next: () => void) => next())
    await host.attach(server)
    const client = new RawClient(port).send(get('/api'))
    const res = await own.promise
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
    res.end('own')
    await client.until(/own$/)
  })

  test('what is started in the request that was handed on is not the host’s', async () => {
    const { server, port } = await foreign((_req, res) => {
      go(function* () {
        yield* sleep(1)
        res.end('outlived')
      })
    })
    const host = newHost()
    host.mount('/api', (_req: IncomingMessage, _res: unknown, next: () => void) => setImmediate(next))
    await host.attach(server)
    const answer = exchange(port, get('/api'))
    expect(body(await answer)).toBe('outlived')
  })

  test('a handler that throws, or hands on an error, is answered and reported by the host', async () => {
    const errors: SynclessError[] = []
    const { server, port } = await foreign()
    const host = newHost({ onError: error => void errors.push(error) })
    host.mount('/throws', () => {
      throw new Error('no')
    })
    host.mount('/next', (_req: unknown, _res: unknown, next: (error: unknown) => void) => next(new Error('no luck')))
    await host.attach(server)
    for (const path of ['/throws', '/next']) {
      expect(await exchange(port, get(path))).toMatch(/^HTTP\/1.1 500 Internal Server Error/)
    }
    expect(errors.map(({ message }) => message)).toEqual([
      'GET /throws, mounted at "/throws", failed',
      'GET /next, mounted at "/next", failed',
    ])
  })

  test('the scope of a request ends with its client, and not before', async () => {
    const { server, port } = await foreign()
    const host = newHost()
    const ended: string[] = []
    const inside = defer()
    host.mount('/api', (req: IncomingMessage) => {
      const note = (how: string) =>
        function* () {
          try {
            yield* never
          } finally {
            ended.push(how)
            inside.resolve()
          }
        }
      go(note('ambient'))
      requestScope(req).go(note('asked for'))
    })
    await host.attach(server)
    const client = new RawClient(port).send(get('/api'))
    await turns()
    expect(ended).toEqual([])
    client.socket.destroy()
    await inside.promise
    expect(ended.sort()).toEqual(['ambient', 'asked for'])
  })

  test('admission and 503 while closing are as in a host of its own', async () => {
    const { server, port } = await foreign()
    const options: HostOptions = { admission: { inFlight: 1, queue: 0 } }
    const host = newHost(options)
    const held = defer<ServerResponse>()
    host.mount('/api', (_req: IncomingMessage, res: ServerResponse) => held.resolve(res))
    await host.attach(server)
    const first = new RawClient(port).send(get('/api'))
    const res = await held.promise
    expect(await exchange(port, get('/api'))).toMatch(/^HTTP\/1.1 503/)
    expect(await exchange(port, get('/other'))).toMatch(/own \/other$/)
    const closed = host.close({ deadline: 600_000 })
    expect(await exchange(port, get('/api'))).toMatch(/^HTTP\/1.1 503[\s\S]*Retry-After/)
    expect(await exchange(port, get('/other'))).toMatch(/own \/other$/)
    res.end('last')
    await first.until(/last/)
    expect((await closed).clean).toBe(true)
  })

  test('at the deadline what is left is destroyed and named; the server’s own requests are not touched', async () => {
    const own = defer<ServerResponse>()
    const { server, port } = await foreign((_req, res) => own.resolve(res))
    const host = newHost()
    host.mount('/api', () => {})
    host.server('/ws').on('upgrade', accept('ws'))
    await host.attach(server)
    const stuck = new RawClient(port).send(get('/api/stuck'))
    const upgraded = new RawClient(port).send(upgrade('/ws'))
    await upgraded.until(/ws \/ws/)
    const other = new RawClient(port).send(get('/own'))
    const res = await own.promise
    const report = await host.close({ deadline: 0 })
    expect(report).toMatchObject({ clean: false, requests: ['GET /api/stuck'], upgrades: 1, connections: 0 })
    await Promise.all([stuck.closed, upgraded.closed])
    res.end('own')
    await other.until(/own$/)
  })

  test('idle connections of the server stay open', async () => {
    const { server, port } = await foreign()
    const host = newHost()
    host.mount('/api', says('hosted'))
    await host.attach(server)
    const client = new RawClient(port).send('GET /api HTTP/1.1\nHost: x\n\n')
    await client.until(/hosted/)
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
    client.send(get('/still'))
    await client.until(/own \/still/)
  })

  test('expectations are the mount’s where it listens for them, and Node’s elsewhere', async () => {
    const { server, port } = await foreign()
    const host = newHost()
    host.mount('/api', says('hosted'))
    host.server('/asks').on('checkContinue', (_req, res) => res.writeHead(413).end())
    host.server('/expects').on('checkExpectation', (req, res) => res.end(`expected ${req.headers.expect}`))
    await host.attach(server)
    const expecting = (path: string, what: string) => exchange(port, get(path, `Expect: ${what}\n`))
    for (const path of ['/api', '/own']) {
      expect(await expecting(path, '100-continue')).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
      expect(await expecting(path, 'more')).toMatch(/^HTTP\/1.1 417 /)
    }
    expect(await expecting('/asks', '100-continue')).toMatch(/^HTTP\/1.1 413/)
    expect(await expecting('/expects', 'more')).toMatch(/expected more$/)
    server.on('checkContinue', (_req, res) => res.writeHead(402).end())
    expect(await expecting('/own', '100-continue')).toMatch(/^HTTP\/1.1 402/)
    expect(await expecting('/asks', '100-continue')).toMatch(/^HTTP\/1.1 413/)
  })
})

describe('upgrades on a server that a host is attached to', () => {
  async function attached(listener?: (req: IncomingMessage, socket: Duplex, head: Buffer) => void) {
    const { server, port } = await foreign()
    if (listener !== undefined) server.on('upgrade', listener)
    const host = newHost()
    host.server('/ws').on('upgrade', accept('hosted'))
    host.mount('/api', says('hosted'))
    await host.attach(server)
    return { server, port, host }
  }

  async function answers(port: number, request: string): Promise<string> {
    const client = new RawClient(port).send(request)
    const text = await client.until(/\r\n\r\n.+/)
    client.socket.destroy()
    return body(text)
  }

  test.each(['before', 'after'])('go to the host or to a listener that was added %s', async when => {
    const { server, port } = await attached(when === 'before' ? accept('own') : undefined)
    if (when === 'after') server.on('upgrade', accept('own'))
    expect(await answers(port, upgrade('/ws'))).toBe('hosted /ws')
    expect(await answers(port, upgrade('/hmr'))).toBe('own /hmr')
    // It listens for requests only.
    expect(await answers(port, upgrade('/api'))).toBe('own /api')
  })

  test('a listener that ends what it does not know never sees the host’s', async () => {
    const { port } = await attached((_req, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\nunknown'))
    expect(await answers(port, upgrade('/ws'))).toBe('hosted /ws')
    expect(await answers(port, upgrade('/x'))).toBe('unknown')
  })

  test.each(['websocket', 'h2c'])(
    'an offer of %s that nobody takes is answered by the server as without it',
    async protocol => {
      const { server, port } = await attached()
      const client = new RawClient(port).send(upgrade('/x', protocol))
      await client.until(/own \/x/)
      client.send(upgrade('/api', protocol))
      await client.until(/hosted \/api/)
      client.send(get('/next'))
      await client.closed
      expect(client.text).toMatch(/own \/next/)
      // Others count the listeners, and take themselves for the only one.
      server.on('upgrade', accept('own'))
      expect(server.listenerCount('upgrade')).toBe(1)
      server.removeAllListeners('upgrade')
      expect(await answers(port, upgrade('/ws'))).toBe('hosted /ws')
    },
  )

  test('behind an unfinished request of the host, they come when it has been answered', async () => {
    const { server, port } = await foreign()
    const host = newHost()
    host.server('/ws').on('upgrade', accept('hosted'))
    host.mount('/slow', (_req: IncomingMessage, res: ServerResponse) => void turns().then(() => res.end('slow')))
    await host.attach(server)
    const client = new RawClient(port).send(`GET /slow HTTP/1.1\nHost: x\n\n${upgrade('/ws')}`)
    await client.until(/hosted \/ws/)
    expect(client.text).toMatch(/\r\n\r\nslowHTTP\/1.1 101 /)
    client.socket.destroy()
  })

  const echo = (req: IncomingMessage, res: ServerResponse) => {
    let sent = ''
    const { connection, upgrade: offered } = req.headers
    req.on('data', chunk => {
      sent += chunk
    })
    req.on('end', () => res.end(`${req.method} ${req.url} ${sent} ${connection} ${offered};`))
  }

  test('those that nobody takes are served as without the host, with their headers', async () => {
    const offer = (kind: string, more = '', sent = '') =>
      `POST /own HTTP/1.1\nHost: x\nConnection: Upgrade, x\nUpgrade: ${kind}\nHTTP2-Settings: AAMA\n${more}\n${sent}`
    const requests = [
      offer('h2c'),
      offer('h2c', 'Content-Length: 4\n', 'body'),
      offer('websocket'),
      `GET /own/first HTTP/1.1\nHost: x\n\n${offer('websocket', 'Content-Length: 4\n', 'body')}`,
    ]
    const { server, port } = await foreign(echo)
    const ask = async (request: string) => {
      const client = new RawClient(port).send(request)
      await client.until(/;/, request.match(/HTTP\/1.1/g)?.length)
      client.socket.destroy()
      return client.text.replace(/^Date: .*$/gm, '')
    }
    const bare = []
    for (const request of requests) bare.push(await ask(request))
    const host = newHost()
    host.mount('/api', says('hosted'))
    const attachment = await host.attach(server)
    for (const [i, request] of requests.entries()) expect(await ask(request)).toBe(bare[i])
    await newHost().attach(server)
    for (const [i, request] of requests.entries()) expect(await ask(request)).toBe(bare[i])
    attachment.detach()
    for (const [i, request] of requests.entries()) expect(await ask(request)).toBe(bare[i])
  })

  test.each(['/own', '/api'])('one of %s behind a long answer is answered after it', async path => {
    const chunk = 'x'.repeat(1 << 20)
    const serve = async (req: IncomingMessage, res: ServerResponse) => {
      if (req.url?.endsWith('/2')) {
        res.end('second')
        return
      }
      await turns()
      for (let i = 0; i < 8; i++) if (!res.write(chunk)) await once(res, 'drain')
      res.end('last;')
    }
    const { server, port } = await foreign(serve)
    const host = newHost()
    host.mount('/api', serve)
    await host.attach(server)
    const client = new RawClient(port).send(`GET ${path}/1 HTTP/1.1\nHost: x\n\n${upgrade(`${path}/2`, 'h2c')}`)
    await client.until(/second$/)
    expect(client.text).toMatch(/last;\r\n0\r\n\r\nHTTP\/1.1 200 /)
    client.socket.destroy()
  })

  test('an app of the host that declines upgrades guards those that the server takes', async () => {
    const { server, port } = await foreign()
    server.on('upgrade', accept('own'))
    const host = newHost()
    const guard = (req: IncomingMessage, res: ServerResponse, next: () => void) =>
      req.headers.authorization === 'ok' ? next() : res.writeHead(401).end()
    host.mount('/', guard, { handOver: true })
    await host.attach(server)
    expect(await exchange(port, upgrade('/x'))).toMatch(/^HTTP\/1.1 401 /)
    const client = new RawClient(port).send(upgrade('/x').replace('\n\n', '\nAuthorization: ok\n\n'))
    await client.until(/own \/x/)
    client.socket.destroy()
  })

  test.each(['before', 'after'])('Socket.IO on the server, %s, and ws in the host', async when => {
    const { server, port } = await foreign()
    const host = newHost()
    const wss = new WebSocketServer({ server: host.server('/ws') })
    wss.on('connection', ws => ws.on('message', data => ws.send(`echo ${data}`)))
    host.mount('/api', says('hosted'))
    if (when === 'after') await host.attach(server)
    const sockets = new SocketServer(server)
    sockets.on('connection', socket => socket.on('double', (n: number, reply: (n: number) => void) => reply(n * 2)))
    if (when === 'before') await host.attach(server)
    for (const transports of [['websocket'], ['polling']]) {
      const client = io(`http://127.0.0.1:${port}`, { transports, forceNew: true, reconnection: false })
      expect(await client.emitWithAck('double', 21)).toBe(42)
      client.disconnect()
    }
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    await once(ws, 'open')
    ws.send('hi')
    expect(String((await once(ws, 'message'))[0])).toBe('echo hi')
    expect(body(await exchange(port, get('/api')))).toBe('hosted /api')
    expect(body(await exchange(port, get('/x')))).toBe('own /x')
    const gone = once(ws, 'close')
    // The neighbour goes on when the host has closed.
    expect((await host.close()).clean).toBe(true)
    expect((await gone)[0]).toBe(1001)
    const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true, reconnection: false })
    expect(await client.emitWithAck('double', 4)).toBe(8)
    client.disconnect()
    sockets.engine.close()
  })
})

describe('host.handler', () => {
  test('is one function, which needs no `this`', () => {
    const host = newHost()
    const { handler } = host
    expect(handler).toBe(host.handler)
    expect(typeof handler.upgrade).toBe('function')
  })

  test('on a bare server: what no mount owns is a 404', async () => {
    const host = newHost()
    host.mount('/api', says('hosted'))
    const { port } = await foreign(host.handler)
    expect(body(await exchange(port, get('/api')))).toBe('hosted /api')
    expect(await exchange(port, get('/x'))).toMatch(/^HTTP\/1.1 404 [\s\S]*Not Found\n$/)
  })

  test.each<[string, (handler: ReturnType<typeof newHost>['handler']) => Listener]>([
    ['Express 5', handler => express().use(handler).use(says('below'))],
    ['Express 4', handler => express4().use(handler).use(says('below'))],
    ['Connect', handler => connect().use(handler).use(says('below'))],
    [
      'Koa',
      handler => {
        const app = new Koa()
        app.use(async (ctx, next) => {
          ctx.res.statusCode = 200
          const declined = new Promise<boolean>(resolve => {
            ctx.res.once('close', () => resolve(false))
            handler(ctx.req, ctx.res, () => resolve(true))
          })
          if (await declined) await next()
          else ctx.respond = false
        })
        app.use(ctx => {
          ctx.body = `below ${ctx.url}`
        })
        return app.callback()
      },
    ],
    [
      'Fastify',
      handler => {
        const app = fastify()
        app.addHook('onRequest', (request, reply, done) => {
          reply.raw.once('close', () => reply.hijack())
          handler(request.raw, reply.raw, () => done())
        })
        app.get('/*', async request => `below ${request.url}`)
        const ready = app.ready()
        return (req, res) => void ready.then(() => app.routing(req, res))
      },
    ],
  ])('in %s: what no mount owns goes on', async (_what, outer) => {
    const host = newHost()
    host.mount(
      '/api',
      express().get('/api/x', (_req, res) => void res.send('Express')),
    )
    host.mount(
      '/fetch',
      fetchHandler(request => (request.url.endsWith('/none') ? null : new Response('fetched'))),
    )
    const api = fastify({ serverFactory: host.serverFactory('/fast') })
    api.get('/fast/x', async () => 'Fastify')
    const { port } = await foreign(outer(host.handler))
    expect(body(await exchange(port, get('/fast/x')))).toBe('Fastify')
    expect(body(await exchange(port, get('/api/x')))).toBe('Express')
    expect(body(await exchange(port, get('/fetch/x')))).toBe('fetched')
    expect(body(await exchange(port, get('/fetch/none')))).toBe('below /fetch/none')
    expect(body(await exchange(port, get('/x?y')))).toBe('below /x?y')
  })

  test('requests that come before the apps are ready wait for them', async () => {
    const host = newHost()
    const api = fastify({ serverFactory: host.serverFactory('/api') })
    api.addHook('onReady', () => turns())
    const addresses: unknown[] = []
    api.addHook('onListen', async () => void addresses.push(api.server.address()))
    api.post('/api', async request => request.body)
    const { port } = await foreign(host.handler)
    expect([host.listening, host.address()]).toEqual([false, null])
    const post =
      'POST /api HTTP/1.1\nHost: x\nConnection: close\nContent-Type: application/json\nContent-Length: 7\n\n{"a":1}'
    expect(body(await exchange(port, post))).toBe('{"a":1}')
    while (addresses.length === 0) await turns()
    expect(addresses).toEqual([{ address: '127.0.0.1', family: 'IPv4', port }])
    expect(host.listening).toBe(true)
  })

  test('an app that does not start fails ready(), and hands on the error', async () => {
    const host = newHost()
    const api = fastify({ serverFactory: host.serverFactory('/api') })
    api.addHook('onReady', () => Promise.reject(new Error('no database')))
    await expect(host.ready()).rejects.toThrow('no database')
    const seen = defer<unknown>()
    const { port } = await foreign((req, res) => {
      host.handler(req, res, error => {
        seen.resolve(error)
        res.end('sorry')
      })
    })
    expect(body(await exchange(port, get('/api')))).toBe('sorry')
    expect(await seen.promise).toMatchObject({ message: 'no database' })
  })

  test('its upgrade() says whether it has taken one', async () => {
    const host = newHost()
    host.server('/ws').on('upgrade', accept('hosted'))
    host.mount('/api', says('hosted'))
    await host.ready()
    const { server, port } = await foreign(host.handler)
    server.on('upgrade', (req, socket, head) => {
      if (!host.handler.upgrade(req, socket, head)) accept('own')(req, socket)
    })
    for (const [path, who] of [
      ['/ws', 'hosted'],
      ['/api', 'own'],
      ['/x', 'own'],
    ]) {
      const client = new RawClient(port).send(upgrade(path ?? ''))
      expect(body(await client.until(/\r\n\r\n.+/))).toBe(`${who} ${path}`)
      client.socket.destroy()
    }
  })

  test('a closed host answers its paths with 503', async () => {
    const host = newHost()
    host.mount('/api', says('hosted'))
    const { port } = await foreign((req, res) => host.handler(req, res, () => says('own')(req, res)))
    await host.close()
    expect(await exchange(port, get('/api'))).toMatch(/^HTTP\/1.1 503/)
    expect(body(await exchange(port, get('/x')))).toBe('own /x')
  })
})

describe.each([
  ['host.handler', (inner: ReturnType<typeof newHost>) => inner.handler],
  ['the host itself', (inner: ReturnType<typeof newHost>) => inner],
])('a host in a host, mounted as %s', (_how, app) => {
  test.each([true, false])('serves its mounts; strip: %s', async strip => {
    const [outer, inner] = [newHost(), newHost()]
    const prefix = strip ? '' : '/in'
    inner.mount(`${prefix}/a`, says('a'))
    inner.mount(
      `${prefix}/strip`,
      express().get('/x', (req, res) => void res.send(req.originalUrl)),
      { strip: true },
    )
    const api = fastify({ serverFactory: inner.serverFactory(`${prefix}/fast`) })
    const listens = defer()
    api.addHook('onListen', async () => listens.resolve())
    api.get(`${prefix}/fast`, async () => 'Fastify')
    outer.mount('/', says('outer')).mount('/in', app(inner), { strip })
    const { port } = await started(outer)
    await listens.promise
    expect(body(await exchange(port, get('/in/a/x')))).toBe(`a ${prefix}/a/x`)
    expect(body(await exchange(port, get('/in/strip/x')))).toBe('/in/strip/x')
    expect(body(await exchange(port, get('/in/fast')))).toBe('Fastify')
    expect(await exchange(port, get('/in/none'))).toMatch(/^HTTP\/1.1 404/)
    expect(body(await exchange(port, get('/out')))).toBe('outer /out')
    expect(inner.address()).toEqual(outer.address())
  })

  test('its upgrades are its own, and an unknown one is a 404 at once', async () => {
    const [outer, inner] = [newHost(), newHost()]
    inner.server('/ws').on('upgrade', accept('inner'))
    inner.mount('/plain', says('plain'))
    outer.mount('/in', app(inner), { strip: true })
    outer.server('/ws').on('upgrade', accept('outer'))
    const { port } = await started(outer)
    for (const [path, answer] of [
      ['/in/ws', 'inner /ws'],
      ['/ws', 'outer /ws'],
    ]) {
      const client = new RawClient(port).send(upgrade(path ?? ''))
      expect(body(await client.until(/\r\n\r\n.+/))).toBe(answer)
      client.socket.destroy()
    }
    for (const path of ['/in/none', '/in/plain', '/none']) {
      expect(await exchange(port, upgrade(path))).toMatch(/^HTTP\/1.1 404/)
    }
    // An offer that nobody takes is as if it had not been made.
    const client = new RawClient(port).send(upgrade('/in/plain', 'h2c'))
    await client.until(/plain \/plain/)
    client.socket.destroy()
  })

  test('failures are the inner host’s, and so is the scope', async () => {
    const errors: string[] = []
    const note = (whose: string) => (error: SynclessError) => void errors.push(`${whose}: ${error.message}`)
    const [outer, inner] = [newHost({ onError: note('outer') }), newHost({ onError: note('inner') })]
    inner.mount('/in/fails', (req: IncomingMessage) => {
      requestScope(req).go(function* () {
        yield* sleep(1)
        throw new Error('no')
      })
    })
    outer.mount('/in', app(inner))
    const { port } = await started(outer)
    expect(await exchange(port, get('/in/fails'))).toMatch(/^HTTP\/1.1 500/)
    expect(errors).toEqual(['inner: GET /in/fails, mounted at "/in/fails", failed'])
  })

  test('a client that leaves ends the scopes of both', async () => {
    const [outer, inner] = [newHost(), newHost()]
    const ended = defer<unknown>()
    inner.mount('/in/waits', (req: IncomingMessage) => {
      const { signal } = requestScope(req)
      signal.addEventListener('abort', () => ended.resolve(signal.reason))
    })
    outer.mount('/in', app(inner))
    const { port } = await started(outer)
    const client = new RawClient(port).send(get('/in/waits'))
    await turns()
    client.socket.destroy()
    expect(await ended.promise).toMatchObject({ reason: { code: 'CLIENT_GONE' } })
    expect((await outer.close({ deadline: 600_000 })).clean).toBe(true)
  })

  test('it closes with the outer one, which waits for it', async () => {
    const [outer, inner] = [newHost(), newHost()]
    const held = defer<ServerResponse>()
    inner.mount('/in', (_req: IncomingMessage, res: ServerResponse) => held.resolve(res))
    const api = fastify({ serverFactory: inner.serverFactory('/in/fast') })
    const closed = defer()
    api.addHook('onClose', async () => closed.resolve())
    outer.mount('/in', app(inner))
    const { port } = await started(outer)
    const client = new RawClient(port).send(get('/in'))
    const res = await held.promise
    const closing = outer.close({ deadline: 600_000 })
    await closed.promise
    res.end('last')
    await client.until(/last/)
    expect(await closing).toMatchObject({ clean: true })
    await expect(inner.listen({ port: 0 })).rejects.toMatchObject({ code: 'HOST_STATE' })
  })

  test('at the deadline of the outer one a request is named once', async () => {
    const [outer, inner] = [newHost(), newHost()]
    const here = defer()
    inner.mount('/in', () => here.resolve())
    outer.mount('/in', app(inner))
    const { port } = await started(outer)
    const client = new RawClient(port).send(get('/in/stuck'))
    await here.promise
    expect(await outer.close({ deadline: 0 })).toMatchObject({ clean: false, requests: ['GET /in/stuck'] })
    await client.closed
  })
})
