import { SynclessError } from '../base/errors.js'
import type { Channel } from './channel.js'

/**
 * The policy for an item if its channel has no room and its source cannot wait. `drop-oldest` drops the oldest buffered
 * item, `drop-newest` the new item, `latest` all buffered items. `error` closes the channel with an `OVERFLOW` error.
 * `channel.statistics().dropped` counts all dropped items.
 */
export type Overflow = 'drop-oldest' | 'drop-newest' | 'latest' | 'error'

const policies: readonly string[] = ['drop-oldest', 'drop-newest', 'latest', 'error'] satisfies Overflow[]

/** Throws `INVALID_ARGUMENT` unless `policy` can work on a channel of `capacity`. */
export function assertOverflow(policy: unknown, capacity: number): asserts policy is Overflow {
  if (typeof policy !== 'string' || !policies.includes(policy)) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `set overflow to one of ${policies.join(', ')}, as this source cannot be paused; got ${String(policy)}`,
    )
  }
  if (capacity === 0 && (policy === 'drop-oldest' || policy === 'latest')) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `give the channel a capacity of 1 or more: overflow '${policy}' keeps an item`,
    )
  }
}

/** Sends `value` without waiting; `policy` decides if there is no room. Returns whether the channel still takes items. */
export function offer<T>(channel: Channel<T>, value: T, policy: Overflow): boolean {
  const outcome = channel.trySend(value)
  if (outcome === 'sent') return true
  if (outcome === 'closed') return false
  switch (policy) {
    case 'drop-newest':
      channel.countDropped()
      return true
    case 'drop-oldest':
      channel.dropOldest(channel.capacity - 1)
      return channel.trySend(value) === 'sent'
    case 'latest':
      channel.dropOldest(0)
      return channel.trySend(value) === 'sent'
    case 'error':
      channel.countDropped()
      channel.close(
        new SynclessError('OVERFLOW', `a source sent more than ${channel.label} can hold (${channel.capacity} items)`),
      )
      return false
  }
}
