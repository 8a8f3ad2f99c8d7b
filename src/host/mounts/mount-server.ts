/**
 * The server that an app sees instead of the host's. Frameworks ask much of an `http.Server` (its address, its events,
 * a listen and a close with their callbacks); this one answers for its mount alone, and never binds, so that closing
 * one app leaves the others up. Settings of connections (timeouts and the like) are the host's: here they do nothing.
 */
import { EventEmitter } from 'node:events'
import { type IncomingMessage, Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HeldPass, MountServer, PendingReply } from '../../adapters/port.js'
import { SynclessError } from '../../core/base/errors.js'
import { answer } from '../answer/answer.js'
import { carryHeaders } from '../answer/carry-headers.js'
import { HeldAnswer } from '../answer/held-answer.js'
import { exchangeAt } from '../request/connection.js'
import { InFlight } from '../request/in-flight.js'
import { Announced } from './announced.js'
import { awaitHost, awaitsNoMore } from './awaiting-host.js'

/** The questions of a mount server to its host. */
export interface MountServerHost {
  /** Whether it is to serve clients for which it need not listen: in memory, or of another server. */
  readonly usedWithoutListening: boolean
  readonly listening: boolean
  /** Whether it is about to listen, or is a part of a server that may. */
  readonly starts: boolean
  /** Whether its requests may come by HTTP/2. */
  readonly speaksHttp2: boolean
  address(): AddressInfo | string | null
  /** Whether it is `host`, or is reached through one that is. */
  isInside(host: object): boolean
  /** `server` was told to listen when the host did already. */
  listenRequested(server: HostedServer): void
  /** Whether another server at the path of `server` takes its upgrades. */
  upgradesTaken(server: HostedServer): boolean
  /** Destroys the connections on which `server` has an unfinished response or an upgraded protocol. */
  destroyConnections(server: HostedServer): void
}

export class HostedServer extends Server implements MountServer {
  readonly path: string
  readonly handsOver: boolean
  readonly runsHooks: boolean
  readonly inFlight = new InFlight()
  listenRequested = false
  /** The host that is mounted on it, by which its upgrades are taken; null for any other app. */
  nested: object | null = null
  /** Announces its connections; null where nobody has asked for them. */
  announced: Announced | null = null
  /** Whether its app is starting, or is going to. */
  starting = false
  #contest: SynclessError | null = null
  /** Whether nobody has listened to its requests yet. */
  #ownerless = true
  /** Whether a library has taken the listeners off, and is about to add its own. */
  #takenOver = false
  /** Listeners that libraries have put in place of what they took off. */
  readonly #librarys = new Set<unknown>()
  #shared = false
  /** Whether new requests are refused: it is closing, or closed. */
  quiesced = false
  readonly #host: MountServerHost
  #closing: Promise<void> | null = null

  static {
    // Instrumentations of Node's HTTP server put theirs on `http.Server.prototype`. They have seen each request already, at
    // the server that listens.
    HostedServer.prototype.emit = EventEmitter.prototype.emit
    // Node's types have it as a property, its code as an accessor; so does this.
    Object.defineProperty(HostedServer.prototype, 'listening', {
      configurable: true,
      get(this: HostedServer) {
        return this.#host.listening && this.#closing === null
      },
    })
  }

  constructor(path: string, host: MountServerHost, handsOver: boolean, runsHooks: boolean) {
    super()
    this.path = path
    this.handsOver = handsOver
    this.runsHooks = runsHooks
    this.#host = host
    // Node's own listeners serve a server that has connections: they parse, and time slow clients out.
    this.removeAllListeners('connection')
    this.removeAllListeners('listening')
    this.on('request', unowned)
    this.on('newListener', this.#listenerAdded)
    this.on('removeListener', this.#listenerRemoved)
  }

  #listenerAdded(event: string | symbol, listener: unknown): void {
    if (event === 'request' && listener !== unowned && this.#ownerless) {
      this.#ownerless = false
      this.off('request', unowned)
    } else if (event === 'request' && this.#takenOver) {
      this.#takenOver = false
      this.#librarys.add(listener)
    }
    if (event === 'connection') this.announced ??= new Announced(this)
    if (event !== 'upgrade' || !this.#host.upgradesTaken(this)) return
    // A plugin that throws while its app starts is an uncaught exception, and the app would never be ready.
    if (!this.starting) throw upgradeTaken(this.path)
    this.#contest ??= upgradeTaken(this.path)
  }

  #listenerRemoved(event: string | symbol, listener: unknown): void {
    if (event !== 'request') return
    // Engine.IO and Socket.IO take the listeners that they find, and call them for whatever is not their own.
    if (listener === unowned) this.#takenOver ||= this.#ownerless
    else if (this.#librarys.delete(listener)) this.#takenOver = true
    else this.#shared = true
    this.#ownerless = false
  }

  /** @internal Whether a library has taken over its requests, and nobody else has ever listened to them. */
  get isLibrarys(): boolean {
    return !this.#shared && this.#librarys.size === 1 && this.listenerCount('request') === 1
  }

  /** @internal Whether anybody wants its requests. */
  get served(): boolean {
    return this.listeners('request').some(listener => listener !== unowned)
  }

  /** @internal The app has started. Throws `UPGRADE_TAKEN` if another mount takes its upgrades. */
  started(): void {
    if (this.#contest !== null && this.listenerCount('upgrade') > 0 && this.#host.upgradesTaken(this))
      throw this.#contest
    this.starting = false
  }

  /**
   * Emits 'listening', and calls the callback, when the host listens. An aborted `signal` closes it. Every other argument is
   * the host's to decide. After `listen(0)`, as tests call it, it emits a `HOST_STATE` error unless the host begins to listen
   * within a second, if somebody listens to errors.
   * Throws `HOST_STATE` once closed.
   */
  override listen(...args: unknown[]): this {
    if (this.#closing !== null) {
      throw new SynclessError('HOST_STATE', `the app at "${this.path}" was told to listen after it had been closed`)
    }
    const callback = args.at(-1)
    if (isCallback(callback)) this.once('listening', callback)
    this.#closeOn(signalOf(args[0]))
    this.listenRequested = true
    if (this.#host.listening) this.#host.listenRequested(this)
    else awaitHost(this, args[0] === 0)
    return this
  }

  #closeOn(signal: AbortSignal | undefined): void {
    if (signal === undefined) return
    const close = () => void this.close()
    if (signal.aborted) process.nextTick(close)
    else {
      signal.addEventListener('abort', close, { once: true })
      this.once('close', () => signal.removeEventListener('abort', close))
    }
  }

  /** @internal */
  get speaksHttp2(): boolean {
    return this.#host.speaksHttp2
  }

  /** @internal Whether it is a mount of `host`, or of one inside it. */
  isInside(host: object): boolean {
    return this.#host.isInside(host)
  }

  /** @internal Whether it is of no use unless its host listens. */
  get needsListener(): boolean {
    return !this.#host.usedWithoutListening
  }

  /** @internal */
  get hostStarts(): boolean {
    return this.#host.starts
  }

  /** @internal The host listens. */
  hostListens(): void {
    awaitsNoMore(this)
    if (this.#closing === null) this.emit('listening')
  }

  override address(): AddressInfo | string | null {
    return this.#host.address()
  }

  hasNext(req: IncomingMessage): boolean {
    return (exchangeAt(this, req)?.handOver ?? null) !== null
  }

  passOn(of: IncomingMessage | PendingReply): void {
    if ('hijack' in of) carryHeaders(of, () => this.passOn(of.raw.req))
    else {
      const exchange = exchangeAt(this, of)
      exchange?.owner.passOn(exchange)
    }
  }

  passOnAndHold(req: IncomingMessage): HeldPass {
    const exchange = exchangeAt(this, req)
    if (exchange === undefined || exchange.outcome !== null || exchange.res.headersSent) return nothingHeld
    const held = new HeldAnswer(exchange.res, error => exchange.fail(error))
    exchange.held ??= []
    exchange.held.push(held)
    exchange.owner.passOn(exchange)
    return held
  }

  quiesce(): Promise<void> {
    this.quiesced = true
    // Fastify closes no server unless it listens.
    awaitsNoMore(this)
    return this.inFlight.idle()
  }

  /** Waits for this mount's responses, then emits 'close' and calls the callback. The host and its socket stay up. */
  override close(callback?: (error?: Error) => void): this {
    const wasListening = this.listening
    if (callback !== undefined) {
      this.once('close', () => (wasListening ? callback() : callback(notRunning())))
    }
    this.#closing ??= this.quiesce()
    this.#closing.then(() => this.emit('close'))
    return this
  }

  /**
   * @internal Closes with the host, unless it is closed already. What takes upgrades is told now: it holds its clients in
   * long polls too, and would not let go of them before.
   */
  async closeWithHost(): Promise<void> {
    if (this.#closing !== null) return this.#closing
    this.#closing = this.quiesce()
    const early = this.listenerCount('upgrade') > 0
    if (early) this.emit('close')
    await this.#closing
    if (!early) this.emit('close')
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing === null) this.close()
    await this.#closing
  }

  /** Idle connections are the host's, and other mounts use them. */
  override closeIdleConnections(): void {}

  override closeAllConnections(): void {
    this.#host.destroyConnections(this)
  }

  override getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this.inFlight.count)
    return this
  }

  override ref(): this {
    return this
  }

  override unref(): this {
    return this
  }
}

const nothingHeld: HeldPass = { decided: Promise.resolve(), release() {} }

// The first listener of every mount server. Engine.IO takes the listeners it finds and calls them for whatever it does
// not own; without one, such a request would get no answer at all.
function unowned(this: HostedServer, req: IncomingMessage, res: ServerResponse): void {
  if (this.listenerCount('request') > 1) return
  if (this.handsOver) this.passOn(req)
  else answer(res, 404)
}

function upgradeTaken(path: string): SynclessError {
  return new SynclessError(
    'UPGRADE_TAKEN',
    'give each WebSocket or Socket.IO server its own path with host.server(path): another mount has the upgrades under ' +
      `"${path}" already`,
  )
}

function isCallback(value: unknown): value is () => void {
  return typeof value === 'function'
}

function signalOf(options: unknown): AbortSignal | undefined {
  if (typeof options !== 'object' || options === null || !('signal' in options)) return undefined
  return options.signal instanceof AbortSignal ? options.signal : undefined
}

function notRunning(): Error {
  return Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' })
}
