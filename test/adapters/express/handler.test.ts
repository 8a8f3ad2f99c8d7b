/** Handlers of Express 4 and 5 that are tasklets, on real sockets, hosted and alone. */
import http, { type Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import express5 from 'express'
// @ts-expect-error it has no types of its own
import express4 from 'express4'
import {
  drainTo,
  errorHandler,
  handler,
  lastEventId,
  paramHandler,
  toChannel,
} from '../../../src/adapters/express/index.js'
import * as stream from '../../../src/adapters/stream/index.js'
import { channel, current, go, never, sleep, timeout } from '../../../src/core/index.js'
import { createHost } from '../../../src/host/index.js'
import { leakCheck } from '../../../src/testing/index.js'
import { once, reported, turns } from '../support.js'

const failure = new Error('failure')
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const frameworks: [string, typeof express5][] = [
  ['Express 5', express5],
  ['Express 4', express4],
]
const cases = frameworks.flatMap(([name, express]) => [
  { name: `${name}, alone`, express, hosted: false },
  { name: `${name}, hosted`, express, hosted: true },
])

async function serve(app: express5.Express, hosted: boolean): Promise<{ port: number; url: string }> {
  if (hosted) {
    const host = createHost({ onError: () => {} })
    host.mount('/', app)
    const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
    closers.push(() => host.close())
    return { port, url: `http://127.0.0.1:${port}` }
  }
  const server: Server = http.createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(
    () => new Promise(resolve => server.close(resolve)).then(() => undefined),
    () => server.closeAllConnections(),
  )
  const { port } = server.address() as AddressInfo
  return { port, url: `http://127.0.0.1:${port}` }
}

/** Keeps what error handlers were called with, and answers 503. */
function errors(app: express5.Express): unknown[] {
  const seen: unknown[] = []
  app.use(((error, _req, res, next) => {
    seen.push(error)
    if (res.headersSent) next(error)
    else res.status(503).end('shown')
  }) as express5.ErrorRequestHandler)
  return seen
}

async function text(url: string, init?: RequestInit): Promise<string> {
  const response = await fetch(url, init)
  return `${response.status} ${await response.text()}`
}

describe.each(cases)('$name', ({ express, hosted }) => {
  test('handlers behind one that calls next() run in the scope of the request, and not in its own', async () => {
    const app = express()
    const authenticated = handler(function* (_req, _res, next) {
      yield* sleep(1)
      next()
    })
    app.param(
      'id',
      paramHandler(function* (_req, _res, next) {
        yield* sleep(1)
        next()
      }),
    )
    const started: express5.RequestHandler = (_req, res, next) => {
      turns()
        .then(() =>
          go(function* () {
            yield* sleep(1)
            return 'works'
          }),
        )
        .then(text => res.send(text), next)
    }
    const bridged: express5.RequestHandler = (_req, res, next) => {
      const rows = stream.toChannel<string>(Readable.from(['works']))
      turns()
        .then(() => rows.receive())
        .then(text => res.send(text), next)
    }
    app.get('/go', authenticated, started)
    app.get('/bridge', authenticated, bridged)
    app.get('/param/:id', started)
    app.get(
      '/failed',
      handler(function* () {
        yield* sleep(1)
        throw failure
      }),
    )
    app.use(((_error, req, res, next) => started(req, res, next)) as express5.ErrorRequestHandler)
    const { url } = await serve(app, hosted)
    for (const path of ['/go', '/bridge', '/param/7', '/failed']) {
      expect([path, await text(url + path)]).toEqual([path, '200 works'])
    }
  })

  test('a handler waits, answers, and what it returns is ignored', async () => {
    const app = express()
    app.get(
      '/:id',
      handler(function* (req, res) {
        yield* sleep(1)
        res.json(req.params)
        return 'ignored'
      }),
    )
    const { url } = await serve(app, hosted)
    expect(await text(`${url}/7`)).toBe('200 {"id":"7"}')
  })

  test('what it throws goes to next once, before and after a wait, also from what it has started', async () => {
    const app = express()
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
      '/joined',
      handler(function* () {
        yield* go(function* () {
          throw failure
        })
      }),
    )
    const seen = errors(app)
    const { url } = await serve(app, hosted)
    const lost = await reported(async () => {
      for (const path of ['now', 'late', 'started', 'joined']) expect(await text(`${url}/${path}`)).toBe('503 shown')
    })
    expect(seen).toEqual([failure, failure, failure, failure])
    expect(seen.every(error => error === failure)).toBe(true)
    expect(lost).toEqual([])
  })

  test('nothing thrown, and the words that Express takes for instructions, are errors', async () => {
    const app = express()
    const thrown = ['route', 'router', undefined, 0]
    app.get(
      '/:at',
      handler(function* (req) {
        throw thrown[Number(req.params.at)]
      }),
    )
    const seen = errors(app)
    const { url } = await serve(app, hosted)
    for (const at of thrown.keys()) expect(await text(`${url}/${at}`)).toBe('503 shown')
    expect(seen).toEqual(thrown.map(value => new Error(`the handler threw ${value}`)))
  })

  test('next() from within goes on, once; an error after it fails the request and is reported', async () => {
    const app = express()
    let reached = 0
    app.get(
      '/twice',
      handler(function* (_req, _res, next) {
        next()
        next()
      }),
    )
    app.get(
      '/route',
      handler(function* (_req, _res, next) {
        yield* sleep(1)
        next('route')
      }),
      (_req, res) => {
        res.end('not reached')
      },
    )
    app.get(
      '/after',
      handler(function* (_req, _res, next) {
        next()
        throw failure
      }),
    )
    app.get(
      '/error',
      handler(function* (_req, _res, next) {
        next(failure)
      }),
    )
    app.get(
      '/late',
      handler(function* (_req, _res, next) {
        next()
        next(failure)
      }),
    )
    app.get(['/twice', '/route', '/late'], (_req, res) => {
      reached++
      setImmediate(() => res.end('reached'))
    })
    app.get('/after', () => {})
    const seen = errors(app)
    const { url } = await serve(app, hosted)
    expect(await text(`${url}/twice`)).toBe('200 reached')
    expect(await text(`${url}/route`)).toBe('200 reached')
    expect(reached).toBe(2)
    expect(await text(`${url}/error`)).toBe('503 shown')
    const warnings = await reported(async () => {
      expect(await text(`${url}/after`)).toMatch(/^500 Internal Server Error/)
    })
    if (!hosted) expect(warnings.join()).toContain('GET /after failed')
    const late = await reported(async () => expect(await text(`${url}/late`)).toBe('200 reached'))
    expect(late.join()).toContain('called next() twice')
    expect(seen).toEqual([failure])
  })

  test('a handler that kills itself is an error, and leaves no client waiting', async () => {
    const app = express()
    app.get(
      '/',
      handler(function* () {
        yield* current().kill()
      }),
    )
    const seen = errors(app)
    const { url } = await serve(app, hosted)
    expect(await text(url)).toBe('503 shown')
    expect(seen).toEqual([expect.objectContaining({ code: 'TASKLET_KILLED' })])
  })

  test('a client that leaves ends the handler and what it has started; no error handler is told', async () => {
    const app = express()
    const ended = channel<string>(2)
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
    const arrived = channel<string>(1)
    const seen = errors(app)
    const { port } = await serve(app, hosted)
    const socket = net.connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await arrived.receive()
    socket.destroy()
    expect([await ended.receive(), await ended.receive()].sort()).toEqual(['handler', 'started'])
    await turns()
    expect(seen).toEqual([])
  })

  test('one that begins when its client is gone does not run, and no error handler is told; an error is, to its end', async () => {
    const app = express()
    const log = channel<unknown>(9)
    const arrived = channel<string>(2)
    // The scope of the request is made, and has ended before the others begin.
    app.use(
      handler(function* (_req, _res, next) {
        next()
      }),
    )
    app.use((req, res, next) => {
      res.once('close', () => setImmediate(() => next(req.path === '/error' ? failure : undefined)))
      arrived.trySend('')
    })
    app.use(
      handler(function* () {
        log.trySend('ran')
      }),
    )
    app.use(
      errorHandler(function* (error) {
        yield* sleep(1)
        log.trySend(error)
      }),
    )
    const { port } = await serve(app, hosted)
    for (const path of ['/', '/error']) {
      const socket = net.connect(port, '127.0.0.1')
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await arrived.receive()
      socket.destroy()
    }
    expect(await log.receive()).toBe(failure)
    expect(log.tryReceive()).toEqual({ ok: false, done: false })
  })

  test('one without its star, and one that was killed and whose next() is called later, are errors once', async () => {
    const app = express()
    let reached = 0
    app.get('/star', handler((() => {}) as never))
    app.get(
      '/killed',
      handler(function* (_req, _res, next) {
        setImmediate(next)
        yield* current().kill()
      }),
      () => {
        reached++
      },
    )
    const seen = errors(app)
    const { url } = await serve(app, hosted)
    expect(await text(`${url}/star`)).toBe('503 shown')
    expect(await text(`${url}/killed`)).toBe('503 shown')
    await turns()
    expect(seen).toEqual([
      expect.objectContaining({ code: 'MISUSE' }),
      expect.objectContaining({ code: 'TASKLET_KILLED' }),
    ])
    expect(reached).toBe(0)
  })

  test('error handlers and handlers of parameters wait', async () => {
    const app = express()
    app.param(
      'id',
      paramHandler(function* (_req, res, next, value, name) {
        yield* sleep(1)
        res.locals.found = `${name}=${value}`
        if (value === '0') throw failure
        next()
      }),
    )
    app.get('/:id', (_req, res) => {
      res.end(res.locals.found)
    })
    app.use(
      errorHandler(function* (error, _req, res) {
        yield* sleep(1)
        res.status(500).end(`caught ${(error as Error).message}`)
      }),
    )
    const { url } = await serve(app, hosted)
    expect(await text(`${url}/7`)).toBe('200 id=7')
    expect(await text(`${url}/0`)).toBe('500 caught failure')
  })

  test('a channel that fails before the first value is a real error page, after it the answer is broken off', async () => {
    const app = express()
    for (const format of ['ndjson', 'sse'] as const) {
      for (const joined of [true, false]) {
        app.get(
          `/${format}/${joined}/:count`,
          handler(function* (req, res) {
            const ch = channel<number>(1)
            if (req.params.count === '1') ch.trySend(1)
            ch.close(failure)
            const drained = drainTo(ch, res, { format })
            if (joined) yield* drained
          }),
        )
      }
    }
    const seen = errors(app)
    const { url } = await serve(app, hosted)
    for (const path of ['ndjson/true', 'ndjson/false', 'sse/true', 'sse/false']) {
      expect(await text(`${url}/${path}/0`)).toBe('503 shown')
      await expect(text(`${url}/${path}/1`)).rejects.toThrow()
    }
    await turns()
    expect(new Set(seen)).toEqual(new Set([failure]))
    expect(seen).toHaveLength(8)
  })

  test('a drain outside a handler fails its request, and not the process', async () => {
    const app = express()
    app.get('/', (_req, res) => {
      const ch = channel<number>()
      drainTo(ch, res, { format: 'ndjson' })
      ch.close(failure)
    })
    const { url } = await serve(app, hosted)
    await reported(async () => {
      expect(await text(url)).toMatch(/^500 Internal Server Error/)
    })
  })

  test('server-sent events: fields, data of several lines, headers, and where a client takes up again', async () => {
    const app = express()
    app.get(
      '/',
      handler(function* (req, res) {
        const ch = channel<number>(1)
        ch.trySend(1)
        ch.close()
        const event = (n: number) => ({ event: 'tick', id: `${lastEventId(req)}+${n}`, data: 'a\nb', retry: 5 })
        yield* drainTo(ch, res, { format: 'sse', event, retry: 7 })
      }),
    )
    const { port } = await serve(app, hosted)
    const req = http.get({ port, host: '127.0.0.1', headers: { 'Last-Event-ID': Buffer.from('ü').toString('latin1') } })
    const res = (await once(req, 'response')) as http.IncomingMessage
    let body = ''
    for await (const chunk of res) body += chunk
    expect(res.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    // Also where the first event is there at once.
    expect(body).toBe('retry: 7\n\nevent: tick\nid: ü+1\nretry: 5\ndata: a\ndata: b\n\n')
  })

  test('an idle client of events gets heartbeats, and none after the end; what flushes is told to', async () => {
    const leaks = leakCheck()
    const ch = channel<string>()
    const app = express()
    let flushed = 0
    app.get(
      '/',
      handler(function* (_req, res) {
        Object.assign(res, { flush: () => flushed++ })
        yield* drainTo(ch, res, { format: 'sse', heartbeat: 1 })
      }),
    )
    const { url } = await serve(app, hosted)
    const response = await fetch(url)
    const decoder = new TextDecoder()
    let body = ''
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      body += decoder.decode(chunk)
      if (body.split(':\n\n').length > 3 && !ch.closed) {
        await ch.send('last')
        ch.close()
      }
    }
    expect(body).toMatch(/^(:\n\n){3,}data: last\n\n$/)
    expect(flushed).toBeGreaterThan(3)
    leaks.abandon()
  })

  test('HEAD sends the head, and receives nothing', async () => {
    const app = express()
    const ch = channel<number>(1)
    ch.trySend(1)
    app.get(
      '/',
      handler(function* (_req, res) {
        outcome = yield* drainTo(ch, res, { format: 'ndjson' })
      }),
    )
    let outcome = ''
    const { url } = await serve(app, hosted)
    const response = await fetch(url, { method: 'HEAD' })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson'])
    await turns()
    expect([outcome, ch.closed]).toEqual(['left', true])
  })

  test('a status without a body sends the head at once, and receives nothing', async () => {
    const app = express()
    const channels = new Map([204, 304].map(status => [status, channel<number>(1)]))
    app.get(
      '/:status',
      handler(function* (req, res) {
        const status = Number(req.params.status)
        yield* drainTo(channels.get(status) ?? channel<number>(), res.status(status), { format: 'sse', retry: 1 })
      }),
    )
    const { url } = await serve(app, hosted)
    for (const [status, ch] of channels) {
      ch.trySend(1)
      const response = await fetch(`${url}/${status}`)
      expect([response.status, response.headers.get('content-type')]).toEqual([status, null])
      expect(await ch.ended).toMatchObject({ by: 'cancel' })
    }
  })

  test('a drain whose time runs out before the first value leaves the answer to whoever set the time', async () => {
    const app = express()
    const limited = (res: express5.Response) =>
      function* () {
        yield* drainTo(channel<number>(), res, { format: 'ndjson' })
      }
    app.get(
      '/error',
      handler(function* (_req, res) {
        yield* timeout(1, limited(res))
      }),
    )
    app.get(
      '/other',
      handler(function* (_req, res) {
        yield* timeout(1, limited(res), { else: null })
        res.status(504).end('late')
      }),
    )
    const seen = errors(app)
    const { url } = await serve(app, hosted)
    expect(await text(`${url}/error`)).toBe('503 shown')
    expect(await text(`${url}/other`)).toBe('504 late')
    expect(seen).toEqual([expect.objectContaining({ code: 'TIMEOUT' })])
  })

  test('two channels for one response are refused; after an error page that is a channel of its own they are not', async () => {
    const app = express()
    const failing = channel<number>()
    failing.close(failure)
    app.get(
      '/two',
      handler(function* (_req, res) {
        const first = channel<string>(1)
        first.trySend('first')
        first.close()
        const drained = drainTo(first, res, { format: 'raw' })
        expect(() => drainTo(channel<string>(), res, { format: 'raw' })).toThrow(
          expect.objectContaining({ code: 'MISUSE' }),
        )
        yield* drained
      }),
    )
    app.get(
      '/page',
      handler(function* (_req, res) {
        yield* drainTo(failing, res, { format: 'ndjson' })
      }),
    )
    app.use(
      errorHandler(function* (_error, _req, res) {
        const page = channel<string>(1)
        page.trySend('page')
        page.close()
        yield* drainTo(page, res.status(503), { format: 'raw' })
      }),
    )
    const { url } = await serve(app, hosted)
    expect(await text(`${url}/two`)).toBe('200 first')
    expect(await text(`${url}/page`)).toBe('503 page')
  })

  test('the reason of the cancel is CLIENT_GONE, also where the response waits for its turn', async () => {
    const app = express()
    const arrived = channel<string>(2)
    const channels = [channel<number>(), channel<number>()]
    app.get(
      '/:at',
      handler(function* (req, res) {
        arrived.trySend('')
        yield* drainTo(channels[Number(req.params.at)] as (typeof channels)[0], res, { format: 'ndjson' })
      }),
    )
    const { port } = await serve(app, hosted)
    const socket = net.connect(port, '127.0.0.1')
    socket.write('GET /0 HTTP/1.1\r\nHost: a\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
    await arrived.receive()
    await arrived.receive()
    socket.destroy()
    for (const ch of channels) expect(await ch.ended).toMatchObject({ by: 'cancel', reason: { code: 'CLIENT_GONE' } })
  })

  test('bytes are sent as they are, and headers of yours are kept', async () => {
    const app = express()
    app.get(
      '/',
      handler(function* (_req, res) {
        const ch = channel<string>(2)
        ch.trySend('a,b\n')
        ch.trySend('1,2\n')
        ch.close()
        res.status(201).type('text/csv')
        yield* drainTo(ch, res, { format: 'raw' })
      }),
    )
    const { url } = await serve(app, hosted)
    const response = await fetch(url)
    expect(response.headers.get('content-type')).toContain('text/csv')
    expect([response.status, await response.text()]).toEqual([201, 'a,b\n1,2\n'])
  })

  test('a body beyond its limit, and one that is malformed, get their status, and the connection goes on', async () => {
    const app = express()
    app.post(
      '/',
      handler(function* (req, res) {
        let count = 0
        const limit = 100_000
        const values = toChannel(req, { format: 'ndjson', limit, lineLimit: 1000 })
        yield* values.each(() => {
          count++
        })
        res.json({ count })
      }),
    )
    app.use(((error, _req, res, _next) => {
      res.status(error.status).end(error.code)
    }) as express5.ErrorRequestHandler)
    const { port } = await serve(app, hosted)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    closers.push(() => agent.destroy())
    const sockets = new Set<unknown>()
    const post = async (body: string, chunked: boolean) => {
      const req = http.request({ port, host: '127.0.0.1', method: 'POST', agent })
      req.on('socket', socket => sockets.add(socket))
      if (chunked) req.setHeader('Transfer-Encoding', 'chunked')
      req.end(body)
      const res = (await once(req, 'response')) as http.IncomingMessage
      let text = `${res.statusCode} `
      for await (const chunk of res) text += chunk
      return text
    }
    const large = '1\n'.repeat(1_000_000)
    expect(await post(large, false)).toBe('413 BODY_TOO_LARGE')
    expect(await post(large, true)).toBe('413 BODY_TOO_LARGE')
    expect(await post(`"${'x'.repeat(2000)}"\n`, true)).toBe('413 BODY_TOO_LARGE')
    expect(await post('1\n{', true)).toBe('400 MALFORMED_BODY')
    expect(await post('1\n\n {"a": 2} \r\n3', true)).toBe('200 {"count":3}')
    expect(sockets.size).toBe(1)
  })

  test('a body that says it is too large is refused before it comes', async () => {
    const app = express()
    app.post(
      '/',
      handler(function* (req) {
        yield* toChannel(req, { limit: 10 }).receive()
      }),
    )
    app.use(((error, _req, res, _next) => {
      res.status(error.status).end(error.code)
    }) as express5.ErrorRequestHandler)
    const { port } = await serve(app, hosted)
    const socket = net.connect(port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n')
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 413 /)
    socket.destroy()
  })

  test('a body that was parsed is refused; a client that breaks off is CLIENT_GONE', async () => {
    const app = express()
    const outcome = channel<unknown>(2)
    app.post('/parsed', express.json(), (req, res) => {
      try {
        toChannel(req)
      } catch (error) {
        res.end((error as { code: string }).code)
      }
    })
    app.post('/', (req, _res) => {
      const body = toChannel(req)
      body.receive().then(() => {
        body.next().then(undefined, error => outcome.trySend(error))
        socket.destroy()
      })
    })
    const { port, url } = await serve(app, hosted)
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }
    expect(await text(`${url}/parsed`, init)).toBe('200 ALREADY_CONSUMED')
    const socket = net.connect(port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\npart')
    expect(await outcome.receive()).toMatchObject({ code: 'CLIENT_GONE' })
  })
})

test('it refuses what is no generator function', () => {
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  for (const make of [handler, errorHandler, paramHandler]) {
    for (const bad of [undefined, 5, async () => {}])
      expect(() => (make as (fn: never) => unknown)(bad as never)).toThrow(invalid)
  }
})
