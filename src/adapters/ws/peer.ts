/** The WebSocket of a bridge: its type, how to close it, and how to learn that it is closed. */
import type { WebSocket } from 'ws'
import { isTaskletExit, SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { answerOf } from '../../core/loop/callback.js'
import { Listeners } from '../shared/bridge/listeners.js'
import { listenShared } from '../shared/bridge/shared-listeners.js'
import { type CloseStatus, cut, errorOf, internalError, isError, type WebSocketClosed } from './closed.js'

// `readyState`; the constants of `ws` are not imported, so that this package does not load it.
const CONNECTING = 0
const OPEN = 1
const CLOSED = 3

/** Returns the status with which to close a WebSocket when a channel or a tasklet fails. */
export type CloseWith = (error: unknown) => CloseStatus

/** Throws `INVALID_ARGUMENT` for anything except a WebSocket of `ws`. */
export function assertWebSocket(value: unknown, bridge: string): void {
  const { pause, terminate, readyState }: Record<string, unknown> = Object(value)
  if (typeof pause === 'function' && typeof terminate === 'function' && typeof readyState === 'number') return
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `ws.${bridge}() takes a WebSocket of the package ws: a browser's WebSocket cannot be paused`,
  )
}

export const isConnecting = (ws: WebSocket): boolean => ws.readyState === CONNECTING
export const isOpen = (ws: WebSocket): boolean => ws.readyState === OPEN
export const isClosed = (ws: WebSocket): boolean => ws.readyState === CLOSED

/**
 * Calls `closed` when the WebSocket is, with the error of what is no normal end. Returns what stops watching. One that
 * is closed already tells nothing.
 */
export function whenClosed(ws: WebSocket, closed: (error: WebSocketClosed | null) => void): () => void {
  let cause: unknown
  const listeners = new Listeners()
  listenShared(listeners, ws, 'error', (error: Error) => {
    cause ??= error
  })
  listenShared(listeners, ws, 'close', (code: number, reason: Buffer) => {
    listeners.clear()
    closed(errorOf(code, reason.toString(), cause))
  })
  return () => listeners.clear()
}

/** Begins the closing handshake, behind what was sent before. */
export function close(ws: WebSocket, { code, reason = '' }: CloseStatus): void {
  quietly(ws, () => ws.close(code, cut(reason)))
}

/** Closes it for a reason: an error maps to 1011 or what `closeWith` says, anything else to 1000. */
export function closeFor(ws: WebSocket, reason: unknown, closeWith: CloseWith = internalError): void {
  // An exit is meant for a tasklet, not for a peer.
  if (!isError(reason) || isTaskletExit(reason)) {
    close(ws, { code: 1000 })
    return
  }
  try {
    close(ws, answerOf('closeWith', { code: 1011 }, closeWith(reason)))
  } catch (invalid) {
    report(invalid, 'closeWith must return a status with which a WebSocket can be closed')
    terminate(ws)
  }
}

/** What is on its way is read and thrown away: the answer of the peer lies behind it. */
export function readAway(ws: WebSocket): void {
  if (ws.isPaused) ws.resume()
}

/** Ends the connection without a word. */
export function terminate(ws: WebSocket): void {
  quietly(ws, () => ws.terminate())
}

/** An `error` event that closing causes, as where there is no connection yet, is the echo of what the caller knows. */
function quietly(ws: WebSocket, act: () => void): void {
  if (isClosed(ws)) return
  const stop = whenClosed(ws, () => {})
  try {
    act()
  } catch (error) {
    stop()
    throw error
  }
}
