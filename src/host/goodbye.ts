/**
 * What a host says to the WebSocket clients of servers that do not hear of its end. The socket of an upgrade belongs to
 * the library that took it, and `ws`, for one, does not listen to the close of its HTTP server. But a close frame may come
 * between any two frames, and libraries write whole frames in one go. The client answers it, and the library ends the
 * connection as it does whenever a client closes: with the code that it was told, 1001.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** A final close frame of a server, with the status code 1001, "going away" (RFC 6455, sections 5.5.1 and 7.4.1). */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9])

/** How much had been written to a socket when it was offered to a WebSocket server. */
const writtenBefore = new WeakMap<Duplex, number>()

/** Notes a WebSocket handshake, before any library has answered it. */
export function rememberWebSocket(req: IncomingMessage, socket: Duplex): void {
  if (req.headers.upgrade !== undefined) writtenBefore.set(socket, bytesWritten(socket))
}

/** Sends a close frame, once, on a socket whose handshake has been answered. */
export function sayGoodbye(socket: Duplex): void {
  const before = writtenBefore.get(socket)
  if (before === undefined || !socket.writable || bytesWritten(socket) <= before) return
  writtenBefore.delete(socket)
  socket.write(GOING_AWAY)
}

/** Sockets count what was written to them, those in memory too; on what does not, nothing is known to be written. */
function bytesWritten(socket: Duplex): number {
  return 'bytesWritten' in socket && typeof socket.bytesWritten === 'number' ? socket.bytesWritten : 0
}
