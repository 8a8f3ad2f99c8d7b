/**
 * Connections as the server of a mount tells them. Libraries that end a server listen to `connection`, keep each socket until
 * it closes, and destroy what is left at their deadline. The real socket also carries requests of other mounts. So each request
 * and each upgrade of a mount is announced by a socket of its own, which stands for nothing else. A mount's server makes none
 * unless somebody listens.
 */
import type { Server, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { breakOff } from '../../adapters/underlying-stream.js'
import type { Exchange } from '../request/exchange.js'

/** A request or an upgrade, as the socket that stands for it sees it. */
interface Carried {
  /** The response under way; null after an upgrade. */
  readonly res: ServerResponse | null
  /** The socket with the addresses of the client and of the host. */
  readonly from: object & { readonly [name in (typeof ADDRESSES)[number]]?: unknown }
  end(): void
  destroy(): void
}

/** Ended or destroyed, it does that to the one thing it stands for. Its other settings are the host's: they do nothing. */
class StandIn extends Socket {
  /** Libraries tell a plain connection from a secure one by this. */
  readonly server: Server
  /** Libraries find the response under way here, as on a socket of Node's. */
  readonly _httpMessage: ServerResponse | null
  readonly #carried: Carried

  constructor(server: Server, carried: Carried) {
    super()
    this.server = server
    this._httpMessage = carried.res
    this.#carried = carried
    for (const name of ADDRESSES) Object.defineProperty(this, name, { get: () => carried.from[name] })
  }

  override setTimeout(): this {
    return this
  }

  override end(): this {
    this.#carried.end()
    return this
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#carried.destroy()
    super._destroy(error, callback)
  }
}

const ADDRESSES = ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily'] as const

/** Announces the requests and upgrades of one mount server. */
export class Announced {
  readonly #server: Server
  readonly #standIns = new Map<Exchange, StandIn>()

  constructor(server: Server) {
    this.#server = server
  }

  /** Announces a request. False if a listener refuses it. */
  begin(exchange: Exchange): boolean {
    const { req, res } = exchange
    let begun = false
    const standIn = new StandIn(this.#server, {
      res,
      from: req.socket,
      // Ending a connection lets an answer end first.
      end() {},
      destroy: () => {
        if (this.#standIns.delete(exchange) && begun) breakOff(res)
      },
    })
    this.#standIns.set(exchange, standIn)
    this.#server.emit('connection', standIn)
    begun = true
    return !standIn.destroyed
  }

  /** The request is over, or another mount's. */
  over(exchange: Exchange): void {
    const standIn = this.#standIns.get(exchange)
    if (standIn === undefined) return
    this.#standIns.delete(exchange)
    standIn.destroy()
  }

  /** Announces an upgrade. False if a listener refuses it. */
  upgraded(socket: Duplex): boolean {
    let begun = false
    const standIn = new StandIn(this.#server, {
      res: null,
      from: socket,
      end: () => void socket.end(),
      destroy() {
        if (begun) socket.destroy()
      },
    })
    socket.once('close', () => standIn.destroy())
    this.#server.emit('connection', standIn)
    begun = true
    return !standIn.destroyed
  }
}
