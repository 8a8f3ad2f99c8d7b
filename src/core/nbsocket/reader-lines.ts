import type { Op } from '../op.js'

/** The async iterator over what `next` gives. `return()` while a `next()` is pending withdraws it: nothing is lost. */
export class LineIterator<D> implements AsyncIterableIterator<D> {
  readonly #next: () => Op<IteratorResult<D, undefined>>
  /** Those who wait; one at a time performs. */
  #last: Promise<unknown> = Promise.resolve()
  #leave: (() => void) | null = null
  #done = false

  constructor(next: () => Op<IteratorResult<D, undefined>>) {
    this.#next = next
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<D, undefined>> {
    const step = this.#last.then(() => this.#step())
    this.#last = step.catch(() => {})
    return step
  }

  async return(): Promise<IteratorResult<D, undefined>> {
    this.#done = true
    this.#leave?.()
    return { done: true, value: undefined }
  }

  #step(): Promise<IteratorResult<D, undefined>> {
    const over: IteratorResult<D, undefined> = { done: true, value: undefined }
    if (this.#done) return Promise.resolve(over)
    const node = this.#next().node()
    return new Promise((resolve, reject) => {
      this.#leave = () => {
        this.#leave = null
        node.withdraw()
        resolve(over)
      }
      node.performFor({
        wake: () => {
          this.#leave = null
          try {
            const step = node.take()
            if (step.done) this.#done = true
            resolve(step)
          } catch (error) {
            this.#done = true
            reject(error)
          }
        },
        isAwaited: () => true,
      })
    })
  }
}
