import type { ServerResponse } from 'node:http'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { drainResponse, type ResponseOutlet } from '../shared/http/response-drain.js'
import type { ResponseOptions } from '../shared/http/response-format.js'
import { breakOff } from '../underlying-stream.js'

/**
 * Answers a request with the values of a channel: NDJSON, server-sent events, or bytes as they are. It receives only
 * while the client takes the response. It sets `Content-Type` and the headers that keep proxies from buffering,
 * unless you have set them. The status is yours.
 *
 * The head goes out with the first value, for `'sse'` at once. The tasklet returns `'ended'` when the channel has
 * ended and the response has been sent. It returns `'left'` if the client was gone before, and for `HEAD`, which has
 * no body: the channel is then cancelled in the same turn, with `CLIENT_GONE` as the reason if the client is gone.
 *
 * The tasklet fails with the error of the channel, as the same object. If nothing was sent by then, a `handler`
 * passes the error to `next`, and Express shows its error page. Otherwise the connection is broken off, so that no
 * client takes the answer for complete. In other handlers, an error that you do not join fails the request with 500.
 * A kill breaks off the response.
 *
 * The bridge belongs to the scope in which it is made, or else to its request. Throws `ALREADY_CONSUMED` if another
 * bridge reads the channel, `INVALID_ARGUMENT` for anything except a response and for wrong options, `SCOPE_CLOSED`
 * if the scope has ended.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { broadcast, go, sleep } from 'syncless'
 * import { drainTo, handler } from 'syncless/express'
 *
 * const prices = broadcast<{ usd: number }>()
 * const app = express()
 * app.get('/prices', handler(function* (_req, res) {
 *   yield* drainTo(prices.subscribe({ capacity: 16 }), res, { format: 'sse', heartbeat: 10_000 })
 * }))
 * const server = app.listen(0)
 * const { port } = server.address() as { port: number }
 * const response = await fetch(`http://127.0.0.1:${port}/prices`)
 * await prices.publish({ usd: 7 })
 * prices.close()
 * console.log(await response.text()) // data: {"usd":7}
 * server.close()
 * ```
 */
export function drainTo<T>(
  receiver: Receiver<T>,
  res: ServerResponse,
  options: ResponseOptions<T>,
): Tasklet<'ended' | 'left'> {
  assertOptions('express.drainTo()', options)
  if (typeof res?.setHeader !== 'function' || typeof res.write !== 'function' || res.req === undefined) {
    throw new SynclessError('INVALID_ARGUMENT', 'drainTo() takes a response to write to')
  }
  return drainResponse(receiver, new Outlet(res), options)
}

class Outlet implements ResponseOutlet {
  readonly res: ServerResponse & { flush?: unknown }
  readonly body: ServerResponse

  constructor(res: ServerResponse) {
    this.res = res
    this.body = res
  }

  begin(headers: Readonly<Record<string, string>>): void {
    if (this.res.headersSent) return
    for (const [name, value] of Object.entries(headers)) if (!this.res.hasHeader(name)) this.res.setHeader(name, value)
  }

  // Middleware that compresses puts it there.
  flush(): void {
    if (typeof this.res.flush === 'function') this.res.flush()
  }

  done(): void {}

  breakOff(): void {
    breakOff(this.res)
  }
}
