/** The scope of a request, for handlers that work on a host and on a bare server alike. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { report } from '../../../core/base/report.js'
import { Scope, type ScopeProvider } from '../../../core/scope/scope.js'
import { addScopeFinder, keepScope, scopeProviderOf } from '../../../core/scope/scope-finder.js'
import { breakOff, isAnswered, underlyingStream } from '../../underlying-stream.js'
import { clientGone } from './request-error.js'

const bare = new WeakMap<object, BareRequest>()

// The tasklet handlers of a host run on bare servers as well, and find the scope that another handler of a request has.
addScopeFinder(request => bare.get(request))

/** The scope of a request: the host's where one serves it, else one that is made here and ends with the response. */
export function requestScopeOf(req: IncomingMessage, res: ServerResponse): Scope {
  const known = scopeProviderOf(req)
  if (known !== undefined) return known.scope
  const made = new BareRequest(req, res)
  bare.set(req, made)
  return made.scope
}

/**
 * For what may begin when its request is over, and is to run to its end all the same. That is the scope of the request, unless
 * its client is gone or it has failed, which end that one. `res` is undefined where nobody knows it.
 */
export function lastingScopeOf(req: IncomingMessage, res: ServerResponse | undefined): Scope {
  if (res !== undefined && !isGone(req, res)) {
    const scope = requestScopeOf(req, res)
    if (!scope.cancelled) return scope
  }
  const scope = new Scope({ name: `after request ${labelOf(req)}`, onFailure: error => report(error, scope.name) })
  // Whoever asked for it starts a tasklet before this turn of the microtask queue.
  queueMicrotask(() => keepScope(req, scope))
  return scope
}

function isGone(req: IncomingMessage, res: ServerResponse): boolean {
  return (res.closed || underlyingStream(req).destroyed) && !isAnswered(res)
}

/** `GET /path`, for messages. The query, and the host of an absolute target, may hold secrets and are left out. */
export function labelOf(req: IncomingMessage): string {
  const path = req.url?.split(/[?#]/, 1)[0]?.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
  return `${req.method} ${path}`
}

/** A request that no host serves. */
class BareRequest implements ScopeProvider {
  readonly #label: string
  readonly #res: ServerResponse
  readonly #carrier: Duplex
  #scope: Scope | null = null
  /** Null while the client waits for the rest of the response. */
  #outcome: 'ended' | 'gone' | null = null

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.#label = labelOf(req)
    this.#res = res
    this.#carrier = underlyingStream(req)
    res.once('close', this.#settle).once('finish', this.#settle)
    // A pipelined response that waits for its turn emits nothing when its connection closes.
    watch(this.#carrier, this)
    if (res.closed || this.#carrier.destroyed) queueMicrotask(this.#settle)
  }

  /** Made on first use, and again where it is asked for when the request is over. */
  get scope(): Scope {
    if (this.#scope !== null && !(this.#outcome !== null && this.#scope.ended)) return this.#scope
    const scope = new Scope({ name: `request ${this.#label}`, onFailure: error => this.#fail(error), inPlace: true })
    this.#scope = scope
    if (this.#outcome !== null) {
      this.#end(scope)
      // Whoever asked for it starts a tasklet before this turn of the microtask queue.
      queueMicrotask(() => scope.close())
    }
    return scope
  }

  settle(): void {
    this.#settle()
  }

  readonly #settle = () => {
    if (this.#outcome !== null) return
    this.#res.off('close', this.#settle).off('finish', this.#settle)
    unwatch(this.#carrier, this)
    this.#outcome = isAnswered(this.#res) ? 'ended' : 'gone'
    if (this.#scope === null) return
    this.#end(this.#scope)
    this.#scope.close()
  }

  #end(scope: Scope): void {
    if (this.#outcome === 'gone') scope.cancel(clientGone('its response'))
  }

  /** As a host does it. */
  #fail(error: unknown): void {
    const res = this.#res
    report(error, `request ${this.#label} failed`)
    if (res.headersSent) breakOff(res)
    else if (!res.writableEnded) {
      for (const name of res.getHeaderNames()) if (name !== 'connection') res.removeHeader(name)
      res.statusCode = 500
      res.setHeader('Content-Type', 'text/plain; charset=utf-8')
      res.end('Internal Server Error\n')
    }
  }
}

/** The unfinished requests of a connection: one listener for all of them, however many its client has sent ahead. */
const unfinished = new WeakMap<Duplex, Set<BareRequest>>()

function watch(carrier: Duplex, request: BareRequest): void {
  const requests = unfinished.get(carrier) ?? new Set()
  unfinished.set(carrier, requests.add(request))
  if (requests.size === 1) carrier.on('close', carrierClosed)
}

function unwatch(carrier: Duplex, request: BareRequest): void {
  const requests = unfinished.get(carrier)
  requests?.delete(request)
  if (requests?.size === 0) carrier.off('close', carrierClosed)
}

function carrierClosed(this: Duplex): void {
  for (const request of unfinished.get(this) ?? []) request.settle()
}
