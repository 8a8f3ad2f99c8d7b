/** What the tests of the core share. None of it sleeps: everything waits for turns of the event loop or a virtual clock. */
import type { Clock } from '../../src/core/loop/clock.js'
import { loop } from '../../src/core/loop/loop.js'
import { runUntilIdle, type VirtualClock, virtualClock } from '../../src/testing/index.js'

let clock: VirtualClock | null = null

/** Puts a virtual clock under each test of the file, and says whether a test left a timer in it. */
export function useVirtualClock(): { readonly clock: VirtualClock } {
  beforeEach(() => {
    clock = virtualClock()
  })
  afterEach(() => {
    clock?.restore()
    clock = null
  })
  return {
    get clock() {
      if (clock === null) throw new Error('no test runs')
      return clock
    },
  }
}

/** Lets everything that can run do so. */
export const idle = runUntilIdle

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** What a promise or an operation was rejected with; fails where it was not. */
export async function rejection(work: PromiseLike<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it was not rejected')
}

/** Performs `work` and keeps how it ended: its value, its error, or `pending`. */
export function watch(work: PromiseLike<unknown>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: 'pending' }
  work.then(
    value => {
      seen.outcome = value
    },
    error => {
      seen.outcome = error
    },
  )
  return seen
}

/** How `work` ended, after everything that can run has run; `pending` where it has not. */
export async function outcome(work: PromiseLike<unknown>): Promise<unknown> {
  const seen = watch(work)
  await idle()
  return seen.outcome
}

/** The warnings that the core reports while `body` runs, instead of printing them. What other tests left is not among them. */
export async function reported(body: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = []
  const emit = process.emitWarning
  process.emitWarning = ((warning: string | Error, options?: { code?: string }) => {
    if (options?.code === 'TASKLET_COLLECTED') return
    warnings.push(typeof warning === 'string' ? warning : warning.message)
  }) as typeof process.emitWarning
  try {
    await body()
    await idle()
  } finally {
    process.emitWarning = emit
  }
  return warnings
}

/** The uncaught exceptions of the process while `body` runs, and until everything is idle. */
export async function uncaught(body: () => Promise<unknown> | unknown): Promise<unknown[]> {
  const errors: unknown[] = []
  const { setImmediate: original } = globalThis
  globalThis.setImmediate = ((fn: () => void) =>
    original(() => {
      try {
        fn()
      } catch (error) {
        errors.push(error)
      }
    })) as unknown as typeof setImmediate
  try {
    await body()
    await idle()
    await idle()
  } finally {
    globalThis.setImmediate = original
  }
  return errors
}

/** How many tasklets are ready; 0 when nothing was left behind. */
export function ready(): number {
  return loop.readyCount
}

/** A clock whose timers fire when told, in the middle of a turn: what fires has committed, and nobody has resumed. */
export class ManualClock implements Clock {
  readonly #before = loop.clock
  readonly timers = new Map<object, { fn: () => void; ms: number }>()
  time = 0

  constructor() {
    loop.clock = this
  }

  now(): number {
    return this.time
  }

  date(): number {
    return this.time
  }

  setTimer(fn: () => void, ms: number): object {
    const timer = {}
    this.timers.set(timer, { fn, ms })
    return timer
  }

  setBackgroundTimer(fn: () => void, ms: number): object {
    return this.setTimer(fn, ms)
  }

  clearTimer(timer: object): void {
    this.timers.delete(timer)
  }

  /** Fires every timer that is set now. */
  fire(): void {
    for (const [timer, { fn, ms }] of [...this.timers]) {
      this.timers.delete(timer)
      this.time += ms
      fn()
    }
  }

  restore(): void {
    loop.clock = this.#before
  }
}
