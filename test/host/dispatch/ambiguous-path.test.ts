/** Targets and hosts that two apps may read differently: a guard in front sees what is served behind it, or it is refused. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import connect from 'connect'
import { Hono } from 'hono'
import Koa from 'koa'
import { createHost, type Difference, type Host, type MountOptions, taskletHandler } from '../../../src/host/index.js'
import { express } from '../frameworks.js'
import { alone, closeHosts, exchange, get, newHost, started } from '../support.js'

afterEach(closeHosts)

type Next = (error?: unknown) => void
type Reader = (req: IncomingMessage) => string

const handOver = { handOver: true } satisfies MountOptions
const raw: Reader = ({ url = '' }) => url.split('?', 1)[0] ?? ''
const resolved: Reader = ({ url = '' }) => new URL(url, 'http://localhost').pathname
const decoded: Reader = req => decodeURIComponent(raw(req))

const isAdmin = (path: string) => /^\/admin(\/|$)/.test(path)

const guard = (read: Reader) => (req: IncomingMessage, res: ServerResponse, next: Next) => {
  if (isAdmin(read(req))) res.writeHead(401).end()
  else next()
}
const secret = (read: Reader) => (req: IncomingMessage, res: ServerResponse) => {
  res.end(isAdmin(read(req)) ? 'secret' : 'open')
}
const koa = (read: Reader, answer: (ctx: Koa.Context, next: Koa.Next) => unknown) =>
  new Koa().use((ctx, next) => (isAdmin(read(ctx.req)) ? answer(ctx, next) : next()))

async function served(mount: (host: Host) => unknown): Promise<(request: string) => Promise<string>> {
  const host = newHost({ onError: () => {} })
  mount(host)
  const { port } = await started(host)
  return request => exchange(port, request)
}

const BAD = /^HTTP\/1\.1 400 /

describe('of two apps of which nobody knows how they read a path', () => {
  const rows: [string, (host: Host) => unknown, string[]][] = [
    [
      'a function that decodes behind one that does not',
      host => host.mount('/', guard(raw), handOver).mount('/', secret(decoded)),
      ['/%61dmin', '/admin%2Fx', '/%41dmin', '/admin%3Fx', '/admin%09', '/%2561dmin', 'http://x/admin%20'],
    ],
    [
      'a function that resolves dots behind one that does not',
      host => host.mount('/', guard(raw), handOver).mount('/', secret(resolved)),
      ['/x/../admin', '/x/%2e%2E/admin', '/./admin', '\\admin'.replace('\\', '/\\'), '//x/admin'],
    ],
    [
      'a function that does not behind one that resolves dots',
      host => host.mount('/', guard(resolved), handOver).mount('/', secret(raw)),
      ['/admin/../x', '/admin/..'],
    ],
    [
      'a tasklet that decodes behind a tasklet',
      host =>
        host
          .mount(
            '/',
            taskletHandler(function* (req, res, next) {
              guard(raw)(req, res, next)
            }),
            handOver,
          )
          .mount(
            '/',
            taskletHandler(function* (req, res) {
              secret(decoded)(req, res)
            }),
          ),
      ['/%61dmin'],
    ],
    [
      'a Koa app that decodes behind Connect',
      host =>
        host
          .mount(
            '/',
            connect().use(
              '/admin',
              guard(() => '/admin'),
            ),
            handOver,
          )
          .mount(
            '/',
            koa(decoded, ctx => {
              ctx.body = 'secret'
            }),
          ),
      ['/%61dmin', '/admin%5Cx', '/admin%2fx'],
    ],
    [
      'a function that decodes behind an Express app',
      host =>
        host
          .mount(
            '/',
            express().use(
              '/admin',
              guard(() => '/admin'),
            ),
            handOver,
          )
          .mount('/', secret(decoded)),
      ['/%61dmin', '/admin%2Fx'],
    ],
    [
      'an Express app behind a Koa app that resolves dots',
      host =>
        host
          .mount(
            '/',
            koa(resolved, ctx => {
              ctx.status = 401
            }),
            handOver,
          )
          .mount(
            '/',
            express().use(
              '/admin',
              secret(() => '/admin'),
            ),
          ),
      ['/admin/../x'],
    ],
  ]
  test.each(rows)('%s', async (_what, mount, targets) => {
    const ask = await served(mount)
    expect(await ask(get('/admin'))).toMatch(/^HTTP\/1\.1 401 /)
    for (const target of targets) expect([target, await ask(get(target))]).toEqual([target, expect.stringMatching(BAD)])
    for (const target of ['/', '/caf%C3%A9', '/a%20b', '/x//y', '/x?y=%2F../%61'])
      expect([target, await ask(get(target))]).toEqual([target, expect.not.stringMatching(BAD)])
  })

  test('the server that the host is attached to is one', async () => {
    const host = newHost({ onError: () => {} })
    host.mount(
      '/',
      express().use(
        '/admin',
        guard(() => '/admin'),
      ),
      handOver,
    )
    const server = createServer(secret(decoded))
    await host.attach(server)
    await alone(server, async port => {
      expect(await exchange(port, get('/x'))).toMatch(/open$/)
      expect(await exchange(port, get('/%61dmin'))).toMatch(BAD)
    })
  })

  test('what is behind host.handler is one, and so is an app in it', async () => {
    const host = newHost({ onError: () => {} })
    host.mount('/', secret(decoded))
    const app = express()
      .use(
        '/admin',
        guard(() => '/admin'),
      )
      .use(host.handler)
    await alone(app, async port => {
      expect(await exchange(port, get('/x'))).toMatch(/open$/)
      for (const target of ['/%61dmin', '/admin%2Fx']) expect(await exchange(port, get(target))).toMatch(BAD)
    })
  })
})

describe('a stripped target', () => {
  test('that begins with two slashes is read as a host by some', async () => {
    const ask = await served(host =>
      host
        .mount(
          '/app',
          connect().use(
            '/admin',
            guard(() => '/admin'),
          ),
          { handOver: true, strip: true },
        )
        .mount('/app', secret(resolved), { strip: true }),
    )
    expect(await ask(get('/app/admin'))).toMatch(/^HTTP\/1\.1 401 /)
    for (const target of ['/app//x/admin', 'http://h/app//x/admin', '/app//admin/../x'])
      expect(await ask(get(target))).toMatch(BAD)
    expect(await ask(get('/app/x//y'))).toMatch(/open$/)
  })

  const hono = (path: string, text: string, status?: 401) => new Hono().all(path, c => c.text(text, status))

  test('is not what the app in front has read, though both read alike', async () => {
    const inner = createHost()
    inner.mount('/app', hono('/admin', 'secret'), { strip: true })
    for (const mount of [
      (host: Host) => host.mount('/', hono('/app/admin', 'no', 401), handOver).mount('/', inner),
      (host: Host) =>
        host
          .mount('/app', hono('/app/admin', 'no', 401), handOver)
          .mount('/app', hono('/admin', 'secret'), { strip: true }),
    ]) {
      const ask = await served(mount)
      expect(await ask(get('/app/admin'))).toMatch(/^HTTP\/1\.1 401 /)
      for (const target of ['/app/../admin', '/app/%2e%2e/admin', '/app/x/../../admin'])
        expect(await ask(get(target))).toMatch(BAD)
    }
  })

  test('has lost its host, for which the app behind then goes by the header', async () => {
    const byHost = (text: string) => (request: Request) =>
      new URL(request.url).host === 'inner' ? new Response(text) : null
    const app = (text: string) => new Hono().all('*', async c => byHost(text)(c.req.raw) ?? c.notFound())
    const ask = await served(host =>
      host.mount('/app', app('guard'), handOver).mount('/app', app('secret'), { strip: true }),
    )
    const two = (target: string, host: string) =>
      `GET http://${target}/app HTTP/1.1\nHost: ${host}\nConnection: close\n\n`
    expect(await ask(two('inner', 'inner'))).toMatch(/guard$/)
    expect(await ask(two('outer', 'inner'))).toMatch(BAD)
  })
})

describe('fetch apps of one class', () => {
  class App {
    readonly #options: { decode: boolean; text: string; status: number }
    constructor(options: { decode: boolean; text: string; status: number }) {
      this.#options = options
    }
    fetch(request: Request): Response {
      const { pathname } = new URL(request.url)
      const path = this.#options.decode ? decodeURIComponent(pathname) : pathname
      return isAdmin(path)
        ? new Response(this.#options.text, { status: this.#options.status })
        : new Response(null, { status: 404 })
    }
  }

  test('may be configured in two ways', async () => {
    const ask = await served(host =>
      host
        .mount('/', new App({ decode: false, text: 'no', status: 401 }), handOver)
        .mount('/', new App({ decode: true, text: 'secret', status: 200 })),
    )
    expect(await ask(get('/admin'))).toMatch(/^HTTP\/1\.1 401 /)
    expect(await ask(get('/%61dmin'))).toMatch(BAD)
  })

  test('such as Hono are compared in how strict they are', async () => {
    const host = newHost().mount('/', new Hono(), handOver)
    await expect(started(host.mount('/', new Hono({ strict: false })))).rejects.toMatchObject({ code: 'PATH_MISMATCH' })
  })

  const ways: [string, (request: Request) => string][] = [
    ['a header', request => request.headers.get('x-path') ?? new URL(request.url).pathname],
    ['the host', request => request.url.replace(/^https?:\/([^?]+).*$/, '$1')],
    ['what only a real request has', request => `/${request.headers.get('host')!.toLowerCase()}`],
  ]
  test.each(ways)(
    'may take a path from %s, which is an error at the start unless it is accepted',
    async (_what, getPath) => {
      for (const [front, back] of [
        [new Hono(), new Hono({ getPath })],
        [new Hono({ getPath }), new Hono()],
        [express(), new Hono({ getPath })],
      ] as const) {
        const start = (accept: Difference[]) =>
          started(newHost().mount('/', front, { handOver: true, accept }).mount('/', back))
        await expect(start([])).rejects.toMatchObject({
          code: 'PATH_MISMATCH',
          message: expect.stringContaining("{ accept: [ 'spelling' ] }"),
        })
        await start(['spelling', 'case', 'trailing-slash'])
      }
    },
  )
})
