import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { type Answer, isPromise } from '../shared/bridge/pull-channel.js'
import { tellable } from '../shared/bridge/source-error.js'

/** What can be iterated over, by `for`, by `for await`, or by hand. */
export type Iteratee<T> = AsyncIterable<T> | Iterable<T> | AsyncIterator<T> | Iterator<T>

/** What `toChannel` takes: something to iterate over, or a function that gives it once somebody receives. */
export type Source<T> = Iteratee<T> | ((signal: AbortSignal) => Iteratee<T>)

type AnyIterator<T> = Iterator<T | PromiseLike<T>, unknown> | AsyncIterator<T, unknown>

/** One walk through an iterator: it ends once, by itself or by leaving it. */
export class Iteration<T> {
  readonly #name: string
  readonly #source: Source<T>
  readonly #abort = new AbortController()
  #iterator: AnyIterator<T> | null = null
  #over = false

  /** Throws `INVALID_ARGUMENT` for what cannot be iterated over. */
  constructor(source: Source<T>, name: string) {
    this.#name = name
    this.#source = source
    if (typeof source !== 'function' || isIteratee(source)) this.#iterator = iteratorOf(source as Iteratee<T>)
  }

  /** The iterator, of which there may be one walk only; null for one that is not there yet. */
  get iterator(): object | null {
    return this.#iterator
  }

  next(): Answer<T> | PromiseLike<Answer<T>> {
    try {
      this.#iterator ??= iteratorOf((this.#source as (signal: AbortSignal) => Iteratee<T>)(this.#abort.signal))
      const answer = this.#iterator.next()
      if (!isPromise(answer)) return this.#awaited(this.#checked(answer))
      // What is only like a promise may call back at once, or give nothing to wait for.
      return Promise.resolve(answer).then(this.#checked, this.#failed)
    } catch (error) {
      return this.#failed(error)
    }
  }

  /** Calls `return()`, once, unless the iterator has ended; nobody waits for what comes of that. */
  leave(reason: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#abort.abort(tellable(reason))
    try {
      const left: unknown = this.#iterator?.return?.()
      if (isPromise(left)) left.then(null, this.#leftBadly)
    } catch (error) {
      this.#leftBadly(error)
    }
  }

  readonly #checked = <V>(answer: Answer<V>): Answer<V> => {
    if (typeof answer !== 'object' || answer === null)
      return this.#failed(new TypeError(`the iterator result ${answer} is not an object`))
    if (answer.done) this.#over = true
    return answer
  }

  /** As `for await` does, it waits for the promises among the values of a synchronous iterator. */
  #awaited(answer: Answer<T | PromiseLike<T>>): Answer<T> | PromiseLike<Answer<T>> {
    if (answer.done || !isPromise(answer.value)) return answer as Answer<T>
    return Promise.resolve(answer.value).then(
      value => ({ done: false, value }),
      (error: unknown) => {
        this.leave(error)
        throw error
      },
    )
  }

  readonly #failed = (error: unknown): never => {
    this.#over = true
    throw error
  }

  readonly #leftBadly = (error: unknown): void => {
    report(error, `return() of the iterator "${this.#name}" failed`)
  }
}

function isIteratee(value: unknown): boolean {
  const found = Object(value)
  return [found[Symbol.asyncIterator], found[Symbol.iterator], found.next].some(method => typeof method === 'function')
}

function iteratorOf<T>(value: Iteratee<T>): AnyIterator<T> {
  const found = Object(value)
  for (const key of [Symbol.asyncIterator, Symbol.iterator]) {
    if (typeof found[key] === 'function') return found[key]()
  }
  if (typeof found.next === 'function') return found
  throw new SynclessError('INVALID_ARGUMENT', 'iterator.toChannel() takes an iterable or an iterator, async or not')
}
