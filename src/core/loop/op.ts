/**
 * Operations, and the one place where a tasklet suspends.
 *
 * An `Op` is a first-class operation (an *event* in Concurrent ML). A one-shot op is at once its own iterator, its own
 * iterator result and its own node in the queue it waits in, so that a wait costs one allocation. `yield* op` calls
 * `next()` here. If the operation cannot complete at once, `next()` hands the frozen `PENDING` up through every `yield*`
 * to the loop, which recognizes it by its identity. Resuming calls `next()` again, and the op returns or throws.
 *
 * A node in a queue can always be committed: an event that makes it lose (a select, a kill, a timeout) withdraws it
 * first.
 */
import { SynclessError } from '../base/errors.js'
import type { ListNode } from '../base/list.js'
import { loop } from './loop.js'
import { PromiseWaiter } from './promise-waiter.js'
import type { Awaited, Resume, Runnable, Suspend, Waiter } from './running.js'

export type { Awaited, Resume, Suspend, Waiter } from './running.js'

/** A coroutine: the generator of a tasklet whose result is a `T`. Call one from another with `yield*`. */
export type Co<T> = Generator<Suspend, T, Resume>

/** @internal The result of `next()` when the operation has to wait. */
export const PENDING: IteratorYieldResult<Suspend> = Object.freeze({
  done: false,
  value: Object.freeze({}) as Suspend,
})

/**
 * An operation that has not happened yet. Waiting is lazy: nothing happens until the operation is performed, by `yield*`
 * in a tasklet, by `await` in an async function, by `perform(op, { signal })`, or as a branch of `select`.
 */
export abstract class Op<T> implements PromiseLike<T> {
  /** Describes in one line the event that a performer waits for: `receive on "orders"`. */
  abstract describe(): string

  /** @internal Returns the node that performs this operation once. */
  abstract node(): Node<T>

  /**
   * Returns the same operation with its value passed through `fn`. `fn` runs after the commit, where the operation was
   * performed, and only if this operation was chosen. Semantics: CML `wrap`.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict'
   * import { channel } from 'syncless'
   *
   * const ch = channel<number>(1)
   * await ch.send(20)
   * assert.equal(await ch.receive().map(n => n + 1), 21)
   * ```
   */
  abstract map<U>(fn: (value: T) => U): Op<U>

  [Symbol.iterator](): Iterator<Suspend, T, Resume> {
    return this.node()
  }

  /** Performs the operation from an async function: `await op`. */
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.node().promise(this).then(onFulfilled, onRejected)
  }
}

/** @internal The states of a node. Losing a select, or a kill before the commit, returns it to `IDLE`. */
export const IDLE = 0
/** @internal */
export const WAITING = 1
/** @internal */
export const DONE = 2
/** @internal */
export const FAILED = 3

/** @internal The makers of mapped operations. `mapped.ts` sets them, because it extends the classes of this file. */
export const mapping = {
  node<S, T>(_source: Node<S>, _fn: (value: S) => T): Op<T> {
    throw new Error('mapped.ts is not loaded')
  },
}

/**
 * @internal One performance of an operation. A one-shot operation is its own node; a latched one makes a node for each
 * wait.
 *
 * No method here is private (`#method`): V8 marks each new object that has one, which costs more than the rest of its
 * construction.
 */
export abstract class Node<T> extends Op<T> implements ListNode<Node<unknown>>, IteratorReturnResult<T> {
  before: Node<unknown> | null = null
  after: Node<unknown> | null = null
  state = IDLE
  waiter: Waiter | null = null
  /** The value that it committed with, or the error of a failed node. */
  value: T = undefined as T

  get done(): true {
    return true
  }

  /** Commits now if that is possible without waiting, and returns whether it did. */
  abstract poll(): boolean
  /** Enters the queues (or starts the timer, the call, ...) of the awaited thing. */
  protected abstract link(): void
  /** Undoes `link`. */
  protected abstract unlink(): void

  node(): this {
    return this
  }

  map<U>(fn: (value: T) => U): Op<U> {
    return mapping.node(this, fn)
  }

  /** Commits with a value, on behalf of its provider. */
  complete(value: T): void {
    this.value = value
    this.state = DONE
    this.waiter?.wake(this)
  }

  /** Commits with an error. */
  fail(error: unknown): void {
    this.value = error as T
    this.state = FAILED
    this.waiter?.wake(this)
  }

  /**
   * Asks the awaited thing to end, if it has to: its waiter will be thrown `_cause`. Returns true if the end takes a
   * while.
   */
  interrupt(_cause: unknown): boolean {
    return false
  }

  /** Returns whether `error`, thrown at this wait, has to end something first. It is thrown when the node settles then. */
  lingers(_error: unknown): boolean {
    return false
  }

  /** Returns whether the tasklet that could commit at once lets others run before it goes on. */
  passes(_tasklet: Runnable): boolean {
    return false
  }

  /** Whether it counts as a step of the loop if it commits at once. */
  get paced(): boolean {
    return true
  }

  /** Returns whether something outside the core may wake it: a timer, a socket, a promise. */
  external(): boolean {
    return false
  }

  /** Returns whether a waiter that waits forever has lost something: a send or an acquire, unlike an idle receiver. */
  strands(): boolean {
    return false
  }

  /** Returns the tasklets of which one has to go on before this can happen, if they are known. */
  blockers(): Iterable<Runnable> {
    return []
  }

  /** See {@link Waiter}. */
  isAwaited(on: Awaited[]): boolean {
    if (this.waiter !== null) on.push(this.waiter)
    return false
  }

  /** Returns the outcome, for the performer of the operation. */
  take(): T {
    if (this.state === FAILED) throw this.value
    return this.value
  }

  assertIdle(): void {
    if (this.state !== IDLE) this.refuseReuse()
  }

  /** Throws `OP_REUSED`: the node is in use. */
  refuseReuse(): never {
    throw new SynclessError(
      'OP_REUSED',
      `"${this.describe()}" ${this.state === WAITING ? 'waits already' : 'has happened already'}: make a new operation for each use`,
    )
  }

  /** Waits, without polling first. */
  enter(waiter: Waiter): void {
    this.waiter = waiter
    this.state = WAITING
    this.link()
  }

  /** Stops waiting: the operation did not happen, and may be performed again. */
  withdraw(): void {
    if (this.state === WAITING) this.unlink()
    this.state = IDLE
    this.waiter = null
  }

  /** Performs for a waiter that is not a tasklet; wakes it at once if the operation can commit at once. */
  performFor(waiter: Waiter): void {
    this.assertIdle()
    this.waiter = waiter
    if (!this.poll()) this.enter(waiter)
  }

  /**
   * Returns the outcome of `op`, which this node performs, as a promise. It is performed once, and every call shares the
   * promise.
   */
  promise(op: Op<T>): Promise<T> {
    if (this.waiter instanceof PromiseWaiter) return this.waiter.promise
    return new PromiseWaiter(this, op).promise
  }

  // The iterator that `yield*` drives.

  override [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Suspend, T> {
    const tasklet = loop.current
    if (tasklet === null) {
      throw new SynclessError(
        'MISUSE',
        `"${this.describe()}" was performed where no tasklet runs: use yield* inside go(function* () {...}), or await it`,
      )
    }
    if (tasklet.waiting === this) return this.resumed(tasklet)
    if (this.state !== IDLE) this.assertIdle()
    if ((tasklet.waiting !== null || tasklet.interrupts !== null) && tasklet.holds(this)) return PENDING
    this.waiter = null
    if (this.poll()) {
      if (this.passes(tasklet)) return tasklet.pass(this)
      if (this.paced && loop.spend()) return tasklet.rest(this)
      this.value = this.take()
      return this
    }
    tasklet.waiting = this
    this.enter(tasklet)
    return this.entered(tasklet)
  }

  /** Ends `next()` if the operation has to wait. */
  protected entered(tasklet: Runnable): IteratorResult<Suspend, T> {
    if (this.state !== WAITING) return this.resumed(tasklet)
    // The thing just started (an executor, a thenable) may have asked this very tasklet to end.
    if (tasklet.interrupts?.pending) return this.throw(tasklet.interrupts.takePending())
    if (loop.instruments !== null) loop.instruments.call('onBlock', tasklet, this)
    return PENDING
  }

  private resumed(tasklet: Runnable): IteratorReturnResult<T> {
    tasklet.waiting = null
    if (this.waiter !== tasklet || this.state === WAITING || this.state === IDLE) {
      if (this.waiter === tasklet) this.withdraw()
      throw new SynclessError(
        'MISUSE',
        `"${this.describe()}" was driven by something other than yield*: do not spread, iterate or call next() on an operation`,
      )
    }
    this.value = this.take()
    return this
  }

  throw(error: unknown): IteratorResult<Suspend, T> {
    this.leave()
    const tasklet = loop.current
    if (tasklet === null || this.state !== IDLE || !this.lingers(error)) throw error
    tasklet.waiting = this
    this.enter(tasklet)
    return PENDING
  }

  return(value: T): IteratorReturnResult<T> {
    this.leave()
    this.value = value
    return this
  }

  private leave(): void {
    const tasklet = loop.current
    if (tasklet === null || tasklet.waiting !== this) return
    tasklet.waiting = null
    if (this.waiter === tasklet && this.state === WAITING) this.withdraw()
  }
}
