import type { Duplex } from 'node:stream'

/** How many bytes are kept for a client that does not wait for the answer to its handshake. */
const MOST = 65_536

/**
 * Reads what a client sends behind a handshake that waits. A socket that nobody reads does not tell that its client has left. A
 * client that leaves, or sends more than a protocol would before its handshake was answered, is cut off.
 */
export class EarlyBytes {
  readonly #socket: Duplex
  readonly #chunks: Buffer[] = []
  #size = 0

  constructor(socket: Duplex) {
    this.#socket = socket
    socket.on('readable', this.#read).on('end', this.#ended)
  }

  /** Returns what has come. Whoever listens next gets the rest. */
  stop(): Buffer {
    this.#socket.off('readable', this.#read).off('end', this.#ended)
    return Buffer.concat(this.#chunks)
  }

  readonly #read = (): void => {
    for (let chunk = this.#socket.read(); chunk !== null; chunk = this.#socket.read()) {
      this.#chunks.push(chunk)
      this.#size += chunk.length
    }
    if (this.#size > MOST) this.#socket.destroy()
  }

  readonly #ended = (): void => {
    this.#socket.destroy()
  }
}
