import type { FastifyInstance, FastifyRequest } from 'fastify'
import { SynclessError } from '../../core/base/errors.js'
import { enterScope, type Scope, type ScopeProvider } from '../../core/scope/scope.js'
import { labelOf, requestScopeOf } from '../shared/http/request-scope.js'
import { isGenerator } from '../shared/http/run-handler.js'
import { errorHandler, handler, hook } from './handler.js'
import { responses } from './responses.js'

/** What a route may have beside its handler. */
const HOOKS = [
  'onRequest',
  'preParsing',
  'preValidation',
  'preHandler',
  'preSerialization',
  'onSend',
  'onResponse',
  'onTimeout',
  'onError',
  'onRequestAbort',
] as const

/**
 * A Fastify plugin for tasklets: the handlers and hooks of routes may be generator functions, `request.scope` is the
 * scope of the request, and `go()` in a handler joins that scope, even after the body was parsed. Register the plugin
 * before the routes, and wait for it: `await app.register(syncless)`. A route that came before the plugin answers 500
 * with `MISUSE`. The plugin applies to the instance on which it is registered and to everything in it, as if made by
 * fastify-plugin. Wrap hooks of `app.addHook` with `hook`, because no plugin can see them.
 *
 * @example
 * ```ts
 * import { fastify } from 'fastify'
 * import { go, sleep } from 'syncless'
 * import { syncless } from 'syncless/fastify'
 *
 * const app = fastify()
 * await app.register(syncless)
 * app.get('/', function* (request) {
 *   yield* sleep(1)
 *   return { scope: request.scope.name }
 * })
 * console.log((await app.inject('/')).json()) // { scope: 'request GET /' }
 * ```
 */
export function syncless(app: FastifyInstance, _options: object, done: () => void): void {
  app.decorateRequest('scope', {
    getter(this: FastifyRequest): Scope {
      const res = responses.get(this.raw)
      if (res === undefined) {
        const advice = 'register the plugin before the hook that reads request.scope'
        throw new SynclessError('HOST_STATE', `${advice}: the scope exists from the onRequest hook of syncless on`)
      }
      return requestScopeOf(this.raw, res)
    },
  })
  app.addHook('onRoute', route => {
    const options: Record<string, unknown> = route as never
    options.handler = wrapped(options.handler, handler)
    if (options.errorHandler) options.errorHandler = wrapped(options.errorHandler, errorHandler)
    for (const name of HOOKS) {
      const hooks = options[name]
      if (Array.isArray(hooks)) options[name] = hooks.map(fn => wrapped(fn, hook))
      else if (hooks !== undefined) options[name] = wrapped(hooks, hook)
    }
  })
  const instances = [app]
  app.addHook('onRegister', instance => {
    instances.push(instance)
  })
  // Fastify would send the generator as the answer.
  app.addHook('onReady', async () => {
    for (const { errorHandler } of instances) {
      if (isGenerator(errorHandler)) {
        throw new SynclessError(
          'MISUSE',
          'wrap the generator function with errorHandler(): setErrorHandler() cannot run it itself',
        )
      }
    }
  })
  app.addHook('onRequest', (request, reply, next) => {
    responses.set(request.raw, reply.raw)
    if (isGenerator(request.routeOptions?.handler)) {
      const advice = 'wait for app.register(syncless) before you add routes, or wrap the handler with handler()'
      next(
        new SynclessError(
          'MISUSE',
          `${advice}: the route of ${labelOf(request.raw)} was added before the plugin was loaded`,
        ),
      )
    } else enterScope(provider(request), next) // Fastify keeps the async context while it reads the body.
  })
  done()
}

Object.assign(syncless, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'syncless',
  [Symbol.for('plugin-meta')]: { name: 'syncless', fastify: '>=4.0.0' },
})

function wrapped(fn: unknown, wrap: (fn: never) => unknown): unknown {
  return isGenerator(fn) ? wrap(fn as never) : fn
}

function provider(request: FastifyRequest): ScopeProvider {
  return {
    get scope() {
      return request.scope
    },
  }
}
