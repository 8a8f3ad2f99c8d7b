import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import connect from 'connect'
import cookieParser from 'cookie-parser'
import { Hono } from 'hono'
import Koa from 'koa'
import { WebSocket, WebSocketServer } from 'ws'
import { go, Scope, until } from '../../../src/core/index.js'
import {
  createHost,
  fetchHandler,
  type Middleware,
  type MountOptions,
  passOn,
  requestScope,
  taskletHandler,
} from '../../../src/host/index.js'
import { express, express4, fastify, fastify4 } from '../frameworks.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

const pass: Middleware = (_req, _res, next) => next()
const say =
  (text: string): Middleware =>
  (_req, res) =>
    void res.end(text)

const body = async (port: number, path: string, init?: RequestInit) =>
  (await fetch(`http://127.0.0.1:${port}${path}`, init)).text()

describe('a request that its app has nothing for', () => {
  test('goes on to the next app at its path, then to shorter paths, in the order of mounting', async () => {
    const host = newHost()
    const asked: string[] = []
    const app =
      (name: string): Middleware =>
      (req, res, next) => {
        asked.push(name)
        if (req.url === `/api/${name}`) res.end(name)
        else next()
      }
    host.mount('/', app('d'), { handOver: true })
    host.mount('/api', app('a'), { handOver: true })
    host.mount('/api', app('b'), { handOver: true })
    host.mount('/api', app('c'), { handOver: true })
    host.mount('/abc', app('never'), { handOver: true })
    host.mount('/', app('e'))
    const { port } = await started(host)
    for (const [name, path] of Object.entries({ a: 'a', b: 'ab', c: 'abc', d: 'abcd', e: 'abcde' })) {
      expect([await body(port, `/api/${name}`), asked.splice(0).join('')]).toEqual([name, path])
    }
    expect((await fetch(`http://127.0.0.1:${port}/api/x`)).status).toBe(404)
  })

  test('stays where nothing else was asked for, even with an app behind', async () => {
    const host = newHost().mount('/api', pass).mount('/', say('behind'))
    const { port } = await started(host)
    expect(await exchange(port, get('/api'))).toMatch(/^HTTP\/1.1 404 Not Found\r\n[\s\S]*\r\n\r\nNot Found\n$/)
  })

  test('goes no further than to the first that does not hand over', async () => {
    const host = newHost().mount('/api', pass, { handOver: true })
    host.mount('/api', (...args) => pass(...args)).mount('/', say('behind'))
    const { port } = await started(host)
    expect((await fetch(`http://127.0.0.1:${port}/api`)).status).toBe(404)
  })

  test('has an app of each kind before it, and one of each behind', async () => {
    // Each of them has nothing but a route of its own.
    const asked: MountOptions = { handOver: true, accept: ['case', 'trailing-slash', 'semicolon'] }
    const firsts: Record<string, (host: ReturnType<typeof newHost>) => void> = {
      express4: host => void host.mount('/', express4().get('/own', say('own')), asked),
      express: host => void host.mount('/', express().get('/own', say('own')), asked),
      router: host => void host.mount('/', express.Router().get('/own', say('own')), asked),
      fastify4: host => void fastify4({ serverFactory: host.serverFactory('/', asked) }).get('/own', async () => 'own'),
      fastify: host => void fastify({ serverFactory: host.serverFactory('/', asked) }).get('/own', async () => 'own'),
      prebuilt: host => {
        jest.spyOn(process, 'emitWarning').mockImplementationOnce(() => {})
        host.mount(
          '/',
          fastify().get('/own', async () => 'own'),
          asked,
        )
      },
      connect: host => void host.mount('/', connect().use('/own', say('own')), asked),
      koa: host => {
        const app = new Koa()
        app.use(async (ctx, then) => {
          await then()
          ctx.set('x-late', 'not for the next app')
        })
        app.use((ctx, then) => {
          if (ctx.path !== '/own') return then()
          ctx.body = 'own'
        })
        host.mount('/', app, asked)
      },
      hono: host =>
        void host.mount(
          '/',
          new Hono().get('/own', c => c.text('own')),
          asked,
        ),
      fetch: host => {
        const handler = fetchHandler(request => (request.url.endsWith('/own') ? new Response('own') : null))
        host.mount('/', handler, asked)
      },
      tasklet: host => {
        const handler = taskletHandler(function* (req, res, next) {
          if (req.url === '/own') res.end('own')
          else next()
        })
        host.mount('/', handler, asked)
      },
    }
    const lasts: Record<string, (host: ReturnType<typeof newHost>) => void> = {
      express4: host => void host.mount('/', express4().get('/next', say('next'))),
      express: host => void host.mount('/', express().get('/next', say('next'))),
      fastify4: host => void fastify4({ serverFactory: host.serverFactory('/') }).get('/next', async () => 'next'),
      fastify: host => void fastify({ serverFactory: host.serverFactory('/') }).get('/next', async () => 'next'),
      plain: host => void host.mount('/', say('next')),
      hono: host =>
        void host.mount(
          '/',
          new Hono().get('/next', c => c.text('next')),
        ),
    }
    for (const [first, mountFirst] of Object.entries(firsts)) {
      for (const [last, mountLast] of Object.entries(lasts)) {
        const host = newHost()
        mountFirst(host)
        mountLast(host)
        const { port } = await started(host)
        expect([first, last, await body(port, '/own'), await body(port, '/next')]).toEqual([first, last, 'own', 'next'])
        await host.close()
      }
    }
  })

  test.each([
    ['run', ['onRequest', 'onRequest']],
    ['skip', ['onRequest']],
  ] as const)(
    'in Fastify goes on before its body is read and before its 404; its onRequest hooks: %s',
    async (hooks, ran) => {
      const host = newHost()
      for (const [path, make] of [
        ['/4', fastify4],
        ['/5', fastify],
      ] as const) {
        const app = make({ serverFactory: host.serverFactory(path, { handOver: true, hooks }), bodyLimit: 10 })
        const calls: string[] = []
        app.addHook('onRequest', async () => void calls.push('onRequest'))
        app.setNotFoundHandler(async () => 'own 404')
        app.post(`${path}/own`, async () => calls.splice(0))
      }
      host.mount('/', async (req, res) => void res.end(String((await buffer(req)).length)))
      const { port } = await started(host)
      const headers = { 'content-type': 'application/x-strange' }
      for (const path of ['/4', '/5']) {
        expect(await body(port, `${path}/x`, { method: 'POST', headers, body: 'x'.repeat(100_000) })).toBe('100000')
        expect(await body(port, `${path}/own`, { method: 'POST' })).toBe(JSON.stringify(ran))
      }
    },
  )

  test.each([
    ['Express 4', express4],
    ['Express 5', express],
  ])('%s answers OPTIONS for what it has, and passes on the others', async (_name, make) => {
    const host = newHost()
    host.mount('/', make().get('/own', say('own')), { handOver: true }).mount('/', say('next'))
    const { port } = await started(host)
    const ask = async (method: string, path: string) =>
      (await fetch(`http://127.0.0.1:${port}${path}`, { method })).text()
    expect(await ask('OPTIONS', '/own')).toMatch(/GET/)
    expect(await ask('OPTIONS', '/x')).toBe('next')
    expect(await ask('DELETE', '/own')).toBe('next')
    expect(await ask('PROPFIND', '/own')).toBe('next')
  })

  test('is answered by the app itself where no other owns its path, exactly as it would be alone', async () => {
    for (const make of [express4, express]) {
      const [alone, first] = [newHost().mount('/', make()), newHost().mount('/', make(), { handOver: true })]
      const [a, b] = [await started(alone), await started(first)]
      expect(await exchange(b.port, get('/x'))).toBe(await exchange(a.port, get('/x')))
      expect(await exchange(b.port, get('/x'))).toMatch(/Cannot GET/)
    }
    for (const make of [fastify4, fastify]) {
      const host = newHost()
      make({ serverFactory: host.serverFactory('/', { handOver: true }) })
      expect(await exchange((await started(host)).port, get('/x'))).toMatch(/Route GET:\/x not found/)
    }
  })
})

describe('the next app sees the request as if it were the first', () => {
  /** What can be seen of a request and its response from outside. */
  function looks(req: IncomingMessage & { originalUrl?: string; baseUrl?: string }, res: ServerResponse): string {
    const prototypes = [req, res].map(object => Object.getPrototypeOf(object).constructor?.name)
    const keys = [req, res].map(object =>
      Reflect.ownKeys(object)
        .map(String)
        .filter(key => key !== '_eventsCount')
        .sort(),
    )
    const { url, method, originalUrl, baseUrl } = req
    const { statusCode, sendDate } = res
    return JSON.stringify({
      prototypes,
      keys,
      url,
      method,
      originalUrl,
      baseUrl,
      statusCode,
      sendDate,
      head: res.getHeaders(),
    })
  }
  const look: Middleware = (req, res) => void res.end(looks(req, res))

  const firsts: Record<string, Middleware> = {
    'Express 4': express4(),
    'Express 5': express(),
    'Express 4 with parsers and a router': deep(express4),
    'Express 5 with parsers and a router': deep(express),
    'a router of Express 4': router(express4),
    'a router of Express 5': router(express),
    Connect: (...args) => Reflect.apply(connect().use('/x', pass), null, args),
    'a rewriting handler': (req, res, next) => {
      req.url = '/elsewhere'
      req.method = 'PUT'
      res.statusCode = 418
      next()
    },
  }

  function router(make: typeof express): Middleware {
    const inner = make.Router().use('/x', make.Router().use(pass))
    return (...args) => Reflect.apply(inner, null, args)
  }

  function deep(make: typeof express) {
    const router = make.Router().use('/:id', (_req, _res, next) => next('router'))
    const app = make().use(make.json(), make.urlencoded(), make.text({ type: '*/*' }))
    app.use('/x', router)
    app.post('/x/y', (_req, _res, next) => next('route'))
    app.use((_req, res, next) => {
      res.locals.own = 1
      next()
    })
    return app
  }

  const request =
    'POST /x/y?z HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 4\nContent-Type: text/plain\n\nsome'

  const seen = async (port: number) => {
    const [head, json] = (await exchange(port, request)).split('\r\n\r\n')
    return { head: head?.replace(/Content-Length.*/, ''), ...JSON.parse(json ?? '') }
  }

  test.each(Object.entries(firsts))('after %s', async (_name, first) => {
    const alone = newHost().mount('/', look)
    const second = newHost().mount('/', first, { handOver: true }).mount('/', look)
    const [a, b] = [await started(alone), await started(second)]
    expect(await seen(b.port)).toEqual(await seen(a.port))
  })

  test.each(Object.entries(firsts))('under a stripped path, after %s', async (_name, first) => {
    const alone = newHost().mount('/', look, { strip: true })
    const second = newHost().mount('/x', first, { strip: true, handOver: true }).mount('/', look, { strip: true })
    const [a, b] = [await started(alone), await started(second)]
    expect(await seen(b.port)).toEqual(await seen(a.port))
  })

  test('each app in its own prototypes, and none in those of another', async () => {
    const seen: object[] = []
    const note: Middleware = (req, res, next) => {
      seen.push(Object.getPrototypeOf(req), Object.getPrototypeOf(res))
      next()
    }
    const [four, five] = [express4().use(note), express().use(note)]
    const host = newHost()
    for (const app of [four, five, note]) host.mount('/', app, { handOver: true })
    host.mount('/', look)
    await body((await started(host)).port, '/')
    const { IncomingMessage: Req, ServerResponse: Res } = jest.requireActual<typeof import('node:http')>('node:http')
    expect(seen[0]).toBe(four.request)
    expect(seen[1]).toBe(four.response)
    expect(seen[2]).toBe(five.request)
    expect(seen[3]).toBe(five.response)
    expect(seen[4]).toBe(Req.prototype)
    expect(seen[5]).toBe(Res.prototype)
  })

  test('X-Powered-By is that of the app that answers; what middleware has set stays', async () => {
    for (const make of [express4, express]) {
      const first = make().use((_req, res, next) => {
        res.set({ 'X-Trace': '7', Vary: 'Origin' })
        res.cookie('a', '1')
        next()
      })
      const host = newHost().mount('/', first, { handOver: true })
      const app = fastify({ serverFactory: host.serverFactory('/') })
      app.get('/', async (_request, reply) => reply.header('set-cookie', 'b=2').send('ok'))
      const response = await fetch((await started(host)).url)
      expect(response.headers.get('x-powered-by')).toBeNull()
      expect(response.headers.get('x-trace')).toBe('7')
      expect(response.headers.get('vary')).toBe('Origin')
      expect(await response.text()).toBe('ok')
    }
  })

  test('what middleware says about the user stays: it is the same request', async () => {
    const requests: IncomingMessage[] = []
    const first = express()
    first.use(cookieParser('secret'), express.json(), (req, _res, next) => {
      requests.push(Object.assign(req, { user: { name: 'Ada' }, session: { views: 1 } }))
      next()
    })
    const host = newHost().mount('/', first, { handOver: true })
    const app = fastify({ serverFactory: host.serverFactory('/') })
    app.post('/', async request => {
      requests.push(request.raw)
      const { user, session, cookies }: Record<string, unknown> = Object(request.raw)
      return { user, session, cookies, body: request.body }
    })
    const { url } = await started(host)
    const headers = { 'content-type': 'application/json', cookie: 'a=1' }
    const seen = await (await fetch(url, { method: 'POST', headers, body: '{"x":1}' })).json()
    expect(seen).toMatchObject({ user: { name: 'Ada' }, session: { views: 1 }, cookies: { a: '1' }, body: { x: 1 } })
    expect(requests[0]).toBe(requests[1])
  })

  test('in the same async context and the same request scope', async () => {
    const store = new AsyncLocalStorage<string>()
    const scopes: unknown[] = []
    const tasks: unknown[] = []
    const host = newHost()
    const first: Middleware = (req, _res, next) => {
      scopes.push(requestScope(req))
      req.resume().on('end', () => store.run('Ada', next))
    }
    host.mount('/', first, { handOver: true })
    host.mount('/', (req, res) => {
      scopes.push(requestScope(req))
      tasks.push(
        go(function* () {
          yield* until(buffer(req))
          res.end(`${store.getStore()} ${requestScope(req).size}`)
        }),
      )
    })
    const { port } = await started(host)
    expect(await body(port, '/', { method: 'POST', body: 'some' })).toBe('Ada 1')
    expect(scopes[0]).toBeInstanceOf(Scope)
    expect(scopes[1]).toBe(scopes[0])
  })
})

describe('passOn()', () => {
  test('takes the reply of a Fastify route, and the headers that are on it', async () => {
    for (const make of [fastify4, fastify]) {
      const host = newHost()
      const accept = ['case', 'trailing-slash', 'semicolon'] as const
      const app = make({ serverFactory: host.serverFactory('/', { handOver: true, accept }) })
      const over: string[] = []
      app.addHook('onResponse', async (_request, reply) => void over.push(`onResponse ${reply.statusCode}`))
      app.addHook('onSend', async () => void over.push('onSend'))
      app.post('/x', async (request, reply) => {
        reply.header('x-from', 'Fastify').header('set-cookie', ['a=1', 'b=2'])
        if (request.headers['x-mine'] === undefined) return passOn(reply)
        return 'mine'
      })
      host.mount(
        '/',
        express().post('/x', express.text(), (req, res) => void res.send(req.body)),
      )
      const { url } = await started(host)
      const response = await fetch(`${url}/x`, { method: 'POST', body: 'some' })
      expect([await response.text(), response.headers.get('x-from')]).toEqual(['some', 'Fastify'])
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
      await turns()
      expect(over).toEqual(['onResponse 200'])
      const mine = await fetch(`${url}/x`, { method: 'POST', headers: { 'x-mine': '1' }, body: 'some' })
      expect(await mine.text()).toBe('mine')
    }
  })

  test('takes the request of a plain server', async () => {
    const host = newHost()
    host.server('/', { handOver: true }).on('request', req => passOn(req))
    host.mount('/', say('next'))
    expect(await body((await started(host)).port, '/')).toBe('next')
  })

  test('is a 404 where nobody is next', async () => {
    const host = newHost()
    host.server('/').on('request', req => passOn(req))
    const { port } = await started(host)
    expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 404/)
  })

  test('throws for a request that is over, or that no host serves', async () => {
    const kept = defer<IncomingMessage>()
    const host = newHost().mount('/', (req, res) => {
      res.end()
      kept.resolve(req)
    })
    await body((await started(host)).port, '/')
    await turns()
    const req = await kept.promise
    expect(() => passOn(req)).toThrow(expect.objectContaining({ code: 'HOST_STATE' }))
  })

  test.each([undefined, null, 5, 'x', {}, { hijack() {} }, { hijack() {}, raw: {} }, { raw: {}, socket: {} }])(
    'refuses %p, which is neither a request nor a reply',
    value => {
      expect(() => passOn(value as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    },
  )
})

describe('an app that', () => {
  async function ask(first: Middleware, last: Middleware = say('last')) {
    const errors: unknown[] = []
    const host = newHost({ onError: error => void errors.push(error) })
    host.mount('/', first, { handOver: true }).mount('/', last)
    const { port } = await started(host)
    const answer = await exchange(port, get('/x'))
    return { answer, errors, port }
  }

  test('passes on twice, reaches the next app once', async () => {
    const last = jest.fn(async (_req, res) => {
      await turns()
      res.end('last')
    })
    const { answer, errors } = await ask((_req, _res, next) => {
      next()
      next()
      setImmediate(next)
    }, last)
    expect(answer).toMatch(/last$/)
    expect(last).toHaveBeenCalledTimes(1)
    expect(errors).toEqual([])
  })

  test('passes on after it has answered, has answered', async () => {
    const last = jest.fn(say('last'))
    const { answer } = await ask((_req, res, next) => {
      res.end('first')
      next()
    }, last)
    expect(answer).toMatch(/first$/)
    await turns()
    expect(last).not.toHaveBeenCalled()
    // With nobody behind it as well.
    const errors: unknown[] = []
    const host = newHost({ onError: error => void errors.push(error) })
    host.mount('/', (_req, res, next) => {
      res.end('only')
      next()
    })
    expect(await exchange((await started(host)).port, get('/'))).toMatch(/only$/)
    expect(errors).toEqual([])
  })

  test('passes on an error, has failed the request: with the status that the error asks for', async () => {
    const failure = (status?: number) => Object.assign(new Error('oops'), { status })
    for (const make of [express4, express]) {
      const app = make().use((_req, _res, next) => next(failure(413)))
      const { answer, errors } = await ask((...args) => app(...(args as Parameters<typeof app>)))
      expect(answer).toMatch(/^HTTP\/1.1 413 Payload Too Large/)
      expect(errors).toEqual([])
    }
    for (const status of [undefined, 500, 503, 200, 99]) {
      const error = failure(status)
      const { answer, errors } = await ask((_req, _res, next) => next(error))
      expect(answer).toMatch(status === 503 ? /^HTTP\/1.1 503/ : /^HTTP\/1.1 500/)
      expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: error }])
    }
  })

  test('throws behind another, fails the request alone, and is named', async () => {
    const thrown = new Error('oops')
    const { answer, errors, port } = await ask(pass, req => {
      if (req.url === '/x') throw thrown
      req.resume()
      passOn(req)
    })
    expect(answer).toMatch(/^HTTP\/1.1 500/)
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: thrown }])
    expect(await exchange(port, get('/y'))).toMatch(/^HTTP\/1.1 404/)
  })
})

describe('mounting', () => {
  const taken = expect.objectContaining({ code: 'MOUNT_TAKEN' })

  test('two apps at one path, only if the first hands over', () => {
    const host = createHost().mount('/', pass)
    expect(() => host.mount('/', say('2'))).toThrow(taken)
    expect(() => host.mount('/', say('2'), { handOver: true })).toThrow(taken)
    const other = createHost().mount('/', pass, { handOver: true }).mount('/', say('2'), { handOver: true })
    other.mount('/', say('3'))
    expect(() => other.mount('/', say('4'))).toThrow(taken)
  })

  test('an app that was closed keeps its place in the order, for the one that is mounted in its stead', async () => {
    const host = newHost()
    const server = host.server('/', { handOver: true }).on('request', req => passOn(req))
    host.mount('/', say('last'))
    const { port } = await started(host)
    expect(await body(port, '/')).toBe('last')
    await new Promise(resolve => server.close(resolve))
    expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 503/)
    expect(() => host.mount('/', say('new'))).toThrow(taken)
    host.mount('/', say('new'), { handOver: true })
    expect(await body(port, '/')).toBe('new')
  })

  test('a next app that was closed answers 503, and does not fall through', async () => {
    const host = newHost()
    host.mount('/api', pass, { handOver: true })
    const server = host.server('/', { handOver: true }).on('request', req => passOn(req))
    host.mount('/', say('last'))
    const { port } = await started(host)
    await new Promise(resolve => server.close(resolve))
    expect(await exchange(port, get('/api'))).toMatch(/^HTTP\/1.1 503/)
  })
})

describe('closing', () => {
  test('an app does not wait for the answer of the next one', async () => {
    const [reached, gate] = [defer(), defer()]
    const host = newHost()
    const server = host.server('/', { handOver: true }).on('request', req => passOn(req))
    host.mount('/', async (_req, res) => {
      reached.resolve()
      await gate.promise
      res.end('late')
    })
    const { port } = await started(host)
    const answer = body(port, '/')
    await reached.promise
    await new Promise(resolve => server.close(resolve))
    gate.resolve()
    expect(await answer).toBe('late')
  })

  test('the host waits with the next app for what may still be handed over to it', async () => {
    for (const make of [fastify4, fastify]) {
      const [reached, gate] = [defer(), defer()]
      const host = newHost()
      const first: Middleware = async (_req, _res, next) => {
        reached.resolve()
        await gate.promise
        next()
      }
      host.mount('/', first, { handOver: true })
      const app = make({ serverFactory: host.serverFactory('/') })
      const events: string[] = []
      app.get('/', async () => {
        events.push('served')
        return 'served'
      })
      app.addHook('onClose', async () => void events.push('closed'))
      const { port } = await started(host)
      const answer = body(port, '/')
      await reached.promise
      const closed = host.close()
      await turns()
      gate.resolve()
      expect(await answer).toBe('served')
      expect((await closed).clean).toBe(true)
      expect(events).toEqual(['served', 'closed'])
    }
  })

  test.each(['before', 'after'])('the host does not wait with it for a response that begins %s that', async when => {
    const [reached, begin, gate] = [defer(), defer(), defer()]
    const host = newHost()
    const first: Middleware = async (_req, res) => {
      reached.resolve()
      if (when === 'after') await begin.promise
      res.write('begun;')
      await gate.promise
      res.end('end')
    }
    host.mount('/', first, { handOver: true })
    const app = fastify({ serverFactory: host.serverFactory('/') })
    const appClosed = defer()
    app.addHook('onClose', async () => appClosed.resolve())
    const { port } = await started(host)
    const raw = new RawClient(port).send(get('/'))
    await reached.promise
    const closed = host.close()
    await turns()
    begin.resolve()
    await appClosed.promise
    gate.resolve()
    expect((await closed).clean).toBe(true)
    await raw.closed
    expect(raw.text).toMatch(/begun;[\s\S]*end/)
  })
})

describe('upgrades', () => {
  const talk = (port: number, path: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
      socket.on('error', reject).on('message', data => {
        resolve(String(data))
        socket.close()
      })
    })

  test('go to the first app of the order that takes them', async () => {
    const host = newHost()
    host.mount('/', express(), { handOver: true })
    const hello = new WebSocketServer({ server: host.server('/', { handOver: true }) })
    hello.on('connection', socket => socket.send('hello'))
    host.mount('/', say('last'))
    const { port } = await started(host)
    expect(await talk(port, '/')).toBe('hello')
    expect(await body(port, '/')).toBe('last')
    await host.close()
  })

  test('are refused a second owner at one path', () => {
    const host = createHost()
    new WebSocketServer({ server: host.server('/', { handOver: true }) })
    expect(() => new WebSocketServer({ server: host.server('/') })).toThrow(
      expect.objectContaining({ code: 'UPGRADE_TAKEN' }),
    )
  })
})
