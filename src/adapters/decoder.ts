import { SynclessError } from '../core/errors.js'

/** Turns the chunks of one byte stream into values. */
export interface Decoder<T> {
  /** The values that this chunk completes. Throws `FRAME_TOO_LARGE`, `FRAME_INVALID`. */
  push(chunk: Uint8Array): readonly T[]
  /** The stream has ended: what is left. Throws `FRAME_INVALID` where it ended in the middle of a value. */
  end(): readonly T[]
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
