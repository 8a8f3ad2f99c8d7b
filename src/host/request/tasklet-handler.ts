import type { IncomingMessage, ServerResponse } from 'node:http'
import { assertFunction } from '../../core/base/arguments.js'
import { isTaskletExit } from '../../core/base/errors.js'
import type { Co, Op } from '../../core/loop/op.js'
import { answer } from '../answer/answer.js'
import { exchangeOf, scopeOf } from './request-scope.js'

/**
 * A request handler that is a tasklet: it waits with `yield*`, and ends when the client leaves. To decline a request,
 * it calls `next()`, as middleware does; `yield* next()` continues when the next handler has answered.
 */
export type TaskletHandler<
  Req extends IncomingMessage = IncomingMessage,
  Res extends ServerResponse = ServerResponse,
> = (req: Req, res: Res, next: () => Op<void>) => Co<unknown>

/**
 * Makes a `(req, res, next)` function from a tasklet handler, for `host.mount()`, for an Express route, and for a
 * bare `http.createServer()`. The tasklet runs in the request's scope: it is killed if the client leaves before the
 * response has ended. Its errors go to `next`, so that Express shows its own error page. Without a `next`, and if a
 * host is next, the answer is 500, or the connection is broken off if the response has begun.
 *
 * In Express and Fastify apps, `handler` of `syncless/express` and `syncless/fastify` does more: it has the
 * framework's types, and the errors of its tasklets go to the framework's error handlers.
 *
 * Throws `INVALID_ARGUMENT` for anything except a function.
 *
 * @example
 * ```ts
 * import { channel, go } from 'syncless'
 * import { createHost, taskletHandler } from 'syncless/host'
 *
 * const jobs = channel<string>()
 * const host = createHost()
 * host.mount('/jobs', taskletHandler(function* (req, res) {
 *   yield* jobs.send(req.url ?? '') // answers when a worker took it
 *   res.writeHead(202).end()
 * }))
 * const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
 * const worker = go(() => jobs.receive())
 * console.log((await fetch(`http://127.0.0.1:${port}/jobs/7`)).status, await worker) // 202 /jobs/7
 * await host.close()
 * ```
 */
export function taskletHandler<
  Req extends IncomingMessage = IncomingMessage,
  Res extends ServerResponse = ServerResponse,
>(handler: TaskletHandler<Req, Res>): (req: Req, res: Res, next?: (error?: unknown) => void) => void {
  assertFunction('the handler of taskletHandler()', handler)
  return function handle(req, res, next) {
    scopeOf(req, res).go(function* () {
      const decline = () => {
        if (next === undefined) answer(res, 404)
        else next()
        return exchangeOf(req, res).answered
      }
      if (next === undefined) return yield* handler(req, res, decline)
      try {
        yield* handler(req, res, decline)
      } catch (error) {
        if (isTaskletExit(error)) throw error
        next(error ?? new Error(`the tasklet handler threw ${error}`))
      }
    })
  }
}
