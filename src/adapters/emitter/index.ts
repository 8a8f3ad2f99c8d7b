/**
 * Events of Node's EventEmitter to and from channels: `import * as emitter from 'syncless/emitter'`.
 *
 * @module syncless/emitter
 */
import type { FlowCapabilities } from '../port.js'

export { type DrainToOptions, drainTo } from './drain-to.js'
export { type OnceOptions, once } from './once.js'
export { type ToChannelOptions, toChannel } from './to-channel.js'
export type { ArgumentsOf, Emitter, EmitterSink, EventName, NamesOf } from './types.js'

/**
 * The flow capabilities of events. An emitter cannot be paused. It learns from `removeListener` that nobody listens.
 */
export const capabilities: FlowCapabilities = {
  pausable: false,
  holdsBack: [],
  multicast: true,
  errors: 'identity',
  ends: true,
  cancels: true,
  ack: false,
}
