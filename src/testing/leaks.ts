import { performance } from 'node:perf_hooks'
import { assertOptions } from '../core/base/arguments.js'
import { SynclessError } from '../core/base/errors.js'
import { watchExit } from '../core/base/unreceived-error.js'
import { taskletDump, taskletLines } from '../core/debug/tasklet-dump.js'
import { loop } from '../core/loop/loop.js'
import type { Co } from '../core/loop/op.js'
import { go } from '../core/scope/go.js'
import { isGenerator } from '../core/tasklet/coroutine.js'
import { registry } from '../core/tasklet/registry.js'
import { liveTasklets } from '../core/tasklet/tasklet.js'
import { delay, untilQuiet } from './idle.js'
import { newListeners, newResources, processListeners, resourceCounts } from './process-state.js'
import { VirtualClock } from './virtual-clock.js'
import { WatchedClock, type WatchedTimer } from './watched-clock.js'

/** Options of {@link leakCheck} and {@link assertNoLeaks}. */
export interface LeakOptions {
  /** The real time that Node gets to close sockets and other resources, in ms. Default: 1000. */
  readonly within?: number
  /** The kinds of resources that may be left, as `process.getActiveResourcesInfo()` names them. Default: none. */
  readonly ignore?: readonly string[]
}

/** The condition for the check to look: nothing goes on. */
const QUIET = { turns: 10, patience: 0 }

/** A check for leaks, made by {@link leakCheck}. It knows what was there when it began. */
export class LeakCheck {
  readonly #within: number
  readonly #ignore: ReadonlySet<string>
  readonly #before: ReadonlySet<object>
  readonly #listeners = processListeners()
  readonly #resources = resourceCounts()
  readonly #clock = loop.clock
  /** A virtual clock knows its timers; any other clock is watched. */
  readonly #watched: WatchedClock | null

  /** @internal Use {@link leakCheck}. `before` lists what may be there: tasklets, and timers of a virtual clock. */
  constructor({ within = 1000, ignore = [] }: LeakOptions, before: Iterable<object>) {
    this.#within = within
    this.#ignore = new Set(ignore)
    this.#before = new Set(before)
    this.#watched = this.#clock instanceof VirtualClock ? null : new WatchedClock(this.#clock)
    if (this.#watched !== null) loop.clock = this.#watched
  }

  /**
   * Ends the check, whether it holds or not. Waits until nothing goes on, then throws `LEAK` if something is there that
   * was not there at the beginning. The message names it.
   */
  async assertNone(): Promise<void> {
    const start = performance.now()
    const over = () => performance.now() - start >= this.#within
    // Anything that ends only because time goes on has been left behind.
    const clock = loop.clock instanceof VirtualClock && loop.clock.autoAdvance ? loop.clock : null
    if (clock !== null) clock.autoAdvance = false
    try {
      await untilQuiet(QUIET, over)
      while (this.#own().length === 0 && this.#ofNode().length > 0 && !over()) await delay(1)
      const leaks = [...this.#own(), ...this.#ofNode()]
      if (leaks.length > 0) throw new SynclessError('LEAK', `left behind:\n  ${leaks.join('\n  ')}`)
    } finally {
      if (clock !== null) clock.autoAdvance = true
      this.abandon()
    }
  }

  /** Ends the check without looking. */
  abandon(): void {
    if (loop.clock === this.#watched) loop.clock = this.#clock
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.assertNone()
  }

  #own(): string[] {
    const lines: string[] = []
    for (const tasklet of liveTasklets()) {
      if (!this.#before.has(tasklet)) lines.push(`tasklet ${taskletLines(taskletDump(tasklet, null)).join('\n  ')}`)
    }
    for (const left of this.#timers()) lines.push(`timer of the loop's clock, due in ${Math.round(left)} ms`)
    return [...lines, ...newListeners(this.#listeners)]
  }

  /**
   * Returns how long each timer has left that was set since the beginning. Timers of a virtual clock count only while
   * the clock is in place.
   */
  #timers(): number[] {
    const virtual = loop.clock instanceof VirtualClock ? [...loop.clock.timers] : []
    return [...virtual.filter(timer => !this.#before.has(timer)), ...this.#watchedTimers()].map(
      ({ due }) => due - loop.clock.now(),
    )
  }

  #watchedTimers(): WatchedTimer[] {
    return [...(this.#watched?.timers ?? [])]
  }

  #ofNode(): string[] {
    const lines: string[] = []
    for (const [kind, more] of newResources(this.#resources)) {
      // The clock's own timers have been named.
      const named = kind === 'Timeout' ? this.#watchedTimers().filter(({ background }) => !background).length : 0
      if (more > named && !this.#ignore.has(kind)) lines.push(`resource of Node: ${more - named} ${kind}`)
    }
    return lines
  }
}

/**
 * Begins a check for leaks of a test: call {@link LeakCheck.assertNone} at its end. This is for the hooks of a test
 * runner; use {@link assertNoLeaks} for one function.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, go } from 'syncless'
 * import { leakCheck } from 'syncless/testing'
 *
 * // beforeEach
 * const check = leakCheck()
 * // the test
 * const orders = channel<string>(0, { name: 'orders' })
 * const cook = go(function* cook() {
 *   yield* orders.receive()
 * })
 * // afterEach
 * await assert.rejects(check.assertNone(), { code: 'LEAK', message: /"cook" waiting: receive on "orders"/ })
 * await cook.kill()
 * ```
 */
export function leakCheck(options: LeakOptions = {}): LeakCheck {
  assertLeakOptions('leakCheck()', options)
  // These put listeners on the process, or open its pipes, when they are first used.
  registry.begin()
  watchExit()
  void [process.stdout, process.stderr]
  const timers = loop.clock instanceof VirtualClock ? loop.clock.timers : []
  return new LeakCheck(options, [...liveTasklets(), ...timers])
}

function assertLeakOptions(what: string, options: LeakOptions): void {
  assertOptions(what, options)
  const { within, ignore } = options
  if (within !== undefined && !(typeof within === 'number' && within >= 0)) {
    throw new SynclessError('INVALID_ARGUMENT', `${what}: within is a number of milliseconds`)
  }
  if (ignore !== undefined && !Array.isArray(ignore)) {
    throw new SynclessError('INVALID_ARGUMENT', `${what}: ignore is an array of names`)
  }
}

/**
 * Runs `body`, an async function or a coroutine, and gives its value. Throws `LEAK` if `body` leaves something behind: a
 * tasklet that has not ended, a timer of the loop's clock, a listener on `process`, or one more of Node's resources that
 * keep a process alive, such as a socket, a server or a `setTimeout`. The message names each leak; for a tasklet, it
 * gives the name, the state and the operation that it waits for. An error of `body` is thrown itself. Without a body, no
 * tasklet at all may be there, and no timer of a virtual clock.
 *
 * The check looks when nothing goes on (see {@link virtualClock}), and gives Node's resources up to a second to close.
 * Idle sockets of an HTTP agent keep no process alive, and do not count. Semantics: Go `goleak`, Trio's nurseries.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, sleep } from 'syncless'
 * import { assertNoLeaks } from 'syncless/testing'
 *
 * await assertNoLeaks(async () => {
 *   const t = go(() => sleep(60_000))
 *   await t.kill()
 * })
 * await assert.rejects(
 *   assertNoLeaks(async () => {
 *     setTimeout(() => {}, 50)
 *   }, { within: 5 }),
 *   { code: 'LEAK', message: /1 Timeout/ },
 * )
 * ```
 */
export async function assertNoLeaks<T = void>(
  body?: () => Co<T> | PromiseLike<T> | T,
  options: LeakOptions = {},
): Promise<T> {
  if (body !== undefined && typeof body !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'assertNoLeaks() takes a function')
  }
  assertLeakOptions('assertNoLeaks()', options)
  const check = body === undefined ? new LeakCheck(options, []) : leakCheck(options)
  let value: T
  try {
    const returned = body?.() as Co<T> | PromiseLike<T> | T
    value = await (isGenerator<T>(returned) ? go(() => returned as Co<T>) : (returned as T))
  } catch (error) {
    check.abandon()
    throw error
  }
  await check.assertNone()
  return value
}
