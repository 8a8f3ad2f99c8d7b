import type { Tasklet } from '../core/tasklet/tasklet.js'
import { assertOutside, hold, runNext } from './order.js'

/** A loop that runs by hand, made by {@link stepping}. */
export class Stepper {
  readonly #release = hold()

  /**
   * Runs the next ready tasklet until it waits, yields or ends, and returns it; null if none is ready. Throws `MISUSE`
   * in a tasklet.
   */
  step(): Tasklet<unknown> | null {
    assertOutside('step()')
    return runNext() as Tasklet<unknown> | null
  }

  /** Lets the loop run by itself again. */
  restore(): void {
    this.#release()
  }

  [Symbol.dispose](): void {
    this.restore()
  }
}

/**
 * Stops the loop: a tasklet runs only by {@link Stepper.step}, one switch a call, in the order in which it would have
 * run. Promises, timers and I/O go on by themselves: `await runUntilIdle()` after a step lets them. `restore()`, or
 * leaving a `using` block, lets the loop run again. Throws `MISUSE` in a tasklet.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, go } from 'syncless'
 * import { stepping } from 'syncless/testing'
 *
 * using stepper = stepping()
 * const ch = channel<string>()
 * const producer = go(() => ch.send('value'))
 * const consumer = go(function* () {
 *   return yield* ch.receive()
 * })
 * assert.equal(stepper.step(), producer)
 * assert.equal(ch.balance, 1) // a sender waits
 * assert.equal(stepper.step(), consumer)
 * assert.equal(consumer.state, 'done')
 * ```
 */
export function stepping(): Stepper {
  assertOutside('stepping()')
  return new Stepper()
}
