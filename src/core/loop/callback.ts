/**
 * Calls outwards: of functions that others gave us, and that we call later. One rule holds for all of them. They run in
 * the async context of their registration, and so in its ambient scope: a scope that is about to end calls nobody inside
 * itself. They run on behalf of no tasklet. The READMEs beside the sources have the table of these calls.
 */
import { AsyncResource } from 'node:async_hooks'
import { report } from '../base/report.js'
import { loop } from './loop.js'

/**
 * @internal Returns `fn` tied to the async context of this call. An error of `fn` goes to the caller.
 *
 * Node's own `AsyncResource.bind` defines properties on each function that it makes, and costs 20 us on Node 20; this
 * one costs 0.1 us.
 */
export function registered<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  const context = new AsyncResource('SynclessCallback', { requireManualDestroy: true })
  return (...args) => context.runInAsyncScope(onNobodysBehalf, undefined, fn, ...args) as R
}

/**
 * @internal Ties a function to its context like {@link registered}, for a function whose answer nobody needs. Its error,
 * or the rejection of its promise, is reported. The result never throws, and waits for nothing.
 */
export function listener<A extends unknown[]>(what: string, fn: (...args: A) => unknown): (...args: A) => void {
  const call = registered(fn)
  return (...args) => tell(what, call, ...args)
}

/** @internal Calls a function whose answer nobody needs; its error is reported. For a function that is bound elsewhere. */
export function tell<A extends unknown[]>(what: string, fn: (...args: A) => unknown, ...args: A): void {
  ask(what, undefined, fn, ...args)
}

/**
 * @internal Calls a function whose answer is needed at once. If the function throws, the error is reported, and the
 * answer is `otherwise`. A promise does not count as an answer: the answer is then `otherwise`, too, and a rejection is
 * reported.
 */
export function ask<A extends unknown[], R>(what: string, otherwise: NoInfer<R>, fn: (...args: A) => R, ...args: A): R {
  try {
    return answerOf(what, otherwise, fn(...args))
  } catch (error) {
    report(error, `${what} threw`)
  }
  return otherwise
}

/** @internal Returns the answer of a function whose errors go to the caller. As in {@link ask}, a promise does not count. */
export function answerOf<R>(what: string, otherwise: NoInfer<R>, answer: R): R {
  if (!isThenable(answer)) return answer
  answer.then(undefined, (error: unknown) => report(error, `${what} was rejected`))
  return otherwise
}

/** @internal Calls `fn` on behalf of no tasklet, for instance from within one. */
export function onNobodysBehalf<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): R {
  const running = loop.current
  loop.current = null
  try {
    return fn(...args)
  } finally {
    loop.current = running
  }
}

/** @internal */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
