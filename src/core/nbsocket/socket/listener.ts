import type { AddressInfo, Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { assertOptions } from '../../base/arguments.js'
import { rethrowIfExit, SynclessError } from '../../base/errors.js'
import { List } from '../../base/list.js'
import { report } from '../../base/report.js'
import { listener as callback } from '../../loop/callback.js'
import { type Co, Node, type Op } from '../../loop/op.js'
import { action } from '../../ops/action.js'
import { go } from '../../scope/go.js'
import { scope } from '../../scope/scope-block.js'
import { bondToScope } from '../../scope/scope-bond.js'
import { timeout } from '../../scope/timeout.js'
import { nameOf, type SocketAddress } from '../bytes/address.js'
import { ignoreError, messageOf, SocketError, systemCodeOf } from '../bytes/socket-error.js'
import type { ListenOptions } from './listen-options.js'
import { NbSocket } from './nbsocket.js'
import { type ServerTlsOptions, serverHandshake } from './tls.js'
import { tlsOrPlain } from './tls-or-plain.js'

/** The counters of a listener. */
export interface ListenerStatistics {
  /** The number of connections that `accept()` gave. */
  readonly accepted: number
  /** The number of connections that wait for an `accept()`. */
  readonly waiting: number
  /** The number of connections that were dropped: beyond `queue` or `connections`. */
  readonly dropped: number
  /** The number of connections that could not be accepted or secured. */
  readonly failed: number
}

/** The handler that {@link Listener.serve} runs for each connection. */
export type Serve = (sock: NbSocket) => Co<unknown>

/** Options of {@link Listener.serve}. */
export interface ServeOptions {
  /**
   * Called when a handler fails. By default an error of the connection itself (`SOCKET_BROKEN`, `TIMEOUT`, or
   * `SOCKET_CLOSED` if it was closed) is ignored, and any other error is a process warning. The server goes on.
   */
  onError?: (error: unknown, sock: NbSocket) => void
}

/**
 * A listener for connections, made by {@link listen}. It belongs to the scope in which it is made, and is closed with
 * the scope.
 */
export class Listener implements AsyncDisposable, Disposable {
  /** The time that an `accept()` may wait, in ms, before it fails with `TIMEOUT`. `Infinity`, the default, means no limit. */
  timeout = Number.POSITIVE_INFINITY
  /** The name in descriptions and errors. */
  readonly name: string
  /** The address of the listener; a path for a Unix-domain socket. */
  readonly address: SocketAddress | string
  readonly #server: Server
  readonly #options: ListenOptions
  readonly #tell: ((error: SocketError) => void) | null
  readonly #accepting = new List<Node<unknown>>()
  readonly #queue: Duplex[] = []
  /** The handshakes that go on: functions that give them up. */
  readonly #securing = new Set<() => void>()
  readonly #unbond: () => void
  #refusal: ((what: string) => unknown) | null = null
  #accepted = 0
  #dropped = 0
  #failed = 0

  /** @internal Use {@link listen}. */
  constructor(server: Server, options: ListenOptions) {
    this.#server = server
    this.#options = options
    this.#tell = options.onError === undefined ? null : callback('onError of listen()', options.onError)
    const address = server.address() as AddressInfo | string
    this.address = typeof address === 'string' ? address : ({ ...address } as SocketAddress)
    this.name = `listener at ${nameOf(this.address)}`
    server.on('connection', this.#onConnection).on('drop', this.#onDrop)
    server.off('error', ignoreError).on('error', this.#onError)
    try {
      this.#unbond = bondToScope(this.name, error => {
        this.#refuse(what => new SocketError('SOCKET_CLOSED', `${what}: it ended with its scope`, error))
      })
    } catch (error) {
      server.close()
      throw error
    }
  }

  /** The port of the listener; 0 for a Unix-domain socket. */
  get port(): number {
    return typeof this.address === 'string' ? 0 : this.address.port
  }

  /** Whether the listener was closed. */
  get closed(): boolean {
    return this.#refusal !== null
  }

  statistics(): ListenerStatistics {
    return { accepted: this.#accepted, waiting: this.#queue.length, dropped: this.#dropped, failed: this.#failed }
  }

  /**
   * Waits for a connection whose handshake is over. The socket belongs to the scope of the tasklet that accepts it.
   * Without TLS, nothing is read from the connection before the first receive. Fails with `SOCKET_CLOSED` when the
   * listener is closed.
   */
  accept(): Op<NbSocket> {
    const accepted: Op<Duplex> = new AcceptNode(this)
    const { timeout: time, lifetime } = this.#options
    const limited = this.timeout === Number.POSITIVE_INFINITY ? accepted : timeout(this.timeout, accepted)
    return limited.map(
      stream =>
        new NbSocket(stream, {
          ...(typeof this.address === 'string' ? { name: `connection at ${this.address}`, remote: this.address } : {}),
          ...(time === undefined ? {} : { timeout: time }),
          ...(lifetime === undefined ? {} : { lifetime }),
          accepted: true,
        }),
    )
  }

  /**
   * Accepts connections until the listener is closed, and runs `handler` for each in a scope of its own. The connection
   * is closed when that scope is over. A failure in one connection does not end the others; see {@link ServeOptions}.
   * `serve` is itself a scope, which ends when the listener was closed and the last handler is done. Killing the waiting
   * tasklet kills the handlers.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict'
   * import { go } from 'syncless'
   * import { connect, listen } from 'syncless/nbsocket'
   *
   * const server = await listen({ port: 0, host: '127.0.0.1' })
   * const serving = go(() =>
   *   server.serve(function* echo(sock) {
   *     for (let got = yield* sock.recv(); got.length > 0; got = yield* sock.recv()) yield* sock.send(got)
   *   }),
   * )
   * const sock = await connect({ port: server.port, host: '127.0.0.1' })
   * await sock.send('twice')
   * assert.equal(String(await sock.recvExactly(5)), 'twice')
   * await sock.close()
   * await server.close()
   * await serving
   * ```
   */
  serve(handler: Serve, options: ServeOptions = {}): Op<void> {
    if (typeof handler !== 'function') {
      throw new SynclessError('INVALID_ARGUMENT', 'serve() takes a generator function that is given a socket')
    }
    assertOptions('serve()', options)
    const tell = callback('onError of serve()', options.onError ?? reportUnlessOfConnection)
    const listener = this
    return scope(function* serve() {
      while (!listener.closed) {
        let sock: NbSocket
        try {
          sock = yield* listener.accept()
        } catch (error) {
          rethrowIfExit(error)
          if (listener.closed) return
          throw error
        }
        const tasklet = go(function* () {
          try {
            yield* scope(() => handler(sock))
          } catch (error) {
            rethrowIfExit(error)
            tell(error, sock)
          } finally {
            sock.close()
          }
        })
        tasklet.name = handler.name || 'connection'
      }
    })
  }

  /**
   * Stops listening, at once when called. Waiting accepts fail with `SOCKET_CLOSED`, and connections that nobody has
   * accepted are dropped. Accepted connections live on. Later calls do nothing.
   */
  close(): Op<void> {
    this.#refuse(what => new SocketError('SOCKET_CLOSED', `${what}: it was closed here`))
    return action<void>(resolve => {
      const immediate = setImmediate(resolve)
      return () => clearImmediate(immediate)
    }, `close of ${this.name}`)
  }

  /** Sets whether the listener keeps the process alive. At first it does. */
  ref(keep = true): this {
    if (keep) this.#server.ref()
    else this.#server.unref()
    return this
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal Commits `node` if it need not wait. */
  poll(node: AcceptNode): boolean {
    if (this.#refusal !== null) {
      node.fail(this.#refusal(node.describe()))
      return true
    }
    const stream = this.#accepting.length === 0 ? this.#queue.shift() : undefined
    if (stream === undefined) return false
    this.#accepted++
    node.complete(stream)
    return true
  }

  /** @internal */
  enter(node: AcceptNode): void {
    if (!this.poll(node)) this.#accepting.pushBack(node)
  }

  /** @internal */
  leave(node: AcceptNode): void {
    this.#accepting.remove(node)
  }

  #refuse(refusal: (what: string) => unknown): void {
    if (this.#refusal !== null) return
    this.#refusal = refusal
    this.#unbond()
    this.#server.close()
    for (const stop of [...this.#securing]) stop()
    for (const stream of this.#queue.splice(0)) stream.destroy()
    for (let node = this.#accepting.shift(); node !== null; node = this.#accepting.shift())
      node.fail(refusal(node.describe()))
  }

  readonly #onConnection = (raw: Socket) => {
    raw.on('error', ignoreError)
    const { tls, plain = false } = this.#options
    if (this.#refusal !== null) raw.destroy()
    else if (tls === undefined) this.#offer(raw)
    else if (this.#securing.size >= this.#room) this.#drop(raw)
    else if (plain) this.#distinguish(raw, tls)
    else this.#secure(raw, tls)
  }

  #offer(stream: Duplex): void {
    const node = this.#accepting.shift() as AcceptNode | null
    if (node !== null) {
      this.#accepted++
      node.complete(stream)
    } else if (this.#queue.length < this.#room) this.#queue.push(stream)
    else this.#drop(stream)
  }

  get #room(): number {
    return this.#options.queue ?? 1024
  }

  #drop(stream: Duplex): void {
    this.#dropped++
    stream.destroy()
  }

  #secure(raw: Socket, tls: ServerTlsOptions): void {
    const stop = () => {
      this.#securing.delete(stop)
      giveUp()
    }
    this.#securing.add(stop)
    const over = () => this.#securing.delete(stop)
    const giveUp = serverHandshake(
      raw,
      `${this.name} with ${raw.remoteAddress ?? 'a client'}`,
      tls,
      socket => {
        over()
        this.#offer(socket)
      },
      error => {
        over()
        this.#fail(error)
      },
    )
  }

  #distinguish(raw: Socket, tls: ServerTlsOptions): void {
    const stop = () => {
      this.#securing.delete(stop)
      giveUp()
    }
    this.#securing.add(stop)
    const giveUp = tlsOrPlain(raw, this.name, tls.handshakeTimeout, speaks => {
      this.#securing.delete(stop)
      if (speaks === 'tls') this.#secure(raw, tls)
      else if (speaks === 'plain') this.#offer(raw)
    })
  }

  readonly #onDrop = () => {
    this.#dropped++
  }

  readonly #onError = (cause: Error) => {
    const why = systemCodeOf(cause) ?? messageOf(cause)
    this.#fail(new SocketError('ACCEPT_FAILED', `no connection could be accepted at ${this.name}: ${why}`, cause))
  }

  #fail(error: SocketError): void {
    this.#failed++
    if (this.#tell !== null) this.#tell(error)
    else if (error.code === 'ACCEPT_FAILED') report(error, this.name)
  }
}

class AcceptNode extends Node<Duplex> {
  readonly #listener: Listener

  constructor(listener: Listener) {
    super()
    this.#listener = listener
  }

  describe(): string {
    return `accept on ${this.#listener.name}`
  }

  poll(): boolean {
    return this.#listener.poll(this)
  }

  override external(): boolean {
    return true
  }

  protected link(): void {
    this.#listener.enter(this)
  }

  protected unlink(): void {
    this.#listener.leave(this)
  }
}

function reportUnlessOfConnection(error: unknown, sock: NbSocket): void {
  const code = error instanceof SynclessError ? error.code : null
  if (code === 'SOCKET_BROKEN' || code === 'TIMEOUT' || (code === 'SOCKET_CLOSED' && sock.closed)) return
  report(error, `the handler of ${sock.name} failed`)
}
