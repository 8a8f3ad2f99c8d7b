/** The scope of a request, for handlers that work on a host and on a bare server alike. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { scopeProviderOf } from '../core/owner-scope.js'
import { report } from '../core/report.js'
import { Scope, type ScopeProvider } from '../core/scope.js'
import { clientGone } from './request-error.js'

const bare = new WeakMap<IncomingMessage, BareRequest>()

/** The scope of a request: the host's where one serves it, else one that is made here and ends with the response. */
export function requestScopeOf(req: IncomingMessage, res: ServerResponse): Scope {
  const known = scopeProviderOf(req) ?? bare.get(req)
  if (known !== undefined) return known.scope
  const made = new BareRequest(req, res)
  bare.set(req, made)
  return made.scope
}

/** A request that no host serves. */
class BareRequest implements ScopeProvider {
  readonly scope: Scope
  readonly #res: ServerResponse
  readonly #socket: Duplex

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.#res = res
    this.#socket = req.socket
    const label = `request ${req.method} ${req.url?.split('?', 1)[0]}`
    this.scope = new Scope({ name: label, onFailure: error => this.#fail(error) })
    res.once('close', this.#settle).once('finish', this.#settle)
    // A pipelined response that waits for its turn emits nothing when its connection closes.
    this.#socket.once('close', this.#settle)
    if (res.closed || this.#socket.destroyed) queueMicrotask(this.#settle)
  }

  readonly #settle = () => {
    this.#res.off('close', this.#settle).off('finish', this.#settle)
    this.#socket.off('close', this.#settle)
    if (!this.#res.writableEnded) this.scope.cancel(clientGone('its response'))
    this.scope.close()
  }

  /** As a host does it. */
  #fail(error: unknown): void {
    const res = this.#res
    report(error, `${this.scope.name} failed`)
    if (res.headersSent) breakOff(res)
    else if (!res.writableEnded) {
      for (const name of res.getHeaderNames()) if (name !== 'connection') res.removeHeader(name)
      res.statusCode = 500
      res.setHeader('Content-Type', 'text/plain; charset=utf-8')
      res.end('Internal Server Error\n')
    }
  }
}

/** Breaks off a response in such a way that its client does not take it for complete. */
export function breakOff(res: ServerResponse): void {
  if (res.writableFinished) return
  // Over HTTP/2 the code says so (INTERNAL_ERROR); a stream that is only destroyed looks as if it had come to its end.
  const stream: unknown = 'stream' in res ? res.stream : undefined
  if (isHttp2Stream(stream)) stream.close(2)
  else res.destroy()
}

function isHttp2Stream(value: unknown): value is { close(code: number): void } {
  return typeof value === 'object' && value !== null && 'rstCode' in value
}
