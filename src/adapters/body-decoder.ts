import { Gathered } from './gathered.js'
import { RequestError } from './request-error.js'

/** Makes values of the chunks of a body. */
export interface BodyDecoder<T> {
  push(chunk: Buffer): void
  /** The body has ended: what is left is a value. */
  end(): void
  /** The next value; null where it takes more chunks. Throws for what cannot be decoded. */
  next(): { readonly value: T } | null
}

/** Chunks as they come. */
export class RawDecoder implements BodyDecoder<Buffer> {
  #chunk: Buffer | null = null

  push(chunk: Buffer): void {
    this.#chunk = chunk
  }

  end(): void {}

  next(): { value: Buffer } | null {
    const chunk = this.#chunk
    this.#chunk = null
    return chunk === null ? null : { value: chunk }
  }
}

const LINE_FEED = 10

/** One JSON text a line; blank lines are skipped. Throws `MALFORMED_BODY`, and `BODY_TOO_LARGE` for a line beyond the limit. */
export class NdjsonDecoder<T> implements BodyDecoder<T> {
  readonly #limit: number
  /** The beginning of a line whose end has not come. */
  readonly #begun = new Gathered()
  #chunk: Buffer = Buffer.alloc(0)
  #line = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  push(chunk: Buffer): void {
    this.#chunk = this.#chunk.length === 0 ? chunk : Buffer.concat([this.#chunk, chunk])
  }

  end(): void {
    this.push(Buffer.of(LINE_FEED))
  }

  next(): { value: T } | null {
    for (;;) {
      const line = this.#nextLine()
      if (line === null) return null
      if (line !== '') return { value: this.#parse(line) }
    }
  }

  #nextLine(): string | null {
    const end = this.#chunk.indexOf(LINE_FEED)
    const piece = end < 0 ? this.#chunk : this.#chunk.subarray(0, end)
    if (this.#begun.length + piece.length > this.#limit) {
      throw new RequestError('BODY_TOO_LARGE', 413, `line ${this.#line + 1} is longer than ${this.#limit} bytes`)
    }
    this.#begun.add(piece, this.#limit)
    this.#chunk = end < 0 ? this.#chunk.subarray(this.#chunk.length) : this.#chunk.subarray(end + 1)
    if (end < 0) return null
    const line = this.#begun.take().toString('utf8').trim()
    this.#line++
    return line
  }

  #parse(line: string): T {
    try {
      return JSON.parse(line)
    } catch (cause) {
      throw new RequestError('MALFORMED_BODY', 400, `line ${this.#line} of the body is no JSON text`, { cause })
    }
  }
}
