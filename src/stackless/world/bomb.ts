import { toError } from './errors.js'

/**
 * An error on its way. A tasklet that gets a bomb as the value of a switch, a receive or `tempval` throws the bomb's
 * error instead. `new bomb(error)`, or `new bomb(SomeError, ...args)`. Semantics: `stackless.bomb`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { bomb, channel, main, tasklet } from 'syncless/stackless'
 *
 * await main(function* () {
 *   const ch = new channel<number>()
 *   new tasklet(() => ch.send(new bomb(RangeError, 'too big'))).setup()
 *   try {
 *     yield* ch.receive()
 *     assert.fail('not reached')
 *   } catch (error) {
 *     assert(error instanceof RangeError && error.message === 'too big')
 *   }
 * })
 * ```
 */
export class bomb {
  /** The error that is thrown. */
  readonly value: unknown

  constructor(error: unknown, ...args: unknown[]) {
    this.value = toError(error, args)
  }
}
