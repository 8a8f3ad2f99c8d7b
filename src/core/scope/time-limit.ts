/** The limits of work that takes too long: a time to run, or an instant. */
import { instant, SynclessError, TimeoutError } from '../base/errors.js'
import { loop } from '../loop/loop.js'
import { startTimer } from '../ops/sleep.js'

/** The limit of one op, which may wait several times, one after the other; each wait starts a new count. */
export abstract class Limit<F> {
  /** The value that the work gives in place of a `TimeoutError`, if one was given. */
  readonly fallback: { readonly value: F } | null

  constructor(options: { readonly else: F } | undefined) {
    this.fallback = fallbackOf(options)
  }

  /** `for 10 ms`, or `until 2030-01-01T00:00:00.000Z`. */
  abstract describe(): string
  /** Whether the limit ever comes. */
  abstract readonly finite: boolean
  /** Begins to count; returns a function that stops the count. */
  abstract start(expire: () => void): () => void
  abstract error(what: string): TimeoutError
}

function fallbackOf<F>(options: { readonly else: F } | undefined): { readonly value: F } | null {
  if (options === undefined) return null
  if (typeof options === 'object' && options !== null) return 'else' in options ? { value: options.else } : null
  throw new SynclessError('INVALID_ARGUMENT', 'timeout() and deadline() take options, { else }, as the last argument')
}

/** A number of milliseconds from the beginning of the work. */
export class Duration<F> extends Limit<F> {
  readonly #ms: number

  constructor(ms: number, options: { readonly else: F } | undefined) {
    super(options)
    this.#ms = ms
  }

  get finite(): boolean {
    return this.#ms !== Number.POSITIVE_INFINITY
  }

  describe(): string {
    return `for ${this.#ms} ms`
  }

  start(expire: () => void): () => void {
    return startTimer(this.#ms, expire)
  }

  error(what: string): TimeoutError {
    return new TimeoutError(this.#ms, what)
  }
}

/** An instant, in milliseconds since 1970. The wall clock is read when the work begins, and not again. */
export class Instant<F> extends Limit<F> {
  readonly #at: number
  #left = 0

  constructor(at: number, options: { readonly else: F } | undefined) {
    super(options)
    this.#at = at
  }

  get finite(): boolean {
    return this.#at !== Number.POSITIVE_INFINITY
  }

  describe(): string {
    return `until ${instant(this.#at)}`
  }

  start(expire: () => void): () => void {
    this.#left = Math.max(0, this.#at - loop.clock.date())
    return startTimer(this.#left, expire)
  }

  error(what: string): TimeoutError {
    return new TimeoutError(this.#left, what, this.#at)
  }
}
