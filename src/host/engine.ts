/**
 * The seam between the host and whatever speaks HTTP: a connection goes in, parsed requests with their responses come
 * out. What listens, and how a connection came to be, is the transport's affair; nothing outside knows which engine runs.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, Http2ServerRequest, type Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { MessagePrototypes } from '../adapters/port.js'
import type { SynclessError } from '../core/errors.js'

/** How Node tells of a request. */
export type RequestEvent = 'request' | 'checkContinue' | 'checkExpectation'

/** A connection that carries several requests at once, as in HTTP/2. */
export interface Session {
  /** How many are under way. */
  readonly streams: number
  /** Takes no more of them, and ends the connection after the last. */
  close(): void
}

/** What an engine hands to the host. None of these throws. */
export interface EngineSink {
  /** A connection, before anything of it was read. One that is given to `accept` comes again. */
  connection(socket: Duplex, session?: Session): void
  request(req: IncomingMessage, res: ServerResponse): void
  /** A request with `Expect: 100-continue`, before anything was answered. */
  checkContinue(req: IncomingMessage, res: ServerResponse): void
  /** A request with any other `Expect`. */
  checkExpectation(req: IncomingMessage, res: ServerResponse): void
  /** Whether an `Upgrade` is to be taken; asked where the engine can still serve the request without it. */
  wantsUpgrade(req: IncomingMessage): boolean
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Whether a mount takes an upgrade; asked where listeners of others wait for those that none takes. */
  takesUpgrade(req: IncomingMessage): boolean
  /** Leaves an upgrade to listeners of others, on `server`. False if it cannot be served, and was ended. */
  leaveUpgrade(req: IncomingMessage, socket: Duplex, server: object): boolean
  /** A request that listeners of others see before `request` is called, if it is called at all. */
  overhear(req: IncomingMessage, res: ServerResponse): void
  /** Bytes that were no request, or one that came too slowly. The engine has answered them and ended the connection. */
  malformed(error: Error): void
  /** A connection has failed, and has been dealt with. */
  failed(error: SynclessError): void
}

/** Speaks one version of HTTP on the connections that it is given. */
export interface Engine {
  accept(connection: Duplex): void
  /** The messages made from now on are meant to have these prototypes; null: Node's own. It need not comply. */
  usePrototypes(prototypes: MessagePrototypes | null): void
  /** Gives back what it holds beside its connections, when there are none any more. */
  close(): void
}

/** What carries a request and its response, and at that time nothing else: the connection, or in HTTP/2 their stream. */
export function carrierOf(req: IncomingMessage): Duplex {
  return hasStream(req) ? req.stream : req.socket
}

/** Whether the client has been sent its whole answer. In HTTP/2 some end with their head, before `end()` is called. */
export function isAnswered(res: ServerResponse): boolean {
  if (res.writableEnded) return true
  return hasStream(res.req) && res.req.stream.writableEnded && !res.req.stream.aborted
}

/** Breaks off a response in such a way that its client does not take it for complete. */
export function breakOff(res: ServerResponse): void {
  if (hasStream(res.req)) destroyCarrier(res.req.stream)
  else res.destroy()
}

/** As `breakOff`, for whatever is carried. */
export function destroyCarrier(carrier: Duplex): void {
  // A stream that is destroyed without an error looks as if it had come to its end.
  if (isStream(carrier)) carrier.close(constants.NGHTTP2_INTERNAL_ERROR)
  else carrier.destroy()
}

/**
 * Destroys a request with an error for those who read it. Nobody may be listening: HTTP/2's request would then make the error
 * an uncaught exception, where HTTP/1's keeps it to itself.
 */
export function destroyRequest(req: IncomingMessage, error: Error): void {
  req.on('error', ignore)
  req.destroy(error)
}

function ignore(): void {}

/** Whether a request came by HTTP/2. Its version does not say: a client of HTTP/1.1 may claim any. */
export function hasStream(req: IncomingMessage): req is IncomingMessage & { stream: Http2Stream } {
  return req instanceof Http2ServerRequest
}

/** Whether a carrier is one of several streams on a connection. */
export function isStream(carrier: Duplex): carrier is Http2Stream {
  return 'rstCode' in carrier
}
