import type { FastifyRequest, FastifyServerOptions } from 'fastify'
import { ask, at, get, json, raw } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'

const who = (request: FastifyRequest) => {
  const { ip, ips, protocol, hostname } = request
  return { ip, ips, protocol, hostname, host: request.host, port: request.port }
}

const FORWARDED = {
  'X-Forwarded-For': '1.1.1.1, 2.2.2.2, 3.3.3.3',
  'X-Forwarded-Proto': 'https,http',
  'X-Forwarded-Host': 'first.example.com, second.example.com',
}

/** One program for each policy. */
function trusting(trustProxy: FastifyServerOptions['trustProxy'] | number): FastifyProgram {
  return {
    options: () => (trustProxy === undefined ? {} : ({ trustProxy } as FastifyServerOptions)),
    app(app) {
      app.get('/', async request => who(request))
    },
    say: [get('/', FORWARDED), get('/', { 'X-Forwarded-For': 'nonsense', Host: 'a.b.example.com:8080' }), get('/')],
  }
}

export const requests: Theme<FastifyProgram> = {
  'without a trusted proxy': trusting(undefined),
  'trustProxy: true': trusting(true),
  'trustProxy: one hop': trusting(1),
  'trustProxy: a list': trusting(['127.0.0.1', '3.3.3.3']),
  'trustProxy: a function': trusting((address, hop) => address === '127.0.0.1' || hop === 1),
  'hosts with ports, brackets, and none': {
    app(app) {
      app.get('/', async request => who(request))
    },
    say: [
      get('/', { Host: '[::1]:3000' }),
      get('/', { Host: 'EXAMPLE.test:80' }),
      get('/', { Host: '' }),
      raw(`GET ${at}/ HTTP/1.0\r\n\r\n`),
    ],
  },
  'no Host at all is refused by Node': {
    app(app) {
      app.get('/', async () => 'never')
    },
    say: [raw(`GET ${at}/ HTTP/1.1\r\n\r\n`)],
  },
  headers: {
    app(app) {
      app.get('/', async ({ headers, raw }) => [headers, raw.rawHeaders])
    },
    say: [
      get('/', [
        ['x-Twice', 'a'],
        ['Cookie', 'a=1'],
        ['X-TWICE', 'b'],
        ['cookie', 'b=2'],
        ['Set-Cookie', 'x'],
        ['Set-Cookie', 'y'],
        ['X-Latin', 'caf\xe9'],
      ]),
    ],
  },
  'headers that a hook replaces': {
    app(app) {
      app.addHook('onRequest', async request => {
        request.headers = { 'x-own': '1' }
      })
      app.get('/', async ({ headers, raw }) => [headers, Object.keys(raw.headers)])
    },
    say: [get('/', { 'X-a': '1' })],
  },
  'request ids: counted, from a header, and made by the app': {
    options: () => ({ requestIdHeader: 'x-request-id', genReqId: req => `made-${req.url}` }),
    app(app) {
      app.get('/', async ({ id }) => id)
    },
    say: [get('/'), get('/', { 'X-Request-Id': 'given' })],
  },
  'request ids by default': {
    app(app) {
      app.get('/', async ({ id }) => id)
    },
    say: [get('/'), get('/', { 'Request-Id': 'not taken' }), get('/')],
  },
  'what the socket says of itself': {
    app(app, { note }) {
      app.get('/', async ({ socket, raw }) => {
        const { remoteAddress, remotePort, localAddress, localPort, readable, writable, destroyed } = socket
        note(
          { remoteAddress, remotePort, localAddress, localPort, readable, writable, destroyed },
          socket === raw.socket,
        )
        return 'x'
      })
    },
    say: [get('/'), get('/')],
  },
  'own keys and prototypes of what Fastify gets': {
    unstripped: true,
    app(app, { note }) {
      app.addHook('onRequest', async ({ raw: req }, { raw: res }) => {
        note('req', req.constructor.name, Object.keys(req).sort().join(' '))
        note('res', res.constructor.name, Object.keys(res).sort().join(' '))
        note(Object.getOwnPropertySymbols(req).map(String).sort(), Object.getOwnPropertySymbols(res).map(String).sort())
        note(res.req === req, req.socket === res.socket)
      })
      app.get('/', async () => 'x')
    },
    say: [get('/'), get('/x?y=z')],
  },
  'the state of a request and a response in their life': {
    app(app, { note }) {
      const state = (
        when: string,
        { raw }: FastifyRequest,
        res: FastifyRequest['raw'] | { headersSent: boolean; writableEnded: boolean },
      ) => {
        const { complete, destroyed, closed, readableEnded } = raw
        note(
          when,
          { complete, destroyed, closed, readableEnded },
          'headersSent' in res && [res.headersSent, res.writableEnded],
        )
      }
      app.addHook('onRequest', async (request, reply) => state('onRequest', request, reply.raw))
      app.addHook('preHandler', async (request, reply) => state('preHandler', request, reply.raw))
      app.addHook('onSend', async (request, reply) => state('onSend', request, reply.raw))
      app.addHook('onResponse', async (request, reply) => state('onResponse', request, reply.raw))
      app.all('/', async () => 'x')
    },
    say: [get('/'), json('/', { a: 1 })],
  },
  'the route, its options and its configuration': {
    app(app) {
      app.get('/x/:id', { config: { mine: 1 }, bodyLimit: 99 }, async ({ routeOptions }) => {
        const { method, url, bodyLimit, config } = routeOptions
        return { method, url, bodyLimit, config }
      })
    },
    say: [get('/x/1')],
  },
  'a session in a cookie': {
    app(app) {
      const visits = new Map<string, number>()
      app.decorateRequest('visits', 0)
      app.addHook('onRequest', async (request, reply) => {
        const id = /sid=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? `s${visits.size + 1}`
        visits.set(id, (visits.get(id) ?? 0) + 1)
        Object.assign(request, { visits: visits.get(id) })
        reply.header('set-cookie', `sid=${id}`).header('Set-Cookie', 'other=1')
      })
      app.get('/', async request => `visit ${Reflect.get(request, 'visits')}`)
    },
    say: [get('/'), get('/', { Cookie: 'sid=s1' }), get('/')],
  },
  'a signal that ends with the request': {
    majors: [5],
    options: () => ({ handlerTimeout: 60_000 }) as object,
    app(app, { note }) {
      app.get('/', async request => {
        const { signal } = request as unknown as { signal?: AbortSignal }
        note(signal?.aborted)
        return 'x'
      })
    },
    say: [get('/')],
  },
  'a limit on the time of a handler': {
    majors: [5],
    options: () => ({ handlerTimeout: 20 }) as object,
    app(app, { note }) {
      app.get('/', (request, reply) => {
        const { signal } = request as unknown as { signal: AbortSignal }
        signal.addEventListener('abort', () => note('aborted', reply.sent))
      })
    },
    say: [get('/')],
  },
  'a method with a body that Fastify does not read': {
    app(app) {
      app.get('/', async ({ body }) => ({ body: body ?? null }))
      app.options('/', async ({ body }) => ({ body: body ?? null }))
    },
    say: [
      ask('GET', '/', { 'Content-Type': 'application/json' }, '{"a":1}'),
      ask('OPTIONS', '/', { 'Content-Type': 'application/json' }, '{"a":1}'),
      get('/'),
    ],
  },
}
