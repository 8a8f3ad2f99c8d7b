import type { Duplex } from 'node:stream'
import { destroyStream, underlyingStream } from '../../adapters/underlying-stream.js'
import type { Scope } from '../../core/scope/scope.js'
import { BorrowedConnections } from './borrowed-connections.js'
import type { Connection } from './connection.js'
import type { Exchange, ExchangeOwner, PendingHandOver } from './exchange.js'

/** The traffic of a host: its connections, the connections of other servers that it serves on, and the scopes of past requests. */
export class Traffic {
  /** The host's own that are open. */
  readonly connections = new Set<Connection>()
  readonly borrowed = new BorrowedConnections()
  /** Scopes of requests that are over and whose tasklets are at work. */
  readonly lingering = new Set<Scope>()

  /** The requests without their whole answer, on `connections` of the host's own and on borrowed ones. */
  exchanges(connections: Iterable<Connection> = this.connections): Exchange[] {
    return [...Array.from(connections, ({ exchanges }) => exchanges).flat(), ...this.borrowed.exchanges]
  }

  /** The scopes of these requests and of past ones. */
  scopes(exchanges: Iterable<Exchange> = this.exchanges()): Set<Scope> {
    const scopes = new Set(this.lingering)
    for (const { startedScope } of exchanges) if (startedScope !== null) scopes.add(startedScope)
    return scopes
  }

  /** How many tasklets are in them. */
  tasklets(exchanges?: Iterable<Exchange>): number {
    return [...this.scopes(exchanges)].reduce((sum, { size }) => sum + size, 0)
  }

  /** How many of `connections`, and of the borrowed ones, have changed their protocol. */
  upgrades(connections: Iterable<Connection> = this.connections): number {
    return [...connections].filter(({ upgradedBy }) => upgradedBy !== null).length + this.borrowed.upgrades.size
  }

  /** The requests in flight that may be handed over to `owner`. */
  expectedBy(owner: ExchangeOwner): PendingHandOver[] {
    return this.exchanges().flatMap(({ handOver }) => (handOver?.mayReach(owner) === true ? [handOver] : []))
  }

  /** Keeps a scope until its tasklets are gone. */
  lingers(scope: Scope): void {
    const end = scope.close()
    if (scope.ended) return
    this.lingering.add(scope)
    end.then(() => this.lingering.delete(scope))
  }

  /** Destroys what carries the requests and upgrades of `server`, the server of a mount. */
  destroy(server: object): void {
    const mine = ({ owner }: Exchange) => owner.server === server
    const sockets: Duplex[] = []
    for (const { socket, upgradedBy, exchanges } of this.connections) {
      if (upgradedBy === server || exchanges.some(mine)) sockets.push(socket)
    }
    for (const exchange of this.borrowed.exchanges) if (mine(exchange)) sockets.push(underlyingStream(exchange.req))
    for (const [socket, taker] of this.borrowed.upgrades) if (taker === server) sockets.push(socket)
    for (const socket of sockets) destroyStream(socket)
  }
}
