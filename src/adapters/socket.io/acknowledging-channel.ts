import { AsyncResource } from 'node:async_hooks'
import { Channel } from '../../core/channel/channel.js'
import type { ReceiverNode } from '../../core/channel/channel-nodes.js'
import { type Overflow, offer } from '../../core/channel/overflow.js'

/** Acknowledges an event; says so if it was dropped. */
export type Acknowledge = (dropped?: 'dropped') => void

/**
 * A channel of events that are acknowledged in their order: each when its value is among the first `ahead` of the buffer,
 * or a receiver has taken it.
 */
export class AcknowledgingChannel<T> extends Channel<T> {
  readonly #overflow: Overflow
  /** How many of the buffered values are acknowledged. */
  readonly #ahead: number
  /** Of the last values in the buffer, in their order. */
  readonly #waiting: Acknowledge[] = []
  readonly #settle: () => void
  #asked = false

  constructor(capacity: number, ahead: number, name: string, overflow: Overflow) {
    super(capacity)
    this.name = name
    this.#ahead = ahead
    this.#overflow = overflow
    // Not in the receiver's context, nor inside its receive.
    this.#settle = AsyncResource.bind(() => {
      this.#asked = false
      this.#acknowledge()
    })
  }

  /** Takes an event, by the policy where there is no room. */
  offer(value: T, acknowledge: Acknowledge): void {
    if (this.receivers.length > 0) {
      this.trySend(value)
      acknowledge()
      return
    }
    const room = this.buffered < this.capacity
    offer(this, value, this.#overflow)
    if (!room && (this.#overflow === 'drop-newest' || this.#overflow === 'error')) {
      acknowledge('dropped')
      return
    }
    if (this.closed) acknowledge('dropped')
    else this.#waiting.push(acknowledge)
    this.#acknowledge()
  }

  /** @internal Also for a cancel, of a channel that has ended too. */
  override dropOldest(keep: number): void {
    super.dropOldest(keep)
    while (this.#waiting.length > this.buffered) this.#waiting.shift()?.('dropped')
  }

  /** @internal */
  override supply(node: ReceiverNode<T, unknown>): boolean {
    const supplied = super.supply(node)
    if (supplied && !this.#asked && this.#waiting.length > 0) {
      this.#asked = true
      queueMicrotask(this.#settle)
    }
    return supplied
  }

  #acknowledge(): void {
    while (this.#waiting.length > Math.max(0, this.buffered - this.#ahead)) this.#waiting.shift()?.()
  }
}
