import { Await, awaits } from '../loop/awaits.js'
import { loop } from '../loop/loop.js'
import type { Node, Waiter } from '../loop/op.js'
import { NextNode, type NodeChannel } from './channel-nodes.js'

export interface IterationOptions {
  /** Whether the channel stays open if the iteration is left early. Default: false, which cancels the channel. */
  preventCancel?: boolean
}

interface IterableChannel<T> extends NodeChannel<T> {
  openIterators: number
  /** Notes that an iteration was left early. */
  leave(reason: unknown): void
}

/** A `next()` that waits. */
class PendingNext extends Await implements Waiter {
  readonly finish: () => void
  readonly #taken: () => void

  constructor(node: Node<unknown>, finish: () => void, taken: () => void) {
    super(node)
    this.finish = finish
    this.#taken = taken
  }

  wake(): void {
    awaits.remove(this)
    this.#taken()
  }

  // An iteration that waits for the next value is an idle service.
  override isAwaited(): boolean {
    return false
  }
}

/** The async iterator of a channel. `return()` withdraws a pending `next()`, so that no value is lost. */
export class ChannelIterator<T> implements AsyncIterableIterator<T> {
  readonly #channel: IterableChannel<T>
  readonly #preventCancel: boolean
  readonly #pending = new Set<PendingNext>()
  #opened = false
  #done = false

  constructor(channel: IterableChannel<T>, preventCancel: boolean) {
    this.#channel = channel
    this.#preventCancel = preventCancel
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#done) return Promise.resolve({ done: true, value: undefined })
    if (!this.#opened) {
      this.#opened = true
      this.#channel.openIterators++
    }
    const node = new NextNode(this.#channel)
    return new Promise((resolve, reject) => {
      const finish = () => resolve({ done: true, value: undefined })
      const pending = new PendingNext(node, finish, () => {
        this.#pending.delete(pending)
        try {
          const step = node.take()
          if (step.done) this.#finish()
          loop.pace(() => resolve(step))
        } catch (error) {
          // `for await` does not call return() after a rejection.
          this.#finish()
          if (!this.#preventCancel) this.#channel.leave(error)
          loop.pace(() => reject(error))
        }
      })
      this.#pending.add(pending)
      node.performFor(pending)
      awaits.add(pending)
    })
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    for (const pending of this.#pending) {
      pending.awaited.withdraw()
      awaits.remove(pending)
      pending.finish()
    }
    this.#pending.clear()
    const wasDone = this.#done
    this.#finish()
    if (!wasDone && !this.#preventCancel) this.#channel.leave(undefined)
    return { done: true, value: undefined }
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    if (this.#opened) this.#channel.openIterators--
  }
}
