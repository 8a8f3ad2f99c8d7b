/**
 * What a host says to the WebSocket clients of servers that do not hear of its end. The socket of an upgrade belongs to
 * the library that took it, and `ws`, for one, does not listen to the close of its HTTP server. But a close frame may come
 * between any two frames. The client answers it, and the library ends the connection as it does whenever a client closes:
 * with the code that it was told, 1001. A proxy writes parts of frames, so the host follows what is written.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { ServerFrames } from './server-frames.js'

/** A final close frame of a server, with the status code 1001, "going away" (RFC 6455, sections 5.5.1 and 7.4.1). */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9])

const followed = new WeakMap<Duplex, Goodbye>()

/** Follows a WebSocket, from before any library has answered its handshake. */
export function rememberWebSocket(req: IncomingMessage, socket: Duplex): void {
  if (req.headers.upgrade !== undefined && !followed.has(socket)) followed.set(socket, new Goodbye(socket))
}

/** Sends a close frame, once, after the frame that is being written. One that is never finished just ends. */
export function sayGoodbye(socket: Duplex): void {
  followed.get(socket)?.say()
}

class Goodbye {
  readonly #socket: Duplex
  readonly #frames = new ServerFrames()
  #state: 'open' | 'wanted' | 'said' = 'open'

  constructor(socket: Duplex) {
    this.#socket = socket
    const { write } = socket
    const covered = (chunk: unknown, encoding?: unknown, ...more: unknown[]): unknown => {
      const taken = Reflect.apply(write, socket, [chunk, encoding, ...more])
      this.#wrote(chunk, encoding)
      return taken
    }
    Object.defineProperty(socket, 'write', { value: covered, configurable: true, writable: true, enumerable: false })
  }

  #wrote(chunk: unknown, encoding: unknown): void {
    if (this.#state === 'said') return
    if (typeof chunk === 'string') {
      this.#frames.wrote(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'))
    } else if (chunk instanceof Uint8Array) this.#frames.wrote(chunk)
    if (this.#state === 'wanted') this.say()
  }

  say(): void {
    if (this.#state === 'said' || !this.#socket.writable) return
    this.#state = 'wanted'
    if (!this.#frames.between) return
    this.#state = 'said'
    this.#socket.write(GOING_AWAY)
  }
}
