import { SynclessError, TimeoutError } from './errors.js'
import { type Co, Node, Op, type Waiter } from './op.js'
import { type Deadline, ScopeRun } from './scope-run.js'
import { assertDuration, startTimer } from './sleep.js'

/** An operation with a timer beside it: one of the two commits, the other is withdrawn. */
class TimeoutNode<T, F> extends Node<T | F> implements Waiter {
  readonly #source: Node<T>
  readonly #deadline: Deadline<F>
  #stop: (() => void) | null = null
  #timedOut = false

  constructor(source: Node<T>, deadline: Deadline<F>) {
    super()
    this.#source = source
    this.#deadline = deadline
  }

  describe(): string {
    return `${this.#source.describe()}, for ${this.#deadline.ms} ms`
  }

  override assertIdle(): void {
    super.assertIdle()
    this.#source.assertIdle()
  }

  override leaves(into: Node<unknown>[]): void {
    this.#source.waiter = this
    this.#source.leaves(into)
  }

  poll(): boolean {
    this.#source.assertIdle()
    this.#source.waiter = this
    return this.#source.poll()
  }

  /** The operation committed first. */
  wake(): void {
    this.#stop?.()
    this.complete(undefined as T)
  }

  #expire(): void {
    this.#source.withdraw()
    this.#timedOut = true
    this.complete(undefined as T)
  }

  override take(): T | F {
    if (!this.#timedOut) return this.#source.take()
    if (this.#deadline.fallback !== null) return this.#deadline.fallback.value
    throw new TimeoutError(this.#deadline.ms, `"${this.#source.describe()}"`)
  }

  protected link(): void {
    this.#stop = startTimer(this.#deadline.ms, () => this.#expire())
    this.#source.enter(this)
  }

  protected unlink(): void {
    this.#stop?.()
    this.#source.withdraw()
  }
}

/**
 * Allows `ms` milliseconds for an operation, or for a generator function and everything it starts (it runs as a scope).
 * When they run out the operation is withdrawn, or the function's tasklets are ended and their cleanup awaited; then
 * `TimeoutError` (code `TIMEOUT`) is thrown here, or `options.else` is the value. What had committed is kept.
 * Semantics: Trio `fail_after` / `move_on_after`. Throws `INVALID_ARGUMENT` for a time that is not a number.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, never, timeout } from 'syncless'
 *
 * const ch = channel<number>()
 * assert.equal(await timeout(5, ch.receive(), { else: 'nothing came' }), 'nothing came')
 * await assert.rejects(async () => timeout(5, function* () { yield* never }), { code: 'TIMEOUT', ms: 5 })
 * ```
 */
export function timeout<T, F = never>(
  ms: number,
  work: Op<T> | (() => Co<T>),
  options?: { readonly else: F },
): Op<T | F> {
  assertDuration(ms, 'timeout()')
  const deadline = { ms, fallback: options !== undefined && 'else' in options ? { value: options.else } : null }
  if (work instanceof Op) return new TimeoutNode(work.node(), deadline)
  if (typeof work === 'function') return new ScopeRun<T, F>(work, deadline) as Op<T | F>
  throw new SynclessError('INVALID_ARGUMENT', 'timeout() takes an operation or a generator function after the time')
}
