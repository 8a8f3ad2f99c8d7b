import type { IncomingMessage, ServerResponse } from 'node:http'
import type { NextFunction, Request, Response } from 'express'
import { report } from '../../core/base/report.js'
import { registered } from '../../core/loop/callback.js'
import type { Co } from '../../core/loop/op.js'
import type { Scope } from '../../core/scope/scope.js'
import { lastingScopeOf, requestScopeOf } from '../shared/http/request-scope.js'
import { assertGenerator, runHandler } from '../shared/http/run-handler.js'

/** A handler for a route, or middleware, made by {@link handler}. */
export type Handler<Req, Res> = (req: Req, res: Res, next: NextFunction) => void

/**
 * Makes an Express handler, or middleware, from a generator function: `app.get(path, handler(function* (req, res,
 * next) { ... }))`. On Express 4 and 5, hosted or not.
 *
 * The tasklet runs in the scope of its request. If the client leaves before the response has ended, the tasklet is
 * killed, and so are all tasklets that it has started with `go()`. An error of any of them goes to `next`, once. The
 * handler may call `next()`, `next('route')` or `next(error)` itself, once: later calls do nothing, and errors that
 * come after the call are reported and fail the request with 500, or break it off. The return value is ignored, as in
 * Express.
 *
 * `taskletHandler` of `syncless/host` is the same for `host.mount()` and `node:http`, which have no error handlers.
 * Throws `INVALID_ARGUMENT` for anything except a generator function.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { channel, go, timeout } from 'syncless'
 * import { handler } from 'syncless/express'
 *
 * const jobs = channel<string>()
 * const app = express()
 * app.post('/jobs/:id', handler(function* (req: express.Request<{ id: string }>, res) {
 *   yield* timeout(2000, jobs.send(req.params.id)) // what it throws goes to Express's error handlers
 *   res.status(202).end()
 * }))
 * const server = app.listen(0)
 * const { port } = server.address() as { port: number }
 * const worker = go(() => jobs.receive())
 * console.log((await fetch(`http://127.0.0.1:${port}/jobs/7`, { method: 'POST' })).status, await worker) // 202 7
 * server.close()
 * ```
 */
export function handler<Req extends IncomingMessage = Request, Res extends ServerResponse = Response>(
  fn: (req: Req, res: Res, next: NextFunction) => Co<unknown>,
): Handler<Req, Res> {
  assertGenerator('handler()', fn)
  return function handle(req, res, next) {
    run(requestScopeOf(req, res), next, fn.name, once => fn(req, res, once))
  }
}

/**
 * Makes an error handler as {@link handler} does: `app.use(errorHandler(function* (error, req, res, next) { ... }))`.
 * An error that it throws goes on to the next error handler. A handler that starts after the client has gone runs to
 * its end, so that no error is lost.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { channel, go } from 'syncless'
 * import { errorHandler, handler } from 'syncless/express'
 *
 * const alarms = channel<unknown>()
 * const app = express()
 * app.get('/', handler(function* () {
 *   throw new Error('no')
 * }))
 * app.use(errorHandler(function* (error, _req, res) {
 *   yield* alarms.send(error)
 *   res.status(503).end()
 * }))
 * const server = app.listen(0)
 * const { port } = server.address() as { port: number }
 * go(() => alarms.receive())
 * console.log((await fetch(`http://127.0.0.1:${port}/`)).status) // 503
 * server.close()
 * ```
 */
export function errorHandler<Req extends Request = Request, Res extends Response = Response>(
  fn: (error: unknown, req: Req, res: Res, next: NextFunction) => Co<unknown>,
): (error: unknown, req: Req, res: Res, next: NextFunction) => void {
  assertGenerator('errorHandler()', fn)
  // Express knows one by its four parameters.
  return function handleError(error, req, res, next) {
    run(lastingScopeOf(req, res), next, fn.name, once => fn(error, req, res, once))
  }
}

/**
 * Makes a handler for a route parameter as {@link handler} does: `app.param('id', paramHandler(function* (req, res,
 * next, id) { ... }))`. The route is reached only if it calls `next()`.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { sleep } from 'syncless'
 * import { paramHandler } from 'syncless/express'
 *
 * const app = express()
 * app.param('user', paramHandler(function* (_req, res, next, id) {
 *   yield* sleep(1) // looks it up
 *   res.locals.user = { id }
 *   next()
 * }))
 * app.get('/:user', (_req, res) => {
 *   res.json(res.locals.user)
 * })
 * const server = app.listen(0)
 * const { port } = server.address() as { port: number }
 * console.log(await (await fetch(`http://127.0.0.1:${port}/7`)).json()) // { id: '7' }
 * server.close()
 * ```
 */
export function paramHandler<Req extends Request = Request, Res extends Response = Response>(
  fn: (req: Req, res: Res, next: NextFunction, value: string, name: string) => Co<unknown>,
): (req: Req, res: Res, next: NextFunction, value: string, name: string) => void {
  assertGenerator('paramHandler()', fn)
  return function handleParam(req, res, next, value, name) {
    run(requestScopeOf(req, res), next, fn.name, once => fn(req, res, once, value, name))
  }
}

function run(scope: Scope, follower: NextFunction, name: string, body: (next: NextFunction) => Co<unknown>): void {
  // The handlers behind run where they would without this one: in the scope of the request, and not in this handler's, which ends.
  const next = registered((error: unknown) => follower(error))
  let called = false
  const once = (error?: unknown) => {
    if (!called) {
      called = true
      next(error)
    } else if (error !== undefined && error !== null) report(error, 'a handler called next() twice')
  }
  runHandler(scope, name || 'handler', () => body(once), {
    done: () => {},
    killed(error) {
      if (error !== null && !called) once(error)
    },
    failed(error) {
      // Whoever is next has the request now.
      if (called) throw error
      called = true
      next(asError(error))
    },
  })
}

/** Express takes nothing thrown for no error, and these words for an instruction. */
function asError(error: unknown): unknown {
  if (error && error !== 'route' && error !== 'router') return error
  return new Error(`the handler threw ${String(error)}`)
}
