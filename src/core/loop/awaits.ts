/**
 * The waits outside of tasklets: `await op`, `perform()` and `for await`. For dumps and the deadlock report only. As
 * with tasklets, a wait that nothing else refers to must stay collectable: after two major garbage collections it is
 * held weakly.
 */
import { loop } from './loop.js'
import type { WaitNode } from './running.js'

/** One wait of async code. */
export abstract class Await {
  /** @internal The operation that is waited for. */
  readonly awaited: WaitNode
  /** @internal Its neighbours in the list. */
  older: Await | null = null
  /** @internal */
  younger: Await | null = null
  /** @internal Whether it still waits, and is in the list or held weakly. */
  waits = false
  /** @internal Whether the wait is over, perhaps before it was added. */
  over = false
  /** @internal The time when the wait began, by the loop's clock. */
  since = 0
  /** @internal The number of collections before the wait began. */
  born = 0

  constructor(awaited: WaitNode) {
    this.awaited = awaited
  }

  /** @internal */
  isAwaited(): boolean {
    return true
  }
}

class Awaits {
  /** Called when async code first waits. */
  onFirst: () => void = () => {}
  #used = false
  #head: Await | null = null
  #weak: WeakRef<Await>[] = []
  #collections = 0
  #watching = false
  readonly #collected = new FinalizationRegistry<null>(() => this.#afterCollection())

  /** Adds a wait that has begun, unless it is already over. */
  add(one: Await): void {
    if (one.over) return
    if (!this.#used) {
      this.#used = true
      this.onFirst()
    }
    one.waits = true
    one.since = loop.clock.now()
    one.born = this.#collections
    this.#link(one)
    if (!this.#watching) this.#watch()
  }

  /** Removes a wait that is over. */
  remove(one: Await): void {
    one.over = true
    if (!one.waits) return
    one.waits = false
    this.#unlink(one)
  }

  /** Returns the current waits, the oldest first. */
  list(): Await[] {
    const all: Await[] = []
    for (let one = this.#head; one !== null; one = one.older) all.push(one)
    for (const ref of this.#weak) {
      const one = ref.deref()
      if (one?.waits) all.push(one)
    }
    return all.sort((a, b) => a.since - b.since)
  }

  #link(one: Await): void {
    one.older = this.#head
    if (this.#head !== null) this.#head.younger = one
    this.#head = one
  }

  #unlink(one: Await): void {
    const { older, younger } = one
    if (older !== null) older.younger = younger
    if (younger !== null) younger.older = older
    else if (this.#head === one) this.#head = older
    one.older = null
    one.younger = null
  }

  /** Registers an object that the next major collection takes. */
  #watch(): void {
    this.#watching = true
    this.#collected.register({}, null)
  }

  #afterCollection(): void {
    this.#collections++
    this.#watching = false
    this.#weak = this.#weak.filter(ref => ref.deref()?.waits)
    for (let one = this.#head; one !== null; ) {
      const { older } = one
      if (one.born + 1 < this.#collections) {
        this.#unlink(one)
        this.#weak.push(new WeakRef(one))
      }
      one = older
    }
    if (this.#head !== null || this.#weak.length > 0) this.#watch()
  }
}

/** @internal */
export const awaits = new Awaits()
