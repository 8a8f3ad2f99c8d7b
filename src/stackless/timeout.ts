import { SynclessError } from '../core/base/errors.js'
import type { Co } from '../core/loop/op.js'
import { assertDuration } from '../core/ops/sleep.js'
import type { tasklet } from './tasklet.js'
import { setAlarm } from './world/alarm.js'
import { type ErrorClass, misuse, toError } from './world/errors.js'
import { activeWorld } from './world/world.js'

/** The default error of a {@link Timeout}. Code `TIMEOUT`. */
export class TimeoutException extends SynclessError {
  constructor(message = 'the time of a Timeout is over') {
    super('TIMEOUT', message)
  }
}

/**
 * A time limit for a block of code. When the time is over, an error is thrown in the tasklet that runs the block,
 * wherever it waits. An error of that class then ends the block silently. `null` means no limit. Times are in
 * milliseconds of the core's clock. Semantics: the context manager `syncless.util.Timeout`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, main, Timeout } from 'syncless/stackless'
 *
 * await main(function* () {
 *   let received = false
 *   const value = yield* new Timeout(5).with(function* () {
 *     yield* new channel().receive() // nobody sends
 *     received = true
 *   })
 *   assert.deepEqual([value, received], [undefined, false])
 * })
 * ```
 */
export class Timeout {
  readonly #thrown: ErrorClass<[]> | Error
  #ms: number | null
  #busy: tasklet | null = null
  #stop: () => void = () => {}

  constructor(ms: number | null, thrown: ErrorClass<[]> | Error = TimeoutException) {
    if (ms !== null) assertDuration(ms, 'Timeout')
    this.#ms = ms
    this.#thrown = thrown
  }

  /** The time limit that was set last. */
  get timeout(): number | null {
    return this.#ms
  }

  /** Runs `fn` under the limit. Gives its value, or undefined if the time was over. */
  *with<T>(fn: (timeout: this) => Co<T>): Co<T | undefined> {
    if (this.#busy !== null) throw misuse('a Timeout was entered twice at a time')
    this.#busy = activeWorld('Timeout').self as tasklet
    this.change(this.#ms)
    try {
      return yield* fn(this)
    } catch (error) {
      if (!this.#catches(error)) throw error
      return undefined
    } finally {
      this.#stop()
      this.#busy = null
    }
  }

  /** Removes the limit. */
  cancel(): void {
    this.change(null)
  }

  /** Sets another limit, counted from now; null removes the limit. */
  change(ms: number | null): void {
    if (ms !== null) assertDuration(ms, 'Timeout.change()')
    this.#ms = ms
    this.#stop()
    const world = this.#busy?.world
    if (ms === null || !world) return
    this.#stop = setAlarm(world, ms, () => {
      if (this.#busy?.alive) world.interrupt(this.#busy, toError(this.#thrown))
    })
  }

  #catches(error: unknown): boolean {
    return (
      error instanceof
      (typeof this.#thrown === 'function' ? this.#thrown : (this.#thrown.constructor as ErrorClass<[]>))
    )
  }
}
