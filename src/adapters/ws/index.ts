/**
 * WebSockets of the package `ws` to and from channels: `import * as ws from 'syncless/ws'`.
 *
 * @module syncless/ws
 */
import type { FlowCapabilities } from '../port.js'

export { type CloseStatus, WebSocketClosed } from './closed.js'
export { type Connection, type ConnectOptions, connect } from './connect.js'
export { type DrainToOptions, drainTo } from './drain-to.js'
export type { Message } from './outlet.js'
export type { CloseWith } from './peer.js'
export { type ToChannelOptions, toChannel } from './to-channel.js'

/** The flow capabilities of a WebSocket. The message of an error goes into the reason of the close frame. */
export const capabilities: FlowCapabilities = {
  pausable: true,
  holdsBack: ['drainTo', 'connect'],
  multicast: false,
  errors: 'message',
  ends: true,
  cancels: true,
  ack: false,
}
