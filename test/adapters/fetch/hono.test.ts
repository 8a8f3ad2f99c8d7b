/**
 * Each program is run twice, by Hono's own Node server and in a host, and asked the same bytes: the answers are equal.
 * Hono's server is told to leave the globals alone, as a host does.
 */
import type { Server } from 'node:http'
import { createAdaptorServer, upgradeWebSocket } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { serveStatic } from '@hono/node-server/serve-static'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { bodyLimit } from 'hono/body-limit'
import { compress } from 'hono/compress'
import { getCookie, setCookie } from 'hono/cookie'
import { cors } from 'hono/cors'
import { csrf } from 'hono/csrf'
import { etag } from 'hono/etag'
import { HTTPException } from 'hono/http-exception'
import { logger } from 'hono/logger'
import { poweredBy } from 'hono/powered-by'
import { prettyJSON } from 'hono/pretty-json'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { stream, streamSSE, streamText } from 'hono/streaming'
import { timeout } from 'hono/timeout'
import { validator } from 'hono/validator'
import WebSocket, { WebSocketServer } from 'ws'
import { alone, closeHosts, exchange, get, newHost, RawClient, started } from '../../host/support.js'

afterEach(closeHosts)

const send = (method: string, path: string, body: string, type = 'application/json', more = '') =>
  `${method} ${path} HTTP/1.1\nHost: x\nConnection: close\nContent-Type: ${type}\n${more}` +
  `Content-Length: ${Buffer.byteLength(body)}\n\n${body}`

const own = (app: Hono) => createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server

type Build = (app: Hono) => unknown
const one =
  (handler: (c: Context) => Response | Promise<Response>): Build =>
  app =>
    app.all('*', handler)

const part = 'Content-Disposition: form-data; name'
const multipart = `--b\r\n${part}="a"\r\n\r\n1\r\n--b\r\n${part}="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\nfile\r\n--b--\r\n`

const programs: [what: string, build: Build, ...requests: string[]][] = [
  ['text', one(c => c.text('hello')), get('/'), get('/').replace('GET', 'HEAD')],
  ['JSON', one(c => c.json({ a: [1, 'ü'] }, 201)), get('/')],
  ['HTML', one(c => c.html('<p>ü</p>')), get('/')],
  ['a body without a type', one(c => c.body('x')), get('/')],
  ['bytes', one(c => c.body(new Uint8Array([0, 255, 10]))), get('/')],
  ['a blob', one(() => new Response(new Blob(['x'], { type: 'image/x' }))), get('/')],
  ['no body', one(c => c.body(null)), get('/'), get('/').replace('GET', 'HEAD')],
  ['204', one(c => c.body(null, 204)), get('/'), send('DELETE', '/', 'x')],
  ['304', one(c => c.body(null, 304, { ETag: '"x"' })), get('/')],
  ['a redirect', one(c => c.redirect('/next?a=b')), get('/')],
  ['the own 404', app => app.get('/a', c => c.text('a')), get('/b'), send('POST', '/a', '{}')],
  ['a 404 of the app’s', app => app.notFound(c => c.json({ sorry: c.req.path }, 404)), get('/a/b')],
  [
    'headers',
    one(c => {
      c.header('X-B', '2')
      c.header('X-A', '1')
      c.header('X-A', '1b', { append: true })
      return c.text('x', 200, { 'X-C': '3' })
    }),
    get('/'),
  ],
  [
    'cookies',
    one(c => {
      setCookie(c, 'a', '1', { httpOnly: true, path: '/' })
      setCookie(c, 'b', '2; x')
      return c.json(getCookie(c))
    }),
    get('/', 'Cookie: q=1; r=2\n'),
    get('/', 'Cookie: q=1\nCookie: r=2\n'),
  ],
  [
    'the request as it was sent',
    one(c => c.json([c.req.method, c.req.url, c.req.path, c.req.header(), c.req.queries()])),
    get('/a%20b/c?d=e&d=f&g', 'X-A: 1\nX-A: 2\nAccept: */*\n'),
    get('//double//slash'),
    get('/a/../b/./c'),
    get('/%zz'),
    get('/a#b?c'),
    get('/a?b=<>"`{}|^'),
    get('http://abs.example:8080/x?y'),
    send('PUT', '/', 'x'),
    'PROPFIND / HTTP/1.1\nHost: x\nConnection: close\n\n',
    'TRACE / HTTP/1.1\nHost: x\nConnection: close\n\n',
    'OPTIONS * HTTP/1.1\nHost: x\nConnection: close\n\n',
    'GET / HTTP/1.1\nHost: UPPER.example\nConnection: close\n\n',
    'GET / HTTP/1.1\nHost: [::1]:80\nConnection: close\n\n',
    'GET / HTTP/1.1\nHost: a@b\nConnection: close\n\n',
    'GET / HTTP/1.1\nHost: a/b\nConnection: close\n\n',
    'GET /\\x HTTP/1.1\nHost: x\nConnection: close\n\n',
    'GET / HTTP/1.0\nHost: x\n\n',
  ],
  [
    'parameters',
    app => app.get('/u/:id/:rest{.+}', c => c.json(c.req.param())),
    get('/u/1/a/b'),
    get('/u/%C3%BC/x%2Fy'),
    get('/u/%zz/x'),
  ],
  [
    'bodies',
    app =>
      app
        .post('/json', async c => c.json(await c.req.json()))
        .post('/text', async c => c.text(await c.req.text()))
        .post('/form', async c => {
          const body = await c.req.parseBody()
          const file = body.f
          return c.json({ ...body, f: file instanceof File ? [file.name, file.type, await file.text()] : null })
        })
        .post('/bytes', async c => c.json((await c.req.arrayBuffer()).byteLength))
        .post('/blob', async c => c.json((await c.req.blob()).type)),
    send('POST', '/json', '{"a":"ü"}'),
    send('POST', '/json', '{bad'),
    send('POST', '/json', ''),
    send('POST', '/text', 'text', 'text/plain'),
    'POST /text HTTP/1.1\nHost: x\nConnection: close\nTransfer-Encoding: chunked\n\n3\nabc\n2\nde\n0\n\n',
    send('POST', '/form', 'a=1&b=c+d', 'application/x-www-form-urlencoded'),
    send('POST', '/form', multipart, 'multipart/form-data; boundary=b'),
    send('POST', '/bytes', 'x'.repeat(100_000), 'application/octet-stream'),
    send('POST', '/blob', 'x', 'image/x'),
    send('POST', '/text', 'expected', 'text/plain', 'Expect: 100-continue\n'),
  ],
  [
    'a body that is not read, and another request behind it',
    one(c => c.text(c.req.path)),
    `${send('POST', '/1', 'x'.repeat(50_000)).replace('Connection: close\n', '')}${get('/2')}`,
  ],
  [
    'errors',
    app => {
      app.get('/thrown', () => {
        throw new Error('secret')
      })
      app.get('/http', () => {
        throw new HTTPException(418, { message: 'teapot' })
      })
      app.get('/response', () => {
        throw new HTTPException(401, { res: new Response('who?', { status: 401, headers: { 'X-A': 'b' } }) })
      })
    },
    get('/thrown'),
    get('/http'),
    get('/response'),
  ],
  [
    'errors that the app shows',
    app =>
      app
        .onError((e, c) => c.text(e.message, 500))
        .get('/', () => {
          throw new Error('shown')
        }),
    get('/'),
  ],
  [
    'a stream of text',
    one(c =>
      streamText(c, async out => {
        for (const word of ['a', 'b', 'c']) {
          await out.write(word)
          await out.sleep(2)
        }
      }),
    ),
    get('/'),
    get('/').replace('GET', 'HEAD'),
  ],
  [
    'a stream of events',
    one(c =>
      streamSSE(c, async out => {
        for (let id = 0; id < 3; id++) {
          await out.writeSSE({ data: `n ${id}`, id: `${id}` })
          await out.sleep(2)
        }
      }),
    ),
    get('/'),
  ],
  ['a stream of bytes', one(c => stream(c, out => out.write(new Uint8Array([1, 2])).then(() => {}))), get('/')],
  ['a stream that fails before it has begun', one(c => stream(c, () => Promise.reject(new Error('x')))), get('/')],
  [
    'a stream with a length',
    one(c => {
      c.header('Content-Length', '2')
      return stream(c, out => out.write('ab').then(() => {}))
    }),
    get('/'),
  ],
  [
    'middleware',
    app => {
      app.use(cors({ origin: 'http://o', credentials: true }), etag(), poweredBy(), secureHeaders(), prettyJSON())
      app.use(requestId({ generator: () => 'id' }))
      app.get('/', c => c.json({ a: 1 }))
    },
    get('/'),
    get('/', 'If-None-Match: "702bdfb6bd34d53c5ef1f7a7c5b8e8ba9b2be6dd"\n'),
    get('/?pretty'),
    'OPTIONS / HTTP/1.1\nHost: x\nConnection: close\nOrigin: http://o\nAccess-Control-Request-Method: PUT\n\n',
  ],
  [
    'compression',
    app => app.use(compress()).get('/', c => c.text('x'.repeat(5000))),
    get('/', 'Accept-Encoding: gzip\n'),
    get('/'),
  ],
  [
    'guards',
    app =>
      app
        .use('/auth', basicAuth({ username: 'u', password: 'p' }))
        .use('/form', csrf())
        .use('/small', bodyLimit({ maxSize: 3 }))
        .use('/slow', timeout(5))
        .get('/slow', async c => {
          await new Promise(resolve => setTimeout(resolve, 50))
          return c.text('late')
        })
        .all('*', c => c.text('in')),
    get('/auth'),
    get('/auth', `Authorization: Basic ${btoa('u:p')}\n`),
    send('POST', '/form', 'a=b', 'application/x-www-form-urlencoded', 'Origin: http://evil\n'),
    send('POST', '/form', 'a=b', 'application/x-www-form-urlencoded', 'Origin: http://x\n'),
    send('POST', '/small', 'abc', 'text/plain'),
    send('POST', '/small', 'abcd', 'text/plain'),
    get('/slow'),
  ],
  [
    'a validator',
    app =>
      app.post(
        '/',
        validator('json', (value, c) => (value.a === 1 ? value : c.text('no', 400))),
        c => c.json(c.req.valid('json')),
      ),
    send('POST', '/', '{"a":1}'),
    send('POST', '/', '{"a":2}'),
    send('POST', '/', '{"a"'),
  ],
  [
    'apps in an app',
    app =>
      app
        .route(
          '/sub',
          new Hono().get('/x', c => c.text(c.req.path)),
        )
        .basePath('/base')
        .get('/y', c => c.text('y')),
    get('/sub/x'),
    get('/base/y'),
    get('/sub'),
  ],
  [
    'an app that is mounted as a function',
    app => app.mount('/other', (request: Request) => new Response(new URL(request.url).pathname)),
    get('/other/a'),
    get('/other'),
  ],
  [
    'static files',
    app => app.get('*', serveStatic({ root: './' })),
    get('/LICENSE'),
    get('/LICENSE', 'Range: bytes=0-9\n'),
    get('/no'),
  ],
  ['Node’s own request', one(c => c.json([c.env.incoming.url, getConnInfo(c).remote.addressType])), get('/a?b')],
  [
    'Node’s own response',
    one(c => {
      c.env.outgoing.writeHead(202, { 'X-Native': 'yes' })
      c.env.outgoing.end('native')
      return RESPONSE_ALREADY_SENT
    }),
    get('/'),
  ],
  [
    'a response that came from elsewhere',
    one(async () => {
      const response = await fetch('data:text/plain,from%20elsewhere')
      return new Response(response.body, response)
    }),
    get('/'),
  ],
  [
    'a clone of the request',
    one(async c => c.text((await c.req.raw.clone().text()) + (await c.req.text()))),
    send('POST', '/', 'x'),
  ],
  ['a status text', one(() => new Response('x', { status: 299 })), get('/')],
]

/** An app may not say that a connection is kept: its own server would not close it, though the client asks for that. */
const closing: Build = app =>
  app.use(async (c, next) => {
    await next()
    c.res.headers.delete('connection')
  })

describe('a hosted Hono app answers byte for byte as on its own server', () => {
  beforeEach(() => {
    jest.spyOn(console, 'error').mockImplementation(() => {})
    jest.spyOn(console, 'log').mockImplementation(() => {})
  })
  afterEach(() => {
    jest.restoreAllMocks()
  })

  test.each(programs)('%s', async (_what, build, ...requests) => {
    const app = new Hono().use(logger())
    closing(app)
    build(app)
    const expected = await alone(own(app), async port => {
      const answers: string[] = []
      for (const request of requests) answers.push(await exchange(port, request))
      return answers
    })
    const host = newHost()
    host.mount('/', app)
    const { port } = await started(host)
    for (const [i, request] of requests.entries()) {
      const answer = await exchange(port, request)
      expect({ request, answer }).toEqual({ request, answer: expected[i] })
    }
  })
})

test('where the two differ', async () => {
  const app = new Hono()
  app.get('/url', c => c.text(new URL(c.req.url).hostname))
  app.get('/said', () => new Response('x', { statusText: 'Said So' }))
  app.get('/stream', c => streamText(c, out => out.write('a').then(() => {})))
  app.get('/events', c => streamSSE(c, out => out.writeSSE({ data: 'x' })))
  const look = async (port: number) => ({
    oldWithoutHost: (await exchange(port, 'GET /url HTTP/1.0\n\n')).slice(9, 12),
    oldGetsChunks: (await exchange(port, get('/stream').replace('1.1', '1.0'))).endsWith('\r\n0\r\n\r\n'),
    statusText: (await exchange(port, get('/said'))).split('\r\n')[0],
    keepsWhatTheClientEnds: await keeps(port),
  })
  const keeps = async (port: number) => {
    const client = new RawClient(port).send(get('/events'))
    const kept = /connection: keep-alive/i.test(await client.until(/\r\n0\r\n\r\n/))
    client.socket.destroy()
    return kept
  }
  expect(await alone(own(app), look)).toEqual({
    oldWithoutHost: '400',
    oldGetsChunks: true,
    statusText: 'HTTP/1.1 200 OK',
    keepsWhatTheClientEnds: true,
  })
  const host = newHost()
  host.mount('/', app)
  expect(await look((await started(host)).port)).toEqual({
    oldWithoutHost: '200',
    oldGetsChunks: false,
    statusText: 'HTTP/1.1 200 Said So',
    keepsWhatTheClientEnds: false,
  })
})

test('its WebSockets work when its own server is made on a mount server', async () => {
  const host = newHost()
  const app = new Hono().get(
    '/live/ws',
    upgradeWebSocket(() => ({
      onMessage(event, ws) {
        ws.send(`echo ${event.data}`)
      },
    })),
  )
  app.get('/live/page', c => c.text('page'))
  const wss = new WebSocketServer({ noServer: true })
  createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    websocket: { server: wss as never },
    createServer: ((_options: object, listener: (req: never, res: never) => void) =>
      host.serverFactory('/live')(listener as never)) as never,
  })
  const { port, url } = await started(host)
  expect(await (await fetch(`${url}/live/page`)).text()).toBe('page')
  const client = new WebSocket(`ws://127.0.0.1:${port}/live/ws`)
  await new Promise(resolve => client.once('open', resolve))
  client.send('hi')
  expect(String(await new Promise(resolve => client.once('message', resolve)))).toBe('echo hi')
  client.close()
  await new Promise(resolve => client.once('close', resolve))
})

test('the globals are left alone', async () => {
  const before = [Request, Response, Headers, fetch]
  const host = newHost()
  host.mount(
    '/',
    new Hono().get('/', c => c.text('x')),
  )
  const { port } = await started(host)
  const client = new RawClient(port).send(get('/'))
  await client.closed
  expect([Request, Response, Headers, fetch]).toEqual(before)
})
