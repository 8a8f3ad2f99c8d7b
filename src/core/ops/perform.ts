import { roomForListener } from '../base/listener-room.js'
import { holdCallbacks } from '../base/withdrawal.js'
import { Await, awaits } from '../loop/awaits.js'
import { loop } from '../loop/loop.js'
import type { Node, Op, Waiter } from '../loop/op.js'

class AbortableWaiter<T> extends Await implements Waiter {
  readonly promise: Promise<T>
  readonly #node: Node<T>
  readonly #signal: AbortSignal
  #settled: () => void = () => {}
  #leaveRoom: (() => void) | null
  #aborted = false
  /** Whether the operation has begun. Until then, what it calls may abort the signal. */
  #begun = false

  constructor(node: Node<T>, signal: AbortSignal) {
    super(node)
    this.#node = node
    this.#signal = signal
    const settled = new Promise<void>(resolve => {
      this.#settled = resolve
    })
    this.promise = settled.then(() => {
      if (this.#aborted) throw signal.reason
      return node.take()
    })
    this.#leaveRoom = roomForListener(signal)
    signal.addEventListener('abort', this.#abort)
    try {
      node.performFor(this)
      this.#begun = true
      awaits.add(this)
    } catch (error) {
      this.#unlisten()
      throw error
    }
    if (signal.aborted && !this.over) this.#abort()
  }

  readonly #abort = (): void => {
    if (!this.#begun) return
    this.#unlisten()
    this.#aborted = true
    holdCallbacks(() => {
      this.#node.withdraw()
      if (this.#node.lingers(this.#signal.reason)) this.#node.enter(this)
      else {
        awaits.remove(this)
        this.#settled()
      }
    })
  }

  #unlisten(): void {
    this.#signal.removeEventListener('abort', this.#abort)
    this.#leaveRoom?.()
    this.#leaveRoom = null
  }

  wake(): void {
    this.#unlisten()
    awaits.remove(this)
    loop.pace(this.#settled)
  }
}

/**
 * Performs an operation as a promise. If `signal` aborts before the commit, the operation is withdrawn (it did not
 * happen; a scope is ended first), and the promise rejects with the signal's reason. An abort after the commit changes
 * nothing. Rejects with `OP_REUSED` if a one-shot operation was performed before.
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
  const node = op.node()
  node.assertIdle()
  if (signal === undefined) return node
  signal.throwIfAborted()
  return new AbortableWaiter(node, signal).promise
}
