/**
 * Express handlers as tasklets, and its requests and responses as channels: `import * as web from 'syncless/express'`.
 * Express 4 and 5, on a host or alone.
 *
 * @module syncless/express
 */
import type { FlowCapabilities } from '../port.js'

export type { ServerSentEvent } from '../shared/bytes/server-sent-events.js'
export type { BodyOptions } from '../shared/http/request-body.js'
export type { ResponseOptions } from '../shared/http/response-format.js'
export { drainTo } from './drain-to.js'
export { errorHandler, handler, paramHandler } from './handler.js'
export { lastEventId } from './last-event-id.js'
export { toChannel } from './to-channel.js'

/** The flow capabilities of a request's body and a response. */
export const capabilities: FlowCapabilities = {
  pausable: true,
  holdsBack: ['drainTo'],
  multicast: false,
  errors: 'none',
  ends: true,
  cancels: true,
  ack: false,
}
