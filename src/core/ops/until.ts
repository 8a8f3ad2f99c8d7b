import { SynclessError } from '../base/errors.js'
import { report } from '../base/report.js'
import { Latched } from '../loop/latched.js'
import { DONE, FAILED, IDLE, type Node, Op } from '../loop/op.js'

/** One subscription for each promise, however many wait for it: nobody can unsubscribe from a promise. */
const subscriptions = new WeakMap<object, Until<unknown>>()

class Until<T> extends Latched<T> {
  readonly #promise: PromiseLike<T>
  #begun = false
  #received = false

  constructor(promise: PromiseLike<T>) {
    super()
    this.#promise = promise
  }

  describe(): string {
    return 'until a promise settles'
  }

  override external(): boolean {
    return true
  }

  override begin(): void {
    if (this.#begun) return
    this.#begun = true
    // An inner operation is performed in a microtask: it may lead to another one, and so on to any depth.
    const promise = this.#promise instanceof Op ? Promise.resolve(this.#promise) : this.#promise
    // As a promise has it, the first outcome stays.
    const succeeded = (value: T) => {
      if (this.outcome === IDLE) this.settle(DONE, value, undefined)
    }
    const failed = (error: unknown) => {
      if (this.outcome !== IDLE) return
      this.settle(FAILED, undefined, error)
      if (!this.#received) setImmediate(() => this.#reportUnlessReceived(error))
    }
    try {
      promise.then(succeeded, failed)
    } catch (error) {
      // Node's own promises never throw here; a user's may.
      failed(error)
    }
  }

  override deliver(node: Node<T>): boolean {
    if (this.outcome === IDLE) return false
    this.#received = true
    return super.deliver(node)
  }

  #reportUnlessReceived(error: unknown): void {
    if (!this.#received) report(error, 'a promise was rejected after all who waited for it had left')
  }
}

/**
 * Waits for a promise: gives its value or throws its error. Leaving the wait (a lost select, a kill) does not stop the
 * promise's own work; use `call` to abort that too. An error that comes after all waiters have left is reported. Throws
 * `INVALID_ARGUMENT` if `promise` is not a promise.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, until } from 'syncless'
 *
 * const t = go(function* () {
 *   return yield* until(Promise.resolve('value'))
 * })
 * assert.equal(await t, 'value')
 * ```
 */
export function until<T>(promise: PromiseLike<T>): Latched<T> {
  if (typeof promise !== 'object' || promise === null || typeof promise.then !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', `until() takes a promise, and got ${String(promise)}`)
  }
  const known = subscriptions.get(promise)
  if (known !== undefined) return known as Until<T>
  const made = new Until(promise)
  subscriptions.set(promise, made)
  return made
}
