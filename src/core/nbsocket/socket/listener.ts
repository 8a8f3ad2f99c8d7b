import {
  type AddressInfo,
  createServer,
  type ListenOptions as NodeListenOptions,
  type Server,
  type Socket,
} from 'node:net'
import type { Duplex } from 'node:stream'
import { assertOptions } from '../../base/arguments.js'
import { rethrowIfExit, SynclessError } from '../../base/errors.js'
import { List } from '../../base/list.js'
import { report } from '../../base/report.js'
import { listener as callback } from '../../loop/callback.js'
import { type Co, Node, type Op } from '../../loop/op.js'
import { action } from '../../ops/action.js'
import { timerDelay } from '../../ops/sleep.js'
import { go } from '../../scope/go.js'
import { scope } from '../../scope/scope-block.js'
import { bondToScope } from '../../scope/scope-bond.js'
import { timeout } from '../../scope/timeout.js'
import { nameOf, type SocketAddress } from '../bytes/address.js'
import { ByteInput } from '../bytes/byte-input.js'
import { ignoreError, messageOf, SocketError, systemCodeOf } from '../bytes/socket-error.js'
import { assertSocketOptions, NbSocket, type SocketOptions } from './nbsocket.js'
import { assertTlsOptions, type ServerTlsOptions, serverHandshake, terminatorOf } from './tls.js'

type Where = Pick<
  NodeListenOptions,
  'port' | 'host' | 'path' | 'backlog' | 'exclusive' | 'ipv6Only' | 'reusePort' | 'readableAll' | 'writableAll'
>

/**
 * Options of {@link listen}: the place, as for `net.Server.listen()`, and the manner. Either `port` (0 for a free one)
 * or `path` is required. `timeout` and `lifetime` apply to each connection.
 */
export interface ListenOptions extends SocketOptions, Where {
  /** The TLS options; without them, connections are in the clear. */
  tls?: ServerTlsOptions
  /**
   * With `tls`: whether a client may also speak in the clear. Its first byte tells; see {@link NbSocket.tls}. Default:
   * false.
   */
  plain?: boolean
  /** Whether small pieces are sent at once. Default: true. */
  noDelay?: boolean
  /** Whether the kernel probes idle connections. Default: false. */
  keepAlive?: boolean
  /** The idle time before the first probe, in ms. Default: the system's, 2 hours on Linux. */
  keepAliveInitialDelay?: number
  /** The number of bytes that Node reads ahead, and that it holds for a peer that does not read. Default: Node's. */
  highWaterMark?: number
  /**
   * The number of connections that may wait for `accept()`, beyond the kernel's backlog, and of those that may be in
   * their handshake. Further connections are dropped. Default: 1024.
   */
  queue?: number
  /** The number of connections that may be open at once. Further connections are dropped. Default: no limit. */
  connections?: number
  /**
   * Called with the reason if a connection fails before it is accepted. By default, `ACCEPT_FAILED` is a process
   * warning; `TLS_HANDSHAKE_FAILED` and `CERTIFICATE_REJECTED` are only counted. The listener goes on.
   */
  onError?: (error: SocketError) => void
}

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

  /** Waits for the first byte, which stays in the stream. */
  #distinguish(raw: Socket, tls: ServerTlsOptions): void {
    const input = new ByteInput(raw, this.name, (error, what) => error ?? new Error(what))
    const first = input.peek(1).node()
    const stop = () => {
      this.#securing.delete(stop)
      first.withdraw()
      raw.setTimeout(0)
      raw.destroy()
    }
    const patience = timerDelay(tls.handshakeTimeout ?? HANDSHAKE_TIMEOUT)
    this.#securing.add(stop)
    raw.setTimeout(patience, stop)
    first.performFor({
      wake: () => {
        raw.setTimeout(0)
        raw.off('timeout', stop)
        this.#securing.delete(stop)
        input.release(what => new SynclessError('SOCKET_CLOSED', what))
        let byte: number | undefined
        try {
          byte = first.take()[0]
        } catch {
          raw.destroy()
          return
        }
        if (byte === TLS_HANDSHAKE) this.#secure(raw, tls)
        else this.#offer(raw)
      },
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

/** The first byte of a TLS client: the type of a handshake record. */
const TLS_HANDSHAKE = 22

/** The default of Node's secure servers, in ms. */
const HANDSHAKE_TIMEOUT = 120_000

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

/**
 * Listens for TCP or Unix-domain connections, over TLS if `tls` is set. Settles when connections are taken. Fails with
 * `ADDRESS_IN_USE` if the address is taken or may not be used, and with `INVALID_ARGUMENT` if it makes no sense; both
 * are {@link SocketError}s. Throws `INVALID_ARGUMENT`. Semantics: `listen(2)`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { connect, listen } from 'syncless/nbsocket'
 *
 * const server = await listen({ port: 0, host: '127.0.0.1', backlog: 64 })
 * const there = await connect({ port: server.port, host: '127.0.0.1' })
 * const here = await server.accept()
 * await there.send('ping')
 * assert.equal(String(await here.recv()), 'ping')
 * await assert.rejects(async () => listen({ port: server.port, host: '127.0.0.1' }), { code: 'ADDRESS_IN_USE' })
 * for (const each of [here, there, server]) await each.close()
 * ```
 */
export function listen(options: ListenOptions): Op<Listener> {
  const where = whereAt(options)
  assertSocketOptions(options, 'listen()')
  assertListenOptions(options)
  return action<Server>((resolve, reject) => {
    if (options.tls !== undefined) terminatorOf(options.tls, `listen() at ${where}`)
    const server = bind(options, where)
    const settle = () => server.off('listening', onListening).off('error', onError).on('error', ignoreError)
    const onListening = () => {
      settle()
      resolve(server)
    }
    const onError = (error: Error) => {
      settle()
      reject(listenError(error, where))
    }
    server.on('listening', onListening).on('error', onError)
    return () => {
      settle()
      server.close()
    }
  }, `listen at ${where}`).map(server => new Listener(server, options))
}

/** Checks the options now: Node would report the mistakes only when a connection comes, and end the process. */
function assertListenOptions({ tls, queue, connections, highWaterMark }: ListenOptions): void {
  if (tls !== undefined) assertTlsOptions(tls, 'listen()')
  const limits = { queue, connections }
  for (const [name, value] of Object.entries(limits)) refuseUnless(value === undefined || value >= 0, name, value)
  refuseUnless(connections !== 0, 'connections', connections)
  const whole = Number.isSafeInteger(highWaterMark) && Number(highWaterMark) >= 0
  refuseUnless(highWaterMark === undefined || whole, 'highWaterMark', highWaterMark)
}

function refuseUnless(right: boolean, name: string, value: unknown): void {
  if (right) return
  throw new SynclessError('INVALID_ARGUMENT', `the option ${name} of listen() takes a number, and got ${String(value)}`)
}

function bind(options: ListenOptions, where: string): Server {
  const { noDelay = true, keepAlive, keepAliveInitialDelay, highWaterMark, connections } = options
  const { port, host, path, backlog, exclusive, ipv6Only, reusePort, readableAll, writableAll } = options
  const given = { port, host, path, backlog, exclusive, ipv6Only, reusePort, readableAll, writableAll }
  try {
    const server = createServer({
      allowHalfOpen: true,
      // Nothing is read before an operation wants it.
      pauseOnConnect: true,
      noDelay,
      keepAlive,
      keepAliveInitialDelay,
      highWaterMark,
    })
    if (connections !== undefined) server.maxConnections = connections
    server.listen(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)))
    return server
  } catch (error) {
    throw new SocketError('INVALID_ARGUMENT', `listen() at ${where}: ${messageOf(error)}`, error)
  }
}

function whereAt(options: ListenOptions): string {
  const { port, host = '*', path } = Object(options) as ListenOptions
  if (typeof path === 'string' && path !== '' && port === undefined) return path
  if (path === undefined && typeof port === 'number') return nameOf({ host, port })
  throw new SynclessError('INVALID_ARGUMENT', 'listen() takes { port, host } for TCP, or the { path } of a socket')
}

function listenError(error: Error, where: string): SocketError {
  const advice = advices[systemCodeOf(error) ?? '']
  if (advice === undefined)
    return new SocketError('INVALID_ARGUMENT', `listen() at ${where}: ${messageOf(error)}`, error)
  return new SocketError('ADDRESS_IN_USE', `${where} ${advice} (${systemCodeOf(error)})`, error)
}

const advices: Record<string, string> = {
  EADDRINUSE: 'is taken: stop the other server, or remove the Unix-domain socket that an ended server has left',
  EACCES: 'is not allowed to this process: choose a port of 1024 or higher, as lower ports need a privilege',
  EADDRNOTAVAIL: 'is not an address of this machine: leave `host` out to listen on all its addresses',
}
