/** Every kind of app on one port: several of each, several majors, nested in one another. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import connect from 'connect'
import type { FastifyInstance } from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { type Co, sleep } from '../../src/core/index.js'
import { type App, fetchHandler, type Host, taskletHandler } from '../../src/host/index.js'
import { express, express4, fastify, fastify4 } from './frameworks.js'
import { closeHosts, exchange, get, newHost, RawClient, started } from './support.js'

afterEach(closeHosts)
afterEach(() => {
  jest.restoreAllMocks()
})

type Framework = typeof express

const text = async (req: IncomingMessage): Promise<string> => {
  let body = ''
  for await (const chunk of req) body += chunk
  return body
}

/** Mounts an app that answers `<name> <url> <body>`, at `path`. */
type Kind = (host: Host, path: string, name: string) => void

const expressApp = (framework: Framework, name: string) =>
  framework()
    .use(framework.text())
    .use((req, res) => {
      res.send(`${name} ${req.originalUrl} ${typeof req.body === 'string' ? req.body : ''}`)
    })

function route(app: FastifyInstance, name: string): void {
  app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.all('/*', async request => `${name} ${request.url} ${request.body ?? ''}`)
}

const kinds: Record<string, Kind> = {
  'Express 5': (host, path, name) => host.mount(path, expressApp(express, name)),
  'Express 4': (host, path, name) => host.mount(path, expressApp(express4, name)),
  'Fastify 5 by serverFactory': (host, path, name) => route(fastify({ serverFactory: host.serverFactory(path) }), name),
  'Fastify 4 by serverFactory': (host, path, name) =>
    route(fastify4({ serverFactory: host.serverFactory(path) }), name),
  'Fastify 5, prebuilt': (host, path, name) => {
    const app = fastify()
    route(app, name)
    host.mount(path, app)
  },
  'Fastify 4, prebuilt': (host, path, name) => {
    const app = fastify4()
    route(app, name)
    host.mount(path, app)
  },
  'Fastify 5 on host.server': (host, path, name) => {
    const app = fastify({ serverFactory: handler => host.server(path).on('request', handler) })
    route(app, name)
    app.ready()
  },
  'Fastify 4 on host.server': (host, path, name) => {
    const app = fastify4({ serverFactory: handler => host.server(path).on('request', handler) })
    route(app, name)
    app.ready()
  },
  Connect: (host, path, name) =>
    host.mount(
      path,
      connect().use(async (req: connect.IncomingMessage, res: ServerResponse) => {
        res.end(`${name} ${req.originalUrl} ${await text(req)}`)
      }),
    ),
  Koa: (host, path, name) =>
    host.mount(
      path,
      new Koa().use(async ctx => {
        ctx.body = `${name} ${ctx.url} ${await text(ctx.req)}`
      }),
    ),
  Hono: (host, path, name) =>
    host.mount(
      path,
      new Hono().all('*', async c => c.text(`${name} ${c.req.raw.url.slice(8)} ${await c.req.text()}`)),
    ),
  '{ fetch }': (host, path, name) =>
    host.mount(path, {
      fetch: async (request: Request) => new Response(`${name} ${request.url.slice(8)} ${await request.text()}`),
    }),
  fetchHandler: (host, path, name) =>
    host.mount(
      path,
      fetchHandler(async request => new Response(`${name} ${request.url.slice(8)} ${await request.text()}`)),
    ),
  '(req, res)': (host, path, name) =>
    host.mount(path, async (req: IncomingMessage, res: ServerResponse) => {
      res.end(`${name} ${req.url} ${await text(req)}`)
    }),
  '(req, res, next)': (host, path, name) =>
    host.mount(path, async (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => {
      if (req.url === path) next()
      else res.end(`${name} ${req.url} ${await text(req)}`)
    }),
  'an Express router': (host, path, name) => host.mount(path, express.Router().use(expressApp(express, name))),
  taskletHandler: (host, path, name) =>
    host.mount(
      path,
      taskletHandler(function* (req, res) {
        yield* sleep(1)
        let body = ''
        req.on('data', chunk => {
          body += chunk
        })
        while (!req.readableEnded) yield* sleep(1)
        res.end(`${name} ${req.url} ${body}`)
      }),
    ),
}

test('two apps of each kind share a port and a connection', async () => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const host = newHost()
  const names = Object.keys(kinds)
  for (const [at, name] of names.entries()) {
    for (const copy of ['a', 'b']) kinds[name]?.(host, `/${copy}${at}`, `${name} ${copy}`)
  }
  const { port } = await started(host)
  const client = new RawClient(port)
  const requests: [request: string, answer: string][] = []
  for (const [at, name] of names.entries()) {
    for (const copy of ['b', 'a']) {
      const path = `/${copy}${at}/some/path?q=1`
      const body = `body of ${path}`
      requests.push([`GET ${path} HTTP/1.1\nHost: x\n\n`, `${name} ${copy} ${path} `])
      const head = `POST ${path} HTTP/1.1\nHost: x\nContent-Type: text/plain\nContent-Length: ${body.length}\n\n`
      requests.push([head + body, `${name} ${copy} ${path} ${body}`])
    }
  }
  // Neighbours in the list are of one kind; in a stride they are not.
  const mixed = requests.map((_, i) => requests[(i * 37) % requests.length] as (typeof requests)[number])
  expect(new Set(mixed).size).toBe(names.length * 4)
  for (const [request, answer] of mixed) {
    client.text = ''
    client.send(request)
    const got = await client.until(/\r\n\r\n(?:[\da-f]+\r\n)?.* \/.*/)
    expect(got).toMatch(/^HTTP\/1.1 200 OK/)
    expect(
      got
        .replace(/\r\n0\r\n\r\n$/, '')
        .split('\r\n')
        .at(-1),
    ).toBe(answer)
  }
  client.socket.destroy()
})

test.each(Object.entries(kinds))('%s serves a mount that is made while the host listens', async (name, mount) => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const host = newHost()
  const { port } = await started(host)
  mount(host, '/late', name)
  let answer = ''
  do answer = await exchange(port, get('/late/x'))
  while (answer.startsWith('HTTP/1.1 503'))
  expect(answer).toContain(`${name} /late/x `)
})

describe('nested in one another', () => {
  const inner: Record<string, () => Promise<(req: IncomingMessage, res: ServerResponse) => unknown>> = {
    'Express 5': async () => express().use((req, res) => void res.send(`Express 5 ${req.url}`)),
    'Express 4': async () => express4().use((req, res) => void res.send(`Express 4 ${req.url}`)),
    'Fastify 5': async () => {
      const app = fastify()
      app.all('/*', async request => `Fastify 5 ${request.url}`)
      await app.ready()
      return app.routing
    },
    'Fastify 4': async () => {
      const app = fastify4()
      app.all('/*', async request => `Fastify 4 ${request.url}`)
      await app.ready()
      return app.routing
    },
    Koa: async () =>
      new Koa()
        .use(ctx => {
          ctx.body = `Koa ${ctx.url}`
        })
        .callback(),
    Connect: async () => connect().use((req, res) => void res.end(`Connect ${req.url}`)),
    Hono: async () => fetchHandler(new Hono().all('*', c => c.text(`Hono ${c.req.path}`)).fetch),
    tasklet: async () =>
      taskletHandler(function* (req, res): Co<void> {
        yield* sleep(1)
        res.end(`tasklet ${req.url}`)
      }),
  }
  const outer: Record<string, (below: (req: IncomingMessage, res: ServerResponse) => unknown) => App> = {
    'Express 5': below => express().use('/in', below),
    'Express 4': below => express4().use('/in', below),
    Connect: below => connect().use('/in', below),
    Koa: below =>
      new Koa().use(ctx => {
        ctx.respond = false
        ctx.res.statusCode = 200
        ctx.req.url = ctx.url.slice('/in'.length)
        below(ctx.req, ctx.res)
      }),
    'Fastify 5': below => {
      const app = fastify()
      app.all('/in/*', (request, reply) => {
        reply.hijack()
        request.raw.url = request.url.slice('/in'.length)
        below(request.raw, reply.raw)
      })
      return app
    },
    'Fastify 4': below => {
      const app = fastify4()
      app.all('/in/*', (request, reply) => {
        reply.hijack()
        request.raw.url = request.url.slice('/in'.length)
        below(request.raw, reply.raw)
      })
      return app
    },
    Hono: below =>
      new Hono<{ Bindings: { incoming: IncomingMessage; outgoing: ServerResponse } }>().all('/in/*', c => {
        c.env.incoming.url = c.req.path.slice('/in'.length)
        below(c.env.incoming, c.env.outgoing)
        return new Response(null, { headers: { 'x-hono-already-sent': 'true' } })
      }),
  }
  const pairs = Object.keys(outer).flatMap(above => Object.keys(inner).map(below => [below, above] as const))

  test.each(pairs)('%s in %s', async (below, above) => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const handler = await inner[below]?.()
    const app = handler === undefined ? undefined : outer[above]?.(handler)
    const host = newHost()
    host.mount('/', app as App)
    const { port } = await started(host)
    const answer = await exchange(port, get('/in/a?b'))
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/)
    expect(answer).toMatch(new RegExp(`${below} /a`))
  })
})

describe('what an app is', () => {
  test('one that two kinds claim is refused, whatever it would be', () => {
    const both = Object.assign(new Koa(), { fetch: () => new Response() })
    const claimed = expect.objectContaining({
      code: 'UNKNOWN_APP',
      message: expect.stringMatching(/more than one host port accepts .*: fetch app, Koa app/),
    })
    expect(() => newHost().mount('/', both)).toThrow(claimed)
    expect(() => newHost().mount('/', Object.assign(express(), { fetch: () => new Response() }))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/Express app.*fetch app/) }),
    )
  })

  test.each([
    ['a fetch that is no function', { fetch: 'x' }],
    ['a Koa without its middleware', { callback: () => () => {} }],
    ['a bare object', {}],
    ['a Koa class', Koa],
    ['a Hono class', Hono],
  ])('%s is none', (_what, app) => {
    expect(() => newHost().mount('/', app)).toThrow(expect.objectContaining({ code: 'UNKNOWN_APP' }))
  })
})
