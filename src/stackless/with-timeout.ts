/** Helpers of the original that limit a wait. Times are in milliseconds of the core's clock; `null` means no limit. */

import { Latch } from '../core/loop/latched.js'
import type { Co } from '../core/loop/op.js'
import { assertDuration } from '../core/ops/sleep.js'
import { timeout } from '../core/scope/timeout.js'
import { run } from '../core/tasklet/coroutine.js'
import type { TaskletFunction } from '../core/tasklet/tasklet.js'
import type { channel } from './channel.js'
import { tasklet } from './tasklet.js'
import { TimeoutException } from './timeout.js'
import { setAlarm } from './world/alarm.js'
import { activeWorld } from './world/world.js'

/**
 * Runs a function in a tasklet of its own and waits for it: gives its value or throws its error. If the time runs out,
 * the tasklet is killed, and `defaultValue` is the value. Semantics: `syncless.util.run_in_tasklet_with_timeout`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { sleep } from 'syncless'
 * import { main, runInTaskletWithTimeout } from 'syncless/stackless'
 *
 * function* slow(ms: number) {
 *   yield* sleep(ms)
 *   return 'done'
 * }
 * await main(function* () {
 *   assert.equal(yield* runInTaskletWithTimeout(slow, 1000, 'late', 1), 'done')
 *   assert.equal(yield* runInTaskletWithTimeout(slow, 1, 'late', 1000), 'late')
 * })
 * ```
 */
export function* runInTaskletWithTimeout<A extends unknown[], T, D = undefined>(
  fn: TaskletFunction<A, T>,
  ms: number | null,
  defaultValue: D,
  ...args: A
): Co<T | D> {
  const ended = new Latch<void>('end of the tasklet of runInTaskletWithTimeout()')
  const outcome: { value?: T; failure?: { readonly error: unknown } } = {}
  const worker = new tasklet(function* () {
    try {
      outcome.value = (yield* run(fn(...args))) as T
    } catch (error) {
      outcome.failure = { error }
    }
    ended.resolve()
  }).setup()
  let late = false
  try {
    yield* timeout(ms ?? Number.POSITIVE_INFINITY, ended, { else: undefined })
  } finally {
    late = worker.alive
    if (worker.inRing) worker.remove() // or else what follows it in the ring would run before the caller
    yield* worker.kill()
  }
  if (late) return defaultValue
  if (outcome.failure !== undefined) throw outcome.failure.error
  return outcome.value as T
}

/**
 * Receives from a channel, or gives `defaultValue` if the time runs out. A value that was sent in time is not lost.
 * Semantics: `syncless.coio.receive_with_timeout`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, main, receiveWithTimeout } from 'syncless/stackless'
 *
 * await main(function* () {
 *   const ch = new channel<number>()
 *   assert.equal(yield* receiveWithTimeout(5, ch, 'nothing came'), 'nothing came')
 *   assert.equal(ch.balance, 0)
 * })
 * ```
 */
export function* receiveWithTimeout<T, D = undefined>(
  ms: number | null,
  receiveChannel: channel<T>,
  ...defaultValue: [defaultValue?: D]
): Co<T | D> {
  const world = activeWorld('receiveWithTimeout')
  const { self } = world
  const late = new TimeoutException()
  if (ms !== null) assertDuration(ms, 'receiveWithTimeout()')
  const stop = setAlarm(world, ms ?? Number.POSITIVE_INFINITY, () => {
    if (self.waitsOn === receiveChannel) world.interrupt(self, late)
  })
  try {
    return yield* receiveChannel.receive()
  } catch (error) {
    if (error !== late) throw error
    return defaultValue[0] as D
  } finally {
    stop()
  }
}

export { receiveWithTimeout as receive_with_timeout, runInTaskletWithTimeout as run_in_tasklet_with_timeout }
