import { types } from 'node:util'
import { isTaskletExit, SynclessError } from '../../core/base/errors.js'
import { whenSettled } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { detach } from '../../core/scope/go.js'
import { Listeners } from '../shared/bridge/listeners.js'
import { listenShared } from '../shared/bridge/shared-listeners.js'
import { SocketDisconnected } from './disconnected.js'

/**
 * A middleware of Socket.IO from a coroutine or an async function, for `io.use()` and, with the arguments of a
 * packet, for `socket.use()`. It calls `next` once: without an error when the function has ended, else with the same
 * error. The client gets its message, and its `data`, as `connect_error`: catch an error whose message is none of its
 * business. The function of an `io.use()` is killed when the connection is lost before. Throws `INVALID_ARGUMENT` for
 * anything except a function.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import type { AddressInfo } from 'node:net'
 * import { Server, type Socket } from 'socket.io'
 * import { io } from 'socket.io-client'
 * import { sleep, timeout } from 'syncless'
 * import * as sio from 'syncless/socket.io'
 *
 * const http = createServer().listen(0)
 * const server = new Server(http)
 * server.use(sio.middleware(function* (socket: Socket) {
 *   yield* timeout(1000, sleep(1))
 *   if (socket.handshake.auth.token !== 'secret') throw new Error('log in first')
 * }))
 * await once(http, 'listening')
 *
 * const client = io(`http://localhost:${(http.address() as AddressInfo).port}`, { transports: ['websocket'] })
 * const refused = await new Promise<Error>(resolve => client.on('connect_error', resolve))
 * assert.equal(refused.message, 'log in first')
 * client.disconnect()
 * server.close()
 * ```
 */
export function middleware<S>(
  fn: (subject: S) => Co<unknown> | PromiseLike<unknown> | unknown,
): (subject: S, next: (error?: Error) => void) => void {
  if (typeof fn !== 'function') throw new SynclessError('INVALID_ARGUMENT', 'middleware() takes a function')
  return (subject, next) => {
    const tasklet = detach(fn as (subject: S) => Co<unknown>, subject)
    const listeners = new Listeners()
    const { conn }: { conn?: object } = Object(subject)
    if (conn !== undefined)
      listenShared(listeners, conn, 'close', reason => tasklet.kill(new SocketDisconnected(reason)))
    whenSettled(tasklet.gone, () => listeners.clear())
    tasklet.then(
      () => next(),
      (error: unknown) => next(asError(error)),
    )
  }
}

function asError(error: unknown): Error {
  if (types.isNativeError(error) && !isTaskletExit(error)) return error
  return new SynclessError('HANDLER_FAILED', 'a middleware failed', { cause: error })
}
