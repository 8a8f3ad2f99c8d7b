import { ChannelClosed, SynclessError } from '../base/errors.js'
import { List } from '../base/list.js'
import { afterWithdrawal, holdCallbacks } from '../base/withdrawal.js'
import { Node, type Op, WAITING } from '../loop/op.js'
import { Channel, type Receiver } from './channel.js'
import type { ReceiverNode } from './channel-nodes.js'
import { assertOverflow, type Overflow, offer } from './overflow.js'

/** Options of one subscriber of a {@link Broadcast}. */
export interface SubscribeOptions {
  /** The number of items that are kept for this subscriber. 0, the default, is a rendezvous. */
  capacity?: number
  /**
   * The policy for an item without room. `block`, the default, makes the publisher wait; for the others see {@link
   * Overflow}.
   */
  overflow?: Overflow | 'block'
  name?: string
}

/** A fan-out of values: every subscriber gets every value that is published while it is subscribed. */
export class Broadcast<T> {
  readonly name: string
  readonly #blocking = new Set<Subscription<T>>()
  readonly #dropping = new Map<Channel<T>, Overflow>()
  readonly #publishers = new List<Node<unknown>>()
  #end: { readonly error: unknown } | null = null
  /** Whether a value is being delivered. Requests from a callback that takes the value wait until all subscribers have it. */
  #delivering = false

  /** @internal Use {@link broadcast}. */
  constructor(name: string) {
    this.name = name
  }

  /** The number of subscribers. */
  get size(): number {
    return this.#blocking.size + this.#dropping.size
  }

  /**
   * Waits until every blocking subscriber has room, then delivers to all subscribers in one step. The value is dropped
   * if there are no subscribers. Throws `CHANNEL_CLOSED` after `close()`.
   */
  publish(value: T): Op<void> {
    return new PublishNode(this, this.#publishers, value)
  }

  /**
   * Returns a receiver of everything that is published from now on, until the receiver is cancelled. Throws
   * `INVALID_ARGUMENT`.
   */
  subscribe(options: SubscribeOptions = {}): Receiver<T> {
    const { capacity = 0, overflow = 'block' } = options
    if (!Number.isSafeInteger(capacity) || capacity < 0) {
      throw new SynclessError(
        'INVALID_ARGUMENT',
        `subscribe() takes a capacity of 0 or more, and got ${String(capacity)}`,
      )
    }
    if (overflow !== 'block') assertOverflow(overflow, capacity)
    const subscription = overflow === 'block' ? new Subscription<T>(capacity, this.#upstream) : new Channel<T>(capacity)
    subscription.name = options.name ?? this.name
    if (this.#end !== null) subscription.close(this.#end.error)
    else if (overflow !== 'block') this.#dropping.set(subscription, overflow)
    else if (subscription instanceof Subscription) this.#blocking.add(subscription)
    subscription.ended.node().performFor({ wake: () => this.#leave(subscription) })
    return subscription
  }

  /**
   * Ends every subscriber, after the values that wait to be published have been delivered. If an `error` is given,
   * subscribers end with it.
   */
  close(error?: unknown): void {
    this.#end ??= { error }
    this.#closeIfIdle()
  }

  /**
   * @internal Commits a publish if every blocking subscriber has room; `taker` is a receiver that asks right now. A
   * delivery may make a select withdraw another publish. The publish after the withdrawn one then waits until this one
   * is complete and out of the queue.
   */
  deliver(publisher: PublishNode<T>, taker: ReceiverNode<T, unknown> | null): boolean {
    if (this.#delivering) return false
    const asker: object | undefined = taker?.channel
    for (const subscription of this.#blocking) {
      if (subscription !== asker && !subscription.hasRoomFor(publisher)) return false
    }
    holdCallbacks(() => {
      this.#delivering = true
      try {
        if (publisher.state === WAITING) this.#publishers.remove(publisher)
        const value = publisher.item
        const blocking = [...this.#blocking]
        for (const [subscription, overflow] of [...this.#dropping]) offer(subscription, value, overflow)
        for (const subscription of blocking) {
          if (taker !== null && subscription === asker) taker.accept(value)
          else if (!subscription.closed) subscription.put(value, publisher)
        }
      } finally {
        this.#delivering = false
      }
      publisher.complete(undefined)
    })
    return true
  }

  /** @internal Lets the next publish go on: the one before it is over, or was withdrawn. */
  publisherLeft(): void {
    this.#resume()
  }

  /** @internal */
  get refused(): boolean {
    return this.#end !== null
  }

  readonly #upstream: Upstream<T> = {
    pull: taker => {
      const publisher = this.#publishers.head as PublishNode<T> | null
      if (publisher === null || !this.deliver(publisher, taker)) return false
      this.#resume()
      return true
    },
    resume: () => this.#resume(),
  }

  #resume(): void {
    let publisher = this.#publishers.head as PublishNode<T> | null
    while (publisher !== null && this.deliver(publisher, null)) {
      publisher = this.#publishers.head as PublishNode<T> | null
    }
    this.#closeIfIdle()
  }

  #leave(subscription: Channel<T>): void {
    this.#dropping.delete(subscription)
    if (subscription instanceof Subscription && this.#blocking.delete(subscription)) this.#resume()
  }

  #closeIfIdle(): void {
    if (this.#end === null || this.#publishers.length > 0 || this.#delivering) return
    for (const subscription of [...this.#blocking, ...this.#dropping.keys()]) subscription.close(this.#end.error)
  }
}

/** The broadcast, as a blocking subscription sees it. */
interface Upstream<T> {
  /** Lets a waiting publisher deliver; `taker` waits at the one subscription that had no room. */
  pull(taker: ReceiverNode<T, unknown>): boolean
  /** There is room again. */
  resume(): void
}

class Subscription<T> extends Channel<T> {
  readonly #upstream: Upstream<T>

  constructor(capacity: number, upstream: Upstream<T>) {
    super(capacity)
    this.#upstream = upstream
  }

  hasRoomFor(publisher: Node<unknown>): boolean {
    return this.buffered < this.capacity || this.#receiverFor(publisher) !== null
  }

  /**
   * Takes a value for which there was room. The receiver that was this room may be gone: it was a branch of a select
   * that has just taken the value from another subscription. The value is then buffered, beyond the capacity.
   */
  put(value: T, publisher: Node<unknown>): void {
    const receiver = this.#receiverFor(publisher)
    if (receiver === null) this.force(value)
    else this.handTo(receiver as ReceiverNode<T, unknown>, value)
  }

  /**
   * Returns a waiting receiver. A receiver in the same select as the publisher does not count: a select never pairs with
   * itself.
   */
  #receiverFor(publisher: Node<unknown>): Node<unknown> | null {
    const own = outermost(publisher)
    let receiver = this.receivers.head
    while (receiver !== null && outermost(receiver) === own) receiver = receiver.after
    return receiver
  }

  override demanded(): void {
    this.#upstream.resume()
  }

  override supply(node: ReceiverNode<T, unknown>): boolean {
    if (!super.supply(node)) return this.#upstream.pull(node)
    if (!this.closed) this.#upstream.resume()
    return true
  }
}

/** Returns the outermost performer of a node: the select around it, the tasklet, or the promise. */
function outermost(node: Node<unknown>): object {
  let at = node
  while (at.waiter instanceof Node) at = at.waiter
  return at.waiter ?? at
}

class PublishNode<T> extends Node<void> {
  readonly item: T
  readonly #broadcast: Broadcast<T>
  readonly #publishers: List<Node<unknown>>

  constructor(broadcast: Broadcast<T>, publishers: List<Node<unknown>>, item: T) {
    super()
    this.item = item
    this.#broadcast = broadcast
    this.#publishers = publishers
  }

  describe(): string {
    return `publish on ${this.#broadcast.name === '' ? 'a broadcast' : `"${this.#broadcast.name}"`}`
  }

  poll(): boolean {
    if (this.#broadcast.refused) {
      this.fail(new ChannelClosed(`cannot ${this.describe()}: it was closed`))
      return true
    }
    if (this.#publishers.length > 0 || !this.#broadcast.deliver(this, null)) return false
    this.#broadcast.publisherLeft()
    return true
  }

  override strands(): boolean {
    return true
  }

  protected link(): void {
    this.#publishers.pushBack(this)
  }

  protected unlink(): void {
    this.#publishers.remove(this)
    // The publish behind this one may go on now, and so may a waiting close.
    afterWithdrawal(() => this.#broadcast.publisherLeft())
  }
}

/**
 * Makes a broadcast, which gives each value to all subscribers. Each subscriber has its own bound and overflow policy.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { broadcast } from 'syncless'
 *
 * const prices = broadcast<number>()
 * const all = prices.subscribe({ capacity: 2 })
 * const latest = prices.subscribe({ capacity: 1, overflow: 'latest' })
 * await prices.publish(10)
 * await prices.publish(11)
 * assert.equal(await all.receive(), 10)
 * assert.equal(await latest.receive(), 11)
 * ```
 */
export function broadcast<T>(options: { name?: string } = {}): Broadcast<T> {
  return new Broadcast<T>(options.name ?? '')
}
