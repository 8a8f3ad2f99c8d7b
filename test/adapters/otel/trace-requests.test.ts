import { tracingChannel } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import express from 'express'
import fastify from 'fastify'
import { type TraceRequestsOptions, traceRequests } from '../../../src/adapters/otel/index.js'
import { go, sleep } from '../../../src/core/index.js'
import { type HostOptions, passOn, taskletHandler } from '../../../src/host/index.js'
import { ca, server as tls } from '../../host/certificates.js'
import { alone, closeHosts, defer, exchange, get, newHost, RawClient, started } from '../../host/support.js'
import { reported } from '../support.js'

const exporter = new InMemorySpanExporter()
/** The spans that have begun and not ended. */
const open = new Set<unknown>()
const counter = {
  onStart: (span: unknown) => void open.add(span),
  onEnd: (span: unknown) => void open.delete(span),
  forceFlush: async () => {},
  shutdown: async () => {},
}
const provider = new BasicTracerProvider({ spanProcessors: [counter, new SimpleSpanProcessor(exporter)] })
const tracer = provider.getTracer('test')

beforeAll(() => {
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
})

let stop = () => {}

afterEach(async () => {
  stop()
  stop = () => {}
  exporter.reset()
  await closeHosts()
  expect(open.size).toBe(0)
})

afterAll(() => {
  context.disable()
  trace.disable()
  propagation.disable()
})

function traced(options?: TraceRequestsOptions, hostOptions?: HostOptions) {
  stop = traceRequests(options)
  return newHost(hostOptions)
}

/** The finished spans, once there are so many. A response may be read before its end is told. */
async function finished(count: number): Promise<ReadableSpan[]> {
  while (exporter.getFinishedSpans().length < count) await new Promise(resolve => setImmediate(resolve))
  return exporter.getFinishedSpans()
}

test('a span says what was asked and what was answered, by the semantic conventions', async () => {
  const host = traced({ attributes: ({ request }) => ({ 'app.tenant': request.headers['x-tenant'] ?? '' }) })
  host.mount('/api', (_req, res) => res.writeHead(201).end())
  const { port } = await started(host)
  const client = new RawClient(port).send(
    'GET /api/x?token=secret HTTP/1.1\nHost: example.com:8080\nUser-Agent: test\nX-Tenant: t1\nConnection: close\n\n',
  )
  await client.until(/201/)
  const [span] = await finished(1)
  expect(span).toMatchObject({
    name: 'GET /api',
    kind: SpanKind.SERVER,
    status: { code: SpanStatusCode.UNSET },
    parentSpanContext: undefined,
    instrumentationScope: { name: 'syncless' },
  })
  expect(span?.attributes).toEqual({
    'http.request.method': 'GET',
    'url.path': '/api/x',
    'url.scheme': 'http',
    'server.address': 'example.com',
    'server.port': 8080,
    'client.address': '127.0.0.1',
    'network.peer.address': '127.0.0.1',
    'network.peer.port': expect.any(Number),
    'network.protocol.version': '1.1',
    'user_agent.original': 'test',
    'syncless.mount': '/api',
    'app.tenant': 't1',
    'http.response.status_code': 201,
    'syncless.outcome': 'ended',
  })
})

test('what the client calls the server, and the path alone of a target that is a whole URL', async () => {
  const host = traced()
  host.mount('/', (_req, res) => res.end())
  const { port } = await started(host)
  await exchange(port, get('/a').replace('Host: x', 'Host: [::1]:80'))
  await exchange(port, get('http://example.com/b?q').replace('Host: x', 'Host: example.com'))
  await exchange(port, get('/').replace('1.1\nHost: x', '1.0'))
  const keys = ['url.path', 'server.address', 'server.port', 'network.protocol.version']
  const spans = await finished(3)
  expect(spans.map(({ attributes }) => keys.map(key => attributes[key]))).toEqual([
    ['/a', '[::1]', 80, '1.1'],
    ['/b', 'example.com', undefined, '1.1'],
    ['/', undefined, undefined, '1.0'],
  ])
})

test('of a request over HTTP/2', async () => {
  const host = traced({}, { tls, http2: true })
  host.mount('/', (_req, res) => res.end())
  const { port } = await started(host)
  const session = connect(`https://127.0.0.1:${port}`, { ca })
  const stream = session.request({ ':path': '/x' }).resume()
  await new Promise(resolve => stream.on('close', resolve))
  const [span] = await finished(1)
  session.destroy()
  expect(span).toMatchObject({ name: 'GET /', kind: SpanKind.SERVER })
  expect(span?.attributes).toMatchObject({
    'url.path': '/x',
    'url.scheme': 'https',
    'server.address': '127.0.0.1',
    'server.port': port,
    'network.protocol.version': '2',
    'http.response.status_code': 200,
    'syncless.outcome': 'ended',
  })
})

test('it continues the trace of its client, is active in handlers and tasklets, and parent of what they make', async () => {
  const host = traced()
  const app = express()
  app.get('/users/:id', async (_req, res) => {
    await sleep(1)
    await go(function* () {
      yield* sleep(1)
      tracer.startSpan('in a tasklet').end()
    })
    tracer.startSpan('after it').end()
    res.send('x')
  })
  host.mount('/shop', app, { strip: true })
  host.mount(
    '/tasklet',
    taskletHandler(function* (_req, res) {
      yield* sleep(1)
      tracer.startSpan('in a handler').end()
      res.end()
    }),
  )
  const { port } = await started(host)
  const [traceId, parent] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
  await exchange(port, get('/shop/users/7', `traceparent: 00-${traceId}-${parent}-01\n`))
  await exchange(port, get('/tasklet', `traceparent: 00-${traceId}-${parent}-01\n`))
  const spans = await finished(5)
  const named = (name: string) => spans.find(span => span.name === name)
  const [shop, tasklet] = [named('GET /shop/users/:id'), named('GET /tasklet')]
  expect(shop?.attributes).toMatchObject({ 'http.route': '/shop/users/:id', 'url.path': '/shop/users/7' })
  for (const span of spans) expect(span.spanContext().traceId).toBe(traceId)
  for (const span of [shop, tasklet]) expect(span?.parentSpanContext?.spanId).toBe(parent)
  for (const name of ['in a tasklet', 'after it']) {
    expect(named(name)?.parentSpanContext?.spanId).toBe(shop?.spanContext().spanId)
  }
  expect(named('in a handler')?.parentSpanContext?.spanId).toBe(tasklet?.spanContext().spanId)
})

test('requests that overlap keep their spans apart', async () => {
  const host = traced()
  const gates = [defer(), defer()]
  const begun = [defer(), defer()]
  host.mount('/', async (req, res) => {
    const n = Number(req.url?.slice(1))
    begun[n]?.resolve()
    await gates[n]?.promise
    trace.getActiveSpan()?.setAttribute('n', n)
    res.end()
  })
  const { port } = await started(host)
  const answers = [exchange(port, get('/0')), exchange(port, get('/1'))]
  await Promise.all(begun.map(({ promise }) => promise))
  gates[1]?.resolve()
  await answers[1]
  gates[0]?.resolve()
  await answers[0]
  const spans = await finished(2)
  expect(spans.map(({ attributes }) => [attributes['url.path'], attributes.n])).toEqual([
    ['/1', 1],
    ['/0', 0],
  ])
})

test('the route that Fastify has found is the span’s', async () => {
  const host = traced()
  const api = fastify({ serverFactory: host.serverFactory('/api') })
  api.get('/api/orders/:id', async () => 'x')
  fastify({ serverFactory: host.serverFactory('/files') }).get('/*', async () => 'x')
  const { port } = await started(host)
  await exchange(port, get('/api/orders/7'))
  await exchange(port, get('/api/none'))
  await exchange(port, get('/files/a/b'))
  const spans = await finished(3)
  expect(spans.map(({ name, attributes }) => [name, attributes['http.route']])).toEqual([
    ['GET /api/orders/:id', '/api/orders/:id'],
    ['GET /api', undefined],
    ['GET /files/*', '/files/*'],
  ])
})

test('failures: an error that the host hears of, a status of the app’s own, a client that leaves', async () => {
  const host = traced({}, { onError: () => {} })
  const begun = [defer(), defer()]
  host.mount('/', (req, res) => {
    if (req.url === '/throws') throw new TypeError('broken')
    if (req.url === '/rejects') return Promise.reject('a string')
    if (req.url === '/status') return res.writeHead(503).end()
    if (req.url === '/missing') return res.writeHead(404).end()
    if (req.url === '/stream') res.write('some')
    else res.statusCode = 503
    begun[req.url === '/stream' ? 0 : 1]?.resolve()
    return res
  })
  const { port } = await started(host)
  for (const path of ['/throws', '/rejects', '/status', '/missing']) await exchange(port, get(path))
  for (const [n, path] of ['/stream', '/silent'].entries()) {
    const client = new RawClient(port).send(get(path))
    await begun[n]?.promise
    client.socket.destroy()
    await finished(5 + n)
  }
  const [throws, rejects, status, missing, stream, silent] = await finished(6)
  expect(throws).toMatchObject({
    status: { code: SpanStatusCode.ERROR },
    attributes: { 'error.type': 'TypeError', 'http.response.status_code': 500 },
    events: [{ name: 'exception', attributes: { 'exception.message': 'broken' } }],
  })
  expect(rejects).toMatchObject({ attributes: { 'error.type': '_OTHER', 'http.response.status_code': 500 } })
  expect(status).toMatchObject({
    status: { code: SpanStatusCode.ERROR },
    attributes: { 'error.type': '503', 'http.response.status_code': 503 },
    events: [],
  })
  expect(missing?.status).toEqual({ code: SpanStatusCode.UNSET })
  expect(missing?.attributes).not.toHaveProperty('error.type')
  const left = { 'error.type': 'CLIENT_GONE', 'syncless.outcome': 'gone' }
  expect(stream).toMatchObject({
    status: { code: SpanStatusCode.ERROR },
    attributes: { ...left, 'http.response.status_code': 200 },
  })
  expect(silent).toMatchObject({ status: { code: SpanStatusCode.ERROR }, attributes: left })
  expect(silent?.attributes).not.toHaveProperty('http.response.status_code')
})

test.each(['Express, then Fastify', 'Fastify, then Express', 'Fastify, then a handler'])(
  'a request that is handed over has one span, which is active in both apps: %s',
  async order => {
    const host = traced()
    const note = (name: string) => tracer.startSpan(name).end()
    const isFirst = (app: string) => order.startsWith(app)
    const mounts: Record<string, () => unknown> = {
      Fastify() {
        const handOver = isFirst('Fastify')
        const api = fastify({
          serverFactory: host.serverFactory('/x', { handOver, accept: ['case', 'trailing-slash'] }),
        })
        api.post('/x/:id', async (_request, reply) => {
          note('Fastify')
          return handOver ? passOn(reply) : 'Fastify'
        })
      },
      Express() {
        const app = express().post('/x/:name', express.text(), (_req, res, next) => {
          note('Express')
          if (isFirst('Express')) next()
          else res.send('Express')
        })
        if (isFirst('Express')) host.mount('/x', app, { handOver: true })
        else host.mount('/', app)
      },
      'a handler'() {
        host.mount('/', (_req, res) => {
          note('a handler')
          res.end()
        })
      },
    }
    const apps = order.split(', then ')
    for (const app of apps) mounts[app]?.()
    const { url } = await started(host)
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await fetch(`${url}/x/7`, { method: 'POST', body: 'some', headers: { traceparent, connection: 'close' } })
    const [first, second, request, ...more] = await finished(3)
    expect([first?.name, second?.name]).toEqual(apps)
    for (const span of [first, second]) expect(span?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
    expect(request?.parentSpanContext?.spanId).toBe('b7ad6b7169203331')
    const names = { Fastify: 'POST /x/:id', Express: 'POST /x/:name', 'a handler': 'POST /' }
    expect(request?.name).toBe(Object.entries(names).find(([app]) => order.endsWith(app))?.[1])
    expect(request?.attributes['syncless.mount']).toBe(order.startsWith('Express') ? '/x' : '/')
    expect(more).toEqual([])
  },
)

test('where an instrumentation of Node’s server has a span already, it is a part of that', async () => {
  const host = traced()
  host.mount('/', (_req, res) => res.end())
  let outer: Span | undefined
  // What `@opentelemetry/instrumentation-http` does around the 'request' event.
  const server = host.server('/in').on('request', (req: IncomingMessage, res: ServerResponse) => {
    const span = tracer.startSpan('GET', { kind: SpanKind.SERVER })
    outer = span
    context.with(trace.setSpan(context.active(), span), () => nested.handler(req, res))
    res.on('close', () => span.end())
  })
  const nested = newHost()
  nested.mount('/in', (_req, res) => res.end('x'))
  expect(server).toBeDefined()
  const { port } = await started(host)
  await exchange(port, get('/in'))
  const spans = await finished(3)
  const inner = spans.find(({ parentSpanContext }) => parentSpanContext?.spanId === outer?.spanContext().spanId)
  expect(inner).toMatchObject({ name: 'GET /in', kind: SpanKind.INTERNAL })
})

test('a span in which the host was started is nobody’s parent once it is over', async () => {
  const host = traced()
  host.mount('/', (_req, res) => res.end())
  const startup = tracer.startSpan('startup')
  const { port } = await context.with(trace.setSpan(context.active(), startup), () => started(host))
  startup.end()
  await exchange(port, get('/'))
  const spans = await finished(2)
  expect(spans[1]).toMatchObject({ kind: SpanKind.SERVER, parentSpanContext: undefined })
})

test('requests that are to be ignored have none, methods that nobody knows have one name, and nothing is made after stop()', async () => {
  const host = traced({ ignore: req => req.url === '/livez' }, { health: true })
  host.mount('/', (_req, res) => res.end())
  const { port } = await started(host)
  await exchange(port, get('/livez'))
  await exchange(port, get('/').replace('GET', 'PURGE'))
  const spans = await finished(1)
  expect(spans).toMatchObject([
    { name: 'HTTP /', attributes: { 'http.request.method': '_OTHER', 'http.request.method_original': 'PURGE' } },
  ])
  stop()
  await exchange(port, get('/'))
  await exchange(port, get('/'))
  expect(exporter.getFinishedSpans()).toHaveLength(1)
})

test('a name that the app has given its span stays, where no route is known', async () => {
  const host = traced()
  host.mount('/', (_req, res) => {
    trace.getActiveSpan()?.updateName('a better name')
    res.end()
  })
  const { port } = await started(host)
  await exchange(port, get('/'))
  expect((await finished(1))[0]?.name).toBe('a better name')
})

test('a request that has begun before stop() still gets the end of its span; one that begins after it has none', async () => {
  const host = traced()
  const [begun, finish] = [defer(), defer()]
  host.mount('/', async (req, res) => {
    begun.resolve()
    if (req.url === '/held') await finish.promise
    res.end()
  })
  const { port } = await started(host)
  const held = exchange(port, get('/held'))
  await begun.promise
  stop()
  await exchange(port, get('/later'))
  finish.resolve()
  await held
  const spans = await finished(1)
  expect(spans.map(({ attributes }) => attributes['url.path'])).toEqual(['/held'])
  expect(tracingChannel('syncless.http').start.hasSubscribers).toBe(false)
})

test('an upgrade has no span, and is in that of no other request', async () => {
  const host = traced()
  host.mount('/', (_req, res) => res.end())
  const active: unknown[] = []
  host.server('/ws').on('upgrade', (_req, socket) => {
    active.push(trace.getActiveSpan())
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
  })
  const { port } = await started(host)
  const upgrade = 'Host: x\nConnection: Upgrade\nUpgrade: x\n\n'
  const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
  await client.until(/ 200 /)
  client.send(`GET /ws HTTP/1.1\n${upgrade}`)
  await client.until(/ 101 /)
  const spans = await finished(1)
  expect(spans.map(({ name }) => name)).toEqual(['GET /'])
  expect(active).toEqual([undefined])
  expect(open.size).toBe(0)
})

test('no span is left open, however a request ends', async () => {
  const host = traced({}, { onError: () => {}, admission: { inFlight: 20, queue: 1 }, limits: { body: 10 } })
  const held = defer()
  host.mount('/declines', (_req, _res, next) => next(), { handOver: true })
  host.mount('/', (req, res) => {
    if (req.url === '/throws') throw new Error('broken')
    if (req.url === '/held') return held.resolve()
    if (req.url === '/destroyed') return res.destroy()
    if (req.url === '/tasklet') {
      go(function* () {
        yield* sleep(1)
        throw new Error('late')
      })
      return res.write('some')
    }
    if (req.method === 'POST') return
    return res.end('x')
  })
  const { port } = await started(host)
  for (const path of ['/', '/throws', '/destroyed', '/tasklet', '/declines']) await exchange(port, get(path))
  const large = 'Transfer-Encoding: chunked\n\nff\n'
  await exchange(port, `POST / HTTP/1.1\nHost: x\nConnection: close\n${large}${'x'.repeat(255)}\n0\n\n`)
  const pipelined = new RawClient(port).send(get('/held').replace('close', 'keep-alive').repeat(3))
  await held.promise
  pipelined.socket.destroy()
  const last = new RawClient(port).send(get('/held'))
  while (open.size === 0) await new Promise(resolve => setImmediate(resolve))
  await host.close({ deadline: 0 })
  await last.closed
  expect(open.size).toBe(0)
})

test('a host in another server that gives a request back has ended its span', async () => {
  const host = traced()
  host.mount('/', (_req, _res, next) => next(), { handOver: true })
  await alone(
    express().use(host.handler, (_req, res) => void res.send('mine')),
    async port => {
      expect(await exchange(port, get('/x'))).toMatch(/mine$/)
    },
  )
  expect((await finished(1))[0]).toMatchObject({ name: 'GET /', status: { code: SpanStatusCode.UNSET } })
  expect(open.size).toBe(0)
})

test('attributes and ignore that throw or reject are reported, and the request is served and traced', async () => {
  const fails = () => {
    throw new Error('no')
  }
  const rejects = async () => fails()
  const host = traced({ ignore: fails, attributes: rejects as never })
  host.mount('/', (_req, res) => res.end('served'))
  const { port } = await started(host)
  const warnings = await reported(async () => {
    expect(await exchange(port, get('/'))).toMatch(/served$/)
  })
  expect(warnings).toEqual(['ignore of traceRequests() threw: no', 'attributes of traceRequests() was rejected: no'])
  expect(await finished(1)).toHaveLength(1)
})
