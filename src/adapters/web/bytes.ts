import { SynclessError } from '../../core/base/errors.js'
import type { Encoder } from '../shared/bytes/encoders.js'

const utf8 = new TextEncoder()

/** What `encode` makes of a value, as bytes. */
export function encoded<T>(value: T, encode: Encoder<T>): Uint8Array {
  const made = encode(value)
  return typeof made === 'string' ? utf8.encode(made) : made
}

/** Throws `INVALID_ARGUMENT` for what a byte stream cannot carry. */
export function asBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new SynclessError('INVALID_ARGUMENT', `a byte stream carries Uint8Array, and got a ${typeof value}: encode it`)
}
