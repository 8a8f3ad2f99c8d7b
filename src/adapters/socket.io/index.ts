/**
 * Events of Socket.IO to and from channels, on the server and the client: `import * as sio from 'syncless/socket.io'`.
 *
 * @module syncless/socket.io
 */
import type { FlowCapabilities } from '../port.js'

export { SocketDisconnected } from './disconnected.js'
export { type DrainToOptions, drainTo } from './drain-to.js'
export { middleware } from './middleware.js'
export type { Awaited } from './outlet.js'
export { socketScope } from './socket-scope.js'
export type { EmitTarget, NamespaceLike, SocketLike } from './sockets.js'
export { type NamespaceToChannelOptions, type SocketValue, type ToChannelOptions, toChannel } from './to-channel.js'

/**
 * The flow capabilities of Socket.IO. End, error and leaving cross by the events that the options name; `drainTo`
 * holds back on a socket of the server, and where it awaits acknowledgements.
 */
export const capabilities: FlowCapabilities = {
  pausable: false,
  holdsBack: ['drainTo'],
  multicast: true,
  errors: 'message',
  ends: true,
  cancels: true,
  ack: true,
}
