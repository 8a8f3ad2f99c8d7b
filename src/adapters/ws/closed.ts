import { types } from 'node:util'
import { messageOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'

/**
 * A WebSocket was closed with a code that is no normal end, or its connection broke. Code `WEBSOCKET_CLOSED`; an error
 * that `ws` told of is the `cause`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import type { AddressInfo } from 'node:net'
 * import * as ws from 'syncless/ws'
 * import { WebSocket, WebSocketServer } from 'ws'
 *
 * const server = new WebSocketServer({ port: 0 })
 * server.on('connection', socket => socket.close(4001, 'who are you?'))
 * await once(server, 'listening')
 *
 * const { port } = server.address() as AddressInfo
 * const messages = ws.toChannel(new WebSocket(`ws://localhost:${port}`))
 * await assert.rejects(async () => messages.receive(), error => {
 *   assert(error instanceof ws.WebSocketClosed)
 *   assert.deepEqual([error.closeCode, error.reason], [4001, 'who are you?'])
 *   return true
 * })
 * server.close()
 * ```
 */
export class WebSocketClosed extends SynclessError {
  /** The status code of RFC 6455, section 7.4; 1006 if the connection broke off without a code. */
  readonly closeCode: number
  /** The reason that the peer gave; often empty. */
  readonly reason: string

  constructor(closeCode: number, reason: string, cause?: unknown) {
    const why = reason === '' && isError(cause) ? cause.message : reason
    super(
      'WEBSOCKET_CLOSED',
      `the WebSocket was closed with code ${closeCode}${why === '' ? '' : `: ${why}`}`,
      cause === undefined ? undefined : { cause },
    )
    this.closeCode = closeCode
    this.reason = reason
  }
}

/** The status with which a WebSocket is closed. */
export interface CloseStatus {
  /** 1000, 1001 to 1003, 1007 to 1014, or 3000 to 4999. */
  code: number
  /** Up to 123 bytes; a longer reason is cut. */
  reason?: string
}

/** Normal closure; going away; and a close frame without a code, as of a `close()` without arguments. */
const ends: readonly number[] = [1000, 1001, 1005]

/** What a channel ends with because of a close frame, or the lack of one: null for a normal end. */
export function errorOf(code: number, reason: string, cause: unknown): WebSocketClosed | null {
  return cause === undefined && ends.includes(code) ? null : new WebSocketClosed(code, reason, cause)
}

/** The default of `closeWith`: 1011, and the message of the error. */
export function internalError(error: unknown): CloseStatus {
  return { code: 1011, reason: messageOf(error) }
}

const LONGEST_REASON = 123

/** As much of a reason as a close frame can hold, in whole characters. */
export function cut(reason: string): string {
  const bytes = Buffer.from(reason)
  if (bytes.length <= LONGEST_REASON) return reason
  let length = LONGEST_REASON
  // A byte that continues a character begins with the bits 10.
  while (((bytes[length] ?? 0) & 0xc0) === 0x80) length--
  return bytes.toString('utf8', 0, length)
}

/** Also for an error of another realm. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}
