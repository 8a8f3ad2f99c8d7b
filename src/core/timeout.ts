import { isTaskletExit, SynclessError, TaskletExit } from './errors.js'
import { Duration, type Limit } from './limit.js'
import { type Co, type Node, Op, WrappingNode } from './op.js'
import { ScopeRun } from './scope-run.js'
import { assertDuration } from './sleep.js'
import { holdCallbacks } from './withdrawal.js'

/** An operation with a timer beside it: one of the two commits, the other is withdrawn. */
class TimeoutNode<T, F> extends WrappingNode<T, T | F> {
  readonly #limit: Limit<F>
  #stop: (() => void) | null = null
  #timedOut = false
  #ending = false

  constructor(source: Node<T>, limit: Limit<F>) {
    super(source)
    this.#limit = limit
  }

  override describe(): string {
    return `${super.describe()}, ${this.#limit.describe()}`
  }

  override lingers(error: unknown): boolean {
    this.#ending = super.lingers(error)
    return this.#ending
  }

  override external(): boolean {
    return this.#limit.finite || super.external()
  }

  /** The operation committed first. */
  override wake(): void {
    this.#stop?.()
    super.wake()
  }

  /** Withdraws the operation. A scope is ended, and its end awaited. */
  #expire(): void {
    this.#timedOut = true
    holdCallbacks(() => {
      this.source.withdraw()
      this.#ending = this.source.lingers(new TaskletExit('timeout'))
      if (this.#ending) this.source.enter(this)
      else super.wake()
    })
  }

  override take(): T | F {
    if (!this.#timedOut) return this.source.take()
    if (this.#ending) takeExit(this.source)
    if (this.#limit.fallback !== null) return this.#limit.fallback.value
    throw this.#limit.error(`"${this.source.describe()}"`)
  }

  protected override link(): void {
    if (!this.#ending) this.#stop = this.#limit.start(() => this.#expire())
    super.link()
  }

  protected override unlink(): void {
    this.#stop?.()
    super.unlink()
  }
}

/** Takes the outcome of what the timeout has ended; its exit has been dealt with here. */
function takeExit(source: Node<unknown>): void {
  try {
    source.take()
  } catch (error) {
    if (!isTaskletExit(error)) throw error
  }
}

/**
 * Allows `ms` milliseconds for an operation, or for a generator function and everything it starts (it runs as a scope).
 * When they run out the operation is withdrawn, or the function's tasklets are ended and their cleanup awaited; then
 * `TimeoutError` (code `TIMEOUT`) is thrown here, or `options.else` is the value. What had committed is kept.
 * Semantics: Trio `fail_after` / `move_on_after`. Throws `INVALID_ARGUMENT` for a time that is not a
 * number, and other wrong arguments.
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
  return limited(new Duration(ms, options), work, 'timeout')
}

/** @internal `work` with `limit` on it; `name` is the function that was called. */
export function limited<T, F>(limit: Limit<F>, work: Op<T> | (() => Co<T>), name: string): Op<T | F> {
  if (work instanceof Op) return new TimeoutNode(work.node(), limit)
  if (typeof work === 'function') return new ScopeRun<T, F>(work, limit)
  throw new SynclessError('INVALID_ARGUMENT', `${name}() takes an operation or a generator function after the time`)
}
