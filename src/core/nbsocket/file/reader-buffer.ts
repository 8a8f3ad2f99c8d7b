const EMPTY = Buffer.alloc(0)

/**
 * The bytes that a reader has taken from its source and not passed on. They lie in one stretch of memory, so that
 * searching and cutting know no borders of chunks. A chunk that comes while the buffer is empty is taken over without a
 * copy.
 */
export class ReaderBuffer {
  #bytes: Buffer = EMPTY
  #start = 0
  #end = 0
  /** Whether the memory was made here, and may be written to. */
  #own = false

  get length(): number {
    return this.#end - this.#start
  }

  /** Adds bytes of the source; these must not change any more. */
  append(chunk: Uint8Array): void {
    if (this.length === 0) {
      this.#adopt(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length), false)
      return
    }
    if (!this.#own || this.#bytes.length - this.#end < chunk.length) this.#move(0, this.length + chunk.length)
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** Puts a copy of `bytes` before the buffered bytes. */
  prepend(bytes: Uint8Array): void {
    if (this.length === 0) {
      this.#adopt(Buffer.from(bytes), true)
      return
    }
    if (!this.#own || this.#start < bytes.length) this.#move(this.length + bytes.length, 0)
    this.#start -= bytes.length
    this.#bytes.set(bytes, this.#start)
  }

  /** Returns the bytes without a copy: look at them at once, and do not keep them. */
  view(start: number, end: number): Buffer {
    return this.#bytes.subarray(this.#start + start, this.#start + end)
  }

  copy(start: number, end: number): Buffer {
    return Buffer.from(this.view(start, end))
  }

  /** Takes the first `count` bytes out; the caller may keep them, and write to them. */
  take(count: number): Buffer {
    const bytes = this.view(0, count)
    // All of it may go without a copy, unless that would hold much more memory than it needs.
    const given = count === this.length && bytes.length * 2 > this.#bytes.length ? bytes : Buffer.from(bytes)
    this.drop(count)
    return given
  }

  drop(count: number): void {
    this.#start += count
    if (this.#start >= this.#end) this.#adopt(EMPTY, false)
  }

  /** Returns where `what` first begins, if it lies within `start` and `end`; otherwise -1. */
  indexOf(what: Uint8Array, start: number, end: number): number {
    const at = this.view(start, end).indexOf(what)
    return at < 0 ? -1 : start + at
  }

  lastIndexOf(what: Uint8Array, start: number, end: number): number {
    const at = this.view(start, end).lastIndexOf(what)
    return at < 0 ? -1 : start + at
  }

  #adopt(bytes: Buffer, own: boolean): void {
    this.#bytes = bytes
    this.#start = 0
    this.#end = bytes.length
    this.#own = own
  }

  /** Moves the bytes to memory of their own, with room before and after: each time at least twice the room that is needed. */
  #move(before: number, after: number): void {
    const { length } = this
    const bytes = Buffer.allocUnsafeSlow(before + length + after)
    bytes.set(this.view(0, length), before)
    this.#bytes = bytes
    this.#start = before
    this.#end = before + length
    this.#own = true
  }
}
