import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { Scope } from '../../core/scope/scope.js'
import { Listeners } from '../shared/bridge/listeners.js'
import { SocketDisconnected, whenDisconnected } from './disconnected.js'
import { type AnySocket, isSocket, type SocketLike } from './sockets.js'

const scopes = new WeakMap<object, Scope>()

/**
 * The scope of a socket's connection: it is cancelled when the socket is disconnected or refused, with a
 * `SocketDisconnected` error that tells the reason, and so ends the tasklets and bridges in it. The same one until
 * then; on a client that has connected again, a new one. Of a socket of the server that is not connected any more it
 * is cancelled already.
 *
 * The first failure of a tasklet in it disconnects the socket, and is reported as a process warning, unless it is
 * that the connection was lost: make a `drainTo` in it, and there is nothing to join. Throws `INVALID_ARGUMENT` for
 * anything except a socket.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import type { AddressInfo } from 'node:net'
 * import { Server } from 'socket.io'
 * import { io } from 'socket.io-client'
 * import { sleep } from 'syncless'
 * import * as sio from 'syncless/socket.io'
 *
 * const http = createServer().listen(0)
 * const server = new Server(http)
 * const reasons: unknown[] = []
 * server.on('connection', socket => {
 *   const scope = sio.socketScope(socket)
 *   scope.go(function* () {
 *     for (let n = 0; ; n++) {
 *       socket.emit('tick', n)
 *       yield* sleep(1)
 *     }
 *   })
 *   scope.signal.addEventListener('abort', () => {
 *     reasons.push(scope.signal.reason.reason.reason)
 *     server.close()
 *   })
 * })
 * await once(http, 'listening')
 *
 * const client = io(`http://localhost:${(http.address() as AddressInfo).port}`, { transports: ['websocket'] })
 * client.on('tick', n => n === 3 && client.disconnect())
 * await once(http, 'close')
 * assert.deepEqual(reasons, ['client namespace disconnect'])
 * ```
 */
export function socketScope(socket: SocketLike): Scope {
  if (!isSocket(socket)) throw new SynclessError('INVALID_ARGUMENT', 'socketScope() takes a socket of Socket.IO')
  const known = scopes.get(socket)
  if (known !== undefined) return known
  const scope = new Scope({ name: 'socket', onFailure: error => failed(socket, error) })
  if (socket.io === undefined && !socket.connected) {
    end(scope, new SocketDisconnected('was not connected'))
    return scope
  }
  scopes.set(socket, scope)
  const listeners = new Listeners()
  whenDisconnected(socket, listeners, false, why => {
    listeners.clear()
    scopes.delete(socket)
    end(scope, why)
  })
  return scope
}

function end(scope: Scope, reason: SocketDisconnected): void {
  scope.cancel(reason)
  scope.close()
}

function failed(socket: AnySocket, error: unknown): void {
  // That the connection was lost is nothing that nobody knows.
  if (error instanceof SocketDisconnected) return
  report(error, 'a tasklet of a socket failed, so the socket was disconnected')
  socket.disconnect()
}
