import { types } from 'node:util'
import { SynclessError } from '../../core/base/errors.js'
import type { Listeners } from '../shared/bridge/listeners.js'
import { listenShared } from '../shared/bridge/shared-listeners.js'
import type { AnySocket, Emitter, Listener } from './sockets.js'

/**
 * A socket was disconnected, or could not connect. Code `SOCKET_DISCONNECTED`; the error that Socket.IO told of, such
 * as that of a middleware, is the `cause`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import type { AddressInfo } from 'node:net'
 * import { Server } from 'socket.io'
 * import { io } from 'socket.io-client'
 * import * as sio from 'syncless/socket.io'
 *
 * const http = createServer().listen(0)
 * const server = new Server(http)
 * server.use((_socket, next) => next(new Error('log in first')))
 * await once(http, 'listening')
 *
 * const socket = io(`http://localhost:${(http.address() as AddressInfo).port}`, { transports: ['websocket'] })
 * const prices = sio.toChannel<number>(socket, 'price', { capacity: 1, overflow: 'latest' })
 * await assert.rejects(async () => prices.receive(), error => {
 *   assert(error instanceof sio.SocketDisconnected)
 *   assert.equal(error.reason, 'connect_error')
 *   assert.match(error.message, /log in first/)
 *   return true
 * })
 * socket.disconnect()
 * server.close()
 * ```
 */
export class SocketDisconnected extends SynclessError {
  /** The reason of the `disconnect` event, such as `'transport close'` or `'ping timeout'`, or `'connect_error'`. */
  readonly reason: string

  constructor(reason: string, cause?: unknown) {
    const why = types.isNativeError(cause) ? `: ${cause.message}` : ''
    super(
      'SOCKET_DISCONNECTED',
      `the socket was disconnected (${reason}${why})`,
      cause === undefined ? undefined : { cause },
    )
    this.reason = reason
  }
}

/** One of the two sides said so. */
const ends: readonly string[] = [
  'client namespace disconnect',
  'server namespace disconnect',
  'io client disconnect',
  'io server disconnect',
  'server shutting down',
]

/**
 * Calls `gone` when the socket is disconnected or cannot connect, with what tells why, and whether one of the two sides
 * wished it. With `reconnects`, a loss after which the client connects again is none.
 */
export function whenDisconnected(
  socket: AnySocket,
  listeners: Listeners,
  reconnects: boolean,
  gone: (why: SocketDisconnected, wished: boolean) => void,
): void {
  const { io } = socket
  listenShared(listeners, socket, 'disconnect', (reason: string, description?: unknown) => {
    if (reconnects && socket.active === true && io?.reconnection() === true) return
    gone(new SocketDisconnected(reason, description), ends.includes(reason))
  })
  if (io === undefined) return
  let last: unknown
  listenShared(listeners, socket, 'connect_error', (error: Error) => {
    last = error
    // It tries again after a failure of the connection, and not after one of a middleware.
    if (socket.active !== true || !io.reconnection()) gone(new SocketDisconnected('connect_error', error), false)
  })
  listenShared(listeners, io, 'reconnect_failed', () => gone(new SocketDisconnected('connect_error', last), false))
  // A client that is disconnected by hand while it has no connection tells nobody; where it was the last one of its
  // manager, that does. A refusal closes it too, and is told of right after.
  const began = socket.active === true
  listenShared(listeners, io, 'close', () => {
    if (began) {
      queueMicrotask(() => socket.active !== true && gone(new SocketDisconnected('io client disconnect'), true))
    }
  })
}

/** Adds one of the `listeners` to an emitter. */
export function listen(
  listeners: Listeners,
  emitter: Emitter,
  event: string,
  listener: (...args: never[]) => void,
): void {
  listeners.add(
    () => emitter.on(event, listener as Listener),
    () => emitter.off(event, listener as Listener),
    emitter,
  )
}
