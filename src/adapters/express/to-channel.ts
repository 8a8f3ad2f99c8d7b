import type { IncomingMessage, ServerResponse } from 'node:http'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { type BodyOptions, bodyToChannel } from '../shared/http/request-body.js'

/**
 * Returns the body of a request as a channel: chunks of bytes, or with `format: 'ndjson'` the values of its lines.
 * Nothing is read before the first receive, and then at most one read ahead and `capacity`: a slow receiver slows
 * down the client.
 *
 * The end of the body closes the channel. It fails with `CLIENT_GONE` if the client breaks off, with `BODY_TOO_LARGE`
 * beyond `limit` bytes or `lineLimit` bytes a line, and with `MALFORMED_BODY` for a line that is not JSON. The last
 * two carry the status 413 or 400: Express answers with it if you pass the error to `next`. Cancelling the channel,
 * as leaving a `for await` does, keeps the connection for your answer. No more of the body is read before the answer
 * has been sent.
 *
 * The bridge belongs to the scope in which it is made, or else to its request. Throws `ALREADY_CONSUMED` for a body
 * that a parser or another bridge has taken, `INVALID_ARGUMENT` for anything except a request and for wrong options,
 * `SCOPE_CLOSED` if the scope has ended.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { handler, toChannel } from 'syncless/express'
 *
 * const app = express()
 * app.post('/orders', handler(function* (req, res) {
 *   let total = 0
 *   const orders = toChannel<{ price: number }>(req, { format: 'ndjson', limit: 1 << 30 })
 *   yield* orders.each(order => {
 *     total += order.price
 *   })
 *   res.json({ total })
 * }))
 * const server = app.listen(0)
 * const { port } = server.address() as { port: number }
 * const request = { method: 'POST', body: '{"price":1}\n{"price":2}\n' }
 * console.log(await (await fetch(`http://127.0.0.1:${port}/orders`, request)).json()) // { total: 3 }
 * server.close()
 * ```
 */
export function toChannel<T = unknown>(req: IncomingMessage, options: BodyOptions & { format: 'ndjson' }): Receiver<T>
export function toChannel(req: IncomingMessage, options?: BodyOptions & { format?: 'raw' }): Receiver<Buffer>
export function toChannel(req: IncomingMessage, options: BodyOptions = {}): Receiver<unknown> {
  assertOptions('express.toChannel()', options)
  if (typeof req?.read !== 'function' || typeof req.headers !== 'object') {
    throw new SynclessError('INVALID_ARGUMENT', 'toChannel() takes a request to read the body of')
  }
  return bodyToChannel({ req, body: req, res: responseOf(req) }, options)
}

/** Express puts it there, 4 and 5. */
function responseOf(req: IncomingMessage & { res?: ServerResponse }): ServerResponse | null {
  return req.res ?? null
}
