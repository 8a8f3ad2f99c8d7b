import { assertOptions } from '../core/base/arguments.js'
import { SynclessError } from '../core/base/errors.js'
import type { Clock } from '../core/loop/clock.js'
import { loop } from '../core/loop/loop.js'
import { fakeDate } from './fake-date.js'
import { type Quiet, runUntilIdle, untilQuiet } from './idle.js'
import { type Timer, Timers } from './timers.js'

/** The default for the beginning of a virtual clock's dates. Origin: Go `testing/synctest`. */
const EPOCH = Date.UTC(2000, 0, 1)
/** The last instant that a `Date` can hold, in milliseconds since 1970. */
const MOST_DATE = 8.64e15

/** Options of {@link virtualClock}. */
export interface VirtualClockOptions {
  /** Whether time jumps to the next timer by itself when nothing else goes on. Default: false. */
  readonly autoAdvance?: boolean
  /** The number of turns of the event loop in which nothing goes on before time jumps. Default: 10. */
  readonly turns?: number
  /** The real time in which no tasklet runs before time jumps, in ms. Default: 0. */
  readonly patience?: number
  /** The date at which the clock begins: a `Date`, or milliseconds since 1970. Default: 2000-01-01T00:00:00Z. */
  readonly epoch?: number | Date
  /** Whether `Date.now()` and `new Date()` give the clock's date until the clock is restored. Default: false. */
  readonly fakeDate?: boolean
}

/** A clock whose time passes only on command, or when nothing else is left to do. Made by {@link virtualClock}. */
export class VirtualClock implements Clock {
  readonly #before = loop.clock
  readonly #timers = new Timers()
  readonly #epoch: number
  readonly #quiet: Quiet
  readonly #restoreDate: (() => void) | null
  #now = 0
  #autoAdvance: boolean
  #advancing = 0
  #watching = false
  #restored = false

  /** @internal Use {@link virtualClock}. */
  constructor(options: VirtualClockOptions) {
    assertOptions('virtualClock()', options)
    const { autoAdvance = false, turns = 10, patience = 0, epoch = EPOCH } = options
    this.#epoch = Number(epoch)
    this.#quiet = { turns, patience, mark: () => this.#timers.changes }
    this.#autoAdvance = autoAdvance
    checked('turns', turns, Number.isInteger(turns) && turns >= 1)
    checked('patience', patience, patience >= 0)
    checked('epoch', this.#epoch, Math.abs(this.#epoch) <= MOST_DATE)
    this.#restoreDate = options.fakeDate === true ? fakeDate(() => this.date()) : null
    loop.clock = this
    loop.freshBudget()
  }

  /** Returns the milliseconds since the clock was made. */
  now(): number {
    return this.#now
  }

  /** Returns the clock's date, in milliseconds since 1970. */
  date(): number {
    return this.#epoch + this.#now
  }

  /** The number of timers that are set, those of grace periods included. */
  get pending(): number {
    return this.#timers.size
  }

  /** @internal */
  get timers(): Iterable<Timer> {
    return this.#timers
  }

  /** Whether time jumps by itself; see {@link virtualClock}. It may be set at any time. */
  get autoAdvance(): boolean {
    return this.#autoAdvance
  }

  set autoAdvance(on: boolean) {
    this.#autoAdvance = on
    this.#watch()
  }

  setTimer(fn: () => void, ms: number): object {
    const timer = this.#timers.add(fn, this.#now + Math.max(0, ms), false)
    this.#watch()
    return timer
  }

  setBackgroundTimer(fn: () => void, ms: number): object {
    return this.#timers.add(fn, this.#now + Math.max(0, ms), true)
  }

  clearTimer(timer: object): void {
    this.#timers.delete(timer)
  }

  /**
   * Lets every tasklet run that can, then fires the timers of the next `ms` milliseconds in their order. Rejects with
   * `INVALID_ARGUMENT` if `ms` is negative or not a finite number.
   */
  async advance(ms: number): Promise<void> {
    if (!Number.isFinite(ms) || ms < 0) {
      throw new SynclessError('INVALID_ARGUMENT', `advance() takes a number of milliseconds, and got ${String(ms)}`)
    }
    const end = this.#now + ms
    await this.#byHand(async () => {
      await runUntilIdle()
      for (let timer = this.#timers.first; timer !== null && timer.due <= end; timer = this.#timers.first) {
        await this.#fire(timer)
      }
      this.#now = Math.max(this.#now, end)
    })
  }

  /** Fires timers, each at its time, until only those of grace periods are left and nothing can run. */
  async runAll(): Promise<void> {
    await this.#byHand(async () => {
      await runUntilIdle()
      for (let timer = this.#next; timer !== null; timer = this.#next) await this.#fire(timer)
    })
  }

  /** Puts the earlier clock back in place. Waits for a timer of this clock then last forever. */
  restore(): void {
    if (this.#restored) return
    this.#restored = true
    loop.clock = this.#before
    this.#restoreDate?.()
  }

  [Symbol.dispose](): void {
    this.restore()
  }

  /** The timer that time may go on to. A timer of a grace period counts only on the way to another timer. */
  get #next(): Timer | null {
    return this.#timers.someInForeground ? this.#timers.first : null
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers.delete(timer)
    this.#now = Math.max(this.#now, timer.due)
    timer.fire()
    await runUntilIdle()
  }

  async #byHand(work: () => Promise<void>): Promise<void> {
    this.#advancing++
    try {
      await work()
    } finally {
      this.#advancing--
      this.#watch()
    }
  }

  get #mayJump(): boolean {
    return this.#autoAdvance && !this.#restored && this.#advancing === 0 && this.#next !== null
  }

  /** Makes time jump, timer after timer, for as long as it may. */
  async #watch(): Promise<void> {
    if (this.#watching || !this.#mayJump) return
    this.#watching = true
    try {
      while (this.#mayJump) {
        await untilQuiet(this.#quiet, () => !this.#mayJump)
        if (this.#mayJump) await this.#jump()
      }
    } finally {
      this.#watching = false
    }
  }

  /** Fires the timers of the next instant. Each fires after everything has run that the one before it woke. */
  async #jump(): Promise<void> {
    let timer = this.#timers.first
    const due = timer?.due ?? 0
    for (; timer !== null && timer.due <= due && this.#mayJump; timer = this.#timers.first) await this.#fire(timer)
  }
}

function checked(name: string, value: number, inRange: boolean): void {
  if (Number.isFinite(value) && inRange) return
  throw new SynclessError('INVALID_ARGUMENT', `virtualClock() cannot have ${name}: ${String(value)}`)
}

/**
 * Puts a virtual clock under the core: `sleep`, `timeout`, `deadline` and grace periods wait for it, not for real time.
 * Time passes by {@link VirtualClock.advance} and {@link VirtualClock.runAll}. With `autoAdvance` it also passes by
 * itself: it jumps to the next timer when nothing goes on.
 *
 * "Nothing goes on" holds after `turns` turns of the event loop, one after the other, in which all of this is true: no
 * tasklet was ready or ran, no timer of the clock was set or cleared, the event loop handled no event of a socket, a
 * pipe, a process or a thread, and Node listed no request to a file or a name server as active. So time does not
 * overtake promises that settle within that many turns, nor answers over loopback within the process.
 *
 * The clock sees no real timers. Nor does it know how long a thread, another process or the network will take to answer:
 * set `patience` for those, or switch `autoAdvance` off for a while. A grace period that has run out ends a cleanup on
 * the way to another timer; time does not jump for a grace period alone.
 *
 * The global `Date` stays real unless `fakeDate` is set; without it, take absolute times from {@link VirtualClock.date}.
 * Real timers (`setTimeout`) stay real. `restore()`, or leaving a `using` block, puts the real clock back. Semantics:
 * Trio `MockClock` and its `autojump_threshold`. Throws `INVALID_ARGUMENT` for an option out of range.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, sleep } from 'syncless'
 * import { virtualClock } from 'syncless/testing'
 *
 * {
 *   using clock = virtualClock()
 *   const t = go(function* () {
 *     yield* sleep(3_600_000)
 *     return 'an hour later'
 *   })
 *   await clock.advance(3_600_000)
 *   assert.equal(await t, 'an hour later')
 * }
 * {
 *   using clock = virtualClock({ autoAdvance: true })
 *   await sleep(3_600_000) // at once
 *   assert.equal(clock.now(), 3_600_000)
 * }
 * ```
 */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  return new VirtualClock(options)
}
