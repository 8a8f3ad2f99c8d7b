import { SynclessError } from '../../../core/base/errors.js'

/** Turns a value into what a byte stream carries. */
export type Encoder<T> = (value: T) => string | Uint8Array

/**
 * Newline-delimited JSON: one value a line. Throws `INVALID_ARGUMENT` for what JSON has no text for, such as
 * `undefined`, and what `JSON.stringify` throws. Format: https://github.com/ndjson/ndjson-spec
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { ndjson } from 'syncless/stream'
 *
 * assert.equal(ndjson({ id: 1 }), '{"id":1}\n')
 * ```
 */
export function ndjson(value: unknown): string {
  // The declared type leaves out that it gives undefined for a value that is not JSON.
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `ndjson: give a value that JSON can hold: type ${typeof value} has no JSON text`,
    )
  }
  return `${text}\n`
}

/**
 * One value a line, as `String(value)` writes it. A value that contains a line break becomes several lines.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { lines } from 'syncless/stream'
 *
 * assert.equal(lines(42), '42\n')
 * ```
 */
export function lines(value: unknown): string {
  return `${String(value)}\n`
}
