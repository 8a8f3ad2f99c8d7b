/** The return value of a user's function: a coroutine, an operation, a promise or a plain value. */
import { type Co, Op, type Resume, type Suspend } from '../loop/op.js'
import { until } from '../ops/until.js'

export function isGenerator<T>(value: unknown): value is Iterator<Suspend, T, Resume> {
  if (typeof value !== 'object' || value === null) return false
  // Plain loads: `in` is slow here, because each generator function gives its objects a prototype of their own.
  const { next, throw: raise }: { next?: unknown; throw?: unknown } = value
  return typeof next === 'function' && typeof raise === 'function'
}

export function isPromiseLike<T>(value: unknown): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** Waits for the return value of a function, in the tasklet that called it. */
export function* run(returned: unknown): Co<unknown> {
  if (returned instanceof Op) return yield* returned
  if (isGenerator(returned)) return yield* { [Symbol.iterator]: () => returned }
  if (isPromiseLike(returned)) return yield* until(returned)
  return returned
}
