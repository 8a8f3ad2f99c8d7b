import { type ErrorEnd, markReceived, watchErrorEnd } from '../base/unreceived-error.js'
import { Latch } from '../loop/latched.js'
import type { Node } from '../loop/op.js'

/** An outcome that other code gives later. Any number of waiters may wait for it. Made by {@link deferred}. */
export class Deferred<T> extends Latch<T> {
  #rejection: ErrorEnd | null = null

  /** Gives the value. The first outcome counts; later calls do nothing. */
  override resolve(value: T): void {
    super.resolve(value)
  }

  /** Gives an error. The error is reported if nobody has received it when the deferred is collected or the process exits. */
  override reject(error: unknown): void {
    if (this.settled) return
    this.#rejection = { value: error, label: this.describe(), received: false }
    watchErrorEnd(this, this.#rejection)
    super.reject(error)
  }

  /** @internal */
  override deliver(node: Node<T>): boolean {
    if (this.#rejection !== null) markReceived(this.#rejection)
    return super.deliver(node)
  }
}

/**
 * Makes an operation whose outcome is given later, once, by `resolve` or `reject`. Each waiter gets the outcome, early
 * or late. Semantics: CML `ivar`, a promise with its resolvers.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { deferred, go } from 'syncless'
 *
 * const answer = deferred<number>()
 * const asker = go(function* () {
 *   return yield* answer
 * })
 * answer.resolve(42)
 * assert.equal(await asker, 42)
 * assert.equal(await answer, 42)
 * ```
 */
export function deferred<T>(name = 'a deferred'): Deferred<T> {
  return new Deferred<T>(name)
}
