/** The kinds of app that take HTTP/2 beside Fastify: fetch apps, Koa, Connect. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'
import connectApp from 'connect'
import { Hono } from 'hono'
import { streamText } from 'hono/streaming'
import Koa from 'koa'
import { fetchHandler, type Host } from '../../src/host/index.js'
import { ca, server as tls } from './certificates.js'
import { express } from './frameworks.js'
import { closeHosts, defer, newHost, turns } from './support.js'

const sessions: ClientHttp2Session[] = []

afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy()
})
afterEach(closeHosts)
beforeEach(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
})
afterEach(() => {
  jest.restoreAllMocks()
})

async function client(mount: (host: Host) => void): Promise<ClientHttp2Session> {
  const host = newHost({ tls, http2: true })
  mount(host)
  const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
  const session = connect(`https://127.0.0.1:${port}`, { ca })
  sessions.push(session)
  await once(session, 'connect')
  return session
}

function ask(
  session: ClientHttp2Session,
  path: string,
  { method = 'GET', body }: { method?: string; body?: string } = {},
) {
  return new Promise<{ headers: IncomingHttpHeaders; text: string; code: number }>(resolve => {
    const stream = session.request({ ':method': method, ':path': path })
    let headers: IncomingHttpHeaders = {}
    let text = ''
    stream.on('response', received => {
      headers = received
    })
    stream.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
    stream.on('error', () => {})
    stream.on('close', () => resolve({ headers, text, code: stream.rstCode ?? 0 }))
    stream.end(body)
  })
}

describe('a fetch app over HTTP/2', () => {
  const app = new Hono()
  app.get('/hello', c => {
    c.header('set-cookie', 'a=1')
    c.header('set-cookie', 'b=2', { append: true })
    c.header('connection', 'keep-alive')
    return c.json({ url: new URL(c.req.url).pathname, scheme: new URL(c.req.url).protocol })
  })
  app.all('/echo', async c => c.text(`${c.req.method} ${await c.req.text()}`))
  app.get('/stream', c =>
    streamText(c, async out => {
      for (const word of ['a', 'b']) await out.write(word).then(() => out.sleep(1))
    }),
  )
  app.get('/status', () => new Response('x', { status: 203, statusText: 'Ignored' }))
  app.get('/breaks', () => {
    let pulls = 0
    const body = new ReadableStream({
      async pull(controller) {
        if (pulls++ > 0) throw new Error('lost')
        controller.enqueue(new TextEncoder().encode('part'))
        await turns()
      },
    })
    return new Response(body)
  })

  test('sees the request and is heard', async () => {
    const session = await client(host => void host.mount('/', app))
    const hello = await ask(session, '/hello?x')
    expect(JSON.parse(hello.text)).toEqual({ url: '/hello', scheme: 'https:' })
    expect(hello.headers).toMatchObject({ ':status': 200, 'set-cookie': ['a=1', 'b=2'] })
    expect(hello.headers).not.toHaveProperty('connection')
    expect((await ask(session, '/echo', { method: 'POST', body: 'body' })).text).toBe('POST body')
    expect((await ask(session, '/echo', { method: 'POST', body: '' })).text).toBe('POST ')
    expect(await ask(session, '/stream')).toMatchObject({ text: 'ab', code: 0 })
    expect((await ask(session, '/status')).headers[':status']).toBe(203)
    expect(await ask(session, '/hello', { method: 'HEAD' })).toMatchObject({ text: '', code: 0 })
    expect((await ask(session, '/none')).headers[':status']).toBe(404)
  })

  test('that fails in the middle breaks off its stream, and no other', async () => {
    const session = await client(host => void host.mount('/', app))
    const broken = await ask(session, '/breaks')
    expect(broken.code).not.toBe(0)
    expect((await ask(session, '/echo')).text).toBe('GET ')
  })

  test('hears of a stream that is reset', async () => {
    const aborted = defer<Request>()
    const here = defer()
    const waits = fetchHandler(request => {
      request.signal.addEventListener('abort', () => aborted.resolve(request))
      here.resolve()
      return new Promise(() => {})
    })
    const session = await client(host => void host.mount('/', waits))
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => {})
    await here.promise
    stream.close(8)
    expect((await aborted.promise).signal.reason).toMatchObject({ name: 'AbortError' })
  })

  test('reads a long body as it comes', async () => {
    const counts = fetchHandler(async request => {
      let size = 0
      for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) size += chunk.length
      return Response.json(size)
    })
    const session = await client(host => void host.mount('/', counts))
    expect((await ask(session, '/', { method: 'POST', body: 'x'.repeat(3_000_000) })).text).toBe('3000000')
  })
})

test('Koa and Connect apps over HTTP/2', async () => {
  const session = await client(host => {
    const koa = new Koa()
    koa.silent = true
    koa.use(ctx => {
      if (ctx.path === '/koa/throw') ctx.throw(418, 'teapot')
      if (ctx.path === '/koa') ctx.body = { version: ctx.req.httpVersion }
    })
    host.mount('/koa', koa)
    const app = connectApp()
    app.use('/connect/in', (req: connectApp.IncomingMessage, res: ServerResponse) =>
      res.end(`${req.url} ${req.originalUrl}`),
    )
    host.mount('/connect', app)
  })
  expect((await ask(session, '/koa')).text).toBe('{"version":"2.0"}')
  expect(await ask(session, '/koa/throw')).toMatchObject({ headers: { ':status': 418 }, text: 'teapot' })
  expect((await ask(session, '/koa/none')).headers[':status']).toBe(404)
  expect((await ask(session, '/connect/in/x')).text).toBe('/x /connect/in/x')
  expect(await ask(session, '/connect/none')).toMatchObject({ headers: { ':status': 404 }, code: 0 })
})

test('so does a host in a host of HTTP/2', async () => {
  const [outer, inner] = [newHost({ tls, http2: true }), newHost()]
  inner.mount('/express', express())
  outer.mount('/', inner)
  await expect(outer.listen({ port: 0 })).rejects.toMatchObject({ code: 'HTTP2_UNSUPPORTED' })
})

test('a host that is attached to a server of HTTP/2 refuses what cannot take it', async () => {
  const { createSecureServer } = await import('node:http2')
  const server = createSecureServer(tls, (_req, res) => res.end('own'))
  const refused = newHost()
  refused.mount('/express', express())
  await expect(refused.attach(server)).rejects.toMatchObject({ code: 'HTTP2_UNSUPPORTED' })
  const host = newHost()
  host.mount(
    '/hono',
    new Hono().get('/hono', c => c.text('hosted')),
  )
  await host.attach(server)
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const session = connect(`https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, { ca })
  sessions.push(session)
  expect((await ask(session, '/hono')).text).toBe('hosted')
  expect((await ask(session, '/other')).text).toBe('own')
  expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
  expect((await ask(session, '/hono')).text).toBe('own')
  session.close()
  server.close()
})
