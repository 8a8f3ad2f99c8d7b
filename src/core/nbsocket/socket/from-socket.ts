/** Sockets that are made of what is there already: a stream, or a file descriptor. */
import { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { SynclessError } from '../../base/errors.js'
import { SocketError } from '../bytes/socket-error.js'
import { NbSocket } from './nbsocket.js'
import { assertSocketOptions, type SocketOptions } from './socket-options.js'

/**
 * Makes an nbsocket of an existing socket: a `net.Socket`, a `tls.TLSSocket`, or any other Duplex of bytes. Nothing else
 * may read or write it from now on; {@link NbSocket.stream} gives it back. After the peer's end it stays open for
 * sending, whatever its `allowHalfOpen` was, unless that end came before. A flowing stream is paused. Bytes that an
 * `nbfile` over it holds are put back into it. For an `'upgrade'`, put its `head` back first: `socket.unshift(head)`.
 *
 * Throws `INVALID_ARGUMENT` if `socket` is not a Duplex of bytes, and for a wrong time; `ALREADY_CONSUMED` for a stream
 * that an nbsocket has, `BUSY` if an operation waits for its bytes, and `SCOPE_CLOSED` if the scope has ended.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { connect, createServer } from 'node:net'
 * import { fromSocket } from 'syncless/nbsocket'
 *
 * const server = createServer(socket => socket.end('hello')).listen(0)
 * await once(server, 'listening')
 * const { port } = server.address() as import('node:net').AddressInfo
 * const sock = fromSocket(connect(port))
 * assert.equal(String(await sock.recvExactly(5)), 'hello')
 * await sock.close()
 * server.close()
 * ```
 */
export function fromSocket(socket: Duplex, options: SocketOptions = {}): NbSocket {
  if (typeof socket?.read !== 'function' || typeof socket.write !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'fromSocket() takes a net.Socket, or another Duplex')
  }
  if (socket.readableObjectMode || socket.writableObjectMode || socket.readableEncoding !== null) {
    throw new SynclessError('INVALID_ARGUMENT', 'fromSocket() takes a Duplex of bytes, not one of objects or text')
  }
  assertSocketOptions(options, 'fromSocket()')
  const accepted = (socket as { server?: unknown }).server instanceof Server
  return new NbSocket(socket, { ...options, allowHalfOpen: socket.allowHalfOpen, accepted })
}

/**
 * Makes an nbsocket of a file descriptor: a socket, or an end of a pipe, such as one that a parent process has left
 * open. From now on the descriptor belongs to the socket, and is closed with it. Throws as {@link fromSocket} does, and
 * `INVALID_ARGUMENT` for a descriptor of something else, such as a file.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { fromFd } from 'syncless/nbsocket'
 *
 * assert.throws(() => fromFd(-1), { code: 'INVALID_ARGUMENT' })
 * ```
 */
export function fromFd(fd: number, options: SocketOptions = {}): NbSocket {
  assertSocketOptions(options, 'fromFd()')
  if (!Number.isInteger(fd)) {
    throw new SocketError('INVALID_ARGUMENT', `fromFd() takes the number of a descriptor, and got ${String(fd)}`)
  }
  let socket: Socket
  try {
    socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true })
  } catch (error) {
    throw new SocketError('INVALID_ARGUMENT', `fromFd() takes a descriptor of a socket or a pipe, and got ${fd}`, error)
  }
  return new NbSocket(socket, { name: `descriptor ${fd}`, ...options })
}
