/**
 * Iterables and iterators, async or not, to and from channels: `import * as iterator from 'syncless/iterator'`.
 *
 * @module syncless/iterator
 */
import type { FlowCapabilities } from '../port.js'

export { type ChannelIterable, type FromChannelOptions, fromChannel } from './from-channel.js'
export type { Iteratee, Source } from './iteration.js'
export { type ToChannelOptions, toChannel } from './to-channel.js'

/** The flow capabilities of an iterator. */
export const capabilities: FlowCapabilities = {
  pausable: true,
  holdsBack: ['fromChannel'],
  multicast: false,
  errors: 'identity',
  ends: true,
  cancels: true,
  ack: false,
}
