import type { Clock } from '../core/clock.js'
import { loop } from '../core/loop.js'

interface Timer {
  readonly due: number
  readonly order: number
  readonly fn: () => void
  readonly background: boolean
}

/** Time that passes only when told to. */
export class VirtualClock implements Clock {
  readonly #timers = new Set<Timer>()
  readonly #restore: () => void
  #now = 0
  #order = 0

  /** @internal Use {@link virtualClock}. */
  constructor() {
    const before = loop.clock
    loop.clock = this
    this.#restore = () => {
      loop.clock = before
    }
  }

  now(): number {
    return this.#now
  }

  /** How many timers are set, those of grace periods included. */
  get pending(): number {
    return this.#timers.size
  }

  setTimer(fn: () => void, ms: number): object {
    return this.#add(fn, ms, false)
  }

  setBackgroundTimer(fn: () => void, ms: number): object {
    return this.#add(fn, ms, true)
  }

  clearTimer(timer: object): void {
    this.#timers.delete(timer as Timer)
  }

  /** Lets every tasklet that can run do so, then fires the timers of the next `ms` milliseconds in their order. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await runUntilIdle()
    for (let timer = this.#next(); timer !== null && timer.due <= end; timer = this.#next()) {
      await this.#fire(timer)
    }
    this.#now = end
  }

  /** Fires timers, each at its time, until none but those of grace periods are left and nothing can run. */
  async runAll(): Promise<void> {
    await runUntilIdle()
    for (let timer = this.#next(false); timer !== null; timer = this.#next(false)) await this.#fire(timer)
  }

  /** Puts the clock that was there before back in its place. */
  restore(): void {
    this.#restore()
  }

  [Symbol.dispose](): void {
    this.restore()
  }

  #add(fn: () => void, ms: number, background: boolean): Timer {
    const timer = { due: this.#now + Math.max(0, ms), order: this.#order++, fn, background }
    this.#timers.add(timer)
    return timer
  }

  #next(background = true): Timer | null {
    let first: Timer | null = null
    for (const timer of this.#timers) {
      if (timer.background && !background) continue
      if (first === null || timer.due < first.due || (timer.due === first.due && timer.order < first.order))
        first = timer
    }
    return first
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers.delete(timer)
    this.#now = Math.max(this.#now, timer.due)
    timer.fn()
    await runUntilIdle()
  }
}

/**
 * Puts a virtual clock under the core: `sleep`, `timeout` and grace periods then wait for {@link VirtualClock.advance}.
 * `restore()`, or leaving a `using` block, puts the real clock back. Semantics: Trio `MockClock`, Go `synctest`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, sleep } from 'syncless'
 * import { virtualClock } from 'syncless/testing'
 *
 * const clock = virtualClock()
 * const t = go(function* () {
 *   yield* sleep(3_600_000)
 *   return 'an hour later'
 * })
 * await clock.advance(3_600_000)
 * assert.equal(await t, 'an hour later')
 * clock.restore()
 * ```
 */
export function virtualClock(): VirtualClock {
  return new VirtualClock()
}

/** Resolves when no tasklet is ready to run and none becomes so within a turn of the event loop. */
export async function runUntilIdle(): Promise<void> {
  do await new Promise<void>(resolve => setImmediate(resolve))
  while (loop.readyCount > 0)
}
