/**
 * The host is the sole owner of 'clientError': frameworks each add a listener to their server, and with two of them a
 * client could be answered twice. The answers are those that Node gives where nobody listens.
 */
import type { Duplex } from 'node:stream'
import { SynclessError } from '../core/errors.js'
import { Connection } from './connection.js'
import { codeOf } from './error-text.js'

const answers: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Answers once and ends the connection. Returns what to report: nothing where the client merely left. */
export function refuseMalformed(error: Error, socket: Duplex): SynclessError | undefined {
  const code = codeOf(error)
  // A response that has begun would be corrupted by another.
  if (socket.writable && !Connection.answering(socket)) {
    socket.write(`HTTP/1.1 ${answers[code] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`)
  }
  socket.destroy(error)
  const left = code === 'HPE_INVALID_EOF_STATE' || !(code.startsWith('HPE_') || code in answers)
  if (left) return undefined
  return new SynclessError('MALFORMED_REQUEST', `a client sent no valid HTTP request: ${error.message}`, {
    cause: error,
  })
}
