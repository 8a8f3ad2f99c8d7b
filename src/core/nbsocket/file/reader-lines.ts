import type { Node, Op } from '../../loop/op.js'

/** The async iterator over the results of `next`. `return()` withdraws a pending `next()`, so that nothing is lost. */
export class LineIterator<D> implements AsyncIterableIterator<D> {
  readonly #next: () => Op<IteratorResult<D, undefined>>
  /** Settles when all requested steps are done; null if nobody waits. */
  #last: Promise<void> | null = null
  #leave: (() => void) | null = null
  #done = false

  constructor(next: () => Op<IteratorResult<D, undefined>>) {
    this.#next = next
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<D, undefined>> {
    if (this.#last !== null) return this.#followed(this.#last.then(() => this.#step()))
    const step = this.#step()
    return this.#leave === null ? step : this.#followed(step)
  }

  async return(): Promise<IteratorResult<D, undefined>> {
    this.#done = true
    this.#leave?.()
    return { done: true, value: undefined }
  }

  /** Steps that are requested in the meantime come after it. */
  #followed<T>(step: Promise<T>): Promise<T> {
    const through = () => {
      if (this.#last === last) this.#last = null
    }
    const last = step.then(through, through)
    this.#last = last
    return step
  }

  async #step(): Promise<IteratorResult<D, undefined>> {
    if (this.#done) return { done: true, value: undefined }
    const node = this.#next().node()
    if (!node.poll() && !(await this.#committed(node))) return { done: true, value: undefined }
    try {
      const step = node.take()
      if (step.done) this.#done = true
      return step
    } catch (error) {
      this.#done = true
      throw error
    }
  }

  /** Resolves with false if the iteration was left before. */
  #committed(node: Node<unknown>): Promise<boolean> {
    return new Promise(resolve => {
      const over = (committed: boolean) => {
        this.#leave = null
        resolve(committed)
      }
      this.#leave = () => {
        node.withdraw()
        over(false)
      }
      node.enter({ wake: () => over(true), isAwaited: () => true })
    })
  }
}
