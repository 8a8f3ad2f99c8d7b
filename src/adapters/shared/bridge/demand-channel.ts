/** Channels whose source waits to be asked: a Node stream, an observable that is subscribed on demand. */
import { AsyncResource } from 'node:async_hooks'
import { SynclessError } from '../../../core/base/errors.js'
import { Channel } from '../../../core/channel/channel.js'
import type { ReceiverNode } from '../../../core/channel/channel-nodes.js'

/**
 * A channel that calls `onDemand` after somebody has received or begun to wait: in a microtask, when a waiting receiver
 * is in the queue, and in the async context that the channel was made in, not in the receiver's.
 */
export class DemandChannel<T> extends Channel<T> {
  readonly #onDemand: () => void
  #asked = false

  constructor(capacity: number, name: string, onDemand: () => void) {
    assertCapacity(capacity)
    super(capacity)
    this.name = name
    this.#onDemand = AsyncResource.bind(() => {
      this.#asked = false
      if (!this.closed) onDemand()
    })
  }

  /** Whether a value would be taken now: a receiver waits for it, or there is room in the buffer. */
  get wants(): boolean {
    return !this.closed && (this.receivers.length > 0 || this.buffered < this.capacity)
  }

  /** Takes a value that has come, beyond the capacity if need be; where the channel has ended, it is dropped and counted. */
  take(value: T): void {
    const outcome = this.trySend(value)
    if (outcome === 'full') this.force(value)
    else if (outcome === 'closed') this.countDropped()
  }

  /** @internal */
  override supply(node: ReceiverNode<T, unknown>): boolean {
    const supplied = super.supply(node)
    if (!this.#asked && !this.closed) {
      this.#asked = true
      queueMicrotask(this.#onDemand)
    }
    return supplied
  }
}

/** Throws `INVALID_ARGUMENT` unless a channel can have this capacity. */
export function assertCapacity(capacity: unknown): void {
  if (Number.isSafeInteger(capacity) && Number(capacity) >= 0) return
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `toChannel() takes a capacity of 0 or a positive whole number, and got ${String(capacity)}`,
  )
}
