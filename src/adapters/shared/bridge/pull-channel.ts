/** Channels whose source is asked for one value at a time and answers at once or later: an iterator, a reader. */

import { DemandChannel } from './demand-channel.js'
import { asFailure } from './source-error.js'

/** What a source answers: a value or its end. */
export type Answer<T> = IteratorResult<T, unknown>

/** Asks for a value whenever a receiver waits or there is room, and for the next one when that has come. */
export class PullChannel<T> extends DemandChannel<T> {
  readonly #ask: () => Answer<T> | PromiseLike<Answer<T>>
  #asking = false
  #conclude: (() => void) | null = null

  constructor(capacity: number, name: string, ask: () => Answer<T> | PromiseLike<Answer<T>>) {
    super(capacity, name, () => this.#fill())
    this.#ask = ask
  }

  /** The source is over: `conclude`, which ends the channel, is called now, or after the answer that is outstanding. */
  finish(conclude: () => void): void {
    this.#conclude = conclude
    if (!this.#asking) this.#finished()
  }

  #fill(): void {
    while (this.wants && !this.#asking) {
      try {
        const answer = this.#ask()
        if (isPromise(answer)) this.#await(answer)
        else this.#answered(answer)
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  #await(answer: PromiseLike<Answer<T>>): void {
    this.#asking = true
    answer.then(
      step => {
        this.#asking = false
        this.#answered(step)
        this.#finished()
        this.#fill()
      },
      (error: unknown) => {
        this.#asking = false
        this.#fail(error)
      },
    )
  }

  #answered(step: Answer<T>): void {
    if (step.done) this.close()
    // Whoever it was asked for may have left: it is kept then, for the next receiver.
    else this.take(step.value)
  }

  #finished(): void {
    try {
      this.#conclude?.()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.close(asFailure(error, `"${this.name}"`))
  }
}

export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
