/** Guards at a path of their own: another spelling of that path is no way around them, to an app that takes it for the same. */
import { createServer } from 'node:http'
import connect from 'connect'
import { Hono } from 'hono'
import { WebSocketServer } from 'ws'
import { createHost, type Difference, type Host } from '../../../src/host/index.js'
import { express, express4, fastify, fastify4 } from '../frameworks.js'
import { alone, closeHosts, exchange, get, newHost, started } from '../support.js'

afterEach(closeHosts)

const BAD = /^HTTP\/1\.1 400 /
const GUARDED = /^HTTP\/1\.1 401 /

function guarded(options: { strip?: boolean; accept?: Difference[] } = {}): { host: Host; codes: string[] } {
  const codes: string[] = []
  const host = newHost({ onError: error => void codes.push(`${error.code} ${error.message}`) })
  host.mount('/admin', (_req, res) => void res.writeHead(401).end(), { handOver: true, ...options })
  return { host, codes }
}

const laxSlashes = { routerOptions: { ignoreDuplicateSlashes: true, caseSensitive: false, ignoreTrailingSlash: true } }
const backs: [string, (host: Host) => unknown, refused: string[], passed: string[]][] = [
  [
    'Express',
    host =>
      host.mount(
        '/',
        express().use('/admin', (_req, res) => void res.send('secret')),
      ),
    ['/ADMIN/x', '/Admin', 'http://x/ADMIN', '/ADMIN?q', '/admin\\x#y'],
    ['/%61dmin', '/x/../admin', '//admin', '/administration', '/x'],
  ],
  [
    'Fastify 5',
    host => {
      const app = fastify({ serverFactory: host.serverFactory('/') })
      app.get('/admin', async () => 'secret')
    },
    ['/%61dmin', '/adm%69n?x', '/%61dmin/x'],
    ['/ADMIN', '//admin', '/x/admin'],
  ],
  [
    'Fastify 5, lax',
    host => {
      const app = fastify({ ...laxSlashes, serverFactory: host.serverFactory('/') })
      app.get('/admin', async () => 'secret')
    },
    ['/%61dmin', '/%41DMIN', '//admin', '//ADMIN/', '/%61DMIN'],
    ['/x/admin', '/adminx'],
  ],
  [
    'Fastify 4',
    host => {
      const app = fastify4({ serverFactory: host.serverFactory('/') })
      app.get('/admin', async () => 'secret')
    },
    ['/admin;x', '/%61dmin;x'],
    ['/x;/admin'],
  ],
  [
    'Connect',
    host =>
      host.mount(
        '/',
        connect().use('/admin', (_req, res) => void res.end('secret')),
      ),
    ['/admin.x', '/ADMIN.'],
    ['/adminx.', '/%61dmin'],
  ],
  [
    'Hono',
    host =>
      host.mount(
        '/',
        new Hono().get('/admin', c => c.text('secret')),
      ),
    ['/x/../admin', '/%61dmin', '/x/%2E%2e/%61dmin', '/./admin', 'http://x/x/../admin'],
    ['/Admin', '/admin.x'],
  ],
  [
    'a function',
    host =>
      host.mount('/', (req, res) => {
        const { pathname } = new URL(decodeURIComponent(req.url ?? ''), 'http://localhost')
        res.end(pathname.startsWith('/admin/') ? 'secret' : 'open')
      }),
    [
      '/x/../admin/',
      '/%2561dmin/x',
      '/admin%2Fx',
      '/admin%5Cx',
      '//x/admin/',
      '/admin\\x',
      '/.//x/admin/',
      '/\\\\x\\admin%5c',
      '/admin%5C%00',
      '/a%09dmin/',
    ],
    ['/x', '/x%2Fadmin'],
  ],
]

describe('a guard at a path', () => {
  test.each(backs)('in front of %s', async (_name, mount, refused, passed) => {
    const { host, codes } = guarded()
    mount(host)
    const { port } = await started(host)
    for (const target of ['/admin', '/admin/x', '/admin?x', 'http://x/admin'])
      expect(await exchange(port, get(target))).toMatch(GUARDED)
    for (const target of refused) {
      expect([target, await exchange(port, get(target))]).toEqual([target, expect.stringMatching(BAD)])
      expect(codes.pop()).toMatch(
        /^AMBIGUOUS_PATH send the path plainly, or mount one of the two apps with \{ accept: \["/,
      )
    }
    for (const target of passed)
      expect([target, await exchange(port, get(target))]).toEqual([target, expect.not.stringMatching(/ 400 |secret/)])
  })

  test('says what to accept, and is then as the mounts are', async () => {
    const app = express().use('/admin', (_req, res) => void res.send('secret'))
    const { host, codes } = guarded()
    host.mount('/', app)
    expect((await host.inject('/ADMIN')).status).toBe(400)
    expect(codes).toEqual([
      'AMBIGUOUS_PATH send the path plainly, or mount one of the two apps with { accept: ["case"] }: the (req, res, next) function ' +
        'at "/admin" and the Express app at "/" read GET /ADMIN as different paths, so the request could bypass a guard',
    ])
    const accepting = guarded({ accept: ['case'] }).host.mount('/', app)
    expect((await accepting.inject('/ADMIN')).text()).toBe('secret')
  })

  test('costs little, however long a target is', async () => {
    const { host } = guarded()
    host.mount('/', (_req, res) => void res.end('root'))
    const start = performance.now()
    for (const part of ['%25', '//x', '/..', '%20', ';', '%2F', '/.', '\\'])
      await host.inject(`/${part.repeat(Math.floor(15_000 / part.length))}x`)
    expect(performance.now() - start).toBeLessThan(2000)
  })

  test('does not concern apps to which it hands nothing over', async () => {
    const host = newHost()
    host.mount('/admin', (_req, res) => void res.end('admin'))
    host.mount(
      '/',
      express().use((_req, res) => void res.send('root')),
    )
    expect((await host.inject('/ADMIN')).text()).toBe('root')
  })

  test('is not passed by on a server that the host is attached to, nor in an app that calls the host', async () => {
    const app = express4().use('/admin', (_req, res) => void res.send('secret'))
    const { host } = guarded()
    const server = createServer(app)
    await host.attach(server)
    await alone(server, async port => {
      expect(await exchange(port, get('/admin'))).toMatch(GUARDED)
      for (const target of ['/ADMIN', '/Admin/x']) expect(await exchange(port, get(target))).toMatch(BAD)
      expect(await exchange(port, get('/administration'))).toMatch(/ 404 /)
    })
    const called = express()
      .use(guarded().host.handler)
      .use('/admin', (_req, res) => void res.send('secret'))
    await alone(called, async port => {
      expect(await exchange(port, get('/admin'))).toMatch(GUARDED)
      for (const target of ['/ADMIN', '/%61dmin', '/x/../admin']) expect(await exchange(port, get(target))).toMatch(BAD)
      expect(await exchange(port, get('/x'))).toMatch(/ 404 /)
    })
  })

  test('is not passed by in a nested host', async () => {
    const inner = createHost({ onError: () => {} })
    inner.mount('/admin', (_req, res) => void res.writeHead(401).end(), { handOver: true })
    const outer = newHost()
    outer.mount('/', inner, { handOver: true })
    outer.mount(
      '/',
      express().use('/admin', (_req, res) => void res.send('secret')),
    )
    const { port } = await started(outer)
    expect(await exchange(port, get('/admin'))).toMatch(GUARDED)
    expect(await exchange(port, get('/ADMIN'))).toMatch(BAD)
    expect(await exchange(port, get('/x'))).toMatch(/ 404 /)
  })

  test('guards upgrades as well', async () => {
    const { host } = guarded()
    const sockets = new WebSocketServer({ noServer: true })
    host.server('/').on('upgrade', (req, socket, head) => {
      const { pathname } = new URL(req.url ?? '', 'http://localhost')
      if (pathname !== '/admin') socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
      else sockets.handleUpgrade(req, socket, head, ws => ws.close())
    })
    const offer =
      'Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n'
    const ask = (port: number, path: string) => exchange(port, `GET ${path} HTTP/1.1\nHost: x\n${offer}\n`)
    const { port } = await started(host)
    expect(await ask(port, '/admin')).toMatch(GUARDED)
    expect(await ask(port, '/x/../admin')).toMatch(BAD)
    expect(await ask(port, '/x')).toMatch(/ 404 /)
    const other = guarded()
    const server = createServer().on('upgrade', (_req, socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nsecret'))
    await other.host.attach(server)
    await alone(server, async port => {
      expect(await ask(port, '/admin')).toMatch(GUARDED)
      expect(await ask(port, '/%61dmin')).toMatch(BAD)
    })
  })
})
