import { AsyncResource } from 'node:async_hooks'
import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs'
import { loop } from '../../core/loop/loop.js'
import type { Co } from '../../core/loop/op.js'
import { detach, schedule } from '../../core/scope/go.js'

type Work<T> = (this: SchedulerAction<T>, state?: T) => void

/** `setTimeout` takes no more; longer delays are waited for in pieces. */
const LONGEST = 2 ** 31 - 1

/** What has become due, in that order. */
const due: (() => void)[] = []
let running = false

/** Runs what is due, a round at a time: between two rounds, every other tasklet that is ready has its turn. */
function* runDue(): Co<void> {
  try {
    while (due.length > 0) {
      for (const run of due.splice(0)) run()
      yield* schedule()
    }
  } finally {
    running = false
  }
}

/** One piece of work, which may schedule itself again. */
class LoopAction<T> extends Subscription implements SchedulerAction<T> {
  readonly #work: Work<T>
  #state: T | undefined = undefined
  #timer: object | null = null
  /** Counts how often it was scheduled: only the last one counts. */
  #turn = 0
  #pending = false

  constructor(work: Work<T>) {
    super(() => this.#withdraw())
    this.#work = work
  }

  schedule(state?: T, delay = 0): Subscription {
    if (this.closed) return this
    this.#withdraw()
    this.#state = state
    this.#pending = true
    const turn = ++this.#turn
    const ready = AsyncResource.bind(() => this.#ready(turn))
    if (delay > 0) this.#wait(ready, delay)
    else ready()
    return this
  }

  #ready(turn: number): void {
    if (turn !== this.#turn || !this.#pending) return
    this.#timer = null
    due.push(AsyncResource.bind(() => this.#execute(turn)))
    if (running) return
    running = true
    detach(runDue).name = 'RxJS scheduler'
  }

  #execute(turn: number): void {
    if (turn !== this.#turn || !this.#pending) return
    this.#pending = false
    try {
      this.#work(this.#state)
    } catch (error) {
      this.unsubscribe()
      // As with RxJS's own schedulers, an error of work is one that nobody has caught.
      detach(() => {
        throw error
      })
    }
  }

  #wait(ready: () => void, delay: number): void {
    const piece = Math.min(delay, LONGEST)
    this.#timer = loop.clock.setTimer(() => (delay > piece ? this.#wait(ready, delay - piece) : ready()), piece)
  }

  #withdraw(): void {
    this.#pending = false
    if (this.#timer !== null) loop.clock.clearTimer(this.#timer)
    this.#timer = null
  }
}

/**
 * An RxJS scheduler on the core's loop and clock, for `observeOn`, `subscribeOn`, `interval`, `timer`, `debounceTime`
 * and every other operator that takes a scheduler. Work takes turns with the tasklets, in the order in which it
 * became due. It runs in the async context in which it was scheduled. Work that schedules itself again without a
 * delay starves neither tasklets nor I/O.
 *
 * The scheduler's time is the core's: under `virtualClock()` of `syncless/testing`, observables run in virtual time,
 * too. Delays are in milliseconds, and `now()` is the clock's date. An error that work throws is an uncaught
 * exception of the process. Semantics: RxJS `asyncScheduler`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { interval, lastValueFrom, take, toArray } from 'rxjs'
 * import * as rx from 'syncless/rx'
 * import { virtualClock } from 'syncless/testing'
 *
 * using clock = virtualClock({ autoAdvance: true })
 * const hours$ = interval(3_600_000, rx.scheduler).pipe(take(3), toArray())
 * assert.deepEqual(await lastValueFrom(hours$), [0, 1, 2]) // at once
 * assert.equal(clock.now(), 3 * 3_600_000)
 * ```
 */
export const scheduler: SchedulerLike = {
  now: () => loop.clock.date(),
  schedule<T>(work: Work<T>, delay = 0, state?: T): Subscription {
    return new LoopAction<T>(work).schedule(state, delay)
  },
}
