/**
 * Whether the client of a request is still there. It has left when the response closes before it was ended, or when its
 * socket does: a pipelined response that waits for its turn never emits 'close'. One listener on each socket serves all
 * its requests.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'
import { SynclessError } from '../../core/base/errors.js'

const unanswered = new WeakMap<Socket, Set<Client>>()

export class Client {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** Null while the response is under way. */
  outcome: 'answered' | 'gone' | null = null
  readonly #controller = new AbortController()
  #whenOver: (() => void)[] = []

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.req = req
    this.res = res
    if (res.destroyed || req.socket.destroyed) {
      this.settle()
      return
    }
    res.once('close', () => this.settle())
    // A stream of HTTP/2 has no socket of its own, and its response always closes.
    if (!(req instanceof Http2ServerRequest)) clientsOf(req.socket).add(this)
  }

  /** Aborted with an `AbortError`, whose cause is `CLIENT_GONE`, when the client leaves before the response is ended. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Calls `callback` when the response has closed, or its client has left. */
  whenOver(callback: () => void): void {
    if (this.outcome === null) this.#whenOver.push(callback)
    else callback()
  }

  settle(): void {
    if (this.outcome !== null) return
    unanswered.get(this.req.socket)?.delete(this)
    this.outcome = this.res.writableEnded ? 'answered' : 'gone'
    if (this.outcome === 'gone') this.#controller.abort(clientGone())
    for (const callback of this.#whenOver.splice(0)) callback()
  }
}

function clientsOf(socket: Socket): Set<Client> {
  const known = unanswered.get(socket)
  if (known !== undefined) return known
  const clients = new Set<Client>()
  unanswered.set(socket, clients)
  socket.once('close', () => {
    for (const client of clients) client.settle()
  })
  return clients
}

/** What code that knows fetch expects of an abort: a `DOMException` by the name of `AbortError`. */
function clientGone(): DOMException {
  const message = 'the client left before the response had ended'
  return Object.assign(new DOMException(message, 'AbortError'), { cause: new SynclessError('CLIENT_GONE', message) })
}
