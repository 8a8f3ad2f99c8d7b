import type { FastifyReply, FastifyRequest } from 'fastify'
import { report } from '../../core/base/report.js'
import type { Co } from '../../core/loop/op.js'
import type { Scope } from '../../core/scope/scope.js'
import { lastingScopeOf, requestScopeOf } from '../shared/http/request-scope.js'
import { assertGenerator, runHandler } from '../shared/http/run-handler.js'
import { drained, responses } from './responses.js'

type Replying = Pick<FastifyReply, 'raw'>
type Requesting = Pick<FastifyRequest, 'raw'>

/**
 * Makes a Fastify handler from a generator function: `app.get(path, handler(function* (request, reply) { ... }))`. On
 * Fastify 4 and 5, hosted or not. Where the plugin is registered, `handler` may be left out.
 *
 * The tasklet runs in the scope of its request. If the client leaves before the response has ended, the tasklet is
 * killed, and so are all tasklets that it has started with `go()`. Its return value is sent, as from an async
 * handler. An error of any of them goes to Fastify's error handler. Throws `INVALID_ARGUMENT` for anything except a
 * generator function.
 *
 * @example
 * ```ts
 * import { fastify } from 'fastify'
 * import { channel, go, timeout } from 'syncless'
 * import { handler } from 'syncless/fastify'
 *
 * const jobs = channel<string>()
 * const app = fastify()
 * app.post('/jobs', handler(function* (_request, reply) {
 *   yield* timeout(2000, jobs.send('paint')) // what it throws goes to Fastify's error handler
 *   reply.code(202)
 *   return { taken: true }
 * }))
 * const worker = go(() => jobs.receive())
 * console.log((await app.inject({ method: 'POST', url: '/jobs' })).body, await worker) // {"taken":true} paint
 * ```
 */
export function handler<Req extends Requesting = FastifyRequest, Rep extends Replying = FastifyReply, T = unknown>(
  fn: (request: Req, reply: Rep) => Co<T>,
): (request: Req, reply: Rep) => Promise<T> {
  assertGenerator('handler()', fn)
  return function handle(this: unknown, request, reply) {
    const scope = requestScopeOf(request.raw, reply.raw)
    return runAnswering(scope, reply, fn.name || 'handler', () => fn.call(this, request, reply))
  }
}

/**
 * Makes a Fastify hook from a generator function: `app.addHook('preHandler', hook(function* (request, reply) { ...
 * }))`, for every hook of a request. It returns what an async hook returns: the payload, in `preParsing`,
 * `preSerialization` and `onSend`. It runs as a {@link handler} does; a hook that starts when the request is over,
 * such as `onResponse`, runs to its end. Throws `INVALID_ARGUMENT` for anything except a generator function.
 *
 * @example
 * ```ts
 * import { fastify } from 'fastify'
 * import { semaphore } from 'syncless'
 * import { hook } from 'syncless/fastify'
 *
 * const turn = semaphore(1)
 * const app = fastify()
 * app.addHook('onRequest', hook(function* (request) {
 *   const permit = yield* turn.acquire()
 *   request.raw.once('close', () => permit.release())
 * }))
 * app.get('/', async () => 'one at a time')
 * console.log((await app.inject('/')).body) // one at a time
 * ```
 */
export function hook<
  Req extends Requesting = FastifyRequest,
  Rep extends Replying = FastifyReply,
  P = unknown,
  T = unknown,
>(
  fn: (request: Req, reply: Rep, payload: P) => Co<T>,
): (request: Req, reply?: Rep, payload?: P, ...rest: unknown[]) => Promise<T> {
  assertGenerator('hook()', fn)
  // Without a `done` among its parameters: Fastify waits for the promise.
  return function handle(this: unknown, request, ...args) {
    const [reply, payload] = args as [Rep, P]
    return run(hookScope(request, reply), fn.name || 'hook', () => fn.call(this, request, reply, payload))
  }
}

/**
 * Makes an error handler as {@link handler} does: `app.setErrorHandler(errorHandler(function* (error, request, reply)
 * { ... }))`, also for the `errorHandler` of a route. A handler that starts after the client has gone runs to its
 * end, so that no error is lost. Throws `INVALID_ARGUMENT` for anything except a generator function.
 *
 * @example
 * ```ts
 * import { fastify } from 'fastify'
 * import { channel, go } from 'syncless'
 * import { errorHandler } from 'syncless/fastify'
 *
 * const alarms = channel<Error>()
 * const app = fastify()
 * app.setErrorHandler(errorHandler(function* (error, _request, reply) {
 *   yield* alarms.send(error)
 *   reply.code(503)
 *   return { error: error.message }
 * }))
 * app.get('/', async () => {
 *   throw new Error('no')
 * })
 * go(() => alarms.receive())
 * console.log((await app.inject('/')).body) // {"error":"no"}
 * ```
 */
export function errorHandler<
  Req extends FastifyRequest = FastifyRequest,
  Rep extends FastifyReply = FastifyReply,
  T = unknown,
>(fn: (error: Error, request: Req, reply: Rep) => Co<T>): (error: Error, request: Req, reply: Rep) => Promise<T> {
  assertGenerator('errorHandler()', fn)
  return function handle(this: unknown, error, request, reply) {
    const scope = hookScope(request, reply)
    return runAnswering(scope, reply, fn.name || 'errorHandler', () => fn.call(this, error, request, reply))
  }
}

function run<T>(
  scope: Scope,
  name: string,
  body: () => Co<T>,
  failed: (error: unknown, reject: (error: unknown) => void) => void = (error, reject) => reject(error),
): Promise<T> {
  return new Promise((resolve, reject) => {
    runHandler(scope, name, body, {
      done: resolve,
      failed: error => failed(error, reject),
      // A promise that nobody settles: Fastify would answer, and there is nobody who waits, or who was not answered.
      killed(error) {
        if (error !== null) reject(error)
      },
    })
  })
}

/** What answers: where a bridge of it does, Fastify has heard of what that failed with, and has no answer for another error. */
function runAnswering<T>(scope: Scope, reply: Replying, name: string, body: () => Co<T>): Promise<T> {
  const before = drained.has(reply)
  return run(scope, name, body, (error, reject) => {
    if (before || !drained.has(reply)) reject(error)
    else if (drained.get(reply) !== error) report(error, `"${name}" failed after its reply had been broken off`)
  })
}

/** That of the request; a scope of its own, where it is over. */
function hookScope({ raw }: Requesting, reply: Replying | undefined): Scope {
  // One for aborts is given no reply.
  return lastingScopeOf(raw, reply?.raw ?? responses.get(raw))
}
