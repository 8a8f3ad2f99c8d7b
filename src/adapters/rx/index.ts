/**
 * RxJS observables to and from channels: `import * as rx from 'syncless/rx'`.
 *
 * @module syncless/rx
 */
import type { FlowCapabilities } from '../port.js'

export { type DrainToOptions, drainTo } from './drain-to.js'
export { first } from './first.js'
export { type FromChannelOptions, fromChannel } from './from-channel.js'
export { scheduler } from './scheduler.js'
export { fromTasklet, toTasklet } from './tasklets.js'
export { type ToChannelOptions, toChannel } from './to-channel.js'

/** The flow capabilities of RxJS. An observable cannot be paused; `fromChannel` holds back by `project`. */
export const capabilities: FlowCapabilities = {
  pausable: false,
  holdsBack: ['fromChannel'],
  multicast: true,
  errors: 'identity',
  ends: true,
  cancels: true,
  ack: false,
}
