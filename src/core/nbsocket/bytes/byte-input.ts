/**
 * Bytes out of a Node readable. The stream alone holds the bytes that have arrived and that nobody has taken. An
 * operation takes its bytes in the step in which it commits. So a losing operation has nothing to give back, and Node's
 * `highWaterMark` is the bound.
 */
import type { Readable } from 'node:stream'
import { SynclessError } from '../../base/errors.js'
import { List } from '../../base/list.js'
import { Node, type Op } from '../../loop/op.js'
import type { ByteSource, Explain } from './byte-stream.js'
import { type ReadAhead, ReadersAhead, readsAhead } from './read-ahead.js'

const EMPTY = Buffer.alloc(0)

/** The largest count that Node's `readable.read(n)` takes. */
const MAX_COUNT = 2 ** 30

/** @internal */
export class ByteInput implements ByteSource {
  readonly name: string
  readonly #readable: Readable
  readonly #explain: Explain
  readonly #watching = new List<Node<unknown>>()
  #ahead: ReadersAhead | null = null
  #reader: TakeNode | null = null
  #listening = false
  #ended = false
  /** The failure that operations get when the bytes that had arrived before have been taken. */
  #failure: { readonly error: Error | null } | null = null
  /** Called when the source lets go of the stream. */
  whenReleased: () => void = () => {}
  /** The refusal that operations get at once. */
  #refusal: ((what: string) => unknown) | null = null

  constructor(readable: Readable, name: string, explain: Explain) {
    this.#readable = readable
    this.name = name
    this.#explain = explain
    // Otherwise bytes would flow to nobody, and be lost, before the first operation.
    if (readable.readableFlowing && !readable.readableEnded) readable.pause()
    if (readable.readableEnded) this.#ended = true
    else if (readable.destroyed) this.#failure = { error: readable.errored }
    readable.on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose)
  }

  /** The number of bytes that can be taken at once. */
  get buffered(): number {
    return this.#readable.readableLength
  }

  /** The number of bytes that buffered readers have taken out and still hold. */
  get readAhead(): number {
    return this.#ahead?.held ?? 0
  }

  [readsAhead](reader: ReadAhead): void {
    this.#ahead ??= new ReadersAhead()
    this.#ahead.add(reader)
  }

  /**
   * Puts back the bytes that buffered readers hold. Throws `ALREADY_CONSUMED` if the stream takes nothing back any more;
   * the readers then keep the bytes.
   */
  takeBack(what: string): void {
    const held = this.readAhead
    if (this.#ahead === null || held === 0) return
    if (this.#ended || this.#readable.destroyed) {
      throw new SynclessError(
        'ALREADY_CONSUMED',
        `${what}: first read the ${held} bytes that a file over the stream still holds: the stream has ended and takes no bytes back`,
      )
    }
    this.#readable.unshift(this.#ahead.take())
  }

  /** Whether an operation waits for bytes. */
  get busy(): boolean {
    return this.#reader !== null || this.#watching.length > 0
  }

  recv(maxBytes: number = MAX_COUNT): Op<Buffer> {
    assertCount(maxBytes, 1, 'recv()')
    return new RecvNode(this, 'recv', 1, maxBytes)
  }

  /**
   * Takes exactly `count` bytes, or none: bytes stay in the stream while the rest is waited for. A count beyond the
   * stream's `highWaterMark` raises that mark, as Node's `readable.read(count)` does.
   */
  recvExactly(count: number): Op<Buffer> {
    assertCount(count, 0, 'recvExactly()')
    return new ExactNode(this, `recv of exactly ${count} bytes`, count, count)
  }

  /** Gives the first `count` bytes, and leaves them in the stream. Gives fewer only at the end. */
  peek(count: number): Op<Buffer> {
    assertCount(count, 1, 'peek()')
    return new PeekNode(this, `peek at ${count} bytes`, count, count)
  }

  /** Settles when a `recv` would not have to wait. */
  ready(): Op<void> {
    return new ReadyNode(this)
  }

  /** Makes everything that waits, and every later operation, fail with the result of `refusal`. The first call counts. */
  refuse(refusal: (what: string) => unknown): void {
    if (this.#refusal !== null) return
    this.#refusal = refusal
    const reader = this.#reader
    this.#reader = null
    reader?.fail(refusal(reader.describe()))
    for (let node = this.#watching.shift(); node !== null; node = this.#watching.shift())
      node.fail(refusal(node.describe()))
  }

  /**
   * Lets go of the stream; nothing may wait for it. The stream then flows to those who listen to its data, however they
   * came to do so.
   */
  release(refusal: (what: string) => unknown): void {
    this.refuse(refusal)
    this.#readable.off('readable', this.#onReadable)
    this.#readable.off('end', this.#onEnd).off('error', this.#onError).off('close', this.#onClose)
    this.whenReleased()
  }

  /** Commits `node` if it need not wait, and says whether it did. */
  poll(node: TakeNode): boolean {
    if (this.#refusal !== null) node.fail(this.#refusal(node.describe()))
    else if (this.#reader !== null) node.fail(this.#busy(node))
    else return this.#serve(node)
    return true
  }

  enter(node: TakeNode): void {
    if (this.poll(node)) return
    this.#reader = node
    this.#listen()
    this.#demand(node)
  }

  leave(node: TakeNode): void {
    if (this.#reader === node) this.#reader = null
  }

  pollReady(node: Node<void>): boolean {
    if (this.#refusal !== null) node.fail(this.#refusal(node.describe()))
    else if (this.#readable.readableLength > 0 || this.#ended || this.#failure !== null) node.complete(undefined)
    else return false
    return true
  }

  watch(node: Node<void>): void {
    if (this.pollReady(node)) return
    this.#watching.pushBack(node)
    this.#listen()
    this.#readable.read(0)
  }

  unwatch(node: Node<unknown>): void {
    this.#watching.remove(node)
  }

  #busy(node: TakeNode): SynclessError {
    return new SynclessError(
      'BUSY',
      `${node.describe()}: wait for the other operation first, which already waits for bytes`,
    )
  }

  #listen(): void {
    if (this.#listening) return
    this.#listening = true
    this.#readable.on('readable', this.#onReadable)
  }

  #serve(node: TakeNode): boolean {
    const there = this.#readable.readableLength
    // Node gives nothing back to a destroyed stream.
    const enough = there >= node.least && !(node.keeps && this.#readable.destroyed)
    if (enough) node.complete(this.#read(node, Math.min(there, node.most)))
    else if (this.#failure !== null) node.fail(this.#explain(this.#failure.error, node.describe()))
    else if (this.#ended) node.atEnd(0)
    else return false
    return true
  }

  /**
   * Takes `count` of the bytes that are there. A `recv` without a bound takes all, and the bytes that come during the
   * read.
   */
  #read(node: TakeNode, count: number): Buffer {
    const readable = this.#readable
    // A `read(n)` beyond the mark would raise it for good.
    const most = Math.max(readable.readableHighWaterMark, 1)
    const pieces: Buffer[] = []
    for (let left = count; left > 0; ) {
      // Without a size it gives the bytes that are there; since Node 26 only their first chunk.
      const piece: Buffer = node.most === MAX_COUNT ? readable.read() : readable.read(Math.min(left, most))
      pieces.push(piece)
      left -= piece.length
    }
    const bytes = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
    if (node.keeps && count > 0) readable.unshift(bytes)
    return bytes
  }

  /** Makes Node read on, for a node that waits for more bytes than there are. */
  #demand(node: TakeNode): void {
    const readable = this.#readable
    if (readable.destroyed) return
    if (node.least <= 1) {
      readable.read(0)
      return
    }
    // Node reads on as far as this call asks. It gives less only at the end of the stream.
    const bytes: Buffer | null = readable.read(node.least)
    if (bytes === null) return
    this.#reader = null
    const whole = bytes.length === node.least
    if (node.keeps || !whole) readable.unshift(bytes)
    if (node.keeps || whole) node.complete(bytes)
    else node.atEnd(bytes.length)
  }

  /** Commits the waiting nodes that can commit now. */
  #move(): void {
    const reader = this.#reader
    this.#reader = null
    if (reader !== null && !this.#serve(reader)) this.#reader = reader
    const over = this.#ended || this.#failure !== null
    if (this.#readable.readableLength > 0 || over) {
      for (let node = this.#watching.shift(); node !== null; node = this.#watching.shift()) node.complete(undefined)
    }
    if (over) return
    if (this.#reader !== null) this.#demand(this.#reader)
    else if (this.#watching.length > 0) this.#readable.read(0)
  }

  readonly #onReadable = () => this.#move()

  readonly #onEnd = () => {
    this.#ended = true
    this.#move()
  }

  readonly #onError = (error: Error) => {
    this.#failure ??= { error }
    this.#move()
  }

  readonly #onClose = () => {
    if (!this.#ended) this.#failure ??= { error: null }
    this.#move()
  }
}

/** Takes bytes: at least `least`, at most `most`. */
abstract class TakeNode extends Node<Buffer> {
  readonly least: number
  readonly most: number
  readonly #input: ByteInput
  readonly #what: string

  constructor(input: ByteInput, what: string, least: number, most: number) {
    super()
    this.#input = input
    this.#what = what
    this.least = least
    this.most = most
  }

  /** Whether the bytes stay in the stream. */
  get keeps(): boolean {
    return false
  }

  /** Called when the stream has ended and only `there` bytes are left, fewer than `least`. */
  abstract atEnd(there: number): void

  describe(): string {
    return `${this.#what} on ${this.#input.name}`
  }

  poll(): boolean {
    return this.#input.poll(this)
  }

  override external(): boolean {
    return true
  }

  protected link(): void {
    this.#input.enter(this)
  }

  protected unlink(): void {
    this.#input.leave(this)
  }
}

class RecvNode extends TakeNode {
  atEnd(): void {
    this.complete(EMPTY)
  }
}

class PeekNode extends RecvNode {
  override get keeps(): boolean {
    return true
  }
}

class ExactNode extends TakeNode {
  atEnd(there: number): void {
    this.fail(
      new SynclessError('UNEXPECTED_END', `${this.describe()}: the stream ended, and only ${there} bytes are left`),
    )
  }
}

class ReadyNode extends Node<void> {
  readonly #input: ByteInput

  constructor(input: ByteInput) {
    super()
    this.#input = input
  }

  describe(): string {
    return `readiness to be read of ${this.#input.name}`
  }

  poll(): boolean {
    return this.#input.pollReady(this)
  }

  override external(): boolean {
    return true
  }

  protected link(): void {
    this.#input.watch(this)
  }

  protected unlink(): void {
    this.#input.unwatch(this)
  }
}

function assertCount(count: number, least: number, what: string): number {
  if (Number.isSafeInteger(count) && count >= least && count <= MAX_COUNT) return count
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `${what} takes a whole number of bytes from ${least} to 2^30, and got ${String(count)}`,
  )
}

const sources = new WeakMap<Readable, ByteInput>()

/**
 * Reads from a Node readable by operations: from standard input, a file, the output of a process, the body of a request.
 * Nothing is read before the first operation. Then Node reads ahead, up to the stream's own `highWaterMark`. One stream
 * has one source: a second call gives the same source.
 *
 * An operation fails with the stream's own error, the very object, after the bytes that had arrived before have been
 * taken. It fails with `SOCKET_BROKEN` if the stream was destroyed without an error, and with `BUSY` if another
 * operation already waits for the bytes. Throws `INVALID_ARGUMENT` if `readable` is not a readable, and for a stream of
 * objects or of decoded text.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { PassThrough } from 'node:stream'
 * import { byteSource } from 'syncless/nbsocket'
 *
 * const pipe = new PassThrough()
 * const source = byteSource(pipe)
 * pipe.end('hello')
 * assert.equal(String(await source.recv(4)), 'hell')
 * assert.equal(String(await source.recv()), 'o')
 * assert.equal((await source.recv()).length, 0) // the end
 * ```
 */
export function byteSource(readable: Readable): ByteSource {
  return byteInput(readable)
}

/** @internal */
export function byteInput(readable: Readable): ByteInput {
  if (typeof readable?.read !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'byteSource() takes a Readable')
  }
  if (readable.readableObjectMode || readable.readableEncoding !== null) {
    throw new SynclessError('INVALID_ARGUMENT', 'byteSource() takes a Readable of bytes, not one of objects or text')
  }
  let source = sources.get(readable)
  if (source === undefined) {
    source = new ByteInput(readable, 'a readable', explainStream)
    sources.set(readable, source)
  }
  return source
}

/**
 * @internal Ends the source of `readable`, which other code reads from now on. Bytes that files over the source hold are
 * put back into the stream. Throws `ALREADY_CONSUMED` if the stream takes nothing back, and `BUSY` if an operation waits
 * for its bytes.
 */
export function endSourceOf(readable: Readable, what: string): void {
  const source = sources.get(readable)
  if (source === undefined) return
  if (source.busy)
    throw new SynclessError('BUSY', `${what}: wait for the other operation first, which waits for bytes of the stream`)
  source.takeBack(what)
  sources.delete(readable)
  source.release(op => new SynclessError('ALREADY_CONSUMED', `${op}: the stream was given to another reader`))
}

/** @internal Returns the error of a stream that is not a socket: its own error. */
export function explainStream(error: Error | null, what: string): unknown {
  return error ?? new SynclessError('SOCKET_BROKEN', `${what}: the stream was destroyed before its end`)
}
