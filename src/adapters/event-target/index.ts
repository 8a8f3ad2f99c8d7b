/**
 * Events of EventTargets to and from channels: `import * as eventTarget from 'syncless/event-target'`.
 *
 * @module syncless/event-target
 */
import type { FlowCapabilities } from '../port.js'

export { type DrainToOptions, drainTo } from './drain-to.js'
export { aborted, type OnceOptions, once } from './once.js'
export { type ToChannelOptions, toChannel } from './to-channel.js'
export type { EventOf, NamesOf } from './types.js'

/** The flow capabilities of events. A target cannot be paused, and never learns that nobody listens. */
export const capabilities: FlowCapabilities = {
  pausable: false,
  holdsBack: [],
  multicast: true,
  errors: 'identity',
  ends: true,
  cancels: false,
  ack: false,
}
