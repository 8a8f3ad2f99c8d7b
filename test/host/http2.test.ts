import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ClientHttp2Session, connect, constants, Http2ServerResponse, type IncomingHttpHeaders } from 'node:http2'
import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { Readable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import connectApp from 'connect'
import express from 'express'
import fastify from 'fastify'
import fastify4 from 'fastify4'
import { Hono } from 'hono'
import Koa from 'koa'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import type { SynclessError } from '../../src/core/base/errors.js'
import { sleep } from '../../src/core/index.js'
import { type Host, type HostOptions, requestScope, taskletHandler } from '../../src/host/index.js'
import { virtualClock } from '../../src/testing/index.js'
import { meantWarnings } from '../warnings.js'
import { ca, server as tls } from './certificates.js'
import { closeHosts, defer, exchange, get, newHost, turns } from './support.js'

meantWarnings(/its onListen hooks will not run/)

const express4: typeof express = jest.requireActual('express4')
const sessions: ClientHttp2Session[] = []

afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy()
})
afterEach(closeHosts)

const newHttp2Host = (options: HostOptions = {}): Host => newHost({ tls, http2: true, ...options })

async function client(host: Host): Promise<ClientHttp2Session> {
  const port = host.listening
    ? (host.addresses()[0]?.port ?? 0)
    : (await host.listen({ port: 0, host: '127.0.0.1' })).port
  const session = connect(`https://127.0.0.1:${port}`, { ca })
  sessions.push(session)
  session.on('error', () => {})
  await once(session, 'connect')
  return session
}

interface Answer {
  status: number | undefined
  headers: IncomingHttpHeaders
  text: string
  trailers: IncomingHttpHeaders
  /** What the stream was reset with; 0 after a normal end. */
  code: number
}

function ask(
  session: ClientHttp2Session,
  path: string,
  options: { method?: string; body?: string; headers?: object } = {},
) {
  return new Promise<Answer>(resolve => {
    const { method = 'GET', body, headers } = options
    const stream = session.request({ ':method': method, ':path': path, ...headers })
    const answer: Answer = { status: undefined, headers: {}, text: '', trailers: {}, code: 0 }
    stream.on('response', received => {
      answer.status = received[':status']
      answer.headers = received
    })
    stream.on('trailers', received => {
      answer.trailers = received
    })
    stream.setEncoding('utf8').on('data', chunk => {
      answer.text += chunk
    })
    stream.on('error', () => {})
    stream.on('close', () => resolve({ ...answer, code: stream.rstCode ?? 0 }))
    stream.end(body)
  })
}

const kinds: Record<string, (host: Host) => void> = {
  'a plain function': host => {
    host.mount('/', async (req: IncomingMessage, res: ServerResponse) => {
      if (req.url === '/throw') throw new Error('no')
      if (req.url === '/stream') Readable.from(['one ', 'two']).pipe(res)
      else if (req.method === 'POST') req.pipe(res)
      else res.writeHead(200, { 'x-version': req.httpVersion }).end('hello')
    })
  },
  'a tasklet handler': host => {
    host.mount(
      '/',
      taskletHandler(function* (req, res) {
        yield* sleep(1)
        if (req.url === '/throw') throw new Error('no')
        if (req.url === '/stream') Readable.from(['one ', 'two']).pipe(res)
        else if (req.method === 'POST') req.pipe(res)
        else res.end('hello')
      }),
    )
  },
  'Fastify 5 by its server factory': host => fastifyRoutes(fastify({ serverFactory: host.serverFactory('/') })),
  'Fastify 4 by its server factory': host => fastifyRoutes(fastify4({ serverFactory: host.serverFactory('/') })),
  'Fastify 5, prebuilt': host => void host.mount('/', fastifyRoutes(fastify())),
  'Fastify 5, made with http2': host => void host.mount('/', fastifyRoutes(fastify({ http2: true }))),
  Koa: host => {
    const app = new Koa()
    app.silent = true
    app.use(ctx => {
      if (ctx.path === '/throw') throw new Error('no')
      if (ctx.path === '/stream') ctx.body = Readable.from(['one ', 'two'])
      else ctx.body = ctx.method === 'POST' ? ctx.req : 'hello'
    })
    host.mount('/', app)
  },
  Connect: host => {
    const app = connectApp()
    app.use((req: IncomingMessage, res: ServerResponse, next: () => void) => {
      if (req.url === '/stream') Readable.from(['one ', 'two']).pipe(res)
      else if (req.method === 'POST') req.pipe(res)
      else if (req.url === '/throw') throw new Error('no')
      else if (req.url === '/hello') res.end('hello')
      else next()
    })
    host.mount('/', app)
  },
  Hono: host => {
    const app = new Hono()
    app.get('/hello', c => c.text('hello'))
    app.post('/echo', async c => c.text(await c.req.text()))
    app.get('/stream', c => c.body(Readable.toWeb(Readable.from([Buffer.from('one '), Buffer.from('two')])) as never))
    app.get('/throw', () => {
      throw new Error('no')
    })
    app.onError((_error, c) => c.text('failed', 500))
    host.mount('/', app)
  },
}

// biome-ignore lint/suspicious/noExplicitAny: instances of two majors, whose types differ
function fastifyRoutes<T extends Record<string, any>>(app: T): T {
  app.addContentTypeParser(
    'text/plain',
    { parseAs: 'string' },
    (_req: unknown, body: string, done: (error: null, body: string) => void) => done(null, body),
  )
  app.get('/hello', async () => 'hello')
  app.post('/echo', async (req: { body: unknown }) => req.body)
  app.get('/stream', (_req: unknown, reply: { send(body: unknown): void }) =>
    reply.send(Readable.from(['one ', 'two'])),
  )
  app.get('/throw', async () => {
    throw new Error('no')
  })
  return app
}

describe.each(Object.keys(kinds))('%s', kind => {
  test('serves HTTP/2 and HTTP/1.1 alike', async () => {
    const errors: SynclessError[] = []
    const host = newHttp2Host({ onError: error => void errors.push(error) })
    kinds[kind]?.(host)
    const session = await client(host)
    const answers = await Promise.all([
      ask(session, '/hello'),
      ask(session, '/stream'),
      ask(session, '/echo', { method: 'POST', body: 'body', headers: { 'content-type': 'text/plain' } }),
      ask(session, '/throw'),
      ask(session, '/hello', { method: 'HEAD' }),
    ])
    const [hello, stream, echo, failed, head] = answers
    expect([hello?.status, hello?.text]).toEqual([200, 'hello'])
    expect([stream?.status, stream?.text]).toEqual([200, 'one two'])
    expect([echo?.status, echo?.text]).toEqual([200, 'body'])
    expect(failed?.status).toBe(500)
    expect([head?.status, head?.text]).toEqual([200, ''])
    expect(answers.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0])
    for (const error of errors) expect([error.code, (error.cause as Error).message]).toEqual(['HANDLER_FAILED', 'no'])
    expect(await overHttp1(host, '/hello')).toEqual([200, 'hello', '1.1'])
    session.close()
    expect((await host.close()).clean).toBe(true)
  })
})

function overHttp1(host: Host, path: string): Promise<unknown[]> {
  const port = host.addresses()[0]?.port
  return new Promise((resolve, reject) => {
    const req = request({ port, host: '127.0.0.1', path, ca, agent: false }, async res => {
      let text = ''
      for await (const chunk of res) text += chunk
      resolve([res.statusCode, text, res.httpVersion])
    })
    req.on('error', reject).end()
  })
}

describe('an app that cannot serve HTTP/2', () => {
  const refused = expect.objectContaining({
    code: 'HTTP2_UNSUPPORTED',
    message: expect.stringContaining('Express app at "/e"'),
  })

  test.each([
    ['Express 5', () => express()],
    ['Express 4', () => express4()],
  ])('%s is refused where it is mounted, and where it was attached at the start', async (_name, app) => {
    const host = newHttp2Host()
    expect(() => host.mount('/e', app())).toThrow(refused)
    host.server('/e').on('request', app())
    await expect(host.listen({ port: 0, host: '127.0.0.1' })).rejects.toEqual(refused)
    expect(host.listening).toBe(false)
    // Without HTTP/2, all is well.
    expect(() => newHost({ tls }).mount('/e', app())).not.toThrow()
  })

  test.each([
    ['answers', () => express().get('/', (_req, res) => void res.send('hi'))],
    ['answers late', () => express().get('/', (_req, res) => void setImmediate(() => res.end('hi')))],
    ['answers not at all', () => express().get('/', () => {})],
  ])('hidden in a function, that %s: its requests are broken off, and the process lives', async (_what, app) => {
    const errors: SynclessError[] = []
    const host = newHttp2Host({ onError: error => void errors.push(error) })
    const hidden = app()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => hidden(req, res))
    host.mount('/other', (_req: IncomingMessage, res: ServerResponse) => res.end('fine'))
    const session = await client(host)
    const { text, code } = await ask(session, '/')
    expect([text, code]).toEqual(['', constants.NGHTTP2_INTERNAL_ERROR])
    expect(errors.map(error => error.code)).toContain('HTTP2_UNSUPPORTED')
    expect((await ask(session, '/other')).text).toBe('fine')
    expect((await host.close()).clean).toBe(true)
  })
})

describe('what the host is given', () => {
  test('needs a certificate, and settings that Node knows', () => {
    const code = 'INVALID_ARGUMENT'
    expect(() => newHost({ http2: true })).toThrow(expect.objectContaining({ code }))
    expect(() => newHttp2Host({ http2: { settings: { maxFrameSize: 1 } } })).toThrow(expect.objectContaining({ code }))
  })

  test('bounds the streams of a session and the size of headers', async () => {
    const host = newHttp2Host({ http: { maxHeaderSize: 1_000 } }).mount(
      '/',
      (_req: IncomingMessage, res: ServerResponse) => res.end(),
    )
    const session = await client(host)
    await once(session, 'remoteSettings')
    expect(session.remoteSettings.maxConcurrentStreams).toBe(128)
    expect((await ask(session, '/', { headers: { big: 'x'.repeat(2_000) } })).code).not.toBe(0)
    expect((await ask(session, '/')).status).toBe(200)
    const chosen = newHttp2Host({ http2: { settings: { maxConcurrentStreams: 7 } } })
    const other = await client(chosen)
    await once(other, 'remoteSettings')
    expect(other.remoteSettings.maxConcurrentStreams).toBe(7)
  })

  test('allowHTTP1: false leaves nothing for clients without HTTP/2', async () => {
    const host = newHttp2Host({ http2: { allowHTTP1: false } }).mount(
      '/',
      (_req: IncomingMessage, res: ServerResponse) => res.end('two'),
    )
    const session = await client(host)
    expect((await ask(session, '/')).text).toBe('two')
    const { port } = host.addresses()[0] ?? { port: 0 }
    const socket = connectTls({ port, host: '127.0.0.1', ca })
    await once(socket, 'secureConnect')
    let text = ''
    socket.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
    await once(socket, 'end')
    expect(text).toContain('HTTP/1.0 403 Forbidden')
  })

  test('beside HTTP on the same port', async () => {
    const host = newHttp2Host().mount('/', (req: IncomingMessage, res: ServerResponse) => res.end(req.httpVersion))
    const { port } = await host.listen({ port: 0, host: '127.0.0.1', protocol: 'both' })
    expect(await exchange(port, get('/'))).toMatch(/1\.1$/)
    expect((await overHttp1(host, '/'))[1]).toBe('1.1')
    expect((await ask(await client(host), '/')).text).toBe('2.0')
  })
})

test('Socket.IO: polling over HTTP/2 sessions that exist, WebSockets over HTTP/1.1', async () => {
  const host = newHttp2Host()
  new Server(host.server('/socket.io')).on('connection', socket => socket.on('double', (n, done) => done(2 * n)))
  const session = await client(host)
  expect((await ask(session, '/socket.io/?EIO=4&transport=polling')).text).toMatch(/^0\{"sid"/)
  const { port } = host.addresses()[0] ?? { port: 0 }
  const socket = io(`https://127.0.0.1:${port}`, { ca: ca.toString(), forceNew: true, reconnection: false })
  expect(await socket.emitWithAck('double', 21)).toBe(42)
  socket.disconnect()
})

describe('a request', () => {
  /** A host that holds every request until told, and what became of its scopes. */
  function holding(options: HostOptions = {}) {
    const events: string[] = []
    let arrived = () => {}
    const held: ServerResponse[] = []
    const host = newHttp2Host(options)
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      const { signal } = requestScope(req)
      signal.addEventListener('abort', () => events.push(`${req.url} ${signal.reason.reason.code}`))
      held.push(res)
      arrived()
    })
    const arrive = async (count: number) => {
      while (held.length < count) await new Promise<void>(resolve => (arrived = resolve))
    }
    return { host, events, held, arrive }
  }

  test('ends its scope when its stream is reset or its session lost, and only then', async () => {
    const { host, events, held, arrive } = holding()
    const session = await client(host)
    const [kept, reset] = [session.request({ ':path': '/kept' }), session.request({ ':path': '/reset' })]
    await arrive(2)
    reset.close(constants.NGHTTP2_CANCEL)
    await once(reset, 'close')
    await turns()
    expect(events).toEqual(['/reset CLIENT_GONE'])
    held[0]?.end('all')
    let text = ''
    for await (const chunk of kept.setEncoding('utf8')) text += chunk
    expect(text).toBe('all')
    for (const path of ['/a', '/b']) session.request({ ':path': path }).on('error', () => {})
    await arrive(4)
    session.destroy()
    while (events.length < 3) await turns()
    expect(events.sort()).toEqual(['/a CLIENT_GONE', '/b CLIENT_GONE', '/reset CLIENT_GONE'])
  })

  test('of HEAD is no abandoned one when its head is sent before its end', async () => {
    const { host, events, held, arrive } = holding()
    const session = await client(host)
    const answer = ask(session, '/head', { method: 'HEAD' })
    await arrive(1)
    held[0]?.writeHead(200).flushHeaders()
    expect((await answer).status).toBe(200)
    await turns()
    held[0]?.end()
    await turns()
    expect(events).toEqual([])
  })

  test('that fails is answered with 500, or broken off so that the client knows', async () => {
    const errors: SynclessError[] = []
    const host = newHttp2Host({ onError: error => void errors.push(error) })
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      if (req.url === '/begun') res.write('begun')
      requestScope(req).go(function* () {
        yield* sleep(1)
        throw new Error('no')
      })
    })
    const session = await client(host)
    expect(await ask(session, '/whole')).toMatchObject({ status: 500, text: 'Internal Server Error\n', code: 0 })
    expect(await ask(session, '/begun')).toMatchObject({
      status: 200,
      text: 'begun',
      code: constants.NGHTTP2_INTERNAL_ERROR,
    })
    expect(errors.map(({ code }) => code)).toEqual(['HANDLER_FAILED', 'HANDLER_FAILED'])
  })

  test('is not answered with what only HTTP/1 has, by the host itself', async () => {
    const message = jest.spyOn(Http2ServerResponse.prototype, 'statusMessage', 'set')
    const header = jest.spyOn(Http2ServerResponse.prototype, 'setHeader')
    const { host, held, arrive } = holding({ onError: () => {} })
    const session = await client(host)
    const answer = ask(session, '/')
    await arrive(1)
    host.mount('/broken', () => {
      throw new Error('no')
    })
    expect((await ask(session, '/broken')).status).toBe(500)
    const closed = host.close({ deadline: 600_000 })
    held[0]?.end('last')
    expect((await answer).text).toBe('last')
    await closed
    expect(message).not.toHaveBeenCalled()
    expect(header.mock.calls.filter(([name]) => /connection/i.test(name))).toEqual([])
    jest.restoreAllMocks()
  })

  test('that nobody owns gets 404; CONNECT 405; an expectation is met or refused', async () => {
    const host = newHttp2Host()
    host.mount('/a', (req: IncomingMessage, res: ServerResponse) => req.pipe(res))
    const session = await client(host)
    expect((await ask(session, '/b')).status).toBe(404)
    const put = session.request({ ':method': 'PUT', ':path': '/a', expect: '100-continue' })
    await once(put, 'continue')
    put.end('body')
    let text = ''
    for await (const chunk of put.setEncoding('utf8')) text += chunk
    expect(text).toBe('body')
    expect((await ask(session, '/a', { method: 'PUT', headers: { expect: 'more' } })).status).toBe(417)
    const tunnel = session.request({ ':method': 'CONNECT', ':authority': 'elsewhere:1' })
    expect((await once(tunnel, 'response'))[0][':status']).toBe(405)
  })

  test('may have trailers, both ways', async () => {
    const host = newHttp2Host()
    const seen = defer<unknown>()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      req.resume().on('end', () => {
        seen.resolve(req.trailers)
        res.addTrailers({ 'x-sum': '7' })
        res.end('body')
      })
    })
    const session = await client(host)
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-mine': '1' }))
    stream.end('body')
    const trailers = once(stream, 'trailers')
    stream.resume()
    expect((await trailers)[0]['x-sum']).toBe('7')
    expect(await seen.promise).toMatchObject({ 'x-mine': '1' })
  })

  test.each(['reads', 'pauses'])('that is late gets 408; its app, which %s, sees that it was cut off', async what => {
    const host = newHttp2Host({ http: { requestTimeout: 60 } })
    const [here, gone] = [defer(), defer<string>()]
    host.mount('/', (req: IncomingMessage) => {
      req.once('data', () => {
        if (what === 'pauses') req.pause()
        here.resolve()
      })
      const { signal } = requestScope(req)
      signal.addEventListener('abort', () => gone.resolve(signal.reason.reason.code))
    })
    const session = await client(host)
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
    stream.on('error', () => {}).write('part')
    await here.promise
    stream.write(Buffer.alloc(1 << 17))
    expect((await once(stream, 'response'))[0][':status']).toBe(408)
    expect(await gone.promise).toBe('CLIENT_GONE')
  })

  test('that is late when its response has begun is broken off', async () => {
    const host = newHttp2Host({ http: { requestTimeout: 60 } })
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => void res.write('begun'))
    const session = await client(host)
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
    stream.on('error', () => {}).write('part')
    expect((await once(stream, 'response'))[0][':status']).toBe(200)
    await new Promise(resolve => stream.resume().once('close', resolve))
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL)
  })

  test('has no limit, where that is 0', async () => {
    const host = newHttp2Host({ http: { requestTimeout: 0 } })
    const here = defer()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      req.once('data', () => here.resolve())
      req.on('end', () => res.end('served'))
    })
    const session = await client(host)
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
    stream.write('part')
    await here.promise
    await new Promise(resolve => setTimeout(resolve, 20))
    stream.end('rest')
    expect((await once(stream, 'response'))[0][':status']).toBe(200)
    stream.resume()
  })

  test('may be answered at any time, once it has come', async () => {
    const host = newHttp2Host({ http: { requestTimeout: 20 } })
    host.mount('/', async (req: IncomingMessage, res: ServerResponse) => {
      for await (const _ of req);
      await new Promise(resolve => setTimeout(resolve, 60))
      res.end('served')
    })
    const answer = await ask(await client(host), '/', { method: 'POST', body: 'body' })
    expect(answer).toMatchObject({ status: 200, text: 'served', code: 0 })
  })

  test('may be answered at any time, once it has come, by an app that does not read it', async () => {
    const host = newHttp2Host({ http: { requestTimeout: 20 } })
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      if (req.url === '/begun') res.write('begun, ')
      setTimeout(() => res.end('served'), 60)
    })
    const session = await client(host)
    const [whole, begun] = [
      await ask(session, '/', { method: 'POST', body: 'body' }),
      await ask(session, '/begun', { method: 'POST', body: 'body' }),
    ]
    expect(whole).toMatchObject({ status: 200, text: 'served', code: 0 })
    expect(begun).toMatchObject({ status: 200, text: 'begun, served', code: 0 })
  })

  test('whose body comes slowly, but in time, is served', async () => {
    const host = newHttp2Host({ http: { requestTimeout: 600 } })
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => req.pipe(res))
    const session = await client(host)
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
    stream.write('one ')
    await once(stream, 'data')
    stream.end('two')
    let text = ''
    for await (const chunk of stream.setEncoding('utf8')) text += chunk
    expect(text).toBe('two')
  })
})

describe('a session', () => {
  test('without a request is let go after keepAliveTimeout, one with a request is not', async () => {
    const host = newHttp2Host({ http: { keepAliveTimeout: 20 } })
    const here = defer<ServerResponse>()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => here.resolve(res))
    await once(await client(host), 'close')
    const busy = await client(host)
    const answer = ask(busy, '/')
    const res = await here.promise
    await new Promise(resolve => setTimeout(resolve, 60))
    expect(busy.closed).toBe(false)
    const ended = once(busy, 'close')
    res.end('late')
    expect((await answer).text).toBe('late')
    await ended
  })

  test('a thousand streams opened and reset leave nothing', async () => {
    let open = 0
    let most = 0
    const host = newHttp2Host()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      most = Math.max(most, ++open)
      requestScope(req).signal.addEventListener('abort', () => open--)
      res.write('begun')
    })
    const session = await client(host)
    for (let round = 0; round < 10; round++) {
      const streams = Array.from({ length: 100 }, () => session.request({ ':path': '/' }).on('error', () => {}))
      await Promise.all(streams.map(stream => once(stream, 'response')))
      for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
      await Promise.all(streams.map(stream => once(stream, 'close')))
    }
    while (open > 0) await turns()
    expect(most).toBeGreaterThan(50)
    session.close()
    expect(await host.close()).toMatchObject({ clean: true, requests: [], connections: 0 })
  })

  test('of a client that resets its streams in a row, and leaves, is let go', async () => {
    const host = newHttp2Host({ http: { keepAliveTimeout: 50 }, onError: () => {} })
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => void setTimeout(() => res.end(), 20))
    const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
    const rude = connectTls({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] })
    await once(rude, 'secureConnect')
    const frame = (type: number, flags: number, id: number, payload: Buffer) => {
      const head = Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, 0])
      head.writeUInt32BE(id, 5)
      return Buffer.concat([head, payload])
    }
    // GET, https and / of the static table, and an authority that is spelled out.
    const get = Buffer.concat([Buffer.from([0x82, 0x87, 0x84, 0x01, 50]), Buffer.alloc(50, 'a')])
    const streams = Array.from({ length: 3_000 }, (_, i) => [
      frame(1, 5, 2 * i + 1, get),
      frame(3, 0, 2 * i + 1, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL])),
    ])
    const preface = [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))]
    rude.on('error', () => {}).write(Buffer.concat([...preface, ...streams.flat()]))
    await new Promise(resolve => setTimeout(resolve, 5))
    rude.destroy()
    const { traffic } = host as unknown as { traffic: { connections: Set<unknown> } }
    while (traffic.connections.size > 0) await new Promise(resolve => setTimeout(resolve, 10))
    expect(await host.close({ deadline: 0 })).toMatchObject({ clean: true, connections: 0 })
  })

  test('that is reset is nothing to report', async () => {
    const errors: SynclessError[] = []
    const host = newHttp2Host({ onError: error => void errors.push(error) })
    const gone = defer()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => {
      res.once('close', gone.resolve)
      res.write('begun')
    })
    const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
    const raw = connectPlain(port, '127.0.0.1')
    const session = connect(`https://127.0.0.1:${port}`, {
      createConnection: () => connectTls({ socket: raw, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] }),
    })
    session.on('error', () => {})
    const stream = session.request({ ':path': '/' }).on('error', () => {})
    await once(stream, 'response')
    raw.resetAndDestroy()
    await gone.promise
    await turns()
    expect(errors).toEqual([])
    session.destroy()
  })

  test('rubbish on it is reported, and hurts nobody', async () => {
    const errors: SynclessError[] = []
    const host = newHttp2Host({ onError: error => void errors.push(error) })
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end('fine'))
    const session = await client(host)
    const { port } = host.addresses()[0] ?? { port: 0 }
    const rude = connectTls({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] })
    await once(rude, 'secureConnect')
    rude.on('error', () => {}).write('GET / HTTP/1.1\r\n\r\n')
    await once(rude.resume(), 'close')
    expect(errors.map(({ code }) => code)).toEqual(['MALFORMED_REQUEST'])
    expect((await ask(session, '/')).text).toBe('fine')
  })
})

describe('the end of the host', () => {
  test('waits for streams under way, and for no idle session', async () => {
    const host = newHttp2Host()
    const here = defer<ServerResponse>()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => here.resolve(res))
    const [idle, busy] = [await client(host), await client(host)]
    const answer = ask(busy, '/')
    const res = await here.promise
    const goodbyes = Promise.all([once(idle, 'close'), once(busy, 'goaway')])
    const closed = host.close({ deadline: 600_000 })
    await goodbyes
    res.end('last words')
    expect(await answer).toMatchObject({ status: 200, text: 'last words', code: 0 })
    expect(await closed).toMatchObject({ clean: true })
  })

  test.each([true, false])(
    'waits for no client that does not close its connection beyond the deadline; told: %s',
    async told => {
      const host = newHttp2Host()
      host.mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end())
      const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
      const options = { port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'], allowHalfOpen: true }
      const stubborn = connectTls(options)
      await once(stubborn, 'secureConnect')
      stubborn.on('error', () => {}).resume()
      // The preface, and settings that are empty.
      stubborn.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
      await once(stubborn, 'data')
      const report = await host.close({ deadline: told ? 600_000 : 0 })
      expect(report).toMatchObject({ clean: told, requests: [], connections: told ? 0 : 1, upgrades: 0 })
      stubborn.destroy()
    },
  )

  test('leaves no timer for a client that closes its connection', async () => {
    const [made, cleared] = [jest.spyOn(globalThis, 'setTimeout'), jest.spyOn(globalThis, 'clearTimeout')]
    const host = newHttp2Host()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end('served'))
    const session = await client(host)
    expect((await ask(session, '/')).text).toBe('served')
    const closed = once(session, 'close')
    await host.close()
    await closed
    const lingering = made.mock.results.filter((_, i) => made.mock.calls[i]?.[1] === 500).map(({ value }) => value)
    expect(lingering).toHaveLength(1)
    const isCleared = () => cleared.mock.calls.some(([timer]) => timer === lingering[0])
    for (let i = 0; i < 100 && !isCleared(); i++) await turns()
    expect(isCleared()).toBe(true)
    jest.restoreAllMocks()
  })

  test('serves a session that comes before it stops, and tells those that were there', async () => {
    const clock = virtualClock()
    try {
      const host = newHttp2Host()
      host.mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end('served'))
      const early = await client(host)
      const told = once(early, 'goaway')
      const closed = host.close({ readinessDelay: 1000 })
      await clock.advance(500)
      await told
      const late = await client(host)
      expect(await ask(late, '/')).toMatchObject({ status: 200, text: 'served', code: 0 })
      const gone = once(late, 'close')
      await clock.advance(500)
      await gone
      expect(await closed).toMatchObject({ clean: true })
    } finally {
      clock.restore()
    }
  })

  test('at the deadline breaks off what is left, and says so', async () => {
    const host = newHttp2Host()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => void res.write('begun'))
    const session = await client(host)
    const stream = session.request({ ':path': '/stuck' }).on('error', () => {})
    await once(stream, 'response')
    const broken = new Promise(resolve => stream.once('close', resolve))
    expect(await host.close({ deadline: 10 })).toMatchObject({ clean: false, requests: ['GET /stuck'], connections: 0 })
    await broken
    expect(stream.rstCode).not.toBe(0)
  })

  test('of a single app breaks off its own streams only', async () => {
    const host = newHttp2Host()
    const server = host.server('/a').on('request', (_req, res) => res.write('a'))
    host.mount('/b', (_req: IncomingMessage, res: ServerResponse) => res.end('b'))
    const session = await client(host)
    const stream = session.request({ ':path': '/a' }).on('error', () => {})
    await once(stream, 'response')
    server.closeAllConnections()
    await new Promise(resolve => stream.once('close', resolve))
    expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
    expect((await ask(session, '/b')).text).toBe('b')
  })
})

test('a request that names one host in :authority and another in Host is refused', async () => {
  const host = newHttp2Host()
  host.mount('/', (req: IncomingMessage, res: ServerResponse) => void res.end(String(req.headers.host)))
  const session = await client(host)
  const authority = `127.0.0.1:${host.addresses()[0]?.port}`
  const statuses: unknown[] = []
  for (const name of ['inner', authority, authority.toUpperCase()]) {
    statuses.push((await ask(session, '/', { headers: { ':authority': authority, host: name } })).status)
  }
  expect(statuses).toEqual([400, 200, 200])
})
