/** What carries a request and its response: over HTTP/1 their connection, over HTTP/2 a stream of it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'

/** What carries `req` and its response, and at that time nothing else. */
export function carrierOf(req: IncomingMessage): Duplex {
  return streamOf(req) ?? req.socket
}

/** Whether the client has been sent its whole answer. In HTTP/2 some end with their head, before `end()` is called. */
export function isAnswered(res: ServerResponse): boolean {
  if (res.writableEnded) return true
  const stream = streamOf(res)
  return stream?.writableEnded === true && !stream.aborted
}

/** Whether a client has broken off what it sends over HTTP/2: its body ends then as if that had been all of it. */
export function isCutOff(req: IncomingMessage): boolean {
  const stream = streamOf(req)
  return stream !== null && (stream.aborted || Boolean(stream.rstCode))
}

/** Breaks off a response in such a way that its client does not take it for complete. */
export function breakOff(res: ServerResponse): void {
  if (res.writableFinished) return
  const stream = streamOf(res)
  // The code says so (INTERNAL_ERROR); a stream that is only destroyed looks as if it had come to its end.
  if (stream === null) res.destroy()
  else stream.close(2)
}

/** Has the client stop what it still sends, when it has its answer. */
export function refuseRest(req: IncomingMessage): void {
  const stream = streamOf(req)
  // That is no error (NO_ERROR), and the connection goes on.
  if (stream === null) req.destroy()
  else stream.close(0)
}

function streamOf(message: object): ServerHttp2Stream | null {
  const stream: unknown = 'stream' in message ? message.stream : undefined
  return isHttp2Stream(stream) ? stream : null
}

function isHttp2Stream(value: unknown): value is ServerHttp2Stream {
  return typeof value === 'object' && value !== null && 'rstCode' in value
}
