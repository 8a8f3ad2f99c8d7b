import type { ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { asError, destroyQuietly } from '../shared/bridge/stream-errors.js'
import { drainResponse, type ResponseOutlet } from '../shared/http/response-drain.js'
import type { ResponseOptions } from '../shared/http/response-format.js'
import { breakOff } from '../underlying-stream.js'
import { drained } from './responses.js'

/**
 * Answers a request with the values of a channel: NDJSON, server-sent events, or bytes as they are. It receives only
 * while the client takes the response. It sets `Content-Type` and the headers that keep proxies from buffering,
 * unless you have set them. The status is yours. The reply is sent as a stream, so that hooks, and the headers that
 * plugins set, still apply.
 *
 * The head goes out with the first value, for `'sse'` at once. The tasklet returns `'ended'` when the channel has
 * ended and the response has been sent. It returns `'left'` if the client was gone before, and for `HEAD`, which has
 * no body: the channel is then cancelled in the same turn, with `CLIENT_GONE` as the reason if the client is gone.
 *
 * The tasklet fails with the error of the channel, as the same object. If nothing was sent by then, a handler that is
 * a generator function passes the error to Fastify's error handler. Otherwise the connection is broken off, so that
 * no client takes the answer for complete. An async handler has to wait for the tasklet, and `return reply`. In a
 * plain handler, an error that you do not join fails the request with 500. A kill breaks off the response.
 *
 * The bridge belongs to the scope in which it is made, or else to its request. Throws `ALREADY_CONSUMED` if another
 * bridge reads the channel, `INVALID_ARGUMENT` for anything except a reply and for wrong options, `SCOPE_CLOSED` if
 * the scope has ended.
 *
 * @example
 * ```ts
 * import { fastify } from 'fastify'
 * import { broadcast } from 'syncless'
 * import { drainTo, handler } from 'syncless/fastify'
 *
 * const prices = broadcast<{ usd: number }>()
 * const app = fastify()
 * app.get('/prices', handler(function* (_request, reply) {
 *   yield* drainTo(prices.subscribe({ capacity: 16 }), reply, { format: 'sse', heartbeat: 10_000 })
 * }))
 * const response = await fetch(`${await app.listen({ port: 0 })}/prices`)
 * await prices.publish({ usd: 7 })
 * prices.close()
 * console.log(await response.text()) // data: {"usd":7}
 * await app.close()
 * ```
 */
export function drainTo<T>(
  receiver: Receiver<T>,
  reply: ReplyLike,
  options: ResponseOptions<T>,
): Tasklet<'ended' | 'left'> {
  assertOptions('fastify.drainTo()', options)
  const res: ServerResponse | undefined = reply?.raw
  if (typeof res?.setHeader !== 'function' || typeof reply.send !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'drainTo() takes a Fastify reply to send')
  }
  return drainResponse(receiver, new Outlet(reply), options)
}

/** What is needed of a Fastify reply, of any of its types. */
export type ReplyLike = Pick<FastifyReply, 'raw' | 'hasHeader'> & {
  header(name: string, value: string): unknown
  hijack(): unknown
  send(payload: PassThrough): unknown
}

class Outlet implements ResponseOutlet {
  readonly res: ServerResponse
  readonly body = new PassThrough()
  readonly #reply: ReplyLike

  constructor(reply: ReplyLike) {
    this.#reply = reply
    this.res = reply.raw
  }

  begin(headers: Readonly<Record<string, string>>): void {
    const reply = this.#reply
    for (const [name, value] of Object.entries(headers)) if (!reply.hasHeader(name)) reply.header(name, value)
    drained.set(reply, undefined)
    try {
      reply.send(this.body)
    } catch (error) {
      drained.delete(reply)
      throw error
    }
  }

  flush(): void {}

  done(): void {
    drained.delete(this.#reply)
  }

  breakOff(error: unknown): void {
    // Fastify tells its logger, or where the head has not been sent, its error handler.
    destroyQuietly(this.body, error === undefined ? undefined : asError(error))
    if (drained.has(this.#reply)) drained.set(this.#reply, error)
    if (error !== undefined && !this.res.headersSent) return
    breakOff(this.res)
    // Fastify 4 would answer an async handler that rejects now, and end the process by a head that is sent twice.
    this.#reply.hijack()
  }
}
