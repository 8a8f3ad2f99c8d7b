import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { SynclessError, type TaskletExit, TimeoutError } from '../../base/errors.js'
import { Latch } from '../../loop/latched.js'
import { loop } from '../../loop/loop.js'
import type { Op } from '../../loop/op.js'
import { startTimer } from '../../ops/sleep.js'
import { currentScope } from '../../scope/current-scope.js'
import { scope } from '../../scope/scope-block.js'
import { timeout } from '../../scope/timeout.js'
import { nameOf, type SocketAddress, socketAddress } from '../bytes/address.js'
import { ByteInput, endSourceOf } from '../bytes/byte-input.js'
import { assertBytes, ByteOutput } from '../bytes/byte-output.js'
import type { ByteSink, ByteSource } from '../bytes/byte-stream.js'
import { type ReadAhead, readsAhead } from '../bytes/read-ahead.js'
import { sendAll } from '../bytes/send-all.js'
import { ignoreError, SocketError, systemCodeOf } from '../bytes/socket-error.js'
import type { MadeWith } from './socket-options.js'
import { securing } from './start-tls.js'
import { assertTlsOptions, type StartTlsOptions, type TlsState, tlsStateOf } from './tls.js'

/** The time that `close()` waits for a peer that takes nothing, in ms. */
const LINGER = 5000

/** The streams that an nbsocket reads and writes. */
const owned = new WeakSet<Duplex>()

/**
 * A connection, used by operations: TCP, Unix-domain or TLS. Made by {@link connect}, `accept()` of a {@link Listener},
 * {@link socketPair} and {@link fromSocket}.
 *
 * It belongs to the scope in which it is made, and is destroyed with the scope, when its tasklets are gone. Each
 * operation fails with `SOCKET_CLOSED` after `close()`. It fails with `SOCKET_BROKEN` if the connection was broken from
 * outside (a {@link SocketError}, with Node's error as the `cause` and its code as `systemCode`), and with `TIMEOUT`
 * after {@link NbSocket.timeout} ms. An operation that loses a select, times out or is killed took and sent nothing, so
 * that the connection goes on.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, select, sleep } from 'syncless'
 * import { socketPair } from 'syncless/nbsocket'
 *
 * const [client, server] = await socketPair({ timeout: 5000 })
 * go(function* () {
 *   const length = (yield* server.recvExactly(1))[0] ?? 0
 *   const word = yield* server.recvExactly(length)
 *   yield* server.send(`you said ${word}`)
 *   yield* server.close()
 * })
 * await client.send(Buffer.from('\x05hel'))
 * const early = await select({ answer: client.recv(), tick: sleep(5) })
 * assert.equal(early.key, 'tick') // what the other branch would have taken is still to come
 * await client.send('lo')
 * assert.equal(String(await client.recv()), 'you said hello')
 * assert.equal((await client.recv()).length, 0)
 * await client.close()
 * await assert.rejects(async () => client.recv(), { code: 'SOCKET_CLOSED' })
 * ```
 */
export class NbSocket implements ByteSource, ByteSink, AsyncDisposable, Disposable {
  /** The name in descriptions and errors. */
  readonly name: string
  /** The time that each operation may wait, in ms, before it fails with `TIMEOUT`. `Infinity` means no limit. */
  timeout: number
  readonly #stream: Duplex
  readonly #input: ByteInput
  readonly #output: ByteOutput
  readonly #gone: Latch<void>
  readonly #host: string | null
  readonly #allowHalfOpen: boolean
  readonly #accepted: boolean
  readonly #diesAt: number
  #remote: SocketAddress | string | null
  #local: SocketAddress | null = null
  #unbond: () => void = () => {}
  #stopLife: () => void = () => {}
  #linger: object | null = null
  #refusal: ((what: string) => unknown) | null = null
  #givenUp = false
  /** Ends the current handshake: its operation fails with the result of `refusal`. */
  #endHandshake: ((refusal: (what: string) => unknown) => void) | null = null

  /** @internal Use {@link connect}, {@link listen} or {@link fromSocket}. */
  constructor(stream: Duplex, options: MadeWith = {}) {
    const {
      timeout = Number.POSITIVE_INFINITY,
      lifetime = Number.POSITIVE_INFINITY,
      remote = null,
      host = null,
      allowHalfOpen = false,
      accepted = false,
    } = options
    if (owned.has(stream)) {
      throw new SynclessError(
        'ALREADY_CONSUMED',
        'use the other nbsocket of this stream: it reads and writes the stream already',
      )
    }
    endSourceOf(stream, 'fromSocket()')
    owned.add(stream)
    this.#stream = stream
    this.#allowHalfOpen = allowHalfOpen
    this.#accepted = accepted
    // The end of the peer's bytes does not end our side.
    if (!stream.readableEnded) stream.allowHalfOpen = true
    this.timeout = timeout
    this.#host = host
    this.#remote = remote
    this.#learnAddresses()
    this.name = options.name ?? `socket ${this.#remote === null ? 'of a stream' : nameOf(this.#remote)}`
    this.#gone = new Latch(`close of ${this.name}`)
    this.#input = new ByteInput(stream, this.name, explain)
    this.#output = new ByteOutput(stream, this.name, explain)
    this.#diesAt = loop.clock.now() + lifetime
    stream.off('error', ignoreError).on('connect', this.#learnAddresses).on('close', this.#onClose)
    try {
      this.#stopLife = startTimer(lifetime, () => this.#expire(lifetime))
      this.#belong()
    } catch (error) {
      this.#stopLife()
      stream.destroy()
      throw error
    }
    if (stream.closed) this.#onClose()
  }

  /**
   * The other end: the address and port of a TCP connection, the path of a Unix-domain one; null if Node does not know
   * it.
   */
  get remoteAddress(): SocketAddress | string | null {
    return this.#remote
  }

  /** This end of a TCP connection; null if Node does not know it. */
  get localAddress(): SocketAddress | null {
    return this.#local
  }

  /** Whether the socket was closed here, or given up. */
  get closed(): boolean {
    return this.#refusal !== null
  }

  /** The number of bytes that have arrived and wait to be taken. */
  get buffered(): number {
    return this.#input.buffered
  }

  /** @internal Notes a buffered reader that takes bytes out of the socket. */
  [readsAhead](reader: ReadAhead): void {
    this.#input[readsAhead](reader)
  }

  /** The number of sent bytes that the kernel has taken. */
  get bytesFlushed(): number {
    return this.#output.flushed
  }

  /** The result of the TLS handshake, with the identity of the peer; null on a connection without TLS. */
  get tls(): TlsState | null {
    return this.#stream instanceof TLSSocket ? tlsStateOf(this.#stream) : null
  }

  /**
   * Waits for bytes, and takes at most `maxBytes` of them. An empty Buffer means that the peer sends nothing more. Fails
   * with `BUSY` if another operation already waits for the bytes.
   */
  recv(maxBytes?: number): Op<Buffer> {
    return this.#timed(this.#input.recv(maxBytes))
  }

  /**
   * Waits for `count` bytes and takes them, or none: an operation that loses leaves them. Fails with `UNEXPECTED_END` if
   * the peer ends before; the bytes that did come are still there. Waiting bytes are held in Node's buffer, whose
   * `highWaterMark` a larger count raises for good.
   */
  recvExactly(count: number): Op<Buffer> {
    return this.#timed(this.#input.recvExactly(count))
  }

  /**
   * Waits for `count` bytes, and gives them without taking them. Gives fewer only if the peer ends before. After a reset
   * it fails at once, whereas {@link NbSocket.recv} still gives the bytes that had arrived.
   */
  peek(count: number): Op<Buffer> {
    return this.#timed(this.#input.peek(count))
  }

  /** Settles when a `recv` would not have to wait; takes nothing. Semantics: `select(2)`. */
  readable(): Op<void> {
    return this.#timed(this.#input.ready())
  }

  /** Settles when a `send` would not have to wait; sends nothing. Semantics: `select(2)`. */
  writable(): Op<void> {
    return this.#timed(this.#output.ready())
  }

  /**
   * Waits for room in Node's buffer, and hands it all of `data`, text as UTF-8. The bytes must not be changed before
   * {@link NbSocket.flush} settles. Fails with `SOCKET_CLOSED` after `shutdown()`, with `BUSY` during a `sendAll()`.
   */
  send(data: Uint8Array | string): Op<void> {
    return this.#timed(this.#output.send(data))
  }

  /**
   * Collects the sends of this turn of the event loop, so that they go out in as few packets as possible. They go at the
   * end of the turn, or earlier at a flush, a shutdown or a close.
   */
  cork(): void {
    this.#output.cork()
  }

  /** Waits until the kernel has everything that was sent before. */
  flush(): Op<void> {
    return this.#timed(this.#output.flush())
  }

  /**
   * Sends all of `data` in pieces and waits until the kernel has it; {@link NbSocket.timeout} bounds each wait. An error
   * says in `bytesSent` how many bytes the kernel has taken (see {@link PartialSend}). It is a scope of its own: killing
   * the waiting tasklet ends it, and a part may have been sent. Fails with `BUSY` if another `sendAll()` is running.
   */
  sendAll(data: Uint8Array | string): Op<void> {
    assertBytes(data, 'sendAll()')
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    const output = this.#output
    const timed = (op: Op<void>) => this.#timed(op)
    return scope(function* () {
      yield* sendAll(output, bytes, timed)
    })
  }

  /**
   * Ends sending, at once when called; receiving goes on. Settles when the kernel has everything, and was told of the
   * end. Sends that wait fail with `SOCKET_CLOSED`.
   */
  shutdown(): Op<void> {
    return this.#timed(this.#output.shutdown())
  }

  /**
   * Closes the connection, at once when called: waiting operations fail with `SOCKET_CLOSED`. Bytes that were sent
   * before are still delivered; a peer that takes nothing is given 5000 ms. Settles when the connection is gone. Later
   * calls do nothing.
   */
  close(): Op<void> {
    const open = this.#refusal === null
    this.#refuse(what => new SocketError('SOCKET_CLOSED', `${what}: it was closed here`))
    if (!open) return this.#gone
    const stream = this.#stream
    if (!stream.destroyed) {
      this.#linger = loop.clock.setBackgroundTimer(() => stream.destroy(), LINGER)
      if (stream.writableFinished) stream.destroy()
      else stream.once('finish', () => stream.destroy())
      stream.end()
    }
    return this.#gone
  }

  /** Closes the connection like {@link NbSocket.close}, and drops the bytes that were not sent. */
  destroy(): void {
    this.#refuse(what => new SocketError('SOCKET_CLOSED', `${what}: it was destroyed here`))
    if (!this.#givenUp) this.#stream.destroy()
  }

  /** Lets the socket outlive the scope in which it was made. */
  detach(): this {
    this.#unbond()
    return this
  }

  /**
   * Sets whether small pieces are sent at once instead of being collected (Nagle's algorithm). At first they are sent at
   * once.
   */
  setNoDelay(noDelay = true): this {
    if (this.#stream instanceof Socket) this.#stream.setNoDelay(noDelay)
    return this
  }

  /** Sets whether the kernel probes an idle connection, and the idle time before the first probe, in ms. */
  setKeepAlive(keepAlive = true, initialDelay = 0): this {
    if (this.#stream instanceof Socket) this.#stream.setKeepAlive(keepAlive, initialDelay)
    return this
  }

  /** Sets whether the socket keeps the process alive. At first it does. */
  ref(keep = true): this {
    if (!(this.#stream instanceof Socket)) return this
    if (keep) this.#stream.ref()
    else this.#stream.unref()
    return this
  }

  /**
   * Secures the connection with TLS. Gives a new socket; this one is given up. The server of the handshake is an
   * accepted socket, the client any other one; `isServer` overrides that. Bytes that were sent before are flushed first.
   *
   * Bytes that have arrived in the clear and were not received are refused with `STARTTLS_PLAINTEXT`, also those that an
   * `nbfile` over the socket holds. An attacker on the way may have put them there, to be taken for words of the peer
   * under TLS.
   *
   * Fails with `TLS_HANDSHAKE_FAILED` and `CERTIFICATE_REJECTED`, each a {@link SocketError}, and with `BUSY` if
   * something waits on this socket. `close()`, the life of the connection and the end of the scope end it like any other
   * operation. Once begun, it cannot be taken back: if it fails, loses, times out or is killed, the connection is
   * destroyed.
   */
  startTls(options: StartTlsOptions = {}): Op<NbSocket> {
    assertTlsOptions(options, 'startTls()')
    const secured = securing(
      {
        name: this.name,
        host: this.#host,
        accepted: this.#accepted,
        assertSecurable: () => this.#assertSecurable(options),
        flush: () => this.#output.flush(),
        takeBack: what => this.#input.takeBack(what),
        giveUp: why => this.#giveUp(why),
        handshakes: end => {
          this.#endHandshake = end
          if (end !== null) return
          this.#unbind()
          this.#gone.resolve()
        },
        destroy: () => this.destroy(),
      },
      options,
    )
    return this.#timed(secured).map(
      stream =>
        new NbSocket(stream, {
          name: this.name,
          timeout: this.timeout,
          lifetime: Math.max(0, this.#diesAt - loop.clock.now()),
          remote: this.#remote,
          host: this.#host,
          allowHalfOpen: this.#allowHalfOpen,
          accepted: this.#accepted,
        }),
    )
  }

  /**
   * Node's own stream under the socket, a `net.Socket` or a `tls.TLSSocket`, for a library that needs one. The nbsocket
   * is given up: later uses fail with `SOCKET_CLOSED`, and the stream no longer ends with the scope. The stream behaves
   * like one from `net.connect()`: when the peer ends it, it ends, too, and closes; it does so at once if that end was
   * already received. A stream from {@link fromSocket} behaves as it did before. Bytes that have arrived and were not
   * received are still in the stream, and so are those that an `nbfile` over the socket had read ahead.
   *
   * Throws `BUSY` if something waits on the socket, `SOCKET_CLOSED` if it was closed or is over, `SOCKET_BROKEN` if the
   * connection was broken, and `ALREADY_CONSUMED` if a file holds bytes that an ended stream does not take back.
   */
  get stream(): Duplex {
    this.#assertIdle('stream')
    this.#assertAlive(`stream of ${this.name}`)
    this.#input.takeBack(`stream of ${this.name}`)
    const stream = this.#giveUp('its stream was taken')
    this.#unbind()
    this.#gone.resolve()
    stream.allowHalfOpen = this.#allowHalfOpen
    // Node does so when the end is read, and nobody will read it again.
    if (stream.readableEnded && !stream.allowHalfOpen) stream.end()
    return stream
  }

  /** Closes the socket, without waiting: `using sock = yield* connect(...)`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** Closes the socket, and waits until it is gone: `await using sock = await connect(...)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Lets the current scope end the socket, when the tasklets of the scope are gone: their cleanup may use it. */
  #belong(): void {
    const scope = currentScope()
    if (scope === null) return
    const member = {
      requestExit: (exit: TaskletExit) => {
        const cause = new SynclessError('SCOPE_CLOSED', `${this.name} ended with ${scope.name}`, { cause: exit })
        this.#refuse(what => new SocketError('SOCKET_CLOSED', `${what}: it ended with its scope`, cause))
        this.#stream.destroy()
      },
      blockers: () => [],
    }
    // This comes first: a scope that is already over asks at once.
    this.#unbond = () => scope.letGo(member)
    scope.keep(member)
  }

  #timed<T>(op: Op<T>): Op<T> {
    return this.timeout === Number.POSITIVE_INFINITY ? op : timeout(this.timeout, op)
  }

  #refuse(refusal: (what: string) => unknown): void {
    this.#endHandshake?.(refusal)
    if (this.#refusal !== null) return
    this.#refusal = refusal
    this.#unbind()
    this.#input.refuse(refusal)
    this.#output.refuse(refusal)
  }

  /** Unties the socket from its scope and from its time limit. */
  #unbind(): void {
    this.#unbond()
    this.#stopLife()
  }

  #assertIdle(what: string): void {
    if (this.#refusal !== null) throw this.#refusal(`${what} on ${this.name}`)
    if (this.#input.busy || this.#output.busy) {
      throw new SynclessError('BUSY', `${what} on ${this.name}: wait for the operation that still uses the socket`)
    }
  }

  /** Throws if the socket is already over: later failures reach nobody. */
  #assertAlive(what: string): void {
    const stream = this.#stream
    if (!stream.destroyed) return
    if (stream.errored === null && stream.readableEnded && stream.writableFinished) {
      throw new SocketError('SOCKET_CLOSED', `${what}: both sides have ended the connection`)
    }
    throw explain(stream.errored, what)
  }

  #assertSecurable({ buffered }: StartTlsOptions): void {
    this.#assertIdle('startTls')
    const what = `startTls on ${this.name}`
    const there = this.#input.buffered + this.#input.readAhead
    if (there > 0 && buffered !== 'handshake') {
      this.destroy()
      throw new SocketError(
        'STARTTLS_PLAINTEXT',
        `${what}: ${there} bytes arrived in the clear before the handshake, and may be forged`,
      )
    }
    // A handshake does not report an end that came before it.
    this.#output.assertOpen(what)
    if (!this.#stream.destroyed && !this.#stream.readableEnded) return
    this.destroy()
    throw new SocketError('TLS_HANDSHAKE_FAILED', `no secure connection on ${this.name}: the peer has closed it`)
  }

  /** Gives up the stream: nothing here uses it from now on. */
  #giveUp(why: string): Duplex {
    const refusal = (what: string) => new SocketError('SOCKET_CLOSED', `${what}: ${why}`)
    this.#refusal = refusal
    this.#givenUp = true
    this.#input.release(refusal)
    this.#output.release(refusal)
    this.#stream.off('connect', this.#learnAddresses).off('close', this.#onClose)
    owned.delete(this.#stream)
    return this.#stream
  }

  #expire(lifetime: number): void {
    this.#refuse(what => new TimeoutError(lifetime, `${what}: the connection`))
    this.#stream.destroy()
  }

  /** Node gives the addresses while the socket is connected, and not after. */
  readonly #learnAddresses = () => {
    if (!(this.#stream instanceof Socket)) return
    const { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily } = this.#stream
    this.#remote ??= socketAddress(remoteAddress, remotePort, remoteFamily)
    this.#local ??= socketAddress(localAddress, localPort, localFamily)
  }

  readonly #onClose = () => {
    this.#unbind()
    if (this.#linger !== null) loop.clock.clearTimer(this.#linger)
    this.#gone.resolve()
  }
}

function explain(error: Error | null, what: string): SocketError {
  const code = systemCodeOf(error)
  return new SocketError(
    'SOCKET_BROKEN',
    error === null
      ? `${what}: other code has destroyed its stream`
      : `${what}: the connection was broken${code === null ? '' : ` (${code})`}`,
    error,
  )
}
