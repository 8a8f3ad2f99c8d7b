/**
 * The engine over `node:http2`. Its requests and responses are those of Node's compatibility API, which most handlers
 * of HTTP/1 can serve. An app that cannot serve them is refused before the host listens.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  constants,
  createServer,
  getPackedSettings,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import { codeOf, nameOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'
import { timerDelay } from '../../core/ops/sleep.js'
import type { Engine, EngineSink } from './engine.js'
import type { NodeHttpOptions } from './node-http-engine.js'
import { askedPath } from './request-target.js'

/** Options of `http2.createSecureServer()`: `settings`, and bounds on the cost of a session. */
export interface Http2Options
  extends Omit<
    ServerOptions,
    'Http1IncomingMessage' | 'Http1ServerResponse' | 'http1Options' | 'Http2ServerRequest' | 'Http2ServerResponse'
  > {
  /** Whether clients without HTTP/2 are served over HTTP/1.1, WebSocket clients included. Default: true. */
  allowHTTP1?: boolean
}

/** Limits on requests: Node's own defaults in milliseconds and bytes, except for the streams. */
const KEEP_ALIVE_TIMEOUT = 5_000
const REQUEST_TIMEOUT = 300_000
const MAX_HEADER_SIZE = 16_384
const MAX_CONCURRENT_STREAMS = 128
/** How long a client may take to close a connection that the host has ended, in milliseconds. */
const LINGER = 500
/** How often it is looked whether a session is over that Node does not end, if idle sessions are kept for ever; in ms. */
const MOST_OVER = 5000

/**
 * Makes the engine. `keepAliveTimeout`, `requestTimeout` and `maxHeaderSize` of `http` hold here, too. Throws Node's
 * own error for an option that Node refuses.
 */
export function nodeHttp2Engine(sink: EngineSink, http: NodeHttpOptions, options: Http2Options): Engine {
  const { requestTimeout = REQUEST_TIMEOUT, keepAliveTimeout = KEEP_ALIVE_TIMEOUT } = http
  const { allowHTTP1: _, ...rest } = options
  const settings = {
    maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
    maxHeaderListSize: http.maxHeaderSize ?? MAX_HEADER_SIZE,
    ...options.settings,
  }
  // Node would look at them with the first connection only.
  getPackedSettings(settings)
  const server = createServer({ ...rest, settings })
  let opened: ServerHttp2Session | null = null
  server.on('session', session => {
    opened = session
  })
  for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) {
    server.on(event, (req: Http2ServerRequest, res: Http2ServerResponse) => {
      if (!req.stream.endAfterHeaders) limitTime(req.stream, requestTimeout)
      if (namesTwoHosts(req)) {
        req.stream.resume().respond({ [constants.HTTP2_HEADER_STATUS]: 400 }, { endStream: true })
        return
      }
      serve(sink, event, req, res)
    })
  }
  server.on('sessionError', error => {
    if (codeOf(error) === 'ECONNRESET') return
    sink.failed(
      new SynclessError('MALFORMED_REQUEST', `a client does not speak HTTP/2 (${nameOf(error)})`, { cause: error }),
    )
  })
  return {
    accept(connection) {
      opened = null
      server.emit('connection', connection)
      // Without one, the client chose no protocol and has been told so.
      if (opened === null) sink.connection(connection)
      else sink.connection(connection, carry(connection, opened, keepAliveTimeout))
      connection.once('finish', () => {
        const timer = setTimeout(() => connection.destroy(), LINGER)
        connection.once('close', () => clearTimeout(timer))
      })
    },
    usePrototypes() {},
    close() {},
  }
}

/**
 * Keeps count of the streams, lets an idle session go, and ends what carries a session that is over. Node stops reading if
 * many streams are reset in a row: it does not see the client leave then, and keeps the connection of the session.
 */
function carry(connection: Duplex, session: ServerHttp2Session, keepAliveTimeout: number) {
  let streams = 0
  session.on('stream', stream => {
    streams++
    stream.once('close', () => streams--)
  })
  session.setTimeout(timerDelay(keepAliveTimeout))
  session.on('timeout', () => {
    if (streams === 0) session.close()
  })
  let wasOver = false
  const look = setInterval(
    () => {
      const isOver = session.closed || session.destroyed
      // An end that Node has begun, and a client that is slow to take the last bytes, have until the next look.
      if (wasOver && streams === 0 && connection.writableLength === 0) connection.destroy()
      wasOver = isOver
    },
    keepAliveTimeout > 0 ? timerDelay(keepAliveTimeout) : MOST_OVER,
  ).unref()
  connection.once('close', () => clearInterval(look))
  return {
    get streams() {
      return streams
    },
    close: () => session.close(),
  }
}

/** A request for two hosts at once is malformed (RFC 9113, 8.3.1): some apps go by the one, some by the other. */
function namesTwoHosts({ headers: { host, ':authority': authority } }: Http2ServerRequest): boolean {
  return host !== undefined && typeof authority === 'string' && host.toLowerCase() !== authority.toLowerCase()
}

/**
 * Answers 408 if the request has not come in as a whole after `ms`, or breaks off a response that has begun. One that has come
 * is in time, even where its app has not read it: the stream says `end` only to a reader.
 */
function limitTime(stream: ServerHttp2Stream, ms: number): void {
  if (ms === 0) return
  const timer = setTimeout(() => {
    if (stream.destroyed || stream.closed || hasCome(stream)) return
    if (stream.headersSent) stream.close(constants.NGHTTP2_CANCEL)
    else {
      // Not ended, so that the app sees a client that was cut off rather than one that was answered.
      stream.respond({ [constants.HTTP2_HEADER_STATUS]: 408 })
      stream.close(constants.NGHTTP2_NO_ERROR)
      // It would wait for the app to read what has come in.
      setImmediate(() => stream.destroy())
    }
  }, timerDelay(ms))
  const clear = () => clearTimeout(timer)
  stream.once('end', clear).once('close', clear)
}

function hasCome({ state }: ServerHttp2Stream): boolean {
  return state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE
}

/**
 * An app that was not recognised may put prototypes on the pair that are made for HTTP/1, as Express does. What Node does
 * with the pair at the end of the stream would then be an uncaught exception: they get their own back.
 */
function serve(
  sink: EngineSink,
  event: 'request' | 'checkContinue' | 'checkExpectation',
  req: Http2ServerRequest,
  res: Http2ServerResponse,
): void {
  const [reqPrototype, resPrototype] = [Object.getPrototypeOf(req), Object.getPrototypeOf(res)]
  // The compatibility API has what handlers use of the pair; the types do not say so.
  sink[event](req as unknown as IncomingMessage, res as unknown as ServerResponse)
  if (Object.getPrototypeOf(req) === reqPrototype && Object.getPrototypeOf(res) === resPrototype) return
  Object.setPrototypeOf(req, reqPrototype)
  Object.setPrototypeOf(res, resPrototype)
  if (!res.writableEnded) res.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  sink.failed(
    new SynclessError(
      'HTTP2_UNSUPPORTED',
      `mount the app that serves ${req.method} ${askedPath(req as unknown as IncomingMessage)} on a host without http2: ` +
        'the app turns its request and response into HTTP/1 objects, as Express does',
    ),
  )
}
