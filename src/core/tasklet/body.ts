/** The return value of a tasklet's function, as something that the loop can drive. */

import { isAbortError, TaskletExit } from '../base/errors.js'
import { type Co, Op, type Resume, type Suspend } from '../loop/op.js'
import { until } from '../ops/until.js'
import { isGenerator, isPromiseLike } from './coroutine.js'

/**
 * Returns the generator to drive: the returned one, or one that waits for the returned operation or promise; null for a
 * plain value.
 */
export function bodyOf(returned: unknown): Iterator<Suspend, unknown, Resume> | null {
  if (returned instanceof Op) return performing(returned)
  if (isGenerator(returned)) return returned
  if (isPromiseLike(returned)) return awaited(returned)
  return null
}

/** The body of a tasklet whose function returned an operation. */
function* performing<T>(op: Op<T>): Co<T> {
  return yield* op
}

/**
 * The body of a tasklet with an async function. Such a function cannot be interrupted: a kill aborts the tasklet's
 * `signal`, and the tasklet is gone when the promise has settled.
 */
function* awaited<T>(promise: PromiseLike<T>): Co<T> {
  const settled = until(promise)
  try {
    return yield* settled
  } catch (error) {
    if (error instanceof TaskletExit) yield* goneAfter(settled, error)
    throw error
  }
}

function* goneAfter(settled: Op<unknown>, exit: TaskletExit): Co<void> {
  try {
    yield* settled
  } catch (error) {
    if (error !== exit && !isAbortError(error)) throw error
  }
}
