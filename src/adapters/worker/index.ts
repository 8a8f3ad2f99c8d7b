/**
 * Worker threads, message ports and child processes to and from channels, and pools of threads:
 * `import * as worker from 'syncless/worker'`.
 *
 * @module syncless/worker
 */
import type { FlowCapabilities } from '../port.js'

export { type Connection, type ConnectOptions, connect } from './connect.js'
export { type DrainToOptions, drainTo } from './drain-to.js'
export type { Port } from './endpoint.js'
export { isBridgeMessage } from './frames.js'
export {
  type ThreadFunction,
  type ThreadModuleOptions,
  ThreadPool,
  type ThreadPoolOptions,
  type ThreadPoolStatistics,
  type ThreadTaskOptions,
  threadPool,
} from './thread-pool.js'
export { type ToChannelOptions, toChannel } from './to-channel.js'

/** The flow capabilities of a port between two bridges of this package. */
export const capabilities: FlowCapabilities = {
  pausable: true,
  holdsBack: ['drainTo', 'connect'],
  multicast: false,
  errors: 'message',
  ends: true,
  cancels: true,
  ack: false,
}
