/**
 * Between the network and the engines: the addresses a host listens at, and what becomes of a connection until it is
 * known what is spoken on it.
 */
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { MessagePrototypes } from '../../adapters/port.js'
import { codeOf, messageOf, nameOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'
import { timerDelay } from '../../core/ops/sleep.js'
import type { Engine, EngineSink } from './engine.js'
import { nameOf as addressName, type ListenAddress, type Protocol } from './listen-address.js'
import { type Listener, listenAt } from './listener.js'
import { type NodeHttpOptions, nodeHttpEngine } from './node-http-engine.js'
import { type Http2Options, nodeHttp2Engine } from './node-http2-engine.js'
import { type TlsOptions, tlsTermination } from './tls.js'
import { peekFirstByte, TLS_HANDSHAKE } from './tls-or-http.js'

export interface TransportOptions {
  http?: NodeHttpOptions | undefined
  tls?: TlsOptions | undefined
  http2?: boolean | Http2Options | undefined
  /** How many connections may be open at once. */
  connections?: number | undefined
}

export class Transport {
  readonly #sink: EngineSink
  readonly #http: NodeHttpOptions
  readonly #engine: Engine
  readonly #http2: Engine | null
  readonly #allowHTTP1: boolean
  readonly #secure: ((raw: Socket) => void) | null
  /** Connections that have not come so far that an engine has them. */
  readonly #pending = new Set<Socket>()
  readonly #most: number
  #open = 0
  /** How many connections were refused because there were too many. */
  refused = 0
  #listeners: Listener[] = []
  #stopped = false

  /** Throws `INVALID_ARGUMENT`. */
  constructor(sink: EngineSink, options: TransportOptions) {
    const { http = {}, http2 = false, tls, connections = Number.POSITIVE_INFINITY } = options
    this.#sink = sink
    this.#most = connections
    this.#http = http
    this.#engine = checked('http', () => nodeHttpEngine(sink, http))
    this.#http2 = http2 === false ? null : checked('http2', () => nodeHttp2Engine(sink, http, optionsOf(http2)))
    this.#allowHTTP1 = http2 === false || optionsOf(http2).allowHTTP1 !== false
    this.#secure = tls === undefined ? null : checked('tls', () => this.#termination(tls))
    if (this.#http2 === null || this.#secure !== null) return
    throw new SynclessError(
      'INVALID_ARGUMENT',
      'createHost({ http2 }): pass { tls } with a certificate: clients choose HTTP/2 in their TLS handshake',
    )
  }

  /** Whether it takes no connections any more. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Whether it has a certificate. */
  get secure(): boolean {
    return this.#secure !== null
  }

  /** Whether a connection may speak HTTP/2. */
  get speaksHttp2(): boolean {
    return this.#http2 !== null
  }

  #termination(options: TlsOptions): (raw: Socket) => void {
    const protocols = [...(this.#http2 === null ? [] : ['h2']), ...(this.#allowHTTP1 ? ['http/1.1'] : [])]
    return tlsTermination(options, protocols, {
      secured: (socket, raw) => {
        this.#pending.delete(raw)
        const http1 = this.#http2 === null || (this.#allowHTTP1 && socket.alpnProtocol !== 'h2')
        if (http1) this.#engine.accept(socket)
        else this.#http2.accept(socket)
      },
      failed: (error, socket) => {
        socket.destroy()
        if (codeOf(error) === 'ECONNRESET') return
        this.#sink.failed(
          new SynclessError('TLS_HANDSHAKE_FAILED', `no secure connection with a client (${nameOf(error)})`, {
            cause: error,
          }),
        )
      },
    })
  }

  /**
   * Listens at all of the addresses, or at none. Rejects with `ADDRESS_IN_USE`, `STALE_SOCKET` or `INVALID_ARGUMENT`; it
   * may then be called again.
   */
  async bind(addresses: readonly ListenAddress[]): Promise<void> {
    const listeners: Listener[] = []
    try {
      for (const address of addresses) listeners.push(await this.#listen(address))
    } catch (error) {
      await Promise.all(listeners.map(listener => listener.close()))
      throw error
    }
    this.#listeners = listeners
    if (this.#stopped) await this.stop()
  }

  #listen(address: ListenAddress): Promise<Listener> {
    const protocol = address.protocol ?? (this.#secure === null ? 'http' : 'https')
    if (this.#secure === null && protocol !== 'http') {
      throw new SynclessError(
        'INVALID_ARGUMENT',
        `pass createHost({ tls }): ${addressName(address)} speaks ${protocol}, and the host has no certificate`,
      )
    }
    const { noDelay = true, keepAlive, keepAliveInitialDelay, highWaterMark } = this.#http
    const options = { noDelay, keepAlive, keepAliveInitialDelay, highWaterMark, allowHalfOpen: protocol !== 'https' }
    return listenAt(address, options, {
      accept: socket => this.#accepted(socket, protocol),
      failed: error => {
        this.#sink.failed(
          new SynclessError(
            'ACCEPT_FAILED',
            `no connection could be accepted at ${addressName(address)} (${nameOf(error)})`,
            { cause: error },
          ),
        )
      },
    })
  }

  #accepted(socket: Socket, protocol: Protocol): void {
    if (this.#most < Number.POSITIVE_INFINITY && !this.#hasRoom(socket)) return
    if (protocol === 'http') {
      this.#engine.accept(socket)
      return
    }
    this.#pending.add(socket)
    socket.once('close', () => this.#pending.delete(socket))
    if (protocol === 'https') this.#secure?.(socket)
    else this.#distinguish(socket)
  }

  #hasRoom(socket: Socket): boolean {
    if (this.#open >= this.#most) {
      this.refused++
      socket.destroy()
      return false
    }
    this.#open++
    socket.once('close', () => this.#open--)
    return true
  }

  #distinguish(socket: Socket): void {
    const destroy = () => socket.destroy()
    socket.on('error', ignore)
    socket.setTimeout(timerDelay(this.#http.headersTimeout ?? HEADERS_TIMEOUT), destroy)
    peekFirstByte(socket, byte => {
      socket.off('error', ignore).off('timeout', destroy).setTimeout(0)
      if (byte === TLS_HANDSHAKE) {
        socket.allowHalfOpen = false
        this.#secure?.(socket)
      } else {
        this.#pending.delete(socket)
        this.#engine.accept(socket)
      }
    })
  }

  /** Serves a connection that something else has accepted, and on which HTTP/1.1 is spoken. */
  accept(connection: Duplex): void {
    this.#engine.accept(connection)
  }

  usePrototypes(prototypes: MessagePrototypes | null): void {
    this.#engine.usePrototypes(prototypes)
  }

  /** Where it listens; empty while it does not. */
  addresses(): (AddressInfo | string)[] {
    return this.#listeners.flatMap(listener => listener.address() ?? [])
  }

  /**
   * Stops accepting, and drops connections that no engine has yet; it touches no other. Resolves when the last one that
   * came in by an address has ended, with what failed.
   */
  async stop(): Promise<SynclessError[]> {
    this.#stopped = true
    const closed = this.#listeners.splice(0).map(listener => listener.close())
    for (const socket of this.#pending) socket.destroy()
    const failures = await Promise.all(closed)
    this.#engine.close()
    this.#http2?.close()
    return failures.filter(failure => failure !== null)
  }
}

/** Node's own, in milliseconds. */
const HEADERS_TIMEOUT = 60_000

function ignore(): void {}

function optionsOf(http2: boolean | Http2Options): Http2Options {
  return typeof http2 === 'object' ? http2 : {}
}

function checked<T>(option: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new SynclessError('INVALID_ARGUMENT', `createHost({ ${option} }): ${messageOf(error)}`, { cause: error })
  }
}
