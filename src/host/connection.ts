/**
 * The exchanges of one socket. A pipelined response that waits for its turn has no socket of its own yet and never
 * emits 'close', so that one listener on the socket settles whatever is unfinished when it closes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Exchange } from './exchange.js'

const connections = new WeakMap<Duplex, Connection>()

export class Connection {
  readonly socket: Duplex
  /** Unfinished, in the order of their requests; hardly ever more than one. */
  readonly exchanges: Exchange[] = []
  /** The mount server to which the socket was handed when it changed its protocol. */
  upgradedBy: object | null = null
  readonly #open: Set<Connection>

  /** The record of `socket`, made with its first request and kept in `open` until the socket closes. */
  static of(socket: Duplex, open: Set<Connection>): Connection {
    return connections.get(socket) ?? new Connection(socket, open)
  }

  /** Whether a response has begun on `socket`. */
  static answering(socket: Duplex): boolean {
    const res = connections.get(socket)?.exchanges[0]?.res
    return res?.headersSent === true && !res.writableFinished
  }

  private constructor(socket: Duplex, open: Set<Connection>) {
    this.socket = socket
    this.#open = open
    connections.set(socket, this)
    if (socket.closed) return
    open.add(this)
    socket.once('close', () => this.#closed())
  }

  begin(exchange: Exchange): void {
    this.exchanges.push(exchange)
    exchange.res.on('close', responseClosed)
    // Parsed from what a client had sent before it was gone.
    if (this.socket.closed) queueMicrotask(() => this.#closed())
  }

  end(exchange: Exchange): void {
    const at = this.exchanges.indexOf(exchange)
    if (at >= 0) this.exchanges.splice(at, 1)
    exchange.settle()
  }

  #closed(): void {
    this.#open.delete(this)
    for (const exchange of this.exchanges.splice(0)) exchange.settle()
  }
}

/** The unfinished exchange of a request. */
export function openExchange(req: IncomingMessage): Exchange | undefined {
  return connections.get(req.socket)?.exchanges.find(exchange => exchange.req === req)
}

// One function for all responses: what it needs can be found from the response, without a closure for each.
function responseClosed(this: ServerResponse): void {
  const connection = connections.get(this.req.socket)
  const exchange = connection?.exchanges.find(candidate => candidate.res === this)
  if (connection !== undefined && exchange !== undefined) connection.end(exchange)
}
