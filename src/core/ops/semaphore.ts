import { SynclessError } from '../base/errors.js'
import { List } from '../base/list.js'
import { afterWithdrawal } from '../base/withdrawal.js'
import { loop } from '../loop/loop.js'
import { Node, type Op } from '../loop/op.js'
import type { Runnable } from '../loop/running.js'

/** One or more permits of a {@link Semaphore}, held until they are released. Leaving a `using` block releases them. */
export class Permit implements Disposable {
  readonly count: number
  /** @internal The tasklet that acquired the permit, if a tasklet did. */
  holder: Runnable | null = null
  #semaphore: Semaphore | null

  /** @internal */
  constructor(semaphore: Semaphore, count: number) {
    this.#semaphore = semaphore
    this.count = count
  }

  /** Gives the permit back; later calls do nothing. */
  release(): void {
    const semaphore = this.#semaphore
    this.#semaphore = null
    semaphore?.giveBack(this)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

/** A bound on how many tasklets may be somewhere at once. Made by {@link semaphore}. */
export class Semaphore {
  readonly permits: number
  readonly name: string
  readonly #waiting = new List<Node<unknown>>()
  readonly #held = new Set<Permit>()
  #free: number

  /** @internal Use {@link semaphore}. */
  constructor(permits: number, name: string) {
    this.permits = permits
    this.name = name
    this.#free = permits
  }

  /** The number of permits that nobody holds. */
  get free(): number {
    return this.#free
  }

  /**
   * Waits for `count` permits, in the order of the calls: a small request does not overtake a large one. Throws
   * `INVALID_ARGUMENT` for a count that is not a whole number from 1 to the number of permits.
   */
  acquire(count = 1): Op<Permit> {
    assertCount(count, this.permits, 'acquire()')
    return new AcquireNode(this, this.#waiting, count)
  }

  /** @internal Returns a permit if `count` are free, and nobody waits before the caller. */
  take(count: number, first: boolean): Permit | null {
    if (this.#free < count || (!first && this.#waiting.length > 0)) return null
    this.#free -= count
    const permit = new Permit(this, count)
    this.#held.add(permit)
    return permit
  }

  /** @internal */
  giveBack(permit: Permit): void {
    this.#held.delete(permit)
    this.#free += permit.count
    this.wakeFirst()
  }

  /** @internal The tasklets that hold permits. */
  *holders(): Generator<Runnable, void, unknown> {
    for (const { holder } of this.#held) if (holder !== null) yield holder
  }

  /** @internal Serves the waiting acquires, as far as the permits go. */
  wakeFirst(): void {
    for (let node = this.#waiting.head as AcquireNode | null; node !== null; node = this.#waiting.head as AcquireNode) {
      const permit = this.take(node.count, true)
      if (permit === null) return
      this.#waiting.remove(node)
      node.complete(permit)
    }
  }
}

class AcquireNode extends Node<Permit> {
  readonly count: number
  readonly #semaphore: Semaphore
  readonly #waiting: List<Node<unknown>>

  constructor(semaphore: Semaphore, waiting: List<Node<unknown>>, count: number) {
    super()
    this.count = count
    this.#semaphore = semaphore
    this.#waiting = waiting
  }

  describe(): string {
    return `acquire ${this.count} of ${this.#semaphore.name}`
  }

  poll(): boolean {
    const permit = this.#semaphore.take(this.count, false)
    if (permit === null) return false
    this.complete(permit)
    return true
  }

  override take(): Permit {
    const permit = super.take()
    permit.holder = loop.current?.owner ?? null
    return permit
  }

  override strands(): boolean {
    return true
  }

  override blockers(): Iterable<Runnable> {
    return this.#semaphore.holders()
  }

  protected link(): void {
    this.#waiting.pushBack(this)
  }

  protected unlink(): void {
    this.#waiting.remove(this)
    // The next acquire may want fewer permits. It may be a branch of the same select, and not withdrawn yet.
    afterWithdrawal(() => this.#semaphore.wakeFirst())
  }
}

function assertCount(count: number, most: number, what: string): void {
  if (!Number.isSafeInteger(count) || count < 1 || count > most) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `${what} takes a whole number from 1 to ${most}, and got ${String(count)}`,
    )
  }
}

/**
 * Makes a semaphore with `permits` permits; a semaphore with one permit is a lock. Fair: first come, first served.
 * Throws `INVALID_ARGUMENT` unless `permits` is a positive whole number. Semantics: Trio `CapacityLimiter`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { all, semaphore, sleep } from 'syncless'
 *
 * const limit = semaphore(2)
 * let inside = 0
 * let most = 0
 * function* worker() {
 *   const permit = yield* limit.acquire()
 *   try {
 *     most = Math.max(most, ++inside)
 *     yield* sleep(1)
 *   } finally {
 *     inside--
 *     permit.release()
 *   }
 * }
 * await all([worker, worker, worker, worker])
 * assert.equal(most, 2)
 * ```
 */
export function semaphore(permits: number, name = 'a semaphore'): Semaphore {
  assertCount(permits, Number.MAX_SAFE_INTEGER, 'semaphore()')
  return new Semaphore(permits, name)
}
