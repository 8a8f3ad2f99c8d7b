import { SynclessError } from '../base/errors.js'
import { loop } from '../loop/loop.js'
import { Node, type Op } from '../loop/op.js'

/** The longest delay that Node's timers take, in ms; longer sleeps chain. */
const MAX_DELAY = 2 ** 31 - 1

/**
 * Returns a delay for one of Node's own timers, which take a longer delay for 1 ms. `spare` is the time that Node adds
 * to it.
 */
export function timerDelay(ms: number, spare = 0): number {
  return Math.min(ms, MAX_DELAY - spare)
}

/** Throws `INVALID_ARGUMENT` unless `ms` is a time that one can wait for. */
export function assertDuration(ms: number, what: string): void {
  if (typeof ms !== 'number' || Number.isNaN(ms)) {
    throw new SynclessError('INVALID_ARGUMENT', `${what} takes a number of milliseconds, and got ${String(ms)}`)
  }
}

/**
 * Calls `fn` after `ms` of the loop's clock, even beyond the longest delay of a timer. Returns a function that stops the
 * timer.
 */
export function startTimer(ms: number, fn: () => void): () => void {
  if (ms === Number.POSITIVE_INFINITY) return () => {}
  const { clock } = loop
  const deadline = clock.now() + ms
  let timer = clock.setTimer(fire, Math.min(ms, MAX_DELAY))
  function fire(): void {
    const left = ms > MAX_DELAY ? deadline - clock.now() : 0
    if (left > 0) timer = clock.setTimer(fire, Math.min(left, MAX_DELAY))
    else fn()
  }
  return () => clock.clearTimer(timer)
}

class SleepNode extends Node<void> {
  readonly #ms: number
  #stop: (() => void) | null = null

  constructor(ms: number) {
    super()
    this.#ms = ms
  }

  describe(): string {
    return `sleep ${this.#ms} ms`
  }

  poll(): boolean {
    return false
  }

  override external(): boolean {
    return this.#ms !== Number.POSITIVE_INFINITY
  }

  protected link(): void {
    this.#stop = startTimer(this.#ms, () => this.complete(undefined))
  }

  protected unlink(): void {
    this.#stop?.()
    this.#stop = null
  }
}

/**
 * Waits for `ms` milliseconds. Zero and negative times wait for the next turn of the timers; `Infinity` waits forever.
 * Times beyond 2^31-1 ms work, too. A lost select or a kill clears the timer. Throws `INVALID_ARGUMENT` if `ms` is not a
 * number.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, select, sleep } from 'syncless'
 *
 * const jobs = channel<string>()
 * const chosen = await select({ job: jobs.receive(), tick: sleep(5) })
 * assert.equal(chosen.key, 'tick')
 * ```
 */
export function sleep(ms: number): Op<void> {
  assertDuration(ms, 'sleep()')
  return new SleepNode(ms)
}
