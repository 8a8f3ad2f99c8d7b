import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import { hasStream } from './engine.js'

/**
 * Answers in the host's own name, with nothing of what a handler may have prepared, but for `Connection`, which is a
 * matter of the server. The text is the status's name alone: what went wrong is for the operator, not for the client.
 */
export function answer(res: ServerResponse, status: number, headers: OutgoingHttpHeaders = {}): void {
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
}
