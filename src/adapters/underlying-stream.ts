/** What a request and its response travel on: over HTTP/1 their connection, over HTTP/2 a stream of it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, Http2ServerRequest, type Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'

/** What carries `req` and its response, and at that time nothing else. */
export function underlyingStream(req: IncomingMessage): Duplex {
  return hasStream(req) ? req.stream : req.socket
}

/** Whether a request came by HTTP/2. Its version does not say: a client of HTTP/1.1 may claim any. */
export function hasStream(req: IncomingMessage): req is IncomingMessage & { stream: Http2Stream } {
  return req instanceof Http2ServerRequest
}

/** Whether this is one of several streams on a connection. */
export function isStream(carrier: Duplex): carrier is Http2Stream {
  return 'rstCode' in carrier
}

/** Whether the client has been sent its whole answer. In HTTP/2 some end with their head, before `end()` is called. */
export function isAnswered(res: ServerResponse): boolean {
  if (res.writableEnded) return true
  return hasStream(res.req) && res.req.stream.writableEnded && !res.req.stream.aborted
}

/** Whether a client has broken off what it sends over HTTP/2: its body ends then as if that had been all of it. */
export function isCutOff(req: IncomingMessage): boolean {
  return hasStream(req) && (req.stream.aborted || Boolean(req.stream.rstCode))
}

/** Breaks off a response in such a way that its client does not take it for complete. */
export function breakOff(res: ServerResponse): void {
  if (hasStream(res.req)) destroyStream(res.req.stream)
  else res.destroy()
}

/** As {@link breakOff}, for whatever is carried. */
export function destroyStream(carrier: Duplex): void {
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

/** Has the client stop what it still sends, when it has its answer. */
export function refuseRest(req: IncomingMessage): void {
  // That is no error, and the connection goes on.
  if (hasStream(req)) req.stream.close(constants.NGHTTP2_NO_ERROR)
  else req.destroy()
}

function ignore(): void {}
