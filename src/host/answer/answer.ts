import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import { hasStream } from '../../adapters/underlying-stream.js'

/** Whether a response can still be answered: nothing of it was sent, it was not ended, and there is a client to send it to. */
export function isAnswerable(res: ServerResponse): boolean {
  if (res.headersSent || res.writableEnded || res.destroyed) return false
  return !hasStream(res.req) || !(res.req.stream.destroyed || res.req.stream.closed)
}

/**
 * Answers in the host's own name, if there is still something to answer, and says whether it did. Timers and queues come late, so
 * everything that the host answers goes through here. Nothing that a handler has prepared is sent, except `Connection`, which is a
 * matter of the server. The text is the status's name alone: the reason is for the operator, not for the client.
 */
export function answer(res: ServerResponse, status: number, headers: OutgoingHttpHeaders = {}): boolean {
  if (!isAnswerable(res)) return false
  const { sendDate } = res
  for (const name of res.getHeaderNames()) if (name !== 'connection') res.removeHeader(name)
  // To remove a date that a handler has set is to ask Node for none.
  res.sendDate = sendDate
  const reason = STATUS_CODES[status] ?? ''
  const body = `${reason}\n`
  res.statusCode = status
  if (!hasStream(res.req)) res.statusMessage = reason
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value)
  res.setHeader('Content-Type', 'text/plain; charset=utf-8')
  res.setHeader('Content-Length', Buffer.byteLength(body))
  res.end(body)
  return true
}

/**
 * As `answer`, for a request whose body is not wanted. A client that was not told to go on may send its body or not: nothing
 * after it could be told apart, and the connection ends.
 */
export function answerWithoutBody(res: ServerResponse, status: number, headers: OutgoingHttpHeaders = {}): boolean {
  if (isAnswerable(res) && res.req.headers.expect !== undefined) res.setHeader('Connection', 'close')
  return answer(res, status, headers)
}

/** For a mount that cannot serve now. */
export function unavailable(res: ServerResponse): void {
  answer(res, 503, { 'Retry-After': '1' })
}
