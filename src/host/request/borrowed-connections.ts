import type { Duplex } from 'node:stream'
import { underlyingStream } from '../../adapters/underlying-stream.js'
import type { Connection } from './connection.js'
import type { Exchange } from './exchange.js'

/** What a host serves on connections that another server has accepted, and that are that server's to end. */
export class BorrowedConnections {
  /** Requests without their whole answer. */
  readonly exchanges = new Set<Exchange>()
  /** The sockets that have changed their protocol, each with the mount server that took it. */
  readonly upgrades = new Map<Duplex, object>()

  /** A request has come, which `next` has if no mount of the host takes it. */
  entered(exchange: Exchange, next: () => void): void {
    this.exchanges.add(exchange)
    exchange.visit = { next, over: this.#over }
  }

  readonly #over = (exchange: Exchange): void => {
    this.exchanges.delete(exchange)
  }

  upgraded(socket: Duplex, server: object): void {
    this.upgrades.set(socket, server)
    socket.once('close', () => this.upgrades.delete(socket))
  }

  /** The streams of its requests and upgrades: destroying a stream ends what it carries. */
  get carriers(): Set<Duplex> {
    return new Set([...this.upgrades.keys(), ...Array.from(this.exchanges, ({ req }) => underlyingStream(req))])
  }
}

/** Where the records of such connections are entered: no host of ours ends them. */
export const elsewhere: Set<Connection> = new Set()
