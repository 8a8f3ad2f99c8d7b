import { isTaskletExit, SynclessError, TaskletExit } from '../base/errors.js'
import { holdCallbacks } from '../base/withdrawal.js'
import { type Co, type Node, Op } from '../loop/op.js'
import { WrappingNode } from '../loop/wrapping.js'
import { assertDuration } from '../ops/sleep.js'
import { ScopeRun } from './scope-run.js'
import { Duration, type Limit } from './time-limit.js'

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

  protected override text(partText: (part: Node<unknown>) => string): string {
    return `${super.text(partText)}, ${this.#limit.describe()}`
  }

  protected override lingering(lingers: boolean): void {
    this.#ending = lingers
  }

  protected override get bounded(): boolean {
    return this.#limit.finite
  }

  /** Called when the operation has committed first. */
  protected override committed(): void {
    this.#stop?.()
  }

  /** Withdraws the operation. If it is a scope, the scope is ended, and its end awaited. */
  #expire(): void {
    this.#timedOut = true
    holdCallbacks(() => {
      this.source.withdraw()
      this.#ending = this.source.lingers(new TaskletExit('timeout'))
      if (this.#ending) this.source.enter(this)
      else this.wake(this.source)
    })
  }

  override take(): T | F {
    return this.#timedOut || !this.flat ? super.take() : this.source.take()
  }

  override chosen(): Node<unknown> | null {
    return this.#timedOut && !this.#ending ? null : this.source
  }

  protected override given(value: unknown): T | F {
    return this.#timedOut ? this.alone() : (value as T)
  }

  /** An exit of work that the timeout has ended was dealt with here. */
  protected override failed(error: unknown): T | F {
    if (this.#timedOut && isTaskletExit(error)) return this.alone()
    throw error
  }

  protected override alone(): T | F {
    if (this.#limit.fallback !== null) return this.#limit.fallback.value
    throw this.#limit.error(`"${this.source.describe()}"`)
  }

  protected override opened(): void {
    if (!this.#ending) this.#stop = this.#limit.start(() => this.#expire())
  }

  protected override closed(): void {
    this.#stop?.()
  }
}

/**
 * Allows `ms` milliseconds for an operation, or for a generator function and everything it starts (it runs as a scope).
 * When the time runs out, the operation is withdrawn, or the function's tasklets are ended and their cleanup is awaited.
 * Then `TimeoutError` (code `TIMEOUT`) is thrown here, or `options.else` is the value. An outcome that had committed is
 * kept. Semantics: Trio `fail_after` / `move_on_after`. Throws `INVALID_ARGUMENT` if `ms` is not a number, and for other
 * wrong arguments.
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

/** @internal Puts `limit` on `work`; `name` is the function that was called. */
export function limited<T, F>(limit: Limit<F>, work: Op<T> | (() => Co<T>), name: string): Op<T | F> {
  if (work instanceof Op) return new TimeoutNode(work.node(), limit)
  if (typeof work === 'function') return new ScopeRun<T, F>(work, limit)
  throw new SynclessError('INVALID_ARGUMENT', `${name}() takes an operation or a generator function after the time`)
}
