import Koa from 'koa'
import type { SynclessError } from '../../../src/core/index.js'
import { alone, closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../../host/support.js'

afterEach(closeHosts)
// Koa prints the errors that it answers.
beforeEach(() => {
  jest.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(() => {
  jest.restoreAllMocks()
})

function sample(): Koa {
  const app = new Koa({ keys: ['k'] })
  app.use(async (ctx, next) => {
    ctx.set('X-Before', ctx.url)
    await next()
    ctx.set('X-After', String(ctx.status))
  })
  app.use(async ctx => {
    switch (ctx.path) {
      case '/text':
        ctx.body = 'text'
        break
      case '/json':
        ctx.body = { query: ctx.query, original: ctx.originalUrl, ip: ctx.ip, host: ctx.host }
        break
      case '/buffer':
        ctx.body = Buffer.from([0, 1, 2])
        break
      case '/null':
        ctx.body = null
        break
      case '/stream':
        ctx.body = require('node:fs').createReadStream('LICENSE')
        break
      case '/response':
        ctx.body = new Response('a response', { status: 203, headers: { 'x-from': 'fetch' } })
        break
      case '/cookie':
        ctx.cookies.set('a', '1', { signed: true })
        ctx.cookies.set('b', '2')
        ctx.body = 'set'
        break
      case '/redirect':
        ctx.redirect('/text')
        break
      case '/throws':
        ctx.throw(418, 'teapot')
        break
      case '/crash':
        throw new Error('secret')
      case '/fresh':
        ctx.etag = 'x'
        ctx.body = 'fresh'
        if (ctx.fresh) ctx.status = 304
        break
      case '/native':
        ctx.respond = false
        ctx.res.statusCode = 202
        setImmediate(() => ctx.res.end('native'))
        break
      case '/echo':
        ctx.body = ctx.req
        ctx.type = 'text/plain'
    }
  })
  return app
}

const requests: Record<string, string> = Object.fromEntries(
  ['text', 'json?a=b&a=c', 'buffer', 'null', 'stream', 'response', 'cookie', 'redirect', 'throws', 'crash', 'native']
    .map(path => [path, get(`/${path}`)])
    .concat([
      ['missing', get('/missing')],
      ['HEAD', get('/text').replace('GET', 'HEAD')],
      ['OPTIONS', get('/text').replace('GET', 'OPTIONS')],
      ['fresh', get('/fresh', 'If-None-Match: "x"\n')],
      ['undecodable', get('/%zz')],
      ['HTTP/1.0', get('/text').replace('1.1', '1.0')],
      ['POST', 'POST /echo HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 5\n\nhello'],
      ['chunks', 'POST /echo HTTP/1.1\nHost: x\nConnection: close\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n'],
    ]),
)

describe('a hosted Koa app answers byte for byte as a bare one', () => {
  test.each(Object.entries(requests))('%s', async (_what, request) => {
    const expected = await alone(sample().callback(), port => exchange(port, request))
    const host = newHost()
    host.mount('/', sample())
    const { port } = await started(host)
    expect(await exchange(port, request)).toBe(expected)
    expect(expected).toMatch(/^HTTP\/1.1 \d{3} /)
  })
})

test('under strip it sees the rest of the path', async () => {
  const host = newHost()
  host.mount('/koa', sample(), { strip: true })
  const { url } = await started(host)
  expect(await (await fetch(`${url}/koa/json?a`)).json()).toMatchObject({ query: { a: '' }, original: '/json?a' })
})

test('middleware and error listeners that are added after mount() count, and the errors are theirs alone', async () => {
  const errors: SynclessError[] = []
  const host = newHost({ onError: error => void errors.push(error) })
  const app = new Koa()
  host.mount('/', app)
  app.use(() => {
    throw new Error('late')
  })
  const heard = defer<Error>()
  app.on('error', heard.resolve)
  const { port } = await started(host)
  expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 500/)
  expect((await heard.promise).message).toBe('late')
  expect(app.listenerCount('error')).toBe(1)
  expect(console.error).not.toHaveBeenCalled()
  expect(errors).toEqual([])
})

test('mounted while the host listens, it serves', async () => {
  const host = newHost()
  const { port } = await started(host)
  host.mount('/late', sample(), { strip: true })
  await turns()
  expect(await exchange(port, get('/late/text'))).toMatch(/\r\n\r\ntext$/)
})

test('an error listener of the app’s that throws fails the request, not the process', async () => {
  const errors: SynclessError[] = []
  const host = newHost({ onError: error => void errors.push(error) })
  const app = new Koa()
  app.use(() => {
    throw new Error('first')
  })
  app.on('error', () => {
    throw new Error('second')
  })
  host.mount('/', app)
  const { port } = await started(host)
  expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 500 Internal Server Error/)
  expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: { message: 'second' } }])
})

test('a client that leaves ends the stream that it was sent', async () => {
  const { PassThrough } = await import('node:stream')
  const body = new PassThrough()
  const host = newHost()
  host.mount(
    '/',
    new Koa().use(ctx => {
      ctx.body = body
    }),
  )
  const { port } = await started(host)
  const client = new RawClient(port).send(get('/'))
  body.write('part')
  await client.until(/part/)
  const closed = new Promise(resolve => body.once('close', resolve))
  client.socket.destroy()
  await closed
})
