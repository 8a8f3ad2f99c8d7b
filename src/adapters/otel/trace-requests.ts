import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { ask } from '../../core/loop/callback.js'
import type { RequestTrace } from '../port.js'
import { endAttributes, errorType, expressRoute, spanName, startAttributes, wholeRoute } from './http-attributes.js'

/** Options of {@link traceRequests}. */
export interface TraceRequestsOptions {
  /** The tracer. Default: the tracer `syncless` of the global provider. */
  tracer?: Tracer
  /** Returns true for requests without a span, such as those of a health check. Default: none. */
  ignore?: (request: IncomingMessage) => boolean
  /**
   * Returns more attributes of a span, when the span starts. An error of these functions is reported, and the request
   * goes on.
   */
  attributes?: (trace: RequestTrace) => Attributes
}

/** The channel of the host, and the one on which Fastify 5 says which of its routes has a request. */
const HOST = 'tracing:syncless.http'
const FASTIFY = 'tracing:fastify.request.handler:start'

/**
 * Makes a span for every request that a host of this process dispatches to an app, by the semantic conventions for
 * HTTP servers. Returns a function that stops it; requests that have begun by then still get the end of their span.
 *
 * The span is active in all code that runs for the request: in the app, after an `await`, in tasklets, and in the app
 * to which the request is handed over. It continues the trace that the client has sent, or one that another
 * instrumentation has begun on this server; in the second case it is an internal part of that trace. `error.type` is
 * the name of the error that the host got, the status if that is 500 or more, or `CLIENT_GONE`. The URL's query,
 * which may hold secrets, is left out. Upgrades get no span.
 *
 * It needs the peer `@opentelemetry/api`, and the provider, context manager and propagator that the application
 * registers.
 *
 * @example
 * ```ts
 * import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
 * import { context, trace } from '@opentelemetry/api'
 * import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
 * import assert from 'node:assert/strict'
 * import { sleep } from 'syncless'
 * import { createHost, taskletHandler } from 'syncless/host'
 * import { traceRequests } from 'syncless/otel'
 *
 * const exporter = new InMemorySpanExporter()
 * trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
 * context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
 * const stop = traceRequests()
 *
 * const host = createHost()
 * host.mount('/slow', taskletHandler(function* (_req, res) {
 *   yield* sleep(1)
 *   trace.getActiveSpan()?.addEvent('slept')
 *   res.end()
 * }))
 * const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
 * await fetch(`http://127.0.0.1:${port}/slow/1`)
 * await host.close()
 * const [span] = exporter.getFinishedSpans()
 * assert.equal(span?.name, 'GET /slow')
 * assert.equal(span?.events[0]?.name, 'slept')
 * stop()
 * ```
 */
export function traceRequests(options: TraceRequestsOptions = {}): () => void {
  const tracer = options.tracer ?? trace.getTracer('syncless')
  /** Those of requests that are not over, and the names that they began with. */
  const spans = new Map<RequestTrace, { span: Span; name: string }>()
  /** Where hosts are nested, what the innermost tells of a request. */
  const latest = new WeakMap<IncomingMessage, RequestTrace>()
  const fastifyRoutes = new WeakMap<IncomingMessage, { route: string; mount: string; trace: RequestTrace }>()
  const { ignore, attributes: attributesOf } = options
  let stopped = false

  function start(request: RequestTrace): void {
    if (stopped || (ignore !== undefined && ask('ignore of traceRequests()', false, ignore, request.request) === true))
      return
    const { parent, kind } = origin(request.request)
    const more = attributesOf === undefined ? {} : ask('attributes of traceRequests()', {}, attributesOf, request)
    const attributes = { ...startAttributes(request), ...more }
    const name = spanName(request, undefined)
    const span = tracer.startSpan(name, { kind, attributes }, parent)
    spans.set(request, { span, name })
    latest.set(request.request, request)
    const active = trace.setSpan(parent, span)
    request.within(run => context.with(active, run))
  }

  function fail(request: RequestTrace): void {
    const error = request.error instanceof Error ? request.error : new Error(inspect(request.error))
    spans.get(request)?.span.recordException(error)
  }

  function end(request: RequestTrace): void {
    const open = spans.get(request)
    if (open === undefined) return
    spans.delete(request)
    const { span } = open
    const route = expressRoute(request.request) ?? fastifyRoute(request.request)
    const name = spanName(request, route)
    // Where it is the same as before, an app may have given the span a better one.
    if (name !== open.name) span.updateName(name)
    if (errorType(request) !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
    span.setAttributes(endAttributes(request, route)).end()
    if (stopped && spans.size === 0) leave()
  }

  function routed({ request: { raw }, route: { url } }: FastifyMessage): void {
    const trace = latest.get(raw)
    if (trace === undefined) return
    fastifyRoutes.set(raw, { route: wholeRoute(trace.mount, url), mount: trace.mount, trace })
  }

  function fastifyRoute(request: IncomingMessage): string | undefined {
    const found = fastifyRoutes.get(request)
    // It may have passed the request on.
    return found?.mount === found?.trace.mount ? found?.route : undefined
  }

  const listeners: [channel: string, listener: (message: unknown) => void][] = [
    [`${HOST}:start`, message => start(message as RequestTrace)],
    [`${HOST}:error`, message => fail(message as RequestTrace)],
    [`${HOST}:asyncEnd`, message => end(message as RequestTrace)],
    [FASTIFY, message => routed(message as FastifyMessage)],
  ]
  for (const [channel, listener] of listeners) subscribe(channel, listener)

  function leave(): void {
    for (const [channel, listener] of listeners) unsubscribe(channel, listener)
  }
  return () => {
    stopped = true
    if (spans.size === 0) leave()
  }
}

/** What Fastify publishes. */
interface FastifyMessage {
  readonly request: { readonly raw: IncomingMessage }
  readonly route: { readonly url: string }
}

/** The context that a request continues. A span that is over is not: whatever ran when the host began to listen is active. */
function origin({ headers }: IncomingMessage): { parent: Context; kind: SpanKind } {
  const active = context.active()
  if (trace.getSpan(active)?.isRecording() === true) return { parent: active, kind: SpanKind.INTERNAL }
  return { parent: propagation.extract(ROOT_CONTEXT, headers), kind: SpanKind.SERVER }
}
