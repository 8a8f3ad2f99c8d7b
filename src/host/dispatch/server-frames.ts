/** Follows what a server writes to a WebSocket, so far as to know where its frames end (RFC 6455, section 5.2). */

const CLOSE = 8
const MASKED = 0x80
/** More than the head of any handshake. */
const LONGEST_HEAD = 65_536

export class ServerFrames {
  #state: 'head' | 'frames' | 'unknown' = 'head'
  #head = ''
  #header: number[] = []
  /** How many bytes of a frame's payload are still to come. */
  #left = 0

  /** Whether the handshake was answered, and all frames that were begun have been written. Never after a close frame. */
  get between(): boolean {
    return this.#state === 'frames' && this.#header.length === 0 && this.#left === 0
  }

  wrote(bytes: Uint8Array): void {
    const rest = this.#state === 'head' ? this.#readHead(bytes) : bytes
    let at = 0
    while (at < rest.length && this.#state === 'frames') {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, rest.length - at)
        this.#left -= taken
        at += taken
      } else this.#readHeader(rest[at++] ?? 0)
    }
  }

  /** The bytes after the head. */
  #readHead(bytes: Uint8Array): Uint8Array {
    const before = this.#head.length
    this.#head += Buffer.from(bytes).toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) {
      if (this.#head.length > LONGEST_HEAD) this.#state = 'unknown'
      return bytes.subarray(bytes.length)
    }
    this.#state = /^HTTP\/1\.1 101 /.test(this.#head) ? 'frames' : 'unknown'
    this.#head = ''
    return bytes.subarray(end + 4 - before)
  }

  #readHeader(byte: number): void {
    const header = this.#header
    header.push(byte)
    const [first = 0, second = 0] = header
    if (header.length < 2) return
    if (!isServerFrame(first, second)) {
      this.#state = 'unknown'
      return
    }
    const extended = second === 126 ? 2 : second === 127 ? 8 : 0
    if (header.length < 2 + extended) return
    this.#left = extended === 0 ? second : header.slice(2).reduce((length, next) => length * 256 + next, 0)
    header.length = 0
  }
}

/** A server masks nothing, and writes nothing after a close frame. */
function isServerFrame(first: number, second: number): boolean {
  const opcode = first & 0x0f
  return (second & MASKED) === 0 && opcode !== CLOSE && (opcode <= 2 || opcode === 9 || opcode === 10)
}
