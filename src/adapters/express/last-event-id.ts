import type { IncomingMessage } from 'node:http'
import { lastEventIdOf } from '../shared/bytes/server-sent-events.js'

/**
 * Returns the `id` of the last server-sent event that a client has seen, from its `Last-Event-ID`; null if the client
 * connects for the first time. Pass it to the source of the channel, so that the client gets the events that it has
 * missed.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { channel } from 'syncless'
 * import { drainTo, handler, lastEventId } from 'syncless/express'
 *
 * const history = ['one', 'two', 'three']
 * const app = express()
 * app.get('/events', handler(function* (req, res) {
 *   const missed = channel<number>(history.length)
 *   for (let at = Number(lastEventId(req) ?? -1) + 1; at < history.length; at++) missed.trySend(at)
 *   missed.close()
 *   yield* drainTo(missed, res, { format: 'sse', event: at => ({ id: at, data: history[at] }) })
 * }))
 * const server = app.listen(0)
 * const { port } = server.address() as { port: number }
 * const headers = { 'Last-Event-ID': '1' }
 * console.log(await (await fetch(`http://127.0.0.1:${port}/events`, { headers })).text()) // id: 2, data: three
 * server.close()
 * ```
 */
export function lastEventId(req: IncomingMessage): string | null {
  return lastEventIdOf(req.headers)
}
