/**
 * One connection and its exchanges. A pipelined response that waits for its turn has no socket of its own yet and never
 * emits 'close', so that one listener on the socket settles whatever is unfinished when it closes.
 */
import { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { hasStream, underlyingStream } from '../../adapters/underlying-stream.js'
import { startTimer } from '../../core/ops/sleep.js'
import type { Session } from '../transport/engine.js'
import type { Exchange } from './exchange.js'

/** How often a paused socket is read for a moment, in milliseconds. */
const LOOK_EVERY = 1000
/** How many requests may wait on one connection for it to be read further. */
const MOST_LATER = 1000
/** How often nothing may have been answered on a connection that is not read any more. */
const MOST_LOOKS = 300

const connections = new WeakMap<Duplex, Connection>()

export class Connection {
  readonly socket: Duplex
  /** Unfinished, in the order of their requests; hardly ever more than one. */
  readonly exchanges: Exchange[] = []
  /** The mount server to which the socket was handed when it changed its protocol. */
  upgradedBy: object | null = null
  /** Where the requests of the connection are carried apart, each by a stream that has a record of its own. */
  readonly #session: Session | undefined
  readonly #open: Set<Connection>
  #state: 'open' | 'leaving' | 'ending' = 'open'
  /** The exchange whose answer says that the connection ends. */
  #last: Exchange | null = null
  /** Requests beyond the depth to which it is served at once; null where there have been none. */
  #later: (() => void)[] | null = null
  /** Whether a paused socket is read for a moment. */
  #looking = false
  #stopLooking: () => void = () => {}

  /** The record of `socket`, made when the socket is first seen and kept in `open` until it closes. */
  static of(socket: Duplex, open: Set<Connection>, session?: Session): Connection {
    return connections.get(socket) ?? new Connection(socket, open, session)
  }

  private constructor(socket: Duplex, open: Set<Connection>, session: Session | undefined) {
    this.socket = socket
    this.#session = session
    this.#open = open
    connections.set(socket, this)
    if (socket.closed) return
    open.add(this)
    socket.once('close', () => this.#closed())
  }

  /** Whether nothing is under way on it. */
  get idle(): boolean {
    return this.exchanges.length === 0 && this.upgradedBy === null && (this.#session?.streams ?? 0) === 0
  }

  /** Whether its client has been told that it ends: what is read after that must not be served, nor can be answered. */
  get over(): boolean {
    return this.#last?.res.headersSent === true && this.#last.res.getHeader('connection') === 'close'
  }

  begin(exchange: Exchange): void {
    this.exchanges.push(exchange)
    exchange.responseClosed = () => this.#ended(exchange)
    exchange.res.on('close', exchange.responseClosed)
    if (this.#state !== 'open') this.#endWith(exchange)
    // Parsed from what a client had sent before it was gone.
    if (this.socket.closed) queueMicrotask(() => this.#closed())
  }

  /** The response of an exchange has closed. */
  #ended(exchange: Exchange): void {
    const { exchanges } = this
    // Responses are sent in the order of their requests, and hardly ever is there more than one.
    const at = exchanges.indexOf(exchange)
    if (at < 0) return
    if (exchanges.length === 1) exchanges.pop()
    else exchanges.splice(at, 1)
    exchange.settle()
    if (this.#later !== null) this.#serveNext(this.#later)
    if (this.#state === 'ending' && this.exchanges.length === 0) endSocket(this.socket)
  }

  /**
   * Has the latest exchange wait until an earlier one is over. Nothing is read meanwhile: the body of an exchange that is
   * served has come, as the next request came after it.
   */
  serveLater(run: () => void): void {
    this.#later ??= this.#makeLater()
    this.#later.push(AsyncResource.bind(run, 'SynclessPipelined'))
    this.socket.pause()
  }

  #makeLater(): (() => void)[] {
    const later: (() => void)[] = []
    // The parser resumes the socket after each request, and so does whoever reads a body.
    this.socket.on('resume', () => {
      if (later.length > 0 && !this.#looking) this.socket.pause()
    })
    this.#lookForEnd(later)
    return later
  }

  /**
   * A socket that is paused does not tell that its client has left. So a little more is read from time to time; what it brings
   * waits as well. A client that has sent too much for that is cut off when nothing has been answered for long.
   */
  #lookForEnd(later: (() => void)[]): void {
    let stuckSince: { readonly first: Exchange | undefined; looks: number } = { first: undefined, looks: 0 }
    const look = () => {
      if (this.socket.destroyed) return
      this.#stopLooking = startTimer(LOOK_EVERY, look)
      if (later.length === 0) return
      if (later.length < MOST_LATER) {
        this.#looking = true
        this.socket.resume()
        setImmediate(() => {
          this.#looking = false
          if (later.length > 0) this.socket.pause()
        })
        return
      }
      const [first] = this.exchanges
      if (stuckSince.first !== first) stuckSince = { first, looks: 0 }
      if (++stuckSince.looks > MOST_LOOKS) this.socket.destroy()
    }
    this.#stopLooking = startTimer(LOOK_EVERY, look)
  }

  #serveNext(later: (() => void)[]): void {
    const run = later.shift()
    if (run === undefined) return
    if (later.length === 0) this.socket.resume()
    run()
  }

  /** As `begin`, for a host inside another server. A request that another host has begun is one of the connection's already. */
  visit(exchange: Exchange): void {
    const outer = this.exchanges.findLast(({ req }) => req === exchange.req)
    if (outer === undefined) this.begin(exchange)
    else outer.innermost.inner = exchange
  }

  /** Leaves an exchange that has visited, and of which nothing was answered, to whoever called. */
  withdraw(exchange: Exchange): void {
    this.forget(exchange)
    exchange.release()
  }

  /** Takes an exchange off that is not over. */
  forget(exchange: Exchange): void {
    const at = this.exchanges.indexOf(exchange)
    if (at < 0) for (const outer of this.exchanges) outer.forget(exchange)
    else {
      this.exchanges.splice(at, 1)
      exchange.res.off('close', exchange.responseClosed)
    }
  }

  /** Says on its next answer that it ends, so that the client takes the request after that elsewhere. */
  leave(): void {
    if (this.#state !== 'open' || this.upgradedBy !== null) return
    this.#state = 'leaving'
    const last = this.exchanges.at(-1)
    if (this.#session !== undefined) this.#session.close()
    else if (last !== undefined) this.#endWith(last)
  }

  /** Ends the connection as soon as every request on it has its whole answer, which is now if there is none. */
  endWhenAnswered(): void {
    if (this.#state === 'ending' || this.upgradedBy !== null) return
    this.leave()
    this.#state = 'ending'
    if (this.#session === undefined && this.exchanges.length === 0) endSocket(this.socket)
  }

  /**
   * The last response says so to the client, if its head has not been sent; one before it would cut off the others.
   * HTTP/2 says it for the session as a whole, and has no such header.
   */
  #endWith(exchange: Exchange): void {
    if (exchange.res.headersSent || hasStream(exchange.req)) return
    if (this.#last?.res.headersSent === false) this.#last.res.setHeader('Connection', 'keep-alive')
    exchange.res.setHeader('Connection', 'close')
    this.#last = exchange
  }

  #closed(): void {
    this.#stopLooking()
    this.#open.delete(this)
    this.#later?.splice(0)
    for (const exchange of this.exchanges.splice(0)) exchange.settle()
  }
}

/** Ends a socket when what was written to it, and `lastWords`, has been sent; its client need not end it too. */
export function endSocket(socket: Duplex, lastWords?: string): void {
  socket.end(lastWords, () => socket.destroy())
}

/** The unfinished exchange of a request; the innermost, where hosts are nested. */
export function openExchange(req: IncomingMessage): Exchange | undefined {
  return connections.get(underlyingStream(req))?.exchanges.find(exchange => exchange.req === req)?.innermost
}

/** The unfinished exchange of a request; the outermost, where hosts are nested. */
export function outermostExchange(req: IncomingMessage): Exchange | undefined {
  return connections.get(underlyingStream(req))?.exchanges.find(exchange => exchange.req === req)
}

/** The mount server to which a socket was handed when it changed its protocol. */
export function upgradeTakerOf(socket: Duplex): object | null {
  return connections.get(socket)?.upgradedBy ?? null
}

/** The unfinished exchange of a request at a mount server. */
export function exchangeAt(server: object, req: IncomingMessage): Exchange | undefined {
  let exchange = connections.get(underlyingStream(req))?.exchanges.find(candidate => candidate.req === req) ?? null
  while (exchange !== null && exchange.owner.server !== server) exchange = exchange.inner
  return exchange ?? undefined
}

/** Leaves an exchange that has visited, and of which nothing was answered, to whoever called. */
export function withdraw(exchange: Exchange): void {
  connections.get(underlyingStream(exchange.req))?.withdraw(exchange)
}
