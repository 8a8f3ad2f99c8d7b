/** Operations with one outcome that any number of waiters may read, now or later: a tasklet, a scope, `until`. */
import { List } from '../base/list.js'
import { MappedLatch } from './mapped.js'
import { DONE, FAILED, IDLE, Node, Op } from './op.js'
import type { Runnable } from './running.js'

/** An operation that settles once. Each wait has a node of its own, and a late one gets the same outcome. */
export abstract class Latched<T> extends Op<T> {
  /** @internal */
  protected outcome = IDLE
  /** @internal */
  protected result: T | undefined = undefined
  /** @internal */
  protected failure: unknown = undefined
  /** @internal */
  waiters: List<Node<unknown>> | null = null

  /** @internal Begins the work at the first wait; does nothing if the work has already begun. */
  begin(): void {}

  /** @internal Returns whether something outside the core may settle the operation. */
  external(): boolean {
    return false
  }

  /** @internal Returns the tasklets of which one has to go on before the operation settles, if they are known. */
  blockers(): Iterable<Runnable> {
    return []
  }

  /** @internal Settles `node` if the outcome is there, and returns whether it did. */
  deliver(node: Node<T>): boolean {
    if (this.outcome === IDLE) return false
    if (this.outcome === FAILED) node.fail(this.failure)
    else node.complete(this.result as T)
    return true
  }

  /** @internal */
  node(): Node<T> {
    return new LatchNode(this)
  }

  map<U>(fn: (value: T) => U): Op<U> {
    return MappedLatch.of(this, fn)
  }

  /** @internal */
  protected settle(outcome: typeof DONE | typeof FAILED, result: T | undefined, failure: unknown): void {
    this.outcome = outcome
    this.result = result
    this.failure = failure
    this.wakeAll()
  }

  /** @internal */
  protected wakeAll(): void {
    const waiters = this.waiters
    if (waiters === null) return
    for (let node = waiters.shift(); node !== null; node = waiters.shift()) this.deliver(node as Node<T>)
  }
}

/** @internal One wait for a latched operation. */
export class LatchNode<T> extends Node<T> {
  protected readonly latch: Latched<T>

  constructor(latch: Latched<T>) {
    super()
    this.latch = latch
  }

  describe(): string {
    return this.latch.describe()
  }

  poll(): boolean {
    this.latch.begin()
    return this.latch.deliver(this)
  }

  override external(): boolean {
    return this.latch.external()
  }

  override blockers(): Iterable<Runnable> {
    return this.latch.blockers()
  }

  protected link(): void {
    this.latch.waiters ??= new List()
    this.latch.waiters.pushBack(this)
  }

  protected unlink(): void {
    this.latch.waiters?.remove(this)
  }
}

/** A latched operation that its owner settles. */
export class Latch<T> extends Latched<T> {
  readonly #description: string

  constructor(description: string) {
    super()
    this.#description = description
  }

  get settled(): boolean {
    return this.outcome !== IDLE
  }

  describe(): string {
    return this.#description
  }

  resolve(value: T): void {
    if (this.outcome === IDLE) this.settle(DONE, value, undefined)
  }

  reject(error: unknown): void {
    if (this.outcome === IDLE) this.settle(FAILED, undefined, error)
  }
}

/** @internal Calls `fn` in the turn in which `latched` settles; at once if it has settled. Not for a latch that can fail. */
export function whenSettled<T>(latched: Latched<T>, fn: (value: T) => void): void {
  const node = latched.node()
  node.performFor({ wake: () => fn(node.take()) })
}
