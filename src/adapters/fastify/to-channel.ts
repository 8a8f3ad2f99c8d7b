import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { type BodyOptions, bodyToChannel } from '../shared/http/request-body.js'
import { responses } from './responses.js'

/**
 * The body of a request as a channel: chunks of bytes, or with `format: 'ndjson'` the values of its lines. Nothing is
 * read before the first receive, and then no more than one read ahead and `capacity`: a slow receiver slows down the
 * client.
 *
 * Fastify reads the body before your handler, unless a content type parser leaves it, which then gives
 * `request.body`, the stream, also one that a `preParsing` hook has put there:
 * `app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload))`. In a hook
 * before the parsing, the body is as it came.
 *
 * The end of the body closes the channel. It fails with `CLIENT_GONE` if the client breaks off; with `BODY_TOO_LARGE`
 * beyond `limit` bytes or `lineLimit` bytes a line, and `MALFORMED_BODY` for a line that is no JSON text: these carry
 * the status 413 or 400, with which Fastify answers. Fastify's own `bodyLimit` does not hold for a body that a parser
 * leaves. Cancelling the channel, as leaving a `for await` does, leaves the connection for your answer; what is left
 * of the body is thrown away, with the plugin only after the answer.
 *
 * The bridge belongs to the scope in which it is made, or else, with the plugin, to its request. Throws
 * `ALREADY_CONSUMED` for a body that a parser or another bridge has taken, `INVALID_ARGUMENT` for anything except a
 * request and for wrong options, `SCOPE_CLOSED` if the scope has ended.
 *
 * @example
 * ```ts
 * import { fastify } from 'fastify'
 * import { handler, toChannel } from 'syncless/fastify'
 *
 * const app = fastify()
 * app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload))
 * app.post('/orders', handler(function* (request) {
 *   let total = 0
 *   yield* toChannel<{ price: number }>(request, { format: 'ndjson', limit: 1 << 30 }).each(order => {
 *     total += order.price
 *   })
 *   return { total }
 * }))
 * const address = await app.listen({ port: 0 })
 * const headers = { 'content-type': 'application/x-ndjson' }
 * const request = { method: 'POST', headers, body: '{"price":1}\n{"price":2}\n' }
 * console.log(await (await fetch(`${address}/orders`, request)).json()) // { total: 3 }
 * await app.close()
 * ```
 */
export function toChannel<T = unknown>(request: BodyRequest, options: BodyOptions & { format: 'ndjson' }): Receiver<T>
export function toChannel(request: BodyRequest, options?: BodyOptions & { format?: 'raw' }): Receiver<Buffer>
export function toChannel(request: BodyRequest, options: BodyOptions = {}): Receiver<unknown> {
  assertOptions('fastify.toChannel()', options)
  const raw: IncomingMessage | undefined = request?.raw
  if (typeof raw?.read !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'toChannel() takes a Fastify request to read the body of')
  }
  const body = request.body instanceof Readable ? request.body : raw
  return bodyToChannel({ req: raw, body, res: responses.get(raw) ?? null }, options)
}

/** What is needed of a Fastify request, of any of its types. */
export type BodyRequest = Pick<FastifyRequest, 'raw' | 'body'>
