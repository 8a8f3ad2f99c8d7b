import { SynclessError } from '../../../core/base/errors.js'
import type { Decoder } from '../bytes/decoder.js'
import { decodeNdjson } from '../bytes/decoders.js'
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

/** One JSON text a line; blank lines are skipped. Throws `MALFORMED_BODY`, and `BODY_TOO_LARGE` for a line beyond the limit. */
export class NdjsonDecoder<T> implements BodyDecoder<T> {
  readonly #decoder: Decoder<T>
  #values: T[] = []
  /** How many of them have been given. */
  #given = 0
  #failure: { readonly error: unknown } | null = null

  constructor(limit: number) {
    this.#decoder = decodeNdjson<T>({ limit })()
  }

  push(chunk: Buffer): void {
    this.#take(() => this.#decoder.push(chunk))
  }

  end(): void {
    this.#take(() => this.#decoder.end())
  }

  next(): { value: T } | null {
    if (this.#given < this.#values.length) return { value: this.#values[this.#given++] as T }
    this.#values = []
    this.#given = 0
    if (this.#failure !== null) throw clientError(this.#failure.error)
    return null
  }

  /** Keeps what is decoded, and after that what was thrown. */
  #take(decode: () => Iterable<T>): void {
    try {
      for (const value of decode()) this.#values.push(value)
    } catch (error) {
      this.#failure = { error }
    }
  }
}

/** What a body that cannot be decoded is answered with. */
function clientError(error: unknown): unknown {
  if (!(error instanceof SynclessError)) return error
  const { code, message, cause } = error
  if (code === 'FRAME_TOO_LARGE') return new RequestError('BODY_TOO_LARGE', 413, `the body: ${message}`)
  return new RequestError('MALFORMED_BODY', 400, `the body: ${message}`, { cause })
}
