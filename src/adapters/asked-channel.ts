/** Channels whose source is asked for one value at a time and answers at once or later: an iterator, a reader. */
import { asFailure } from './failure.js'
import { PulledChannel } from './pulled-channel.js'

/** What a source answers: a value or its end. */
export type Answer<T> = IteratorResult<T, unknown>

/** Asks for a value whenever a receiver waits or there is room, and for the next one when that has come. */
export class AskedChannel<T> extends PulledChannel<T> {
  readonly #ask: () => Answer<T> | PromiseLike<Answer<T>>
  #asking = false
  #last = false

  constructor(capacity: number, name: string, ask: () => Answer<T> | PromiseLike<Answer<T>>) {
    super(capacity, name, () => this.#fill())
    this.#ask = ask
  }

  /** The source is at its end: nothing comes after an answer that is outstanding. */
  finish(): void {
    if (this.#asking) this.#last = true
    else this.close()
  }

  #fill(): void {
    while (this.wants && !this.#asking) {
      try {
        const answer = this.#ask()
        if (isPromise(answer)) this.#await(answer)
        else this.#take(answer)
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
        this.#take(step)
        if (this.#last) this.close()
        this.#fill()
      },
      (error: unknown) => {
        this.#asking = false
        this.#fail(error)
      },
    )
  }

  #take(step: Answer<T>): void {
    if (step.done) this.close()
    // Whoever it was asked for may have left: it is kept then, beyond the capacity, for the next receiver.
    else if (this.trySend(step.value) === 'full') this.force(step.value)
  }

  #fail(error: unknown): void {
    this.close(asFailure(error, `"${this.name}"`))
  }
}

export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
