import type { IncomingMessage, ServerResponse } from 'node:http'
import { underlyingStream } from '../../adapters/underlying-stream.js'
import { invalid } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import type { Scope } from '../../core/scope/scope.js'
import { addScopeFinder, addScopeKeeper, scopeProviderOf } from '../../core/scope/scope-finder.js'
import { Connection, openExchange } from './connection.js'
import { Exchange, type ExchangeOwner, rememberedExchange } from './exchange.js'

/**
 * Returns the scope of a hosted request. If the client leaves before the response has ended, the scope is cancelled,
 * with a `CLIENT_GONE` error as the reason. If a tasklet in the scope fails, the request fails with 500, or is broken
 * off if its response has begun. After a response that ended normally, the tasklets may finish.
 *
 * In a hosted handler, `go()` joins this scope by itself. Use `requestScope` in code that has only the request, and
 * in listeners that Node calls directly, such as `req.on('end')`: they run outside the request's context, and `go()`
 * there joins no scope. In Fastify, pass `request.raw`.
 *
 * Throws `HOST_STATE` for a request that no host serves, and for a request that had no scope when its response ended;
 * `INVALID_ARGUMENT` for anything except an object.
 *
 * @example
 * ```ts
 * import { sleep } from 'syncless'
 * import { createHost, requestScope } from 'syncless/host'
 *
 * const host = createHost()
 * host.mount('/', (req, res) => {
 *   requestScope(req).go(function* () {
 *     yield* sleep(1)
 *     res.end('late')
 *   })
 * })
 * const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
 * console.log(await (await fetch(`http://127.0.0.1:${port}/`)).text()) // late
 * await host.close()
 * ```
 */
export function requestScope(req: IncomingMessage): Scope {
  if (typeof req !== 'object' || req === null) throw invalid('the argument of requestScope()', 'the request', req)
  const exchange = knownExchange(req)
  if (exchange === undefined) {
    throw new SynclessError(
      'HOST_STATE',
      'requestScope(): no host serves this request, or its response has ended; take the scope before that',
    )
  }
  return exchange.scope
}

function knownExchange(req: IncomingMessage): Exchange | undefined {
  return openExchange(req) ?? rememberedExchange(req)
}

// The adapters of frameworks find the scopes of hosted requests by this.
addScopeFinder(hosted)

// The host's drain waits for tasklets that they start after a request is over, and bounds them.
addScopeKeeper((owner, scope) => {
  const exchange = hosted(owner)
  exchange?.owner.lingers(scope)
  return exchange !== undefined
})

function hosted(owner: object): Exchange | undefined {
  return 'socket' in owner ? knownExchange(owner as IncomingMessage) : undefined
}

/** The scope of a request, which another handler on a bare server may have made. */
export function scopeOf(req: IncomingMessage, res: ServerResponse): Scope {
  return (knownExchange(req) ?? scopeProviderOf(req) ?? exchangeOf(req, res)).scope
}

/** The exchange of a request, made here where no host serves it, so that handlers work on a bare server as well. */
export function exchangeOf(req: IncomingMessage, res: ServerResponse): Exchange {
  const known = knownExchange(req)
  if (known !== undefined) return known
  const exchange = new Exchange(req, res, unhosted)
  Connection.of(underlyingStream(req), new Set()).begin(exchange)
  return exchange
}

const unhosted: ExchangeOwner = {
  server: null,
  failed: (exchange, error) => report(error, `${exchange.label} failed`),
  settled: () => {},
  passOn: () => {
    throw new SynclessError('HOST_STATE', 'passOn(): no host serves this request')
  },
  lingers: scope => {
    scope.close()
  },
}
