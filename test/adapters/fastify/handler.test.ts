/** Handlers and hooks of Fastify 4 and 5 that are tasklets, on real sockets, hosted and alone. */
import net, { type AddressInfo } from 'node:net'
import { constants, createGunzip, gzipSync } from 'node:zlib'
import { type FastifyInstance, type FastifyServerOptions, fastify as fastify5 } from 'fastify'
import { fastify as fastify4 } from 'fastify4'
import {
  drainTo,
  errorHandler,
  handler,
  hook,
  lastEventId,
  syncless,
  toChannel,
} from '../../../src/adapters/fastify/index.js'
import { channel, current, enterScope, go, never, sleep } from '../../../src/core/index.js'
import { createHost, requestScope } from '../../../src/host/index.js'
import { once, reported, turns } from '../support.js'

const failure = new Error('failure')
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

type Make = (options?: FastifyServerOptions) => FastifyInstance
const frameworks: [string, Make][] = [
  ['Fastify 5', fastify5 as Make],
  ['Fastify 4', fastify4 as unknown as Make],
]
const cases = frameworks.flatMap(([name, make]) => [
  { name: `${name}, alone`, make, hosted: false },
  { name: `${name}, hosted`, make, hosted: true },
])

type Done = (error: null, body: unknown) => void

/** A line of a log. */
interface Logged {
  readonly err?: { readonly message: string }
}

/** An instance that logs to `log`, and what makes it listen. */
function instance(make: Make, hosted: boolean, log?: Logged[]) {
  const logger = log && { level: 'warn', stream: { write: (line: string) => void log.push(JSON.parse(line)) } }
  const logging = logger === undefined ? {} : { logger }
  if (hosted) {
    const host = createHost({ onError: () => {} })
    const app = make({ ...logging, serverFactory: host.serverFactory('/') as never })
    closers.push(() => host.close())
    const listen = async () => {
      const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
      return { port, url: `http://127.0.0.1:${port}` }
    }
    return { app, listen }
  }
  const app = make({ ...logging, forceCloseConnections: true })
  closers.push(() => app.close())
  const listen = async () => {
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    return { port: (app.server.address() as AddressInfo).port, url }
  }
  return { app, listen }
}

/** Keeps what the error handler was called with, and answers 503. */
function errors(app: FastifyInstance): unknown[] {
  const seen: unknown[] = []
  app.setErrorHandler(async (error, _request, reply) => {
    seen.push(error)
    reply.code((error as { statusCode?: number }).statusCode ?? 503)
    return 'shown'
  })
  return seen
}

async function text(url: string, init?: RequestInit): Promise<string> {
  const response = await fetch(url, init)
  return `${response.status} ${await response.text()}`
}

describe.each(cases)('$name', ({ make, hosted }) => {
  test('with the plugin a route is a generator function, in the instance and in those within', async () => {
    const { app, listen } = instance(make, hosted)
    await app.register(syncless)
    app.get('/:id', function* (request) {
      yield* sleep(1)
      return { params: request.params, own: this === app }
    })
    app.register(
      async inner => {
        inner.get('/scope', function* (request) {
          const joined = yield* go(() => current().name)
          if (hosted) expect(requestScope(request.raw)).toBe(request.scope)
          return { name: request.scope.name, size: request.scope.size > 0, joined }
        })
      },
      { prefix: '/inner' },
    )
    const { url } = await listen()
    expect(await text(`${url}/7`)).toBe('200 {"params":{"id":"7"},"own":true}')
    expect(JSON.parse((await text(`${url}/inner/scope`)).slice(4))).toMatchObject({
      name: 'request GET /inner/scope',
      size: true,
    })
  })

  test('go() joins the scope of the request in plain and async handlers, also after the body was parsed', async () => {
    const { app, listen } = instance(make, hosted)
    await app.register(syncless)
    app.post('/', async request => {
      const before = request.scope.size
      go(function* () {
        yield* sleep(1)
      })
      return request.scope.size - before
    })
    const { url } = await listen()
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"a":1}' }
    expect(await text(url, init)).toBe('200 1')
  })

  test('go() joins the scope of a request whose body comes late', async () => {
    const { app, listen } = instance(make, hosted)
    await app.register(syncless)
    const arrived = channel<string>(1)
    app.addHook('onRequest', async () => {
      arrived.trySend('')
    })
    app.post('/', async request => {
      const before = request.scope.size
      go(function* () {
        yield* sleep(1)
      })
      return `joined ${request.scope.size - before}`
    })
    const { port } = await listen()
    const socket = net.connect(port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n')
    await arrived.receive()
    await turns()
    socket.write('{}')
    expect(String(await once(socket, 'data'))).toContain('joined 1')
    socket.destroy()
  })

  test('a hook of a request whose client is gone runs to its end', async () => {
    const { app, listen } = instance(make, hosted)
    await app.register(syncless)
    const log = channel<string>(2)
    const arrived = channel<string>(1)
    app.addHook(
      'onRequestAbort',
      hook(function* () {
        yield* sleep(5)
        log.trySend('to its end')
      }),
    )
    app.get('/', function* () {
      arrived.trySend('')
      yield* never
    })
    const { port } = await listen()
    const socket = net.connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await arrived.receive()
    socket.destroy()
    expect(await log.receive()).toBe('to its end')
  })

  test('what a handler throws goes to the error handler once, also from what it has started', async () => {
    const { app, listen } = instance(make, hosted)
    app.get(
      '/now',
      handler(function* () {
        throw failure
      }),
    )
    app.get(
      '/late',
      handler(function* () {
        yield* sleep(1)
        throw failure
      }),
    )
    app.get(
      '/started',
      handler(function* () {
        go(function* () {
          yield* sleep(1)
          throw failure
        })
        yield* never
      }),
    )
    app.get(
      '/killed',
      handler(function* () {
        yield* current().kill()
      }),
    )
    const seen = errors(app)
    const { url } = await listen()
    const lost = await reported(async () => {
      for (const path of ['now', 'late', 'started', 'killed']) expect(await text(`${url}/${path}`)).toBe('503 shown')
    })
    expect(seen).toEqual([failure, failure, failure, expect.objectContaining({ code: 'TASKLET_KILLED' })])
    expect(lost).toEqual([])
  })

  test('hooks wait, of routes and of instances, and change what they may', async () => {
    const { app, listen } = instance(make, hosted)
    await app.register(syncless)
    const log: string[] = []
    const after = channel<string>(2)
    app.addHook(
      'onRequest',
      hook(function* (request) {
        yield* sleep(1)
        log.push(`onRequest ${request.url}`)
      }),
    )
    app.addHook(
      'onResponse',
      hook(function* () {
        yield* sleep(1)
        after.trySend('onResponse')
      }),
    )
    app.get('/', {
      preHandler: [
        function* () {
          yield* sleep(1)
          log.push('preHandler')
        },
      ] as never,
      onSend: function* (_request: unknown, _reply: unknown, payload: string) {
        yield* sleep(1)
        return `${payload}!`
      } as never,
      handler: async () => 'sent',
    })
    app.get('/refused', {
      preHandler: function* () {
        throw failure
      } as never,
      handler: async () => 'not reached',
      errorHandler: function* (error: Error, _request: unknown, reply: { code(status: number): void }) {
        yield* sleep(1)
        reply.code(418)
        return error.message
      } as never,
    })
    const { url } = await listen()
    expect(await text(`${url}/`)).toBe('200 sent!')
    expect(log).toEqual(['onRequest /', 'preHandler'])
    expect(await after.receive()).toBe('onResponse')
    expect(await text(`${url}/refused`)).toBe('418 failure')
  })

  test('an error handler of the instance waits', async () => {
    const { app, listen } = instance(make, hosted)
    app.setErrorHandler(
      errorHandler(function* (error, _request, reply) {
        yield* sleep(1)
        reply.code(503)
        return error.message
      }),
    )
    app.get('/', async () => {
      throw failure
    })
    const { url } = await listen()
    expect(await text(url)).toBe('503 failure')
  })

  test('a route that came before the plugin says so, and leaves no client waiting', async () => {
    const { app, listen } = instance(make, hosted)
    app.get('/', function* () {})
    app.register(syncless)
    const { url } = await listen()
    expect(await text(url)).toMatch(/^500 .*"code":"MISUSE".*was added before the plugin was loaded/)
  })

  test('a client that leaves ends the handler and what it has started; no error handler is told', async () => {
    const { app, listen } = instance(make, hosted)
    const ended = channel<string>(2)
    const arrived = channel<string>(1)
    app.get(
      '/',
      handler(function* () {
        const noted = function* (name: string) {
          try {
            yield* never
          } finally {
            ended.trySend(name)
          }
        }
        go(noted, 'started')
        arrived.trySend('')
        yield* noted('handler')
      }),
    )
    const seen = errors(app)
    const { port } = await listen()
    const socket = net.connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await arrived.receive()
    socket.destroy()
    expect([await ended.receive(), await ended.receive()].sort()).toEqual(['handler', 'started'])
    await turns()
    expect(seen).toEqual([])
  })

  test('a channel that fails before the first value is a real error page, after it the answer is broken off', async () => {
    const { app, listen } = instance(make, hosted)
    for (const format of ['ndjson', 'sse'] as const) {
      for (const joined of [true, false]) {
        app.get(
          `/${format}/${joined}/:count`,
          handler(function* (request, reply) {
            const ch = channel<number>(1)
            if ((request.params as { count: string }).count === '1') ch.trySend(1)
            const drained = drainTo(ch, reply, { format })
            if ((request.params as { count: string }).count === '1') {
              while (!reply.raw.headersSent) yield* sleep(1)
            }
            ch.close(failure)
            if (joined) yield* drained
          }),
        )
      }
    }
    const seen = errors(app)
    const { url } = await listen()
    for (const path of ['ndjson/true', 'ndjson/false', 'sse/true', 'sse/false']) {
      expect(await text(`${url}/${path}/0`)).toBe('503 shown')
      await expect(text(`${url}/${path}/1`)).rejects.toThrow()
    }
    await turns()
    expect(seen).toEqual([failure, failure, failure, failure])
  })

  test('an async handler waits for the drain, and hooks and headers of plugins hold', async () => {
    const { app, listen } = instance(make, hosted)
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('Access-Control-Allow-Origin', '*')
    })
    app.addHook('onSend', async (_request, reply) => {
      reply.header('X-Sent', 'yes')
    })
    app.get('/', async (request, reply) => {
      const ch = channel<number>(1)
      ch.trySend(1)
      ch.close()
      reply.header('Cache-Control', 'no-store')
      const event = (n: number) => ({ id: `${lastEventId(request)}+${n}`, data: n })
      expect(await drainTo(ch, reply, { format: 'sse', event })).toBe('ended')
      return reply
    })
    const { url } = await listen()
    const response = await fetch(url, { headers: { 'Last-Event-ID': '4' } })
    expect(await response.text()).toBe('id: 4+1\ndata: 1\n\n')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'x-sent': 'yes',
      'cache-control': 'no-store',
      'content-type': 'text/event-stream',
    })
  })

  test('a hook that fails after a reply has begun, or is over, is told of', async () => {
    const log: Logged[] = []
    const { app, listen } = instance(make, hosted, log)
    const after = channel<string>(1)
    let failures = 0
    // Once for each route: the answer of the error handler comes by it, too.
    const fails = hook(function* () {
      if (failures++ === 0) throw failure
    })
    const one = () => {
      const ch = channel<string>(1)
      ch.trySend('one')
      ch.close()
      return ch
    }
    const answer = handler(function* (_request, reply) {
      yield* drainTo(one(), reply, { format: 'raw' })
    })
    app.get('/send', { onSend: fails as never }, answer)
    app.get('/response', { onResponse: [fails, async () => void after.trySend('')] as never }, answer)
    app.get(
      '/after',
      handler(function* (_request, reply) {
        yield* drainTo(one(), reply, { format: 'raw' })
        throw failure
      }),
    )
    const seen = errors(app)
    const { url } = await listen()
    expect(await text(`${url}/send`)).toBe('503 shown')
    expect(seen).toEqual([failure])
    failures = 0
    expect(await text(`${url}/response`)).toBe('200 one')
    expect(await text(`${url}/after`)).toBe('200 one')
    await turns()
    expect(log.filter(({ err }) => err?.message === 'failure').length).toBeGreaterThanOrEqual(2)
  })

  test('an error before the head was sent is an error page, after it Fastify logs it, and any other that follows is reported', async () => {
    const log: Logged[] = []
    const { app, listen } = instance(make, hosted, log)
    const other = new Error('other')
    // Keeps the head back.
    app.addHook(
      'onSend',
      hook(function* (request) {
        if (request.url === '/begun') yield* sleep(5)
      }),
    )
    for (const path of ['/begun', '/sent', '/other']) {
      app.get(
        path,
        handler(function* (_request, reply) {
          const ch = channel<string>(1)
          ch.trySend('one')
          const drained = drainTo(ch, reply, { format: 'raw' })
          if (path === '/begun') yield* sleep(1)
          else while (!reply.raw.headersSent) yield* sleep(1)
          if (path === '/other') {
            yield* drained.kill()
            throw other
          }
          ch.close(failure)
          yield* drained
        }),
      )
    }
    const seen = errors(app)
    const { url } = await listen()
    expect(await text(`${url}/begun`)).toBe('503 shown')
    expect(seen).toEqual([failure])
    const quiet = await reported(async () => {
      await expect(text(`${url}/sent`)).rejects.toThrow()
    })
    expect(quiet).toEqual([])
    expect(log).toContainEqual(expect.objectContaining({ err: expect.objectContaining({ message: 'failure' }) }))
    const warnings = await reported(async () => {
      await expect(text(`${url}/other`)).rejects.toThrow()
    })
    expect(warnings.join()).toContain('failed after its reply had been broken off: other')
    expect(seen).toEqual([failure])
  })

  test('a handler that begins when its client is gone does not run, and no error handler is told; an error is, to its end', async () => {
    const { app, listen } = instance(make, hosted)
    const log = channel<unknown>(9)
    const arrived = channel<string>(2)
    // The scope of the request is made, and has ended before the others begin.
    app.addHook(
      'onRequest',
      hook(function* () {}),
    )
    app.addHook('preHandler', async (request, reply) => {
      arrived.trySend('')
      await once(reply.raw, 'close')
      await turns(1)
      if (request.url === '/error') throw failure
    })
    app.get(
      '/',
      handler(function* () {
        log.trySend('ran')
      }),
    )
    app.get('/error', async () => {})
    app.setErrorHandler(
      errorHandler(function* (error) {
        yield* sleep(1)
        log.trySend(error)
      }),
    )
    const { port } = await listen()
    for (const path of ['/', '/error']) {
      const socket = net.connect(port, '127.0.0.1')
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await arrived.receive()
      socket.destroy()
    }
    expect(await log.receive()).toBe(failure)
    expect(log.tryReceive()).toEqual({ ok: false, done: false })
  })

  test('with the plugin HEAD has the handler of its route', async () => {
    const { app, listen } = instance(make, hosted)
    await app.register(syncless)
    app.get('/', function* (_request, reply) {
      yield* sleep(1)
      reply.header('x-seen', 'yes')
      return 'body'
    })
    const { url } = await listen()
    const response = await fetch(url, { method: 'HEAD' })
    expect([response.status, response.headers.get('x-seen'), response.headers.get('content-length')]).toEqual([
      200,
      'yes',
      '4',
    ])
  })

  test('what the plugin cannot wrap, and what comes before it, is refused with a code', async () => {
    const early = instance(make, hosted)
    const seen = errors(early.app)
    early.app.addHook('onRequest', async request => void request.scope)
    await early.app.register(syncless)
    early.app.get('/', async () => {})
    expect(await text((await early.listen()).url)).toBe('503 shown')
    expect(seen).toEqual([expect.objectContaining({ code: 'HOST_STATE' })])
    const generator = function* () {} as never
    const { app } = instance(make, false)
    await app.register(syncless)
    app.register(async inner => void inner.setErrorHandler(generator))
    await expect(async () => app.ready()).rejects.toMatchObject({ code: 'MISUSE' })
  })

  test('a body that is unpacked fails with CLIENT_GONE when its client breaks off, outside any scope as well', async () => {
    const { app, listen } = instance(make, hosted)
    app.addContentTypeParser('application/x-ndjson', (_request: unknown, payload: unknown, done: Done) =>
      done(null, payload),
    )
    app.addHook('preParsing', async (_request, _reply, payload) => payload.pipe(createGunzip()))
    const failed = channel<unknown>(1)
    const arrived = channel<string>(1)
    app.post('/', async request => {
      const body = enterScope({ scope: undefined as never }, () => toChannel(request, { format: 'ndjson' }))
      arrived.trySend(`${await body.receive()}`)
      await body.next().then(undefined, error => failed.trySend(error))
    })
    const { port } = await listen()
    const socket = net.connect(port, '127.0.0.1')
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: 9999\r\n\r\n'
    const begun = gzipSync('1\n', { finishFlush: constants.Z_SYNC_FLUSH })
    socket.write(Buffer.concat([Buffer.from(head), begun]))
    expect(await arrived.receive()).toBe('1')
    socket.destroy()
    expect(await failed.receive()).toMatchObject({ code: 'CLIENT_GONE' })
  })

  test('HEAD sends the head, and receives nothing', async () => {
    const { app, listen } = instance(make, hosted)
    const ch = channel<number>(1)
    ch.trySend(1)
    let outcome = ''
    app.get(
      '/',
      handler(function* (_request, reply) {
        outcome = yield* drainTo(ch, reply, { format: 'ndjson' })
      }),
    )
    const { url } = await listen()
    const response = await fetch(url, { method: 'HEAD' })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson'])
    await turns()
    expect([outcome, ch.closed]).toEqual(['left', true])
  })

  test('a body that a parser leaves is a channel, also one that a hook has unpacked; limits have their status', async () => {
    const { app, listen } = instance(make, hosted)
    app.addContentTypeParser(
      'application/x-ndjson',
      (_request: unknown, payload: unknown, done: (error: null, body: unknown) => void) => done(null, payload),
    )
    app.addHook('preParsing', async (request, _reply, payload) =>
      request.headers['content-encoding'] === 'gzip' ? payload.pipe(createGunzip()) : payload,
    )
    app.post(
      '/',
      handler(function* (request) {
        let count = 0
        yield* toChannel(request, { format: 'ndjson', limit: 100_000 }).each(() => {
          count++
        })
        return { count }
      }),
    )
    app.post('/parsed', async request => {
      toChannel(request)
    })
    const { url } = await listen()
    const headers = { 'Content-Type': 'application/x-ndjson' }
    const post = (body: BodyInit, more = {}) => text(url, { method: 'POST', headers: { ...headers, ...more }, body })
    expect(await post('1\n2\n3')).toBe('200 {"count":3}')
    expect(await post(gzipSync('1\n2'), { 'Content-Encoding': 'gzip' })).toBe('200 {"count":2}')
    expect(await post('1\n'.repeat(60_000))).toMatch(/^413 .*BODY_TOO_LARGE/)
    expect(await post(gzipSync('1\n'.repeat(60_000)), { 'Content-Encoding': 'gzip' })).toMatch(/^413 .*BODY_TOO_LARGE/)
    expect(await post('{')).toMatch(/^400 .*MALFORMED_BODY/)
    const json = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }
    expect(await text(`${url}/parsed`, json)).toMatch(/^500 .*ALREADY_CONSUMED/)
  })
})

test('a response that waits for its turn on a connection that closes ends its handler', async () => {
  const app = fastify5({ forceCloseConnections: true })
  closers.push(() => app.close())
  const ended = channel<string>(2)
  const arrived = channel<string>(2)
  app.get(
    '/:at',
    handler(function* (request) {
      arrived.trySend('')
      try {
        yield* never
      } finally {
        ended.trySend((request.params as { at: string }).at)
      }
    }),
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = net.connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  await arrived.receive()
  await arrived.receive()
  socket.destroy()
  expect([await ended.receive(), await ended.receive()].sort()).toEqual(['1', '2'])
})

test('it refuses what is no generator function', () => {
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  for (const make of [handler, hook, errorHandler]) {
    for (const bad of [undefined, 5, async () => {}])
      expect(() => (make as (fn: never) => unknown)(bad as never)).toThrow(invalid)
  }
})
