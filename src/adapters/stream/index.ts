/**
 * Node streams to and from channels: `import * as stream from 'syncless/stream'`.
 *
 * @module syncless/stream
 */
import type { FlowCapabilities } from '../port.js'

export { type Encoder, lines, ndjson } from '../encoders.js'
export { type DrainToOptions, drainTo } from './drain-to.js'
export { type FromChannelOptions, fromChannel } from './from-channel.js'
export { type ToChannelOptions, toChannel } from './to-channel.js'

/** What a Node stream can carry. */
export const capabilities: FlowCapabilities = {
  pausable: true,
  holdsBack: ['fromChannel', 'drainTo'],
  multicast: false,
  errors: 'identity',
  ends: true,
  cancels: true,
  ack: false,
}
