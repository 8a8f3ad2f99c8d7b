const NOTHING = Buffer.alloc(0)

/**
 * The beginning of something whose end has not come, in a buffer of its own: it costs what it has, in however many chunks it
 * comes, and keeps none of these.
 */
export class ByteAccumulator {
  #bytes: Buffer = NOTHING
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Adds a part of something that has no more than `most` bytes in the end. */
  add(part: Uint8Array, most: number): void {
    const length = this.#length + part.length
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.min(Math.max(length, 2 * this.#bytes.length), most))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    this.#bytes.set(part, this.#length)
    this.#length = length
  }

  /** Gives all of it, and begins anew. */
  take(): Buffer {
    const all = this.#bytes.subarray(0, this.#length)
    this.#bytes = NOTHING
    this.#length = 0
    return all
  }
}
