import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import express from 'express'
import fastify from 'fastify'
import multer from 'multer'
import { scope, sleep, until } from '../../../src/core/index.js'
import { type Host, type InjectOptions, requestScope, taskletHandler } from '../../../src/host/index.js'
import { meantWarnings } from '../../warnings.js'
import { server as tls } from '../certificates.js'
import { closeHosts, defer, newHost, started, turns } from '../support.js'

meantWarnings(/its onListen hooks will not run/)

afterEach(closeHosts)

/** Says what it was sent. */
async function mirror(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { method, url, rawHeaders } = req
  const body = await textOf(req)
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ method, url, rawHeaders, body, trailers: req.trailers }))
}

const mirrored = async (options: InjectOptions, host: Host = newHost().mount('/', mirror)) =>
  (await host.inject(options)).json()

describe('what is sent', () => {
  test('a path, as it is, with what a request cannot do without', async () => {
    const host = newHost().mount('/', mirror)
    expect((await host.inject('/a/../b//c?d=%20&e#')).json()).toEqual({
      method: 'GET',
      url: '/a/../b//c?d=%20&e#',
      rawHeaders: ['Host', 'localhost', 'Connection', 'keep-alive'],
      body: '',
      trailers: {},
    })
    expect((await host.inject({})).json().url).toBe('/')
    expect(await mirrored({ method: 'OPTIONS', url: '*' })).toMatchObject({ method: 'OPTIONS', url: '*' })
  })

  test('an absolute URL gives the Host header, and whether the connection is encrypted', async () => {
    const host = newHost()
    host.mount(
      '/',
      express().use((req, res) => void res.json([req.protocol, req.headers.host, req.url])),
    )
    expect((await host.inject('http://shop.example:81')).json()).toEqual(['http', 'shop.example:81', '/'])
    expect((await host.inject(new URL('https://shop.example/x?y'))).json()).toEqual(['https', 'shop.example', '/x?y'])
    expect((await host.inject('https://shop.example?y')).json()).toEqual(['https', 'shop.example', '/?y'])
    const secure = newHost({ tls })
    secure.mount('/', (req: IncomingMessage, res: ServerResponse) => res.end(`${'encrypted' in req.socket}`))
    expect((await secure.inject('/')).text()).toBe('true')
    expect((await secure.inject('http://x/')).text()).toBe('false')
  })

  test('headers, by name or in their order', async () => {
    const named = await mirrored({ headers: { 'X-One': '1', cookie: ['a=1', 'b=2'], 'x-n': 5, 'x-none': undefined } })
    expect(named.rawHeaders).toEqual([
      ...['Host', 'localhost', 'X-One', '1', 'cookie', 'a=1', 'cookie', 'b=2', 'x-n', '5', 'Connection', 'keep-alive'],
    ])
    const raw = ['x-B', '2', 'hOST', 'me', 'x-a', '1', 'x-B', '3', 'CONNECTION', 'close']
    expect((await mirrored({ headers: raw })).rawHeaders).toEqual(raw)
  })

  test.each<[string, unknown, string | undefined, string]>([
    ['a string', 'grüße', 'text/plain;charset=UTF-8', 'grüße'],
    ['bytes', Buffer.from('bytes'), undefined, 'bytes'],
    ['a view of bytes', new Uint8Array(Buffer.from('xbytes')).subarray(1), undefined, 'bytes'],
    ['a buffer of bytes', new Uint8Array([104, 105]).buffer, undefined, 'hi'],
    ['an object', { a: [1] }, 'application/json', '{"a":[1]}'],
    ['null', null, 'application/json', 'null'],
    ['a number', 7, 'application/json', '7'],
    ['a form', new URLSearchParams({ a: 'b c' }), 'application/x-www-form-urlencoded;charset=UTF-8', 'a=b+c'],
    ['a blob', new Blob(['blob'], { type: 'image/png' }), 'image/png', 'blob'],
  ])('%s as the payload', async (_what, payload, type, body) => {
    const seen = await mirrored({ payload })
    expect(seen).toMatchObject({ method: 'POST', body })
    const headers = Object.fromEntries(pairs(seen.rawHeaders))
    expect(headers['Content-Type']).toBe(type)
    expect(headers['Content-Length']).toBe(String(Buffer.byteLength(body)))
  })

  test.each<[string, () => unknown]>([
    ['a Readable', () => Readable.from([Buffer.from('one '), Buffer.from('two')])],
    ['a web stream', () => Readable.toWeb(Readable.from([Buffer.from('one '), Buffer.from('two')]))],
    [
      'an async iterable',
      async function* () {
        yield 'one '
        yield Buffer.from('two')
      },
    ],
  ])('%s as the payload is chunked', async (_what, make) => {
    const seen = await mirrored({ method: 'PUT', payload: make() })
    expect(seen).toMatchObject({ method: 'PUT', body: 'one two' })
    expect(seen.rawHeaders).toContain('Transfer-Encoding')
  })

  test('no payload, trailers, and headers of one’s own about the body', async () => {
    expect((await mirrored({ method: 'POST' })).rawHeaders.slice(-2)).toEqual(['Content-Length', '0'])
    expect((await mirrored({ method: 'DELETE' })).rawHeaders).not.toContain('Content-Length')
    expect(await mirrored({ payload: 'x', trailers: { 'x-sum': '1' } })).toMatchObject({ trailers: { 'x-sum': '1' } })
    const own = await mirrored({ payload: '<a/>', headers: { 'content-type': 'text/xml', 'content-length': 4 } })
    expect(own.rawHeaders.join()).toBe('Host,localhost,content-type,text/xml,content-length,4,Connection,keep-alive')
  })

  test('an expectation: the payload waits for the app', async () => {
    const host = newHost().mount('/', mirror)
    const server = host.server('/strict').on('request', mirror)
    server.on('checkContinue', (req, res) => {
      if (req.url === '/strict/no') res.writeHead(413, { connection: 'close' }).end('too much')
      else res.writeContinue(() => server.emit('request', req, res))
    })
    const headers = { expect: '100-continue' }
    expect(await mirrored({ payload: 'body', headers }, host)).toMatchObject({ body: 'body' })
    expect(await mirrored({ url: '/strict', payload: 'body', headers }, host)).toMatchObject({ body: 'body' })
    const payload = Readable.from(['body'])
    expect(await host.inject({ url: '/strict/no', payload, headers })).toMatchObject({ status: 413 })
    expect(payload.readableDidRead).toBe(false)
  })

  test('multipart forms reach their parsers', async () => {
    const form = new FormData()
    form.set('name', 'me')
    form.set('file', new Blob(['contents']), 'a.txt')
    const host = newHost()
    const app = express().post('/', multer().single('file'), (req, res) => {
      res.json([req.body.name, req.file?.originalname, String(req.file?.buffer)])
    })
    host.mount('/', app)
    expect((await host.inject({ payload: form })).json()).toEqual(['me', 'a.txt', 'contents'])
  })
})

function pairs(raw: string[]): [string, string][] {
  return raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? ''] as [string, string]] : []))
}

describe('what comes back', () => {
  test('is what a client gets by the network', async () => {
    const host = newHost()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => {
      res.writeHead(201, 'Made', { 'Set-Cookie': ['a=1', 'b=2'], Trailer: 'x-sum' })
      res.write(Buffer.of(0xff, 0x00))
      res.addTrailers({ 'x-sum': '2' })
      res.end('rest')
    })
    const response = await host.inject('/')
    expect(response).toMatchObject({
      status: 201,
      statusText: 'Made',
      headers: { 'set-cookie': ['a=1', 'b=2'], 'transfer-encoding': 'chunked', connection: 'keep-alive' },
      trailers: { 'x-sum': '2' },
    })
    expect(response.body).toEqual(Buffer.concat([Buffer.of(0xff, 0x00), Buffer.from('rest')]))
    expect(pairs([...response.rawHeaders]).map(([name]) => name)).toEqual([
      ...['Set-Cookie', 'Set-Cookie', 'Trailer', 'Date', 'Connection', 'Keep-Alive', 'Transfer-Encoding'],
    ])
    expect(() => response.json()).toThrow(SyntaxError)
  })

  test('HEAD, 204 and 304 have no body; a path that nobody owns is a 404', async () => {
    const host = newHost()
    host.mount('/a', (req: IncomingMessage, res: ServerResponse) => {
      res.writeHead(Number(req.url?.slice(3) || 200)).end()
    })
    for (const url of ['/a/204', '/a/304', '/a']) expect((await host.inject({ method: 'HEAD', url })).text()).toBe('')
    expect((await host.inject('/a/204')).status).toBe(204)
    expect(await host.inject('/b')).toMatchObject({ status: 404 })
  })

  test('as a stream: the head at once, then a body that holds its app back', async () => {
    const host = newHost()
    let written = 0
    const chunk = Buffer.alloc(1 << 16)
    host.mount('/', async (_req: IncomingMessage, res: ServerResponse) => {
      for (; written < 64; written++) if (!res.write(chunk)) await new Promise(resolve => res.once('drain', resolve))
      res.addTrailers({ 'x-sum': '3' })
      res.end()
    })
    const response = await host.inject({ stream: true })
    expect([response.status, response.trailers]).toEqual([200, {}])
    await turns()
    const held = written
    expect(held).toBeLessThan(16)
    await turns()
    expect(written).toBe(held)
    let length = 0
    for await (const part of response.body) length += part.length
    expect([length, response.trailers]).toEqual([64 * chunk.length, { 'x-sum': '3' }])
  })

  test('in both directions at once', async () => {
    const host = newHost().mount('/', (req: IncomingMessage, res: ServerResponse) => void req.pipe(res))
    const upload = new Readable({ read() {} })
    upload.push('one')
    const { body } = await host.inject({ payload: upload, stream: true })
    const chunks: string[] = []
    for await (const chunk of body.setEncoding('utf8')) {
      chunks.push(chunk)
      upload.push(chunk === 'one' ? 'two' : null)
    }
    expect(chunks).toEqual(['one', 'two'])
  })
})

describe('the app', () => {
  test('sees a client with an address', async () => {
    const host = newHost()
    host.mount(
      '/e',
      express().use((req, res) => void res.json([req.ip, req.socket.remotePort, req.socket.localPort])),
    )
    host.mount(
      '/f',
      fastify().get('/f', async req => req.ip),
    )
    expect((await host.inject('/e')).json()).toEqual(['127.0.0.1', expect.any(Number), 80])
    expect((await host.inject({ url: '/e', remoteAddress: '192.0.2.7' })).json()[0]).toBe('192.0.2.7')
    expect((await host.inject({ url: '/f', remoteAddress: '192.0.2.7' })).text()).toBe('192.0.2.7')
  })

  test('is started first, and need not listen', async () => {
    const host = newHost()
    const hooks: string[] = []
    const app = fastify({ serverFactory: host.serverFactory('/') })
    app.addHook('onReady', async () => void hooks.push('ready'))
    app.addHook('onListen', async () => void hooks.push('listen'))
    app.addHook('onResponse', async () => void hooks.push('response'))
    app.addHook('onClose', async () => void hooks.push('close'))
    app.get('/', async () => 'hello')
    expect((await host.inject('/')).text()).toBe('hello')
    await turns()
    expect(hooks).toEqual(['ready', 'response'])
    await started(host)
    await turns()
    expect(hooks).toEqual(['ready', 'response', 'listen'])
    expect((await host.inject('/')).text()).toBe('hello')
    await host.close()
    expect(hooks).toEqual(['ready', 'response', 'listen', 'response', 'close'])
  })

  test('that does not start fails the call', async () => {
    const host = newHost()
    const app = fastify()
    app.register(async () => {
      throw new Error('no database')
    })
    host.mount('/', app)
    await expect(host.inject('/')).rejects.toMatchObject({ code: 'INJECT_FAILED', cause: { message: 'no database' } })
  })

  test('runs in a context of its own, not in the caller’s', async () => {
    const store = new AsyncLocalStorage<string>()
    const host = newHost()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      const first = store.getStore()
      req.resume().on('end', () => setImmediate(() => res.end(`${first} ${store.getStore()}`)))
    })
    expect(await store.run('caller', async () => (await host.inject({ payload: 'x' })).text())).toBe(
      'undefined undefined',
    )
    // Nor in the caller's scope: that one ends without waiting for what a request has detached from it.
    const ended = defer<string>()
    host.mount(
      '/tasklet',
      taskletHandler(function* (req, res) {
        res.end('early')
        requestScope(req).signal.addEventListener('abort', () => ended.resolve('aborted'))
        yield* sleep(5)
        ended.resolve('done')
      }),
    )
    await scope(function* () {
      yield* until(host.inject('/tasklet'))
    })
    expect(await ended.promise).toBe('done')
  })

  test('may break off its answer', async () => {
    const host = newHost()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      if (req.url === '/late') res.write('begun', () => res.destroy())
      else res.destroy()
    })
    await expect(host.inject('/')).rejects.toMatchObject({ code: 'INJECT_FAILED', cause: { code: 'ECONNRESET' } })
    await expect(host.inject('/late')).rejects.toMatchObject({
      code: 'INJECT_FAILED',
      message: expect.stringContaining('broken off'),
    })
  })

  test('may change the protocol, which takes another client', async () => {
    const host = newHost()
    host.server('/').on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    })
    const headers = { connection: 'Upgrade', upgrade: 'x' }
    await expect(host.inject({ headers })).rejects.toMatchObject({
      code: 'INJECT_FAILED',
      message: expect.stringContaining('host.agent'),
    })
  })
})

describe('a caller', () => {
  test('who leaves is a client that is gone', async () => {
    const host = newHost()
    const [here, gone] = [defer(), defer<string>()]
    host.mount('/', (req: IncomingMessage) => {
      const { signal } = requestScope(req)
      signal.addEventListener('abort', () => gone.resolve(signal.reason.reason.code))
      here.resolve()
    })
    const abort = new AbortController()
    const answer = host.inject({ signal: abort.signal })
    await here.promise
    abort.abort(new Error('enough'))
    await expect(answer).rejects.toThrow('enough')
    expect(await gone.promise).toBe('CLIENT_GONE')
    await expect(host.inject({ signal: abort.signal })).rejects.toThrow('enough')
  })

  test('leaves nothing on the signal, nor a connection that was opened in vain', async () => {
    const host = newHost().mount('/', mirror)
    const { signal } = new AbortController()
    const [add, remove] = [jest.spyOn(signal, 'addEventListener'), jest.spyOn(signal, 'removeEventListener')]
    expect((await host.inject({ signal })).status).toBe(200)
    await expect(host.inject({ signal, headers: { 'no name': 'x' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await turns()
    expect(add).toHaveBeenCalledTimes(2)
    expect(remove).toHaveBeenCalledTimes(2)
    expect((host as unknown as { traffic: { connections: Set<unknown> } }).traffic.connections.size).toBe(0)
  })

  test('whose payload nobody takes any more has it destroyed', async () => {
    const host = newHost()
    const here = defer()
    host.mount('/', (req: IncomingMessage) => void req.once('data', () => here.resolve()))
    const payload = new Readable({
      read() {
        setImmediate(() => this.push(Buffer.alloc(1 << 16)))
      },
    })
    const closed = new Promise(resolve => payload.once('close', resolve))
    const abort = new AbortController()
    const answer = host.inject({ payload, signal: abort.signal })
    await here.promise
    abort.abort(new Error('enough'))
    await expect(answer).rejects.toThrow('enough')
    await closed
  })

  test('who drops the stream of a response is one, too', async () => {
    const host = newHost()
    const gone = defer<string>()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      const { signal } = requestScope(req)
      signal.addEventListener('abort', () => gone.resolve(signal.reason.reason.code))
      res.write('begun')
    })
    const { body } = await host.inject({ stream: true })
    body.destroy()
    expect(await gone.promise).toBe('CLIENT_GONE')
  })

  test('whose payload fails fails the request', async () => {
    const host = newHost().mount('/', mirror)
    const broken = Readable.from(
      (async function* () {
        yield 'part'
        throw new Error('disk')
      })(),
    )
    await expect(host.inject({ payload: broken })).rejects.toMatchObject({
      code: 'INJECT_FAILED',
      cause: { message: 'disk' },
    })
  })

  test.each<[string, unknown]>([
    ['options', null],
    ['a url', { url: 'orders' }],
    ['a path', { url: '/a b' }],
    ['a method', { method: 'GET /' }],
    ['a header', { headers: { 'a b': '1' } }],
    ['a value', { headers: { a: '1\n2' } }],
    ['a payload', { payload: () => {} }],
    ['JSON', { payload: { n: 1n } }],
  ])('is told of %s that cannot be sent', async (_what, options) => {
    await expect(newHost().inject(options as InjectOptions)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('with clients by the network', () => {
  test('1 000 times in turn, for every kind of app', async () => {
    const host = newHost()
    host.mount(
      '/express',
      express()
        .use(express.json())
        .use('/express', (req, res) => void res.json(req.body)),
    )
    const app = fastify({ serverFactory: host.serverFactory('/fastify') })
    app.post('/fastify', async req => req.body)
    host.mount('/plain', (req: IncomingMessage, res: ServerResponse) => void req.pipe(res))
    const { url } = await started(host)
    const paths = ['/express', '/fastify', '/plain']
    for (let i = 0; i < 1_000; i++) {
      const path = paths[i % 3] ?? ''
      const body = { i }
      const headers = { 'content-type': 'application/json' }
      const real = await fetch(url + path, { method: 'POST', body: JSON.stringify(body), headers })
      expect(await real.json()).toEqual(body)
      expect((await host.inject({ url: path, payload: body })).json()).toEqual(body)
    }
    await turns()
    // One connection of fetch's at most.
    expect(
      (host as unknown as { traffic: { connections: Set<unknown> } }).traffic.connections.size,
    ).toBeLessThanOrEqual(1)
  })

  test('is part of a drain, and refused after it', async () => {
    const host = newHost()
    const here = defer<ServerResponse>()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => here.resolve(res))
    const answer = host.inject('/')
    const res = await here.promise
    const closed = host.close({ deadline: 600_000 })
    res.end('last')
    expect((await answer).text()).toBe('last')
    expect((await closed).clean).toBe(true)
    await expect(host.inject('/')).rejects.toMatchObject({ code: 'HOST_STATE' })
  })

  test('that hangs is broken off at the deadline, and reported', async () => {
    const host = newHost()
    const here = defer()
    host.mount('/', () => here.resolve())
    const answer = host.inject('/stuck')
    const failed = expect(answer).rejects.toMatchObject({ code: 'INJECT_FAILED' })
    await here.promise
    expect(await host.close({ deadline: 5 })).toMatchObject({ clean: false, requests: ['GET /stuck'] })
    await failed
  })

  test('a thousand at once leave nothing', async () => {
    const host = newHost()
    host.mount(
      '/',
      taskletHandler(function* (_req, res) {
        yield* sleep(1)
        res.end('x')
      }),
    )
    const all = await Promise.all(Array.from({ length: 1_000 }, () => host.inject('/')))
    expect(all.every(response => response.text() === 'x')).toBe(true)
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
  })
})
