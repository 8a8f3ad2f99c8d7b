/**
 * Channels: typed queues between tasklets, async functions and the bridges. `ARCHITECTURE.md` and `docs/channels.md`
 * have the table of what `close`, `close(error)` and `cancel` do to each side.
 */

import { dropped, ended } from '../base/diagnostics.js'
import { ChannelCancelled, ChannelClosed, SynclessError } from '../base/errors.js'
import { report } from '../base/report.js'
import { type ErrorEnd, markReceived, reportUnreceived, watchErrorEnd } from '../base/unreceived-error.js'
import { Latch, type Latched } from '../loop/latched.js'
import type { Co, Op, Waiter } from '../loop/op.js'
import { run } from '../tasklet/coroutine.js'
import { ChannelIterator, type IterationOptions } from './channel-iterator.js'
import { type Item, NextNode, Raised, ReceiveNode, type ReceiverNode, SendNode } from './channel-nodes.js'
import { ChannelQueue } from './channel-queue.js'
import { Buffer } from './ring-buffer.js'

/** The end of a channel: by its producer, perhaps with an error, or by its consumer. */
export type ChannelEnd =
  | { readonly by: 'close' }
  | { readonly by: 'close'; readonly error: unknown }
  | { readonly by: 'cancel'; readonly reason: unknown }

/** The content and the counters of a channel. */
export interface ChannelStatistics {
  /** The number of items that the channel buffers. Items handed over directly do not count. */
  readonly capacity: number
  readonly buffered: number
  readonly waitingSenders: number
  readonly waitingReceivers: number
  /** The number of items that an overflow policy dropped, and of those that `cancel` found in the buffer. */
  readonly dropped: number
}

/** The sending half of a channel. */
export interface Sender<in T> {
  readonly name: string
  send(value: T): Op<void>
  sendError(error: unknown): Op<void>
  trySend(value: T): 'sent' | 'full' | 'closed'
  close(error?: unknown): void
  readonly ended: Latched<ChannelEnd>
}

/** The receiving half of a channel. */
export interface Receiver<out T> extends AsyncIterable<T> {
  readonly name: string
  receive(): Op<T>
  next(): Op<IteratorResult<T, undefined>>
  tryReceive(): { ok: true; value: T } | { ok: false; done: boolean }
  each<R>(fn: (value: T) => Co<R> | PromiseLike<R> | R): Co<void>
  values(options?: IterationOptions): AsyncIterableIterator<T>
  cancel(reason?: unknown): void
  readonly ended: Latched<ChannelEnd>
  statistics(): ChannelStatistics
}

/** A typed queue with two ends, made by {@link channel}. */
export class Channel<T> implements Sender<T>, Receiver<T> {
  /** The name in descriptions and dumps. */
  name = ''
  readonly capacity: number
  /**
   * The side that runs next after a direct hand-off inside a tasklet: -1 is the receiver, 1 the sender. With 0 nobody
   * switches: the partner is appended to the run queue. Semantics: Stackless `channel.preference`.
   */
  preference: -1 | 0 | 1 = 0
  /** @internal */
  readonly senders = new ChannelQueue()
  /** @internal */
  readonly receivers = new ChannelQueue()
  /** @internal */
  openIterators = 0
  #buffer: Buffer<Item<T>> | null
  #end: ChannelEnd | null = null
  #errorEnd: ErrorEnd | null = null
  #ended: Latch<ChannelEnd> | null = null
  #dropped = 0
  #preferred: Waiter | null = null

  /** @internal Use {@link channel}. */
  constructor(capacity: number) {
    this.capacity = capacity
    this.#buffer = capacity === 0 ? null : new Buffer()
  }

  /** @internal */
  get label(): string {
    return this.name === '' ? 'a channel' : `"${this.name}"`
  }

  /** The number that wait: positive for senders, negative for receivers. Semantics: Stackless `channel.balance`. */
  get balance(): number {
    return this.senders.length - this.receivers.length
  }

  /** The number of items in the buffer. */
  get buffered(): number {
    return this.#buffer?.length ?? 0
  }

  /** Whether `close` or `cancel` was called. */
  get closed(): boolean {
    return this.#end !== null
  }

  /** The end of the channel: an operation that settles when `close` or `cancel` is first called. */
  get ended(): Latched<ChannelEnd> {
    if (this.#ended === null) {
      this.#ended = new Latch(`end of ${this.label}`)
      if (this.#end !== null) this.#ended.resolve(this.#end)
    }
    return this.#ended
  }

  /**
   * Hands over a value to a waiting receiver, or else puts it into the buffer, or else waits for a receiver. Throws
   * `CHANNEL_CLOSED` after `close()`, and `CHANNEL_CANCELLED` after the consumer has left.
   */
  send(value: T): Op<void> {
    return new SendNode(this, value)
  }

  /** Sends an error in band: the error takes one slot, and one receiver throws it. Semantics: Stackless `send_exception`. */
  sendError(error: unknown): Op<void> {
    return new SendNode<T>(this, new Raised(error))
  }

  /** Sends without waiting: `'full'` means that the channel has no room, `'closed'` that it has ended. */
  trySend(value: T): 'sent' | 'full' | 'closed' {
    if (this.#end !== null) return 'closed'
    return this.#put(value) ? 'sent' : 'full'
  }

  /**
   * Takes the next value, in the order of sending. At the end it throws `CHANNEL_CLOSED`, or the error that the channel
   * was closed with.
   */
  receive(): Op<T> {
    return new ReceiveNode(this)
  }

  /**
   * Takes the next value as an iterator result, like {@link receive}: the end is `{ done: true }`. An error end is
   * thrown.
   */
  next(): Op<IteratorResult<T, undefined>> {
    return new NextNode(this)
  }

  /**
   * Receives without waiting. If there is no value, `done` says whether the channel has ended. Throws an error that was
   * sent, or that the channel was closed with.
   */
  tryReceive(): { ok: true; value: T } | { ok: false; done: boolean } {
    const node = new NextNode(this)
    if (!this.supply(node)) return { ok: false, done: false }
    const result = node.take()
    return result.done ? { ok: false, done: true } : { ok: true, value: result.value }
  }

  /**
   * Calls `fn` with each value until the end. If `fn` returns a coroutine, it runs to its end; if `fn` returns a
   * promise, it is waited for. An error that leaves `fn` cancels the channel, like leaving a `for await`.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict'
   * import { channel, go } from 'syncless'
   *
   * const ch = channel<number>(2)
   * const seen: number[] = []
   * const t = go(function* () {
   *   yield* ch.each(n => seen.push(n))
   * })
   * await ch.send(1)
   * await ch.send(2)
   * ch.close()
   * await t
   * assert.deepEqual(seen, [1, 2])
   * ```
   */
  *each<R>(fn: (value: T) => Co<R> | PromiseLike<R> | R): Co<void> {
    this.openIterators++
    let left: { reason: unknown } | null = null
    try {
      for (let step = yield* this.next(); !step.done; step = yield* this.next()) yield* run(fn(step.value))
    } catch (error) {
      left = { reason: error }
      throw error
    } finally {
      this.openIterators--
      if (left !== null) this.leave(left.reason)
    }
  }

  /** Iterates by `for await (const value of channel)`. Leaving the loop early tells the producer; see {@link values}. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.values()
  }

  /**
   * Returns an async iterator over the values. Leaving it early cancels the channel, unless `preventCancel` is set,
   * another iterator is open or a receiver waits.
   */
  values(options: IterationOptions = {}): AsyncIterableIterator<T> {
    return new ChannelIterator(this, options.preventCancel === true)
  }

  /**
   * Ends the channel for its producer. Values that were sent before are still delivered. Then every receiver sees the
   * end, or `error` if one is given. The first end wins; later calls do nothing.
   */
  close(error?: unknown): void {
    if (this.#end !== null) return
    if (error === undefined) {
      this.#settle({ by: 'close' })
      return
    }
    this.#errorEnd = { value: error, label: this.label, received: false }
    watchErrorEnd(this, this.#errorEnd)
    this.#settle({ by: 'close', error })
  }

  /**
   * Ends the channel for its consumer. Waiting and later sends throw `CHANNEL_CANCELLED` with `reason` as the cause.
   * Buffered items are dropped (and counted), and receivers see the end.
   */
  cancel(reason?: unknown): void {
    if (this.#end?.by === 'cancel') return
    this.dropOldest(0)
    if (this.#end === null) this.#settle({ by: 'cancel', reason })
    if (this.#errorEnd !== null) reportUnreceived(this.#errorEnd)
    this.#errorEnd = null
    for (let sender = this.senders.shift(); sender !== null; sender = this.senders.shift()) {
      sender.fail(new ChannelCancelled(`${this.label} was cancelled by its receiver`, reason))
    }
  }

  statistics(): ChannelStatistics {
    return {
      capacity: this.capacity,
      buffered: this.buffered,
      waitingSenders: this.senders.length,
      waitingReceivers: this.receivers.length,
      dropped: this.#dropped,
    }
  }

  // The operations call these.

  /** @internal Returns the waiter that the last direct hand-off woke, if the preference says to switch to it. */
  takePreferred(): Waiter | null {
    const preferred = this.#preferred
    this.#preferred = null
    return preferred
  }

  /** @internal Takes the item of `node`, if there is a receiver or room for it. */
  acceptFrom(node: SendNode<T>): boolean {
    if (this.#end !== null) {
      node.fail(this.#refusal(this.#end))
      return true
    }
    if (this.preference === -1) this.#preferred = this.receivers.head?.waiter ?? null
    if (!this.#put(node.item)) return false
    node.complete(undefined)
    return true
  }

  /** @internal Gives `node` the next item or the end, if there is one. */
  supply(node: ReceiverNode<T, unknown>): boolean {
    const buffer = this.#buffer
    const buffered = buffer !== null && buffer.length > 0
    const sender = this.senders.shift() as SendNode<T> | null
    if (this.preference === 1) this.#preferred = buffered ? null : (sender?.waiter ?? null)
    if (buffered) {
      const item = buffer.shift()
      if (sender !== null) buffer.push(sender.item)
      node.accept(item)
    } else if (sender !== null) {
      node.accept(sender.item)
    } else {
      if (this.#end === null) return false
      this.#giveEnd(node)
    }
    sender?.complete(undefined)
    return true
  }

  /** @internal Makes room by dropping the oldest buffered items, down to `keep`; counts them. */
  dropOldest(keep: number): void {
    while (this.#buffer !== null && this.#buffer.length > keep) {
      const item = this.#buffer.shift()
      this.countDropped()
      if (item instanceof Raised) report(item.error, `an error sent on ${this.label} was dropped`)
    }
  }

  /** @internal An iteration was left early: cancels, unless another one is open or a receiver waits. */
  leave(reason: unknown): void {
    const ownError = this.#errorEnd !== null && this.#errorEnd.value === reason
    if (!ownError && this.openIterators === 0 && this.receivers.length === 0) this.cancel(reason)
  }

  /** @internal Buffers an item that has to be taken, one beyond the capacity if necessary. */
  force(item: T): void {
    this.#buffer ??= new Buffer()
    this.#buffer.push(item)
  }

  /** @internal Gives an item to a waiting receiver. */
  handTo(receiver: ReceiverNode<T, unknown>, item: Item<T>): void {
    this.receivers.remove(receiver)
    receiver.accept(item)
  }

  /** @internal A receiver has begun to wait. */
  demanded(): void {}

  /** @internal Counts an item that a policy dropped before it got here. */
  countDropped(): void {
    this.#dropped++
    if (dropped.hasSubscribers) dropped.publish({ channel: this })
  }

  #put(item: Item<T>): boolean {
    const receiver = this.receivers.head as ReceiverNode<T, unknown> | null
    if (receiver !== null) {
      this.handTo(receiver, item)
      return true
    }
    if (this.#buffer === null || this.#buffer.length >= this.capacity) return false
    this.#buffer.push(item)
    return true
  }

  #settle(end: ChannelEnd): void {
    this.#end = end
    if (ended.hasSubscribers) ended.publish({ channel: this, end })
    for (let node = this.receivers.shift(); node !== null; node = this.receivers.shift()) {
      this.#giveEnd(node as ReceiverNode<T, unknown>)
    }
    this.#ended?.resolve(end)
  }

  #giveEnd(node: ReceiverNode<T, unknown>): void {
    if (this.#errorEnd !== null) markReceived(this.#errorEnd)
    node.end(this.#errorEnd)
  }

  #refusal(end: ChannelEnd): SynclessError {
    return end.by === 'cancel'
      ? new ChannelCancelled(`${this.label} was cancelled by its receiver`, end.reason)
      : new ChannelClosed(`cannot send on ${this.label}: it was closed`)
  }
}

/**
 * Makes a channel. With capacity 0, the default, a send waits for its receiver (a rendezvous). With a larger one, up to
 * `capacity` items are buffered. Throws `INVALID_ARGUMENT` if the capacity is not 0 or a positive whole number.
 * Semantics: a Go channel with the ends of the table in `docs/channels.md`; Stackless `balance` and `preference`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, go } from 'syncless'
 *
 * const words = channel<string>()
 * go(function* () {
 *   for (const word of ['one', 'two']) yield* words.send(word)
 *   words.close()
 * })
 * const received: string[] = []
 * for await (const word of words) received.push(word)
 * assert.deepEqual(received, ['one', 'two'])
 * ```
 */
export function channel<T>(capacity = 0, options: { name?: string } = {}): Channel<T> {
  if (!Number.isSafeInteger(capacity) || capacity < 0) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `channel() takes a capacity of 0 or a positive whole number, and got ${String(capacity)}`,
    )
  }
  const made = new Channel<T>(capacity)
  if (options.name !== undefined) made.name = options.name
  return made
}
