import { isAbortError, SynclessError } from '../base/errors.js'
import { report } from '../base/report.js'
import type { Co, Op } from '../loop/op.js'
import { action } from '../ops/action.js'
import { isGenerator } from './coroutine.js'
import { Frame } from './frame.js'

/**
 * Calls an async function, or a coroutine.
 *
 * An async function is called with an AbortSignal, and its promise is waited for. Withdrawing the operation aborts the
 * signal. A later error of the function counts as the echo of the abort if it is the reason or an `AbortError`;
 * otherwise it is reported.
 *
 * A coroutine, `yield* call(walk(tree))`, runs on the loop's own frame stack: a resume costs the same at any depth, and
 * 20 000 levels work. Native `yield* walk(tree)` becomes slower with each level, and overflows. It works in tasklets
 * only. Throws `INVALID_ARGUMENT` if `work` is neither.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { setTimeout as delay } from 'node:timers/promises'
 * import { type Co, call, go, timeout } from 'syncless'
 *
 * const slow = call(async signal => delay(60_000, 'done', { signal }))
 * assert.equal(await timeout(5, slow, { else: 'aborted' }), 'aborted')
 *
 * function* depth(n: number): Co<number> {
 *   return n === 0 ? 0 : 1 + (yield* call(depth(n - 1)))
 * }
 * assert.equal(await go(() => depth(20_000)), 20_000)
 * ```
 */
export function call<T>(work: Co<T> | ((signal: AbortSignal) => PromiseLike<T>)): Op<T> {
  return typeof work === 'function' ? callAsync(work) : new Frame(checkedGenerator(work))
}

function checkedGenerator<T>(work: Co<T>): Co<T> {
  if (!isGenerator(work)) {
    throw new SynclessError('INVALID_ARGUMENT', 'call() takes an async function, or the generator of a coroutine')
  }
  return work
}

function callAsync<T>(fn: (signal: AbortSignal) => PromiseLike<T>): Op<T> {
  const description = `call "${fn.name || 'async function'}"`
  return action<T>((resolve, reject) => {
    const controller = new AbortController()
    fn(controller.signal).then(resolve, error => {
      const aborted = controller.signal.aborted
      if (!aborted) reject(error)
      else if (error !== controller.signal.reason && !isAbortError(error))
        report(error, `${description}, after its abort`)
    })
    return () => controller.abort()
  }, description)
}
