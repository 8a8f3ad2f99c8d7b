/** The operations of a channel: the nodes that wait in its two queues. */

import { ChannelClosed } from '../base/errors.js'
import { loop } from '../loop/loop.js'
import { DONE, FAILED, IDLE, Node, PENDING, type Suspend, WAITING } from '../loop/op.js'
import type { Waiter } from '../loop/running.js'
import { Tasklet } from '../tasklet/tasklet.js'
import type { ChannelQueue } from './channel-queue.js'

/** An error that travels in band: it takes a slot like a value, and one receiver throws it. */
export class Raised {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/** The item that one send hands to one receive. */
export type Item<T> = T | Raised

/** The channel, as its nodes see it. */
export interface NodeChannel<T> {
  readonly label: string
  readonly preference: number
  /** @internal */
  readonly senders: ChannelQueue
  /** @internal */
  readonly receivers: ChannelQueue
  /** @internal */
  acceptFrom(node: SendNode<T>): boolean
  /** @internal */
  supply(node: ReceiverNode<T, unknown>): boolean
  /** @internal */
  takePreferred(): Waiter | null
  /** Notes that a receiver has begun to wait. */
  demanded(): void
}

abstract class ChannelNode<C, T> extends Node<T> {
  readonly channel: NodeChannel<C>

  constructor(channel: NodeChannel<C>) {
    super()
    this.channel = channel
  }

  /**
   * Does the same as `Node.next`, written out for the usual case. V8 makes code fast for up to four kinds of objects.
   * `Node.next` sees all kinds of nodes that a program uses; this method sees the three of a channel.
   */
  override next(): IteratorResult<Suspend, T> {
    const { state, waiter } = this
    const tasklet = loop.current
    if (tasklet === null || tasklet.interrupts !== null || this.channel.preference !== 0) return super.next()
    if (state === DONE && waiter === tasklet && tasklet.waiting === this) {
      tasklet.waiting = null
      return this
    }
    if (state !== IDLE || waiter !== null || tasklet.waiting !== null) return super.next()
    if (this.poll()) {
      if (loop.spend()) return tasklet.rest(this)
      if (this.state === FAILED) throw this.value
      return this
    }
    tasklet.waiting = this
    this.waiter = tasklet
    this.state = WAITING
    this.link()
    const waits = this.state === WAITING && tasklet.interrupts === null && loop.instruments === null
    return waits ? PENDING : this.entered(tasklet)
  }

  /** With a preference, the partner runs next and this tasklet last. Semantics: Stackless `channel.preference`. */
  override passes(): boolean {
    if (this.channel.preference === 0) return false
    const preferred = this.channel.takePreferred()
    if (!(preferred instanceof Tasklet) || !preferred.queued) return false
    loop.moveToFront(preferred)
    return true
  }
}

/** @internal */
export class SendNode<T> extends ChannelNode<T, void> {
  readonly item: Item<T>

  constructor(channel: NodeChannel<T>, item: Item<T>) {
    super(channel)
    this.item = item
  }

  describe(): string {
    return `send on ${this.channel.label}`
  }

  poll(): boolean {
    return this.channel.acceptFrom(this)
  }

  override strands(): boolean {
    return true
  }

  protected link(): void {
    this.channel.senders.pushBack(this)
  }

  protected unlink(): void {
    this.channel.senders.remove(this)
  }
}

/** @internal A waiting receiver; `receive` and `next` differ only in how they see a value and the end. */
export abstract class ReceiverNode<C, T> extends ChannelNode<C, T> {
  abstract accept(item: Item<C>): void
  abstract end(error: { readonly value: unknown } | null): void

  poll(): boolean {
    return this.channel.supply(this)
  }

  protected link(): void {
    this.channel.receivers.pushBack(this)
    this.channel.demanded()
  }

  protected unlink(): void {
    this.channel.receivers.remove(this)
  }
}

/** @internal */
export class ReceiveNode<T> extends ReceiverNode<T, T> {
  describe(): string {
    return `receive on ${this.channel.label}`
  }

  accept(item: Item<T>): void {
    if (item instanceof Raised) this.fail(item.error)
    else this.complete(item)
  }

  end(error: { readonly value: unknown } | null): void {
    this.fail(error === null ? new ChannelClosed(`${this.channel.label} is at its end`) : error.value)
  }
}

/** @internal */
export class NextNode<T> extends ReceiverNode<T, IteratorResult<T, undefined>> {
  describe(): string {
    return `next on ${this.channel.label}`
  }

  accept(item: Item<T>): void {
    if (item instanceof Raised) this.fail(item.error)
    else this.complete({ done: false, value: item })
  }

  end(error: { readonly value: unknown } | null): void {
    if (error === null) this.complete({ done: true, value: undefined })
    else this.fail(error.value)
  }
}
