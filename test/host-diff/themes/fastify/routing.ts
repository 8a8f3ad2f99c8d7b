import type { FastifyReply, FastifyRequest } from 'fastify'
import { ask, at, get, head, pipelined, post, raw } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'

/** What a handler sees of where it is. */
export const place = async ({ url, originalUrl, params, query, routeOptions, is404 }: FastifyRequest) => ({
  ...{ url, originalUrl, params, query, route: routeOptions.url, is404 },
})

const withOptions = (options: object, routes: readonly string[], say: FastifyProgram['say']): FastifyProgram => ({
  options: ({ major }) => (major === 5 ? forFive(options) : options),
  app(app) {
    for (const route of routes) app.get(route, place)
  },
  say,
})

const ROUTER_OPTIONS = [
  'ignoreTrailingSlash',
  'ignoreDuplicateSlashes',
  'caseSensitive',
  'maxParamLength',
  'useSemicolonDelimiter',
]

/** Fastify 5 has the options of its router apart. */
function forFive(options: object): object {
  const entries = Object.entries(options)
  const isRouters = ([name]: [string, unknown]) => ROUTER_OPTIONS.includes(name)
  return {
    ...Object.fromEntries(entries.filter(entry => !isRouters(entry))),
    routerOptions: Object.fromEntries(entries.filter(isRouters)),
  }
}

export const routing: Theme<FastifyProgram> = {
  'static routes, parameters and wildcards: the most special one wins': {
    app(app) {
      for (const route of ['/a/*', '/a/:id', '/a/static', '/a/:id/x', '*']) app.get(route, place)
    },
    say: [get('/a/static'), get('/a/7'), get('/a/7/x'), get('/a/7/y'), get('/a/'), get('/none'), get('/a/static?x=1')],
  },
  'regular expressions and several parameters in a segment': {
    app(app) {
      for (const route of ['/n/:id(^\\d+$)', '/f/:name.:ext', '/h/:h(^\\d{2})h:m(^\\d{2})m']) app.get(route, place)
    },
    say: [get('/n/7'), get('/n/x'), get('/f/a.png'), get('/f/a.b.c'), get('/h/08h15m')],
  },
  'optional parameters': withOptions(
    {},
    ['/list/:page?'],
    [get('/list'), get('/list/'), get('/list/2'), get('/list/2/3')],
  ),
  'case and slashes matter': withOptions(
    {},
    ['/Path/here'],
    [get('/Path/here'), get('/path/HERE'), get('/Path/here/')],
  ),
  'slashes at the end are ignored': withOptions(
    { ignoreTrailingSlash: true },
    ['/a', '/b/'],
    [get('/a/'), get('/b'), get('/a//')],
  ),
  'doubled slashes': withOptions({}, ['/a/b', '//x'], [get('/a//b'), get('//x'), get('//a/b')]),
  'doubled slashes are ignored': withOptions(
    { ignoreDuplicateSlashes: true },
    ['/a/b'],
    [get('/a//b'), get('//a///b')],
  ),
  'case is ignored': withOptions({ caseSensitive: false }, ['/Path/:Id'], [get('/pAtH/Value'), get('/path/%41')]),
  'a semicolon begins the query': withOptions(
    { useSemicolonDelimiter: true },
    ['/a'],
    [get('/a;x=1'), get('/a?x=1;y=2')],
  ),
  'a semicolon does not begin the query': withOptions(
    { useSemicolonDelimiter: false },
    ['/a'],
    [get('/a;x=1'), get('/a?x=1;y=2')],
  ),
  'a parameter that is too long': withOptions({ maxParamLength: 5 }, ['/:id'], [get('/12345'), get('/123456')]),
  'a parameter of more than a hundred characters': withOptions({}, ['/:id'], [get(`/${'x'.repeat(101)}`)]),
  'encoded letters, slashes, and what cannot be decoded': withOptions(
    {},
    ['/admin', '/x/:name'],
    [...['/%61dmin', '/x/a%2Fb', '/x/%zz', '/x/%', '/%zz', '/x/a%00b', '/x/%C3%A9'].map(path => get(path))],
  ),
  'a path that cannot be decoded, answered by the app': {
    options: () => ({
      frameworkErrors(error: Error & { code?: string }, _request: unknown, reply: unknown) {
        ;(reply as FastifyReply).code(418).send({ framework: error.code })
      },
    }),
    app(app) {
      app.get('/:name', place)
    },
    say: [get('/%zz'), get('/%')],
  },
  'HEAD comes with GET': {
    app(app) {
      app.get('/', async () => 'body')
      app.get('/stream', (_request, reply) => reply.send(Buffer.from('buffer')))
    },
    say: [head('/'), head('/stream'), head('/none')],
  },
  'HEAD does not come with GET': {
    options: () => ({ exposeHeadRoutes: false }),
    app(app) {
      app.get('/', async () => 'body')
      app.get('/own', { exposeHeadRoute: true }, async () => 'body')
      app.head('/head', async () => '')
    },
    say: [head('/'), head('/own'), head('/head'), get('/head')],
  },
  'methods: all, several, and those that are unusual': {
    app(app) {
      app.all('/all', async ({ method }) => method)
      app.route({ method: ['GET', 'DELETE'], url: '/two', handler: async ({ method }) => method })
    },
    say: [
      ...['GET', 'OPTIONS', 'TRACE', 'PROPFIND', 'SEARCH', 'DELETE'].map(method => ask(method, '/all')),
      ...['DELETE', 'PUT', 'OPTIONS', 'HEAD'].map(method => ask(method, '/two')),
    ],
  },
  'methods that Fastify does not know': {
    app(app) {
      app.get('/', async () => 'x')
    },
    say: [ask('PURGE', '/'), ask('M-SEARCH', '/'), ask('PURGE', '/none')],
  },
  'a method that is added': {
    majors: [5],
    root(app) {
      app.addHttpMethod('PURGE').addHttpMethod('NOTIFY', { hasBody: true })
    },
    app(app) {
      app.route({ method: 'PURGE', url: '/', handler: async () => 'purged' })
      app.route({ method: 'NOTIFY', url: '/', handler: async ({ body }) => body })
    },
    say: [ask('PURGE', '/'), ask('NOTIFY', '/', { 'Content-Type': 'application/json' }, '{"a":1}')],
  },
  'strange request targets': {
    alone: true,
    app(app) {
      app.get('*', place)
      app.options('*', place)
    },
    say: [
      raw('GET http://other.test/a?b HTTP/1.1\r\nHost: example.test\r\n\r\n'),
      raw('GET http://other.test HTTP/1.1\r\nHost: example.test\r\n\r\n'),
      raw('OPTIONS * HTTP/1.1\r\nHost: example.test\r\n\r\n', 'OPTIONS'),
    ],
  },
  'an absolute target': {
    app(app) {
      app.get('/a', place)
    },
    say: [raw(`GET http://other.test${at}/a?b HTTP/1.1\r\nHost: example.test\r\n\r\n`)],
  },
  'fragments and dots are not touched': withOptions(
    {},
    ['/a/b', '/a'],
    [get('/a#b'), get('/a/./b'), get('/x/../a'), get('/a?b#c')],
  ),
  'query strings': withOptions(
    {},
    ['/'],
    [
      ...['/?a=1&b=&c&a=2', '/?a[b]=1', '/?__proto__=1&constructor=2', '/?q=a+b%20c%zz&=x&&', '/??x=?'].map(path =>
        get(path),
      ),
    ],
  ),
  'query strings, by a parser of the app': {
    options: ({ major }) => {
      const querystringParser = (text: string) => ({ text })
      return major === 5 ? { routerOptions: { querystringParser } } : { querystringParser }
    },
    app(app) {
      app.get('/', place)
    },
    say: [get('/?a=1'), get('/')],
  },
  'constraints: host and version': {
    app(app) {
      app.get('/', { constraints: { host: 'a.test' } }, async () => 'host a')
      app.get('/', { constraints: { host: /b\d\.test/ } }, async () => 'host b')
      app.get('/', { constraints: { version: '1.2.0' } }, async () => 'version 1.2')
      app.get('/', async () => 'any')
    },
    say: [
      get('/', { Host: 'a.test' }),
      get('/', { Host: 'b7.test' }),
      get('/', { 'Accept-Version': '1.x' }),
      get('/', { 'Accept-Version': '2.x' }),
      get('/'),
    ],
  },
  'constraints of the app, deferred': {
    root(app) {
      app.addConstraintStrategy({
        name: 'tenant',
        mustMatchWhenDerived: false,
        validate() {},
        storage() {
          const handlers = new Map()
          return {
            get: (key: unknown) => handlers.get(key) ?? null,
            set: (key: unknown, value: unknown) => void handlers.set(key, value),
          }
        },
        deriveConstraint(
          req: { headers: Record<string, unknown> },
          _context: unknown,
          done?: (error: Error | null, value: unknown) => void,
        ) {
          setImmediate(() => {
            const failed = req.headers.tenant === 'bad' ? new Error('bad tenant') : null
            done?.(failed, req.headers.tenant)
          })
        },
      } as never)
    },
    app(app) {
      app.get('/', { constraints: { tenant: 'a' } }, async () => 'tenant a')
      app.get('/', async () => 'no tenant')
    },
    say: [get('/', { tenant: 'a' }), get('/', { tenant: 'bad' }), get('/')],
  },
  rewriteUrl: {
    alone: true,
    options: () => ({ rewriteUrl: req => (req.url ?? '').replace('/old', '/new') }),
    app(app) {
      app.get('/new', place)
    },
    say: [get('/old?x=/old'), get('/new'), get('/none')],
  },
  'not found: the default, of the app, and of a plugin': {
    app(app) {
      app.setNotFoundHandler(async ({ url }, reply) => reply.code(404).send({ app: url }))
      app.register(
        async plugin => {
          plugin.setNotFoundHandler(async () => 'plugin')
          plugin.get('/x', async () => 'x')
        },
        { prefix: '/in' },
      )
    },
    say: [get('/none'), get('/in/none'), get('/in/x'), get('/inx'), post('/none', 'application/json', '{}')],
  },
  'not found: with hooks of its own, and by callNotFound': {
    app(app, { note }) {
      app.setNotFoundHandler(
        {
          preHandler: async () => note('preHandler'),
          preValidation: async () => note('preValidation'),
        },
        async ({ is404 }, reply) => reply.code(404).send({ is404 }),
      )
      app.get('/call', (_request, reply) => {
        reply.callNotFound()
      })
    },
    say: [get('/none'), get('/call')],
  },
  'not found, by default, with a body and with queries': {
    app() {},
    say: [get('/none?x=1'), post('/none', 'application/json', '{"a":1}'), ask('PUT', '/<script>'), ask('DELETE', '/')],
  },
  'what the router knows': {
    app(app, { note }) {
      app.get('/users/:id', async () => 'x')
      app.addHook('onReady', async () => {
        note(app.hasRoute({ method: 'GET', url: '/users/:id' }), app.hasRoute({ method: 'POST', url: '/users/:id' }))
        note(app.printRoutes({ commonPrefix: false }).includes(':id'))
      })
      app.addHook('onRoute', ({ method, url, path, routePath, prefix }) =>
        note('onRoute', { method, url, path, routePath, prefix }),
      )
      app.get('/later', async () => 'x')
    },
    say: [get('/later')],
  },
  'a pipeline over several routes': {
    app(app) {
      app.get('/:n', async ({ params }) => params)
    },
    say: [pipelined(get('/1'), get('/2'), get('/a/b'), get('/3'))],
  },
}
