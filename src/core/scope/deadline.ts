import { inspect, types } from 'node:util'
import { SynclessError } from '../base/errors.js'
import type { Co, Op } from '../loop/op.js'
import { Instant } from './time-limit.js'
import { limited } from './timeout.js'

/**
 * Limits an operation or a function like {@link timeout}, until an instant: a `Date`, or milliseconds since 1970 as
 * `Date.now()` gives them. When the instant comes, the operation is withdrawn, or the function's tasklets are ended and
 * their cleanup is awaited. Then `TimeoutError` (code `TIMEOUT`) is thrown here, or `options.else` is the value. An
 * instant in the past is like `timeout(0)`: work that can commit at once does so. Of nested deadlines the earlier one
 * counts. One instant can therefore bound several pieces of work, one after the other. It can also come from outside,
 * for instance from a header of a request.
 *
 * The wall clock is read once, when the work begins. If the clock is set during the work, the work keeps the time it
 * had. Under `virtualClock()` of `syncless/testing` the date is that clock's. Semantics: Trio `fail_at` / `move_on_at`,
 * Go `context.WithDeadline`. Throws `INVALID_ARGUMENT` if `at` is neither a `Date` nor a number, and for an invalid
 * date.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, deadline, never } from 'syncless'
 *
 * const at = Date.now() + 20
 * const answers = channel<string>(1)
 * await answers.send('first')
 * assert.equal(await deadline(at, answers.receive()), 'first')
 * assert.equal(await deadline(at, answers.receive(), { else: 'no second' }), 'no second')
 * await assert.rejects(async () => deadline(at, function* () { yield* never }), { code: 'TIMEOUT', at })
 * ```
 */
export function deadline<T, F = never>(
  at: number | Date,
  work: Op<T> | (() => Co<T>),
  options?: { readonly else: F },
): Op<T | F> {
  return limited(new Instant(milliseconds(at), options), work, 'deadline')
}

function milliseconds(at: unknown): number {
  const ms = types.isDate(at) ? at.getTime() : at
  if (typeof ms === 'number' && !Number.isNaN(ms)) return ms
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `deadline() takes a Date, or milliseconds since 1970, and got ${inspect(at)}`,
  )
}
