import { SynclessError } from '../../../core/base/errors.js'

/** Turns the chunks of one byte stream into values. */
export interface Decoder<T> {
  /**
   * The values that this chunk completes. What going through them throws, such as `FRAME_TOO_LARGE` or `FRAME_INVALID`, comes
   * after the values before it.
   */
  push(chunk: Uint8Array): Iterable<T>
  /** The stream has ended: what is left. Throws `FRAME_INVALID` where it ended in the middle of a value. */
  end(): Iterable<T>
}

/** Options of the decoders. */
export interface DecoderOptions {
  /** How many bytes one value may have on the stream. Default 1 MiB. */
  limit?: number
}

/** Throws `INVALID_ARGUMENT` unless a value may have so many bytes. */
export function checkedLimit({ limit = 1024 * 1024 }: DecoderOptions): number {
  if (Number.isSafeInteger(limit) && limit > 0) return limit
  throw new SynclessError('INVALID_ARGUMENT', `a decoder takes a limit of 1 byte or more; got ${String(limit)}`)
}

export function tooLarge(what: string, limit: number): SynclessError {
  return new SynclessError('FRAME_TOO_LARGE', `${what} is larger than ${limit} bytes`)
}

/** The decoder that an option gives. Throws `INVALID_ARGUMENT` for an option that gives none. */
export function decoderOf<T>(decode: () => Decoder<T>): Decoder<T> {
  const made: unknown = typeof decode === 'function' ? decode() : undefined
  const { push, end }: { push?: unknown; end?: unknown } = Object(made)
  if (typeof push === 'function' && typeof end === 'function') return made as Decoder<T>
  throw new SynclessError('INVALID_ARGUMENT', 'decode takes a function that returns a decoder, such as decodeLines()')
}

/** What a decoder is given. Throws `INVALID_ARGUMENT` for what is neither bytes nor text. */
export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `a decoder takes bytes or text, and the stream gave a value of type ${typeof chunk}`,
  )
}

/** What `decode` puts on its list, and after that what it throws: a value is not lost because the one behind it is bad. */
export function decodedBy<T>(decode: (values: T[]) => void): Iterable<T> {
  const values: T[] = []
  try {
    decode(values)
    return values
  } catch (error) {
    if (values.length === 0) throw error
    return andThrow(values, error)
  }
}

function* andThrow<T>(values: readonly T[], error: unknown): Generator<T, void> {
  yield* values
  throw error
}
