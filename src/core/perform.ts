import type { Node, Op, Waiter } from './op.js'

class AbortableWaiter<T> implements Waiter {
  readonly promise: Promise<T>
  readonly #node: Node<T>
  readonly #signal: AbortSignal
  #settled: (aborted: boolean) => void = () => {}

  constructor(node: Node<T>, signal: AbortSignal) {
    this.#node = node
    this.#signal = signal
    const committed = new Promise<boolean>(resolve => {
      this.#settled = resolve
    })
    this.promise = committed.then(aborted => {
      if (aborted) throw signal.reason
      return node.take()
    })
    signal.addEventListener('abort', this.#abort)
    try {
      node.performFor(this)
    } catch (error) {
      signal.removeEventListener('abort', this.#abort)
      throw error
    }
  }

  readonly #abort = (): void => {
    this.#signal.removeEventListener('abort', this.#abort)
    this.#node.withdraw()
    this.#settled(true)
  }

  wake(): void {
    this.#signal.removeEventListener('abort', this.#abort)
    this.#settled(false)
  }
}

/**
 * Performs an operation as a promise. An abort of `signal` before the commit withdraws the operation (it did not
 * happen) and rejects with the signal's reason; after the commit it changes nothing. Rejects with `OP_REUSED` where a
 * one-shot operation was performed before.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, perform } from 'syncless'
 *
 * const ch = channel<number>()
 * const controller = new AbortController()
 * setImmediate(() => controller.abort(new Error('enough')))
 * await assert.rejects(perform(ch.receive(), { signal: controller.signal }), /enough/)
 * assert.equal(ch.balance, 0)
 * ```
 */
export async function perform<T>(op: Op<T>, options: { signal?: AbortSignal } = {}): Promise<T> {
  const { signal } = options
  if (signal === undefined) return op
  signal.throwIfAborted()
  return new AbortableWaiter(op.node(), signal).promise
}
