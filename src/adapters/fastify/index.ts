/**
 * Fastify handlers and hooks as tasklets, its requests and replies as channels, and a plugin: `import { syncless } from
 * 'syncless/fastify'`. Fastify 4 and 5, on a host or alone.
 *
 * @module syncless/fastify
 */
import type { Scope } from '../../core/scope/scope.js'
import type { FlowCapabilities } from '../port.js'

export type { ServerSentEvent } from '../shared/bytes/server-sent-events.js'
export type { BodyOptions } from '../shared/http/request-body.js'
export type { ResponseOptions } from '../shared/http/response-format.js'
export { drainTo } from './drain-to.js'
export { errorHandler, handler, hook } from './handler.js'
export { lastEventId } from './last-event-id.js'
export { syncless } from './plugin.js'
export { toChannel } from './to-channel.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The scope of the request, from the plugin of `syncless/fastify`: it ends with the response, or with its client. */
    readonly scope: Scope
  }
}

/** The flow capabilities of a request's body and a reply. */
export const capabilities: FlowCapabilities = {
  pausable: true,
  holdsBack: ['drainTo'],
  multicast: false,
  errors: 'none',
  ends: true,
  cancels: true,
  ack: false,
}
