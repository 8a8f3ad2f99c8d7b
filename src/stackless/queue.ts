import type { Co } from '../core/loop/op.js'
import { channel } from './channel.js'

/**
 * A queue: like a channel, but items line up while nobody receives. `append` with `popleft` is a queue, with `pop` a
 * stack. There is no upper limit. Receivers wait on a channel of the given preference: 1, the default, lets the sender
 * go on. Semantics: `syncless.util.Queue`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { main, Queue, run, tasklet } from 'syncless/stackless'
 *
 * const seen: number[] = []
 * await main(function* () {
 *   const queue = new Queue([1, 2])
 *   new tasklet(function* () {
 *     for (;;) seen.push(yield* queue.popleft())
 *   }).setup()
 *   yield* run()
 *   yield* queue.append(3)
 *   yield* run()
 * })
 * assert.deepEqual(seen, [1, 2, 3])
 * ```
 */
export class Queue<T> implements Iterable<T> {
  // Both ends of a Map keyed by position can be reached without moving the rest.
  readonly #items = new Map<number, T>()
  readonly #channel = new channel<void>()
  #start = 0
  #end = 0

  constructor(items: Iterable<T> = [], preference = 1) {
    for (const item of items) this.#items.set(this.#end++, item)
    this.#channel.preference = preference
  }

  /** The number of items that wait to be popped: `len(queue)`. */
  get length(): number {
    return this.#items.size
  }

  /** The number of tasklets that wait for an item. */
  get pendingReceiverCount(): number {
    return 0 - this.#channel.balance // not -0
  }

  get pending_receiver_count(): number {
    return this.pendingReceiverCount
  }

  /** Adds an item at the right end, and makes a receiver runnable. */
  *append(item: T): Co<void> {
    this.#items.set(this.#end++, item)
    yield* this.#wakeReceiver()
  }

  /** Adds an item at the left end, and makes a receiver runnable. */
  *appendleft(item: T): Co<void> {
    this.#items.set(--this.#start, item)
    yield* this.#wakeReceiver()
  }

  /** Takes the item at the right end; waits while there is none. */
  *pop(): Co<T> {
    yield* this.#waitForItem()
    return this.#take(--this.#end)
  }

  /** Takes the item at the left end; waits while there is none. */
  *popleft(): Co<T> {
    yield* this.#waitForItem()
    return this.#take(this.#start++)
  }

  /** Iterates over the items from left to right, without taking them. */
  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#start; i < this.#end; i++) yield this.#items.get(i) as T
  }

  *#wakeReceiver(): Co<void> {
    if (this.#channel.balance < 0) yield* this.#channel.send(undefined)
  }

  *#waitForItem(): Co<void> {
    while (this.#items.size === 0) yield* this.#channel.receive()
  }

  #take(position: number): T {
    const item = this.#items.get(position) as T
    this.#items.delete(position)
    return item
  }
}
