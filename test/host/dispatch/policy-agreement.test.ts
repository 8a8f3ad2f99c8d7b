/** Which paths are the same, and whom to believe about clients: apps that hand over to each other agree, or do not start. */
import { createServer } from 'node:http'
import connect from 'connect'
import { Hono } from 'hono'
import Koa from 'koa'
import {
  type Difference,
  fetchHandler,
  type Host,
  type HostOptions,
  type MountOptions,
  passOn,
} from '../../../src/host/index.js'
import { express, express4, fastify, fastify4 } from '../frameworks.js'
import { alone, closeHosts, exchange, get, newHost, started, turns } from '../support.js'

afterEach(closeHosts)

const handOver = { handOver: true } satisfies MountOptions

/** Guards of `/admin` and what is under it, and of `/users/:id/private`, that are mounted to hand over. */
const guards = {
  express: (settings: Record<string, boolean> = {}, make = express) => {
    return (host: Host, accept?: Difference[]) => {
      const app = make()
      for (const [name, value] of Object.entries(settings)) app.set(name, value)
      app.all(['/admin', '/admin/:any', '/users/:id/private'], (_req, res) => void res.send('guard'))
      host.mount('/', app, { ...handOver, ...(accept && { accept }) })
    }
  },
  fastify: (options: object = {}, make = fastify) => {
    return (host: Host, accept?: Difference[]) => {
      const app = make({
        ...options,
        serverFactory: host.serverFactory('/', { ...handOver, ...(accept && { accept }) }),
      })
      for (const path of ['/admin', '/admin/:any', '/users/:id/private']) app.all(path, async () => 'guard')
    }
  },
  router: (options: object = {}) => {
    return (host: Host, accept?: Difference[]) => {
      const router = express.Router(options)
      router.all(['/admin', '/admin/:any'], (_req, res) => void res.end('guard'))
      host.mount('/', router, { ...handOver, ...(accept && { accept }) })
    }
  },
  hono: () => {
    return (host: Host, accept?: Difference[]) => {
      const app = new Hono().all('/admin', c => c.text('guard'))
      host.mount('/', app, { ...handOver, ...(accept && { accept }) })
    }
  },
}

/** What is behind them. */
const handlers = {
  express: (settings: Record<string, boolean> = {}, make = express) => {
    return (host: Host) => {
      const app = make()
      for (const [name, value] of Object.entries(settings)) app.set(name, value)
      app.get(['/admin', '/admin/:any', '/users/:id/private'], (_req, res) => void res.send('handler'))
      host.mount('/', app)
    }
  },
  /** Whose router is strict about case, and has one in it that is not. */
  mixed: () => (host: Host) => {
    const app = express().enable('case sensitive routing')
    app.use(express.Router().get('/admin', (_req, res) => void res.send('handler')))
    host.mount('/', app)
  },
  fastify: (options: object = {}, make = fastify) => {
    return (host: Host) => {
      const app = make({ ...options, serverFactory: host.serverFactory('/') })
      for (const path of ['/admin', '/admin/:any', '/users/:id/private']) app.get(path, async () => 'handler')
    }
  },
  connect: () => (host: Host) =>
    void host.mount(
      '/',
      connect().use('/admin', (_req, res) => void res.end('handler')),
    ),
}

const sensitive = { 'case sensitive routing': true }
const noSemicolon = { useSemicolonDelimiter: false }
const laxCase = { routerOptions: { caseSensitive: false } }
const laxSlash = { routerOptions: { ignoreTrailingSlash: true } }

type Row = [string, Difference, string, (host: Host, accept?: Difference[]) => void, (host: Host) => void]

/** Where the front is narrower in one thing. */
const rows: Row[] = [
  ['Fastify 5, Express 5', 'case', '/Admin', guards.fastify(laxSlash), handlers.express()],
  [
    'Fastify 4, Express 4',
    'case',
    '/Admin',
    guards.fastify({ ...noSemicolon, ignoreTrailingSlash: true }, fastify4),
    handlers.express({}, express4),
  ],
  ['Express 5, Express 4', 'case', '/Admin', guards.express(sensitive), handlers.express({}, express4)],
  ['Express 4, Express 5', 'case', '/Admin', guards.express(sensitive, express4), handlers.express()],
  ['Express 5, a router in Express 5', 'case', '/Admin', guards.express(sensitive), handlers.mixed()],
  ['a router, Express 5', 'case', '/Admin', guards.router({ caseSensitive: true }), handlers.express()],
  ['Express 5, Fastify 5', 'case', '/Admin', guards.express(sensitive), handlers.fastify(laxCase)],
  [
    'Express 4, Fastify 4',
    'case',
    '/Admin',
    guards.express(sensitive, express4),
    handlers.fastify({ ...noSemicolon, caseSensitive: false }, fastify4),
  ],
  ['Fastify 5, Express 5', 'trailing-slash', '/users/ada/private/', guards.fastify(laxCase), handlers.express()],
  [
    'Express 5, Fastify 5',
    'trailing-slash',
    '/admin/',
    guards.express({ 'strict routing': true }),
    handlers.fastify(laxSlash),
  ],
  [
    'Express 4, Express 5',
    'trailing-slash',
    '/admin/',
    guards.express({ 'strict routing': true }, express4),
    handlers.express(),
  ],
  [
    'Express 5, Fastify 5',
    'duplicate-slashes',
    '//admin',
    guards.express(),
    handlers.fastify({ routerOptions: { ignoreDuplicateSlashes: true } }),
  ],
  [
    'Fastify 5, Fastify 4',
    'duplicate-slashes',
    '//admin',
    guards.fastify(),
    handlers.fastify({ ...noSemicolon, ignoreDuplicateSlashes: true }, fastify4),
  ],
  ['Express 5, Fastify 4', 'semicolon', '/admin;x', guards.express(), handlers.fastify({}, fastify4)],
  ['Fastify 4, Fastify 5', 'semicolon', '/users/ada;/private', guards.fastify({}, fastify4), handlers.fastify()],
  ['Express 5, Connect', 'extension', '/admin.x', guards.express(), handlers.connect()],
  ['Hono, Express 5', 'case', '/Admin', guards.hono(), handlers.express({ 'strict routing': true })],
]

const nothingElse: Partial<Record<string, Difference[]>> = { 'Hono, Express 5': ['trailing-slash'] }

describe('an app that is narrower about paths than the one that it hands over to', () => {
  test.each(rows)('%s: %s, as in %s', async (what, difference, path, guard, handle) => {
    const others = nothingElse[what] ?? []
    const host = newHost()
    guard(host, others)
    handle(host)
    const error = await host.listen({ port: 0, host: '127.0.0.1' }).catch(error => error)
    expect(error).toMatchObject({ code: 'PATH_MISMATCH' })
    expect(error.message).toContain(`{ accept: [ '${difference}' ] }`)

    // It is true, and may be meant.
    const accepting = newHost()
    guard(accepting, [...others, difference])
    handle(accepting)
    const { port } = await started(accepting)
    const text = async (path: string) => (await exchange(port, get(path))).split('\r\n\r\n')[1]
    expect([await text('/admin'), await text(path)]).toEqual([
      expect.stringContaining('guard'),
      expect.stringContaining('handler'),
    ])
  })

  const agreeing: [string, (host: Host) => void, (host: Host) => void][] = [
    ['Express 5, Express 4', guards.express(), handlers.express({}, express4)],
    ['Express 5, Fastify 5', guards.express(), handlers.fastify()],
    [
      'Express 4, Fastify 4',
      guards.express({}, express4),
      handlers.fastify({ useSemicolonDelimiter: false }, fastify4),
    ],
    ['Fastify 5, Fastify 5', guards.fastify(), handlers.fastify()],
    ['Fastify 4, Fastify 4', guards.fastify({}, fastify4), handlers.fastify({}, fastify4)],
    [
      'Fastify 5, Express 5',
      guards.fastify({ routerOptions: { caseSensitive: false, ignoreTrailingSlash: true } }),
      handlers.express(),
    ],
    [
      'Express 5 strict, Express 4 strict',
      guards.express({ 'strict routing': true }),
      handlers.express({ 'strict routing': true }, express4),
    ],
    ['a router, Express 5', guards.router(), handlers.express()],
  ]
  test.each(agreeing)('is none of these: %s', async (_what, guard, handle) => {
    const host = newHost()
    guard(host)
    handle(host)
    await started(host)
  })

  test('is told what to do, for all that differs at once', async () => {
    const host = newHost()
    guards.fastify()(host)
    handlers.express()(host)
    await expect(started(host)).rejects.toThrow(
      'make the Fastify instance at "/" and the Express app at "/" agree, ' +
        'case: in the first fastify({ routerOptions: { caseSensitive: false } }), or in the second ' +
        'app.enable("case sensitive routing") ahead of its routes, and express.Router({ caseSensitive: true }); ' +
        'trailing-slash: in the first fastify({ routerOptions: { ignoreTrailingSlash: true } }); or accept the difference: ' +
        "mount one of the two with { accept: [ 'case', 'trailing-slash' ] }. The first hands over to the second, and they " +
        'disagree on whether /Admin and /admin/ are /admin: a client can bypass a guard that the first has at a path, and ' +
        'reach the second',
    )
  })

  test('is told the same of an app that is wider, where that is an error', async () => {
    const host = newHost()
    guards.fastify({ caseSensitive: false, ignoreTrailingSlash: true }, fastify4)(host)
    handlers.express()(host)
    const error = await started(host).catch(error => error)
    expect(error.message).toContain(
      "agree, semicolon: in the first fastify({ useSemicolonDelimiter: false }); or accept the difference: mount one of the two with { accept: [ 'semicolon' ] }",
    )
  })

  test('is nobody’s matter between neighbours, which the host tells apart by the path as it is sent', async () => {
    const onError = jest.fn()
    const host = newHost({ onError })
    fastify({ serverFactory: host.serverFactory('/admin') })
    handlers.express()(host)
    await started(host)
    expect(onError).not.toHaveBeenCalled()
  })

  test('may be further ahead, or at a longer path, and the other may be the one to accept it', async () => {
    const make = (accept: Difference[]) => {
      const host = newHost()
      fastify({ serverFactory: host.serverFactory('/shop', handOver) })
      host.mount('/shop', (_req, _res, next) => next(), handOver)
      host.mount('/', express(), { accept })
      return started(host)
    }
    await expect(make(['case'])).rejects.toThrow(
      /Fastify instance at "\/shop" and the Express app at "\/" agree, .* whether \/admin\/ are/,
    )
    await make(['case', 'trailing-slash'])
  })

  test('is not one that was closed', async () => {
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/', handOver) })
    await app.close()
    handlers.express()(host)
    await started(host)
  })

  const starts: [string, (host: Host) => Promise<unknown>][] = [
    ['listen()', host => host.listen({ port: 0, host: '127.0.0.1' })],
    ['ready()', host => host.ready()],
    ['attach()', host => host.attach(createServer())],
  ]
  test.each(starts)('%s rejects', async (_what, start) => {
    const host = newHost()
    guards.fastify()(host)
    handlers.express()(host)
    await expect(start(host)).rejects.toMatchObject({ code: 'PATH_MISMATCH' })
  })

  test('may hand over to what the server itself has, where the host is attached', async () => {
    const legacy = express().get('/admin', (_req, res) => void res.send('handler'))
    const attached = async (accept?: Difference[]) => {
      const server = createServer(legacy)
      const host = newHost({ onError: () => {} })
      guards.fastify()(host, accept)
      await host.attach(server)
      return { host, server }
    }
    await expect(attached()).rejects.toThrow(
      /^make the Fastify instance at "\/" and what the server itself has agree, .* disagree on whether \/Admin and/,
    )
    const { host, server } = await attached(['case', 'trailing-slash'])
    await alone(server, async port => {
      expect(await exchange(port, get('/Admin'))).toMatch(/handler$/)
      expect(await exchange(port, get('/%61dmin'))).toMatch(/guard$/)
      expect(await exchange(port, get('/x/../admin'))).toMatch(/^HTTP\/1.1 400 /)
      // What is mounted later is asked, too.
      const onError = jest.fn()
      const other = newHost({ onError })
      await other.attach(server)
      guards.fastify()(other)
      await turns()
      expect(onError.mock.calls[0][0].cause).toMatchObject({ code: 'PATH_MISMATCH' })
    })
    await host.close()
  })

  test('a handler gives the error to next', async () => {
    const host = newHost()
    guards.fastify()(host)
    handlers.express()(host)
    const answer = await alone(
      (req, res) => host.handler(req, res, error => res.end(Object(error).code)),
      port => exchange(port, get('/')),
    )
    expect(answer).toContain('PATH_MISMATCH')
  })

  test('may be in a nested host, in front and behind', async () => {
    const front = newHost()
    guards.fastify()(front)
    const outer = newHost().mount('/', front, handOver)
    handlers.express()(outer)
    await expect(started(outer)).rejects.toThrow(/^make the host at "\/" and the Express app at "\/"/)

    const back = newHost()
    handlers.express()(back)
    const other = newHost()
    guards.fastify()(other)
    other.mount('/', back)
    await expect(started(other)).rejects.toMatchObject({ code: 'PATH_MISMATCH' })
  })

  test('is not opened where it comes later; the others go on', async () => {
    const onError = jest.fn()
    const host = newHost({ onError })
    host.mount('/', (_req, res) => void res.end('root'))
    guards.fastify()(host.mount('/other', (_req, res) => void res.end('other')) && laterAt(host, '/a'))
    const { port } = await started(host)
    host.mount('/a', express())
    await expect(exchange(port, get('/a'))).resolves.toMatch(/ 503 /)
    expect(onError.mock.calls).toEqual([
      [expect.objectContaining({ code: 'HANDLER_FAILED', message: '"/a" did not start' })],
    ])
    expect(onError.mock.calls[0][0].cause).toMatchObject({ code: 'PATH_MISMATCH' })
    expect(await exchange(port, get('/other'))).toMatch(/other$/)
  })

  test('accepts what there is', () => {
    for (const accept of ['case', ['cases'], [1], null]) {
      expect(() => newHost().mount('/', express(), { accept: Object(accept).valueOf() })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      )
    }
  })
})

/** `host`, whose root is `path`. */
function laterAt(host: Host, path: string): Host {
  return Object.create(host, {
    serverFactory: { value: (_root: string, options: MountOptions) => host.serverFactory(path, options) },
  })
}

describe('whom to believe about clients', () => {
  const trusting = (value: unknown, make = express) => make().set('trust proxy', value)
  const trustingFastify = (host: Host, trustProxy: unknown, make = fastify) =>
    make({ serverFactory: host.serverFactory('/b'), ...Object({ trustProxy }) })

  async function reports(mount: (host: Host) => void, options: HostOptions = {}): Promise<string[]> {
    const codes: string[] = []
    const host = newHost({ ...options, onError: error => void codes.push(error.code) })
    mount(host)
    await started(host)
    return codes
  }

  const trust = (a: unknown, b: unknown, make = fastify) =>
    reports(host => {
      host.mount('/a', trusting(a))
      trustingFastify(host, b, make)
    })

  test('is reported where neighbours differ, once', async () => {
    expect(await trust(true, false)).toEqual(['TRUST_MISMATCH'])
    expect(await trust('loopback', true)).toEqual(['TRUST_MISMATCH'])
    expect(await trust('10.0.0.1', ['10.0.0.1', '10.0.0.2'])).toEqual(['TRUST_MISMATCH'])
    expect(
      await trust(
        () => true,
        () => true,
      ),
    ).toEqual(['TRUST_MISMATCH'])
    expect(await trust(2, 1, fastify4)).toEqual(['TRUST_MISMATCH'])
    // It trusts nobody then.
    expect(await trust(1, 1)).toEqual(['TRUST_MISMATCH'])
  })

  test('may be said in several ways', async () => {
    const own = () => true
    expect(await trust(false, undefined)).toEqual([])
    expect(await trust(true, true)).toEqual([])
    expect(await trust('loopback, 10.0.0.1', ['10.0.0.1', '::1/128', '127.0.0.1/8'])).toEqual([])
    expect(await trust(own, own)).toEqual([])
    expect(await trust(2, 2, fastify4)).toEqual([])
    expect(await trust(0, 1)).toEqual([])
    expect(await trust([], '')).toEqual([])
  })

  test('is read of Koa, too, and of nothing else', async () => {
    const koa = (proxy: boolean, maxIpsCount = 0) => new Koa({ proxy, maxIpsCount })
    const both = (express: unknown, app: Koa) => reports(host => host.mount('/a', trusting(express)).mount('/b', app))
    expect(await both(true, koa(true))).toEqual([])
    expect(await both(2, koa(true, 2))).toEqual([])
    expect(await both(true, koa(false))).toEqual(['TRUST_MISMATCH'])
    expect(
      await reports(host => host.mount('/a', trusting(true)).mount('/b', new Hono()).mount('/c', connect())),
    ).toEqual([])
  })

  test('is an error at the start where one hands over to the other, unless it is accepted', async () => {
    const make = (accept: Difference[]) => {
      const host = newHost()
      host.mount('/', trusting(true), { handOver: true, accept })
      return started(host.mount('/', trusting(['loopback', '10.0.0.1'], express4)))
    }
    await expect(make([])).rejects.toMatchObject({
      code: 'TRUST_MISMATCH',
      message:
        'give both apps the same list of proxies, or, if the difference is meant, mount one of them with ' +
        '{ accept: ["trust-proxy"] }: the Express app at "/" believes the X-Forwarded headers of everybody, the Express app ' +
        'at "/" of 127.0.0.1/8 and ::1/128 and 10.0.0.1, and the first hands over to the second. The two can see different ' +
        'addresses, hosts and protocols for one client',
    })
    await make(['trust-proxy'])
  })

  test('is accepted by neighbours in the same way, and looked at when one comes later', async () => {
    const codes: string[] = []
    const host = newHost({ onError: error => void codes.push(error.code) })
    host.mount('/a', trusting(true)).mount('/b', trusting(false), { accept: ['trust-proxy'] })
    await started(host)
    expect(codes).toEqual([])
    host.mount('/c', trusting(false))
    await host.inject('/c')
    expect(codes).toEqual(['TRUST_MISMATCH'])
  })
})

describe('a path that two apps read differently', () => {
  /** Whether `path` is handed over, and how it is answered if not. */
  async function asked(mount: (host: Host) => void, paths: string[]): Promise<[string, string][]> {
    const codes: string[] = []
    const host = newHost({ onError: error => void codes.push(error.code) })
    mount(host)
    const { port } = await started(host)
    const answers: [string, string][] = []
    for (const path of paths) {
      const status = (await exchange(port, get(path))).split(' ')[1] ?? ''
      answers.push([path, [status, ...codes.splice(0)].join(' ')])
    }
    return answers
  }

  const odd = [
    '/%61dmin',
    '/a%2Eb',
    '/%7euser',
    '/x/../admin',
    '/x/./y',
    '/x/..',
    '/x\\y',
    '/x#y',
    '/x?#',
    '/x{y',
    '/ban%E2%84%aA',
    'http://h?/admin',
    'HTTP://h/x',
    "http://h/it's",
  ]
  const common = [
    '/',
    '/report%281%29.pdf',
    '/caf%C3%A9',
    '/caf%c3%a9',
    '/a%2Fb',
    '/a%20b',
    '/a;b',
    '/a,b',
    "/it's",
    '/a|b',
    '/a[b]',
    '/a.b..c',
    '/.well-known/x',
    '/x?q=/../%61',
    '/x//y',
    'http://h/x?y',
    '/a%252e',
  ]

  const answers = (paths: string[], answer: string) => paths.map((path): [string, string] => [path, answer])
  const last = (host: Host) => {
    const app = fastify({ serverFactory: host.serverFactory('/') })
    app.get('/*', async () => '')
  }

  test('is refused before it is handed over, and no other is', async () => {
    const mount = (host: Host) => last(host.mount('/', express(), handOver))
    expect(await asked(mount, odd)).toEqual(answers(odd, '400 AMBIGUOUS_PATH'))
    expect(await asked(mount, common)).toEqual(answers(common, '200'))
  })

  test('is nothing to apps that read alike, and may be accepted', async () => {
    const alike = (host: Host) =>
      host.mount('/', express4(), handOver).mount(
        '/',
        express().use((_req, res) => void res.end()),
      )
    expect(await asked(alike, odd)).toEqual(answers(odd, '200'))
    const accept = ['spelling'] as const
    const accepting = (host: Host) => last(host.mount('/', express(), { handOver: true, accept }))
    expect(await asked(accepting, ['/%61dmin'])).toEqual(answers(['/%61dmin'], '200'))
  })

  test('is one with escapes in lower case where somebody tells them apart', async () => {
    const app = express()
      .enable('case sensitive routing')
      .use((_req, _res, next) => next())
    expect(await asked(host => last(host.mount('/', app, handOver)), ['/caf%c3%a9'])).toEqual([
      ['/caf%c3%a9', '400 AMBIGUOUS_PATH'],
    ])
  })

  test('is one with a parameter that is too long for the first, which then has nothing for it', async () => {
    const long = `/users/${'x'.repeat(101)}`
    const short = `/users/${'%C3%A9'.repeat(100)}`
    const front = (make: typeof fastify, options: object) => (host: Host) => {
      const app = make({ ...options, serverFactory: host.serverFactory('/', handOver) })
      app.all('/users/:id', async (_request, reply) => passOn(reply))
      host.mount('/', (_req, res) => void res.end())
    }
    expect(await asked(front(fastify4, {}), [long, short, `/x?${long}`])).toEqual([
      [long, '400 AMBIGUOUS_PATH'],
      [short, '200'],
      [`/x?${long}`, '200'],
    ])
    expect(await asked(front(fastify4, { maxParamLength: 200 }), [long])).toEqual([[long, '200']])
    expect(await asked(front(fastify, {}), [long])).toEqual([[long, '414']])
  })

  test('is refused by a handler, in front of which there may be a guard, and not by a host that is in front itself', async () => {
    const make = (accept: Difference[] = []) => {
      const host = newHost({ onError: () => {} })
      const app = fastify({ serverFactory: host.serverFactory('/', { accept }) })
      app.get('/admin', async () => 'admin')
      return host
    }
    const behind = (host: Host) =>
      express()
        .use('/admin', (_req, res) => void res.send('guard'))
        .use(host.handler)
    expect(await alone(behind(make()), port => exchange(port, get('/%61dmin')))).toMatch(/^HTTP\/1.1 400 /)
    expect(await alone(behind(make(['spelling'])), port => exchange(port, get('/%61dmin')))).toMatch(/admin$/)
    expect(
      await alone(
        (req, res) => make().handler(req, res),
        port => exchange(port, get('/%61dmin')),
      ),
    ).toMatch(/admin$/)
    const server = createServer((_req, res) => void res.end('own'))
    await make().attach(server)
    expect(await alone(server, port => exchange(port, get('/%61dmin')))).toMatch(/admin$/)
  })

  test('is no matter to a mount that has nothing but upgrades', async () => {
    const mount = (host: Host) => {
      host.server('/', handOver).on('upgrade', (_req, socket) => socket.destroy())
      last(host)
    }
    expect(await asked(mount, ['/%61dmin'])).toEqual([['/%61dmin', '200']])
  })
})

describe('readings are told apart by what they do', () => {
  const guard = (request: Request) =>
    new URL(request.url).pathname.startsWith('/admin') ? new Response('no', { status: 401 }) : null
  const spelled = ['/%61dmin', '/adm%69n', '/%41dmin']

  test('a fetch function in front of Hono', async () => {
    const host = newHost({ onError: () => {} })
    host.mount('/', fetchHandler(guard), { handOver: true })
    host.mount(
      '/',
      new Hono().get('/admin', c => c.text('secret')),
    )
    const { port } = await started(host)
    expect(await exchange(port, get('/admin'))).toMatch(/^HTTP\/1\.1 401 /)
    for (const path of spelled) expect(await exchange(port, get(path))).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('two fetch functions, of which nobody knows how they read; Hono apps of one kind read alike', async () => {
    const functions = newHost({ onError: () => {} })
    functions.mount('/', fetchHandler(guard), { handOver: true })
    functions.mount(
      '/',
      fetchHandler(request => new Response(decodeURIComponent(new URL(request.url).pathname))),
    )
    const { port } = await started(functions)
    for (const path of spelled) expect(await exchange(port, get(path))).toMatch(/^HTTP\/1\.1 400 /)
    expect(await exchange(port, get('/caf%C3%A9'))).toMatch(/café|cafÃ©/)
    const honos = newHost()
    honos.mount('/', new Hono(), { handOver: true })
    honos.mount(
      '/',
      new Hono().get('/open', c => c.text('open')),
    )
    expect(await exchange((await started(honos)).port, get('/%6Fpen'))).toMatch(/open$/)
  })

  test('a stripped target is in origin form, and looked at as the app will see it', async () => {
    const host = newHost({ onError: () => {} })
    const seen: (string | undefined)[] = []
    const front = express().use((req, _res, next) => {
      seen.push(req.url)
      next()
    })
    host.mount('/app', front, { handOver: true, strip: true })
    const api = fastify4({ serverFactory: host.serverFactory('/app', { strip: true }), useSemicolonDelimiter: false })
    api.get('/admin', async () => 'secret')
    const { port } = await started(host)
    for (const target of [
      'http://x/app?x=/admin',
      'http://x/app',
      'http://x/app/?y',
      '/app?x=/admin',
      'http://x/app/b',
    ]) {
      expect(await exchange(port, `GET ${target} HTTP/1.1\nHost: x\nConnection: close\n\n`)).not.toMatch(/secret/)
    }
    expect(seen).toEqual(['/?x=/admin', '/', '/?y', '/?x=/admin', '/b'])
  })

  test('an absolute target that names another host than the Host header is refused between two readings', async () => {
    const host = newHost({ onError: () => {} })
    host.mount('/', express(), { handOver: true })
    host.mount(
      '/',
      new Hono().get('/', c => c.text(new URL(c.req.url).host)),
    )
    const { port } = await started(host)
    const ask = (name: string) => exchange(port, `GET http://${name}/ HTTP/1.1\nHost: x\nConnection: close\n\n`)
    expect(await ask('x')).toMatch(/x$/)
    expect(await ask('inner')).toMatch(/^HTTP\/1\.1 400 /)
  })
})
