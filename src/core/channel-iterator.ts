import type { Channel } from './channel.js'
import { NextNode } from './channel-ops.js'
import { loop } from './loop.js'

export interface IterationOptions {
  /** Leaving the iteration early does not cancel the channel. */
  preventCancel?: boolean
}

/** The async iterator of a channel. `return()` while a `next()` is pending withdraws it: nothing is lost. */
export class ChannelIterator<T> implements AsyncIterableIterator<T> {
  readonly #channel: Channel<T>
  readonly #preventCancel: boolean
  readonly #pending = new Set<{ node: NextNode<T>; finish: () => void }>()
  #opened = false
  #done = false

  constructor(channel: Channel<T>, preventCancel: boolean) {
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
      const pending = { node, finish: () => resolve({ done: true, value: undefined }) }
      this.#pending.add(pending)
      node.performFor({
        wake: () => {
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
        },
      })
    })
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    for (const { node, finish } of this.#pending) {
      node.withdraw()
      finish()
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
