import { type ServerResponse, STATUS_CODES } from 'node:http'

/**
 * Answers in the host's own name, with nothing of what a handler may have prepared. The text is the status's name
 * alone: what went wrong is for the operator, not for the client.
 */
export function answer(res: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  const reason = STATUS_CODES[status] ?? ''
  const body = `${reason}\n`
  res.statusCode = status
  res.statusMessage = reason
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
  res.setHeader('Content-Type', 'text/plain; charset=utf-8')
  res.setHeader('Content-Length', Buffer.byteLength(body))
  res.end(body)
}
