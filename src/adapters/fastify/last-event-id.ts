import type { IncomingHttpHeaders } from 'node:http'
import { lastEventIdOf } from '../shared/bytes/server-sent-events.js'

/**
 * Returns the `id` of the last server-sent event that a client has seen, from its `Last-Event-ID`; null if the client
 * connects for the first time. Pass it to the source of the channel, so that the client gets the events that it has
 * missed.
 *
 * @example
 * ```ts
 * import { fastify } from 'fastify'
 * import { channel } from 'syncless'
 * import { drainTo, handler, lastEventId } from 'syncless/fastify'
 *
 * const history = ['one', 'two', 'three']
 * const app = fastify()
 * app.get('/events', handler(function* (request, reply) {
 *   const missed = channel<number>(history.length)
 *   for (let at = Number(lastEventId(request) ?? -1) + 1; at < history.length; at++) missed.trySend(at)
 *   missed.close()
 *   yield* drainTo(missed, reply, { format: 'sse', event: at => ({ id: at, data: history[at] }) })
 * }))
 * const { body } = await app.inject({ url: '/events', headers: { 'last-event-id': '1' } })
 * console.log(body) // id: 2, data: three
 * ```
 */
export function lastEventId(request: { readonly headers: IncomingHttpHeaders }): string | null {
  return lastEventIdOf(request.headers)
}
