/** What an app has set in motion goes on after it handed the request over. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import cookieSession from 'cookie-session'
import type express from 'express'
import session from 'express-session'
import helmet from 'helmet'
import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import Koa from 'koa'
import koaSession from 'koa-session'
import morgan from 'morgan'
import responseTime from 'response-time'
import { sleep } from '../../src/core/index.js'
import { fetchHandler, type Host, passOn, taskletHandler } from '../../src/host/index.js'
import { express4, express as express5, fastify, fastify4 } from './frameworks.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started } from './support.js'

afterEach(closeHosts)

const BODY = /back/

type Next = (error?: unknown) => void

/** Apps behind, each of which answers `/x` with 201 and its name after a turn of the event loop. */
const backs: Record<string, (host: Host) => unknown> = {
  'Express 4': host => host.mount('/', expressBack(express4)),
  'Express 5': host => host.mount('/', expressBack(express5)),
  'Fastify 4': host => fastifyBack(fastify4, host),
  'Fastify 5': host => fastifyBack(fastify, host),
  Koa: host =>
    host.mount(
      '/',
      new Koa({ proxy: true }).use(async ctx => {
        await turn()
        ctx.status = 201
        ctx.body = 'back'
      }),
    ),
  Hono: host =>
    host.mount(
      '/',
      new Hono().get('/x', async c => {
        await turn()
        return c.text('back', 201)
      }),
    ),
  'a plain handler': host =>
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => void res.writeHead(201).end('back')),
}

function expressBack(make: typeof express) {
  return make()
    .set('trust proxy', true)
    .get('/x', async (_req, res) => {
      await turn()
      res.status(201).send('back')
    })
}

function fastifyBack(make: typeof fastify, host: Host) {
  const app = make({ trustProxy: true, serverFactory: host.serverFactory('/', { accept: ['semicolon'] }) })
  app.get('/x', async (_request, reply) => {
    await turn()
    return reply.code(201).send('back')
  })
}

const turn = () => new Promise(resolve => setImmediate(resolve))
const head = 'X-Forwarded-Proto: https\nX-Forwarded-For: 203.0.113.9\nUser-Agent: probe\nConnection: close\n'

/** The answer to `GET /x` of a host with `front` before `back`. */
async function answerOf(mountFront: (host: Host) => unknown, back: string): Promise<string> {
  const host = newHost({ onError: () => {} })
  mountFront(host)
  backs[back]?.(host)
  const { port } = await started(host)
  return exchange(port, get('/x', head))
}

describe('hooks of an Express app in front, which act when the answer goes out', () => {
  const hooks: Record<string, { use(app: express.Express, log: unknown[]): void; header?: RegExp; log?: unknown[] }> = {
    'express-session, secure behind a proxy': {
      use: app =>
        void app.use(session({ secret: 's', resave: false, saveUninitialized: true, cookie: { secure: true } })),
      header: /Set-Cookie: connect\.sid=/i,
    },
    'cookie-session, secure behind a proxy': {
      use: app =>
        void app.use(cookieSession({ keys: ['k'], secure: true }), (req, _res, next) => {
          Object.assign(req.session ?? {}, { user: 'ann' })
          next()
        }),
      header: /Set-Cookie: session=/i,
    },
    helmet: { use: app => void app.use(helmet()), header: /Content-Security-Policy: /i },
    'response-time': { use: app => void app.use(responseTime()), header: /X-Response-Time: /i },
    'morgan, with helpers of the request': {
      use: (app, log) =>
        void app.use(morgan((_t, req) => void log.push(Reflect.get(req, 'get').call(req, 'user-agent')) as never)),
      log: ['probe'],
    },
    'a listener on finish, with what the request had': {
      use: (app, log) =>
        void app.use('/:name', (req: express.Request<{ name: string }>, res, next: Next) => {
          res.locals.user = { id: 7 }
          res.on('finish', () => log.push(req.params.name, req.query.a, res.locals.user.id, req.secure))
          next()
        }),
      log: [undefined, undefined, 7, true],
    },
    'end, wrapped to add a header': {
      use: app =>
        void app.use((req, res, next) => {
          const { end } = res
          res.end = function (this: express.Response, ...args: never[]) {
            if (!res.headersSent) res.set('X-For', req.ip)
            return Reflect.apply(end, this, args)
          } as typeof end
          next()
        }),
      header: /X-For: 203\.0\.113\.9/i,
    },
    'a timer that goes off before the answer': {
      use: (app, log) =>
        void app.use((req, _res, next) => {
          queueMicrotask(() => log.push(req.get('user-agent')))
          next()
        }),
      log: ['probe'],
    },
  }
  // Fastify 4 writes the body before it ends: then the head has gone out, as it would without a host.
  const cases = Object.keys(hooks)
    .flatMap(hook => Object.keys(backs).map(back => [hook, back] as const))
    .filter(([hook, back]) => !(hook.startsWith('end, wrapped') && back === 'Fastify 4'))

  test.each(cases)('%s, before %s', async (hook, back) => {
    for (const make of [express4, express5]) {
      const log: unknown[] = []
      const text = await answerOf(host => {
        const front = make().set('trust proxy', true)
        hooks[hook]?.use(front, log)
        host.mount('/', front, { handOver: true })
      }, back)
      expect(text).toMatch(/^HTTP\/1\.1 201 /)
      expect(text).toMatch(BODY)
      if (hooks[hook]?.header !== undefined) expect(text).toMatch(hooks[hook].header)
      expect(log).toEqual(hooks[hook]?.log ?? [])
    }
  })

  test('a hook finds the request as it left it, too, where the client leaves before the answer', async () => {
    const seen = defer<unknown>()
    const host = newHost()
    const front = express5().use('/:name', (req: express.Request<{ name: string }>, res, next: Next) => {
      res.locals.user = 'ann'
      res.on('close', () => seen.resolve([req.params.name, res.locals.user, req.get('user-agent')]))
      next()
    })
    const asked = defer<ServerResponse>()
    host.mount('/', front, { handOver: true }).mount('/', (_req: IncomingMessage, res: ServerResponse) => {
      asked.resolve(res)
    })
    const { port } = await started(host)
    const client = new RawClient(port).send(get('/x', 'User-Agent: probe\n'))
    await asked.promise
    client.socket.destroy()
    expect(await seen.promise).toEqual([undefined, 'ann', 'probe'])
  })
})

test('cookies of the app in front stay beside those of the app behind', async () => {
  for (const make of [fastify4, fastify]) {
    const host = newHost()
    const front = express5().use((_req, res, next) => {
      res.cookie('front', '1')
      next()
    })
    host.mount('/', front, { handOver: true })
    const app = make({ serverFactory: host.serverFactory('/', { accept: ['semicolon'] }) })
    app.get('/x', (_request, reply) => void reply.header('set-cookie', 'back=2').send('x'))
    const { url } = await started(host)
    const { headers } = await fetch(`${url}/x`)
    expect(headers.getSetCookie().sort()).toEqual(['back=2', 'front=1; Path=/'])
  }
})

describe('middleware that awaits the next app', () => {
  const pages: Record<string, Koa.Middleware> = {
    'throws a 404': async (ctx, next) => {
      await next()
      if (!ctx.body) ctx.throw(404, 'no such page')
    },
    'has a page of its own': async (ctx, next) => {
      await next()
      ctx.body ??= 'no such page'
    },
    logs: async (ctx, next) => {
      await next()
      ctx.app.emit('line', ctx.status)
    },
  }
  const cases = Object.keys(pages).flatMap(page => Object.keys(backs).map(back => [page, back] as const))

  test.each(cases)('Koa, which then %s, before %s: the answer stays whole', async (page, back) => {
    const lines: unknown[] = []
    const koa = new Koa({ proxy: true }).use(pages[page] as Koa.Middleware)
    koa.silent = true
    koa.on('line', status => lines.push(status)).on('error', () => {})
    const text = await answerOf(host => host.mount('/', koa, { handOver: true, accept: ['spelling'] }), back)
    expect(text).toMatch(/^HTTP\/1\.1 201 /)
    expect(text).not.toMatch(/no such page/)
    expect(text).toMatch(BODY)
    expect(lines).toEqual(page === 'logs' ? [201] : [])
  })

  test.each(Object.keys(backs))('a session of Koa that commits then gets its cookie out, before %s', async back => {
    const koa = new Koa({ proxy: true })
    koa.keys = ['k']
    koa.use(koaSession(koa)).use((ctx, next) => {
      if (ctx.session) ctx.session.user = 'ann'
      return next()
    })
    const text = await answerOf(host => host.mount('/', koa, { handOver: true, accept: ['spelling'] }), back)
    expect(text).toMatch(/Set-Cookie: koa\.sess=/i)
    expect(text).toMatch(BODY)
  })

  test('keep-alive stays in step', async () => {
    const host = newHost()
    host.mount('/', new Koa().use(pages['has a page of its own'] as Koa.Middleware), { handOver: true })
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => void res.end(`next ${req.url}`))
    const { port } = await started(host)
    const client = new RawClient(port).send('GET /1 HTTP/1.1\nHost: x\n\nGET /2 HTTP/1.1\nHost: x\n\n')
    expect(await client.until(/next \/2/)).toMatch(/next \/1HTTP\/1\.1 200 OK[\s\S]*next \/2$/)
    client.socket.destroy()
  })

  test('it goes on where the client leaves', async () => {
    const over = defer<string>()
    const asked = defer()
    const host = newHost()
    const koa = new Koa().use(async (_ctx, next) => {
      await next()
      over.resolve('over')
    })
    host
      .mount('/', koa, { handOver: true })
      .mount('/', (_req: IncomingMessage, _res: ServerResponse) => asked.resolve())
    const client = new RawClient((await started(host)).port).send(get('/x'))
    await asked.promise
    client.socket.destroy()
    expect(await over.promise).toBe('over')
  })

  test('a stream is held back until then, and goes on after', async () => {
    const host = newHost()
    const go = defer()
    const koa = new Koa().use(async (ctx, next) => {
      await next()
      await go.promise
      ctx.res.setHeader('X-After', '1')
    })
    const wrote: boolean[] = []
    host.mount('/', koa, { handOver: true }).mount('/', async (_req: IncomingMessage, res: ServerResponse) => {
      res.writeHead(200, ['X-Raw', 'a', 'X-Raw', 'b'])
      wrote.push(res.write('one '), res.headersSent)
      go.resolve()
      await once(res, 'drain')
      res.end('two')
    })
    const text = await exchange((await started(host)).port, get('/x'))
    expect(wrote).toEqual([false, true])
    expect(text).toMatch(/X-Raw: a\r\nX-Raw: b\r\nX-After: 1/)
    expect(text.replaceAll(/\r\n\d*\r?\n?/g, '')).toMatch(/one .*two/)
  })

  test('what the next app has put over the methods of the response stays', async () => {
    const host = newHost()
    host.mount(
      '/',
      new Koa().use((_ctx, next) => next()),
      { handOver: true },
    )
    const back = express5()
      .use(session({ secret: 's', resave: false, saveUninitialized: true }))
      .use((_req, res, next) => {
        // As compression does it.
        const { write, end } = res
        const upper = (chunk: unknown) => (typeof chunk === 'string' ? chunk.toUpperCase() : chunk)
        res.write = ((chunk: unknown, ...rest: []) =>
          Reflect.apply(write, res, [upper(chunk), ...rest])) as typeof write
        res.end = ((chunk: unknown, ...rest: []) => Reflect.apply(end, res, [upper(chunk), ...rest])) as typeof end
        next()
      })
      .get('/x', async (_req, res) => {
        res.write('one ')
        await once(res, 'drain')
        res.write('two ')
        res.end('three')
      })
    host.mount('/', back)
    const { url } = await started(host)
    const response = await fetch(`${url}/x`)
    expect(await response.text()).toBe('ONE TWO THREE')
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^connect\.sid=/)])
  })

  test('Hono and h3 go on when the next app has decided, and their headers go along', async () => {
    const log: unknown[] = []
    const hono = new Hono().use(secureHeaders()).use(async (c, next) => {
      c.header('X-Before', '1')
      await next()
      log.push(c.res.status)
      c.header('X-After', '1')
    })
    const text = await answerOf(
      host => host.mount('/', hono, { handOver: true, accept: ['case', 'trailing-slash', 'spelling'] }),
      'Express 5',
    )
    expect(text).toMatch(/^HTTP\/1\.1 201 /)
    for (const header of [/X-Frame-Options: /i, /X-Before: 1/i, /X-After: 1/i, BODY]) expect(text).toMatch(header)
    expect(log).toEqual([201])
  })

  test('a fetch handler and a tasklet handler wait for the answer', async () => {
    for (const front of [
      (log: string[]) =>
        fetchHandler(async (_request, { incoming }) => {
          await passOn(incoming)
          log.push('over')
          return null
        }),
      (log: string[]) =>
        taskletHandler(function* (_req, res, next) {
          yield* next()
          log.push(res.writableFinished ? 'over' : 'early')
          yield* sleep(0)
        }),
    ]) {
      const log: string[] = []
      const text = await answerOf(
        host => host.mount('/', front(log), { handOver: true, accept: ['spelling'] }),
        'Express 5',
      )
      expect(text).toMatch(/^HTTP\/1\.1 201 /)
      expect(log).toEqual(['over'])
    }
  })
})

describe('headers of a framework’s own reply', () => {
  const like = { routerOptions: { caseSensitive: false, ignoreTrailingSlash: true } }

  test.each(['passOn()', 'no route matches'])('Fastify: go along, %s', async how => {
    const host = newHost({ onError: () => {} })
    const app = fastify({
      ...like,
      serverFactory: host.serverFactory('/', { handOver: true, accept: ['trust-proxy'] }),
    })
    app.addHook('onRequest', async (_request, reply) => void reply.header('X-Hook', '1'))
    if (how === 'passOn()') app.get('/x', async (_request, reply) => passOn(reply.header('X-Route', '1')))
    backs['Express 5']?.(host)
    const text = await exchange((await started(host)).port, get('/x', head))
    expect(text).toMatch(/^HTTP\/1\.1 201 /)
    expect(text).toMatch(/X-Hook: 1/i)
    if (how === 'passOn()') expect(text).toMatch(/X-Route: 1/i)
  })

  // In a process of its own, because the plugin loads a module when it is registered.
  test('Fastify: cookies of its plugin go along, and an onSend hook that fails is answered by Fastify', async () => {
    const program = `
      import cookie from '@fastify/cookie'
      import express from 'express'
      import { fastify } from 'fastify'
      import { createHost, passOn } from 'syncless/host'
      for (const slow of [false, true]) {
        const host = createHost()
        const routerOptions = { caseSensitive: false, ignoreTrailingSlash: true }
        const app = fastify({ routerOptions, serverFactory: host.serverFactory('/', { handOver: true }) })
        await app.register(cookie)
        app.addHook('onRequest', async (_request, reply) => void reply.setCookie('hook', '1'))
        app.addHook('onSend', async request => {
          if (slow) await new Promise(resolve => setImmediate(resolve))
          if (request.url === '/fails') throw new Error('no')
        })
        app.get('/x', async (_request, reply) => passOn(reply.setCookie('route', '1')))
        app.get('/fails', async (_request, reply) => passOn(reply))
        host.mount('/', express().use((_req, res) => void res.cookie('back', '1').status(201).send('back')))
        const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
        for (const path of ['/x', '/unknown', '/fails']) {
          const response = await fetch('http://127.0.0.1:' + port + path)
          const names = response.headers.getSetCookie().map(cookie => cookie.split('=')[0])
          console.log(path, response.status, names.sort().join())
          await response.text()
        }
        await host.close({ deadline: 100 })
      }`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
    const once = '/x 201 back,hook,route\n/unknown 201 back,hook\n/fails 500 hook\n'
    expect(stdout).toBe(once + once)
  })

  test('Fastify: an onRequest hook guards what no route matches', async () => {
    for (const hooks of ['run', 'skip'] as const) {
      const host = newHost({ onError: () => {} })
      const app = fastify({
        ...like,
        serverFactory: host.serverFactory('/', { handOver: true, hooks, accept: ['trust-proxy'] }),
      })
      app.addHook('onRequest', async (_request, reply) => reply.code(401).send('no'))
      backs['Express 5']?.(host)
      const text = await exchange((await started(host)).port, get('/x', head))
      expect(text).toMatch(hooks === 'run' ? /^HTTP\/1\.1 401 / : /^HTTP\/1\.1 201 /)
    }
  })

  test('Koa and Express: go along', async () => {
    const fronts = [
      new Koa().use((ctx, next) => {
        ctx.set('X-Front', '1')
        return next()
      }),
      express5().use((_req, res, next) => {
        res.set('X-Front', '1')
        next()
      }),
    ]
    for (const front of fronts) {
      expect(
        await answerOf(host => host.mount('/', front, { handOver: true, accept: ['trust-proxy'] }), 'Express 5'),
      ).toMatch(/X-Front: 1/i)
    }
  })
})
