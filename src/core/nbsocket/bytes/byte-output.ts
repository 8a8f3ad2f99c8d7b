/**
 * Bytes into a Node writable. Nobody can take back bytes that Node has. So an operation hands over its bytes in the step
 * in which it commits, and only while the writable's buffer has room.
 */
import type { Duplex, Writable } from 'node:stream'
import { types } from 'node:util'
import { SynclessError } from '../../base/errors.js'
import { List } from '../../base/list.js'
import { report } from '../../base/report.js'
import { Latch } from '../../loop/latched.js'
import { Node, type Op } from '../../loop/op.js'
import { explainStream } from './byte-input.js'
import type { ByteSink, Explain } from './byte-stream.js'
import { systemCodeOf } from './socket-error.js'

/** @internal */
export class ByteOutput implements ByteSink {
  readonly name: string
  readonly #writable: Writable
  readonly #explain: Explain
  readonly #sending = new List<Node<unknown>>()
  readonly #flushing = new List<Node<unknown>>()
  readonly #watching = new List<Node<unknown>>()
  /** The number of bytes that Node was given, and the number of those that the kernel has taken. */
  #given = 0
  #done = 0
  #holder: object | null = null
  #corked = false
  #shutdown: Latch<void> | null = null
  #failure: { readonly error: Error | null } | null = null
  /** Whether an operation has failed with the failure. */
  #told = false
  readonly #reports: boolean
  #refusal: ((what: string) => unknown) | null = null

  /** With `reports`, a failure that loses bytes becomes a process warning if no operation gets it. */
  constructor(writable: Writable, name: string, explain: Explain, reports = false) {
    this.name = name
    this.#reports = reports
    this.#writable = writable
    this.#explain = explain
    if (writable.destroyed && !writable.writableFinished) this.#failure = { error: writable.errored }
    writable.on('drain', this.#onDrain).on('finish', this.#onFinish)
    writable.on('error', this.#onError).on('close', this.#onClose)
  }

  /** Whether an operation waits to send. */
  get busy(): boolean {
    return this.#sending.length > 0 || this.#watching.length > 0 || this.#flushing.length > 0
  }

  /** The number of bytes handed to Node. */
  get given(): number {
    return this.#given
  }

  /** The number of those bytes that the kernel has taken. */
  get flushed(): number {
    return this.#done
  }

  /** Throws the error that a send would fail with, if the writable has failed or was shut down. */
  assertOpen(what: string): void {
    if (this.#failure !== null) throw this.#failureFor(what)
    if (this.#over) throw this.#endedFor(what)
  }

  send(data: Uint8Array | string, by: object | null = null): Op<void> {
    return new SendNode(this, assertBytes(data, 'send()'), by)
  }

  /** Lets only sends `by` the holder begin to wait, until the holder lets go. Throws `BUSY` if there is a holder. */
  hold(by: object, what: string): void {
    if (this.#holder !== null) throw this.#busy(what)
    this.#holder = by
  }

  letGo(): void {
    this.#holder = null
  }

  flush(): Op<void> {
    return new FlushNode(this)
  }

  /** Makes Node hold back sends. Node passes them on at once when the stream is ended. */
  cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#writable.cork()
    setImmediate(this.#uncork)
  }

  /** Settles when a `send` would not have to wait. */
  ready(): Op<void> {
    return new RoomNode(this)
  }

  shutdown(): Op<void> {
    if (this.#shutdown !== null) return this.#shutdown
    const shutdown = new Latch<void>(`shutdown of ${this.name}`)
    this.#shutdown = shutdown
    if (this.#refusal !== null) shutdown.reject(this.#refusal(shutdown.describe()))
    else if (this.#failure !== null) shutdown.reject(this.#failureFor(shutdown.describe()))
    else if (this.#writable.writableFinished) shutdown.resolve()
    else this.#writable.end()
    for (const list of [this.#sending, this.#watching]) failAll(list, shutDown)
    return shutdown
  }

  /** Makes everything that waits, and every later operation, fail with the result of `refusal`. The first call counts. */
  refuse(refusal: (what: string) => unknown): void {
    if (this.#refusal !== null) return
    this.#refusal = refusal
    this.#uncork()
    for (const list of [this.#sending, this.#watching, this.#flushing]) failAll(list, refusal)
    this.#shutdown?.reject(refusal(this.#shutdown.describe()))
  }

  /** Lets go of the stream. */
  release(refusal: (what: string) => unknown): void {
    this.refuse(refusal)
    this.#writable.off('drain', this.#onDrain).off('finish', this.#onFinish)
    this.#writable.off('error', this.#onError).off('close', this.#onClose)
  }

  pollSend(node: SendNode): boolean {
    if (this.#fails(node)) return true
    if (this.#holder !== null && this.#holder !== node.by) {
      node.fail(this.#busy(node.describe()))
      return true
    }
    if (node.data.length > 0 && (this.#sending.length > 0 || this.#writable.writableNeedDrain)) return false
    this.#write(node.data)
    node.complete(undefined)
    return true
  }

  enterSend(node: SendNode): void {
    if (!this.pollSend(node)) this.#sending.pushBack(node)
  }

  pollFlush(node: FlushNode): boolean {
    this.#uncork()
    node.target = this.#given
    if (this.#refusal !== null) node.fail(this.#refusal(node.describe()))
    else if (this.#done >= node.target) node.complete(undefined)
    else if (this.#failure !== null) node.fail(this.#failureFor(node.describe()))
    else return false
    return true
  }

  enterFlush(node: FlushNode): void {
    if (!this.pollFlush(node)) this.#flushing.pushBack(node)
  }

  pollRoom(node: Node<void>): boolean {
    if (this.#refusal !== null) node.fail(this.#refusal(node.describe()))
    else if (this.#over || (this.#sending.length === 0 && !this.#writable.writableNeedDrain)) node.complete(undefined)
    else return false
    return true
  }

  enterRoom(node: Node<void>): void {
    if (!this.pollRoom(node)) this.#watching.pushBack(node)
  }

  /** Takes the node out of the queue it is in. */
  leave(node: Node<unknown>): void {
    if (node instanceof SendNode) this.#sending.remove(node)
    else if (node instanceof FlushNode) this.#flushing.remove(node)
    else this.#watching.remove(node)
  }

  get #over(): boolean {
    return this.#failure !== null || this.#shutdown !== null || this.#writable.writableEnded
  }

  /** Returns the error after the end: we have ended the writable, or other code has. */
  #endedFor(what: string): SynclessError {
    return this.#shutdown === null ? this.#endedElsewhere(what) : shutDown(what)
  }

  #endedElsewhere(what: string): SynclessError {
    const { readableEnded, allowHalfOpen } = this.#writable as Partial<Duplex>
    const withPeer = readableEnded === true && allowHalfOpen === false
    const why = withPeer
      ? 'its peer ended the stream, and the stream does not stay half-open'
      : 'other code ended the stream'
    return new SynclessError('SOCKET_CLOSED', `${what}: ${why}; nothing more can be sent`)
  }

  /** Fails a node that wants to send if nothing can be sent. */
  #fails(node: SendNode): boolean {
    if (this.#refusal !== null) node.fail(this.#refusal(node.describe()))
    else if (this.#failure !== null) node.fail(this.#failureFor(node.describe()))
    else if (this.#over) node.fail(this.#endedFor(node.describe()))
    else return false
    return true
  }

  #busy(what: string): SynclessError {
    return new SynclessError(
      'BUSY',
      `${what}: wait for the sendAll() that is under way: other bytes would be mixed into its own`,
    )
  }

  /** Hands bytes to Node. */
  #write(data: Uint8Array | string): void {
    const length = typeof data === 'string' ? Buffer.byteLength(data) : data.length
    if (length === 0) return
    this.#given += length
    // Node calls back in the order of the writes. Its `error` and `close` events tell of failures.
    this.#writable.write(data, error => {
      if (!error) this.#taken(length)
    })
  }

  #taken(length: number): void {
    this.#done += length
    for (;;) {
      const node = this.#flushing.head as FlushNode | null
      if (node === null || node.target > this.#done) return
      this.#flushing.remove(node)
      node.complete(undefined)
    }
  }

  readonly #uncork = () => {
    if (!this.#corked) return
    this.#corked = false
    this.#writable.uncork()
  }

  /** Lets waiting sends go on, in order, as far as there is room. */
  readonly #onDrain = () => {
    while (!this.#over && this.#refusal === null && !this.#writable.writableNeedDrain) {
      const node = this.#sending.shift() as SendNode | null
      if (node === null) {
        completeAll(this.#watching)
        return
      }
      this.#write(node.data)
      node.complete(undefined)
    }
  }

  readonly #onFinish = () => {
    // Also if other code has ended the writable.
    failAll(this.#sending, what => this.#endedFor(what))
    completeAll(this.#watching)
    this.#shutdown?.resolve()
  }

  readonly #onError = (error: Error) => this.#fail(error)

  readonly #onClose = () => {
    if (!this.#writable.writableFinished) this.#fail(null)
  }

  #fail(error: Error | null): void {
    const first = this.#failure === null
    this.#failure ??= { error }
    const explain = (what: string) => this.#failureFor(what)
    failAll(this.#sending, explain)
    failAll(this.#flushing, explain)
    completeAll(this.#watching)
    this.#shutdown?.reject(explain(this.#shutdown.describe()))
    if (first && this.#reports && error !== null && !isOfPeer(error)) this.#reportUnlessTold(error)
  }

  #failureFor(what: string): unknown {
    this.#told = true
    return this.#explain(this.#failure?.error ?? null, what)
  }

  #reportUnlessTold(error: Error): void {
    const lost = this.#given - this.#done
    if (lost === 0) return
    setImmediate(() => {
      if (!this.#told) report(error, `${lost} bytes that were sent to ${this.name} are lost`)
    })
  }
}

/** Returns whether the reader has left, which it may do at any time. */
function isOfPeer(error: Error): boolean {
  const code = systemCodeOf(error)
  return code === 'EPIPE' || code === 'ECONNRESET'
}

function failAll(list: List<Node<unknown>>, error: (what: string) => unknown): void {
  for (let node = list.shift(); node !== null; node = list.shift()) node.fail(error(node.describe()))
}

function completeAll(list: List<Node<unknown>>): void {
  for (let node = list.shift(); node !== null; node = list.shift()) node.complete(undefined)
}

function shutDown(what: string): SynclessError {
  return new SynclessError('SOCKET_CLOSED', `${what}: it was shut down, and nothing more can be sent`)
}

abstract class OutputNode extends Node<void> {
  protected readonly output: ByteOutput

  constructor(output: ByteOutput) {
    super()
    this.output = output
  }

  override external(): boolean {
    return true
  }

  protected unlink(): void {
    this.output.leave(this)
  }
}

class SendNode extends OutputNode {
  readonly data: Uint8Array | string
  readonly by: object | null

  constructor(output: ByteOutput, data: Uint8Array | string, by: object | null) {
    super(output)
    this.data = data
    this.by = by
  }

  describe(): string {
    return `send on ${this.output.name}`
  }

  poll(): boolean {
    return this.output.pollSend(this)
  }

  protected link(): void {
    this.output.enterSend(this)
  }
}

class FlushNode extends OutputNode {
  /** The number of bytes that the kernel has to have. */
  target = 0

  describe(): string {
    return `flush of ${this.output.name}`
  }

  poll(): boolean {
    return this.output.pollFlush(this)
  }

  protected link(): void {
    this.output.enterFlush(this)
  }
}

class RoomNode extends OutputNode {
  describe(): string {
    return `readiness to be written of ${this.output.name}`
  }

  poll(): boolean {
    return this.output.pollRoom(this)
  }

  protected link(): void {
    this.output.enterRoom(this)
  }
}

/** @internal Throws `INVALID_ARGUMENT` unless `data` is bytes or text. */
export function assertBytes<T>(data: T, what: string): T {
  if (typeof data === 'string' || types.isUint8Array(data)) return data
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes a Uint8Array, such as a Buffer, or a string`)
}

const sinks = new WeakMap<Writable, ByteOutput>()

/**
 * Writes to a Node writable by operations: to standard output, a file, the input of a process, a response. One stream
 * has one sink: a second call gives the same sink. Sends that wait for room go in the order in which they began to wait.
 *
 * An operation fails with the stream's own error, the very object. That error becomes a process warning if bytes are
 * lost and no operation gets it, unless the reader has left (`EPIPE`, `ECONNRESET`). An operation fails with
 * `SOCKET_BROKEN` if the stream was destroyed without an error, and with `SOCKET_CLOSED` after `shutdown()`. Throws
 * `INVALID_ARGUMENT` if `writable` is not a writable, and for a stream of objects.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { PassThrough } from 'node:stream'
 * import { text } from 'node:stream/consumers'
 * import { byteSink } from 'syncless/nbsocket'
 *
 * const pipe = new PassThrough()
 * const sink = byteSink(pipe)
 * await sink.send('hello, ')
 * await sink.send(Buffer.from('world'))
 * await sink.flush()
 * await sink.shutdown?.()
 * assert.equal(await text(pipe), 'hello, world')
 * ```
 */
export function byteSink(writable: Writable): ByteSink {
  if (typeof writable?.write !== 'function' || typeof writable.end !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'byteSink() takes a Writable')
  }
  if (writable.writableObjectMode) {
    throw new SynclessError('INVALID_ARGUMENT', 'byteSink() takes a Writable of bytes, not one of objects')
  }
  let sink = sinks.get(writable)
  if (sink === undefined) {
    sink = new ByteOutput(writable, 'a writable', explainStream, true)
    sinks.set(writable, sink)
  }
  return sink
}
