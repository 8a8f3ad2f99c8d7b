import type { Clock } from '../core/loop/clock.js'

/** A timer that is set. */
export interface WatchedTimer {
  readonly due: number
  readonly background: boolean
}

/** A clock that knows which of its timers are set. */
export class WatchedClock implements Clock {
  readonly #clock: Clock
  readonly #timers = new Map<object, WatchedTimer>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  date(): number {
    return this.#clock.date()
  }

  setTimer(fn: () => void, ms: number): object {
    const timer = this.#clock.setTimer(() => this.#fire(timer, fn), ms)
    this.#timers.set(timer, { due: this.now() + ms, background: false })
    return timer
  }

  setBackgroundTimer(fn: () => void, ms: number): object {
    const timer = this.#clock.setBackgroundTimer(() => this.#fire(timer, fn), ms)
    this.#timers.set(timer, { due: this.now() + ms, background: true })
    return timer
  }

  clearTimer(timer: object): void {
    this.#timers.delete(timer)
    this.#clock.clearTimer(timer)
  }

  /** The timers that are set. */
  get timers(): Iterable<WatchedTimer> {
    return this.#timers.values()
  }

  #fire(timer: object, fn: () => void): void {
    this.#timers.delete(timer)
    fn()
  }
}
