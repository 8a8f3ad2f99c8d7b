import { SynclessError } from '../base/errors.js'
import { report } from '../base/report.js'
import { Latched } from '../loop/latched.js'
import { DONE, FAILED, IDLE, type Node, Op } from '../loop/op.js'

/** One subscription a promise, however often it is waited for: a promise cannot be unsubscribed from. */
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
    // An operation is performed in a microtask: it may lead to another one, and so on to any depth.
    const promise = this.#promise instanceof Op ? Promise.resolve(this.#promise) : this.#promise
    const failed = (error: unknown) => {
      this.settle(FAILED, undefined, error)
      if (!this.#received) setImmediate(() => this.#reportUnlessReceived(error))
    }
    try {
      promise.then(value => this.settle(DONE, value, undefined), failed)
    } catch (error) {
      // No promise of Node's throws; it may be a user's.
      if (this.outcome === IDLE) failed(error)
    }
  }

  override deliver(node: Node<T>): boolean {
    if (this.outcome === IDLE) return false
    this.#received = true
    return super.deliver(node)
  }

  #reportUnlessReceived(error: unknown): void {
    if (!this.#received) report(error, 'a promise was rejected after those who waited for it had left')
  }
}

/**
 * Waits for a promise: gives its value or throws its error. Leaving (a lost select, a kill) abandons the wait, not the
 * promise's own work; to abort that too, use `call`. An error that comes when nobody waits any more is reported.
 * Throws `INVALID_ARGUMENT` for what is not a promise.
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
