import type { Readable } from 'node:stream'
import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import { Node, type Op, type Waiter } from '../../loop/op.js'
import type { Runnable } from '../../loop/running.js'
import type { ByteSource } from '../bytes/byte-stream.js'
import { type ReadAhead, ReadersAhead, readsAhead, tellOfReader } from '../bytes/read-ahead.js'
import { assertSize, NbReader, type ReaderOptions, readerInput } from './reader.js'
import { bytesForm } from './reader-text.js'

const EMPTY = Buffer.alloc(0)

/** Options of {@link limitReader}. */
export interface LimitReaderOptions extends ReaderOptions {
  /** Whether an early end of the source is an error, `UNEXPECTED_END`. Default: false. */
  readonly exact?: boolean
}

/** A source that ends after a number of bytes of another source. */
class LimitedSource implements ByteSource, ReadAhead {
  readonly #ahead = new ReadersAhead()
  readonly source: ByteSource
  readonly exact: boolean
  /** The number of readers that a read goes through. */
  readonly depth: number
  left: number

  constructor(source: ByteSource, bytes: number, exact: boolean, depth: number) {
    this.depth = depth
    this.source = source
    this.left = bytes
    this.exact = exact
  }

  recv(maxBytes: number = Number.MAX_SAFE_INTEGER): Op<Buffer> {
    return new LimitedRecv(this, maxBytes)
  }

  [readsAhead](reader: ReadAhead): void {
    this.#ahead.add(reader)
    tellOfReader(this.source, this)
  }

  get held(): number {
    return this.#ahead.held
  }

  /** These bytes are still to come: the part has not ended without them. */
  takeHeld(): Buffer {
    const bytes = this.#ahead.take()
    this.left += bytes.length
    return bytes
  }
}

class LimitedRecv extends Node<Buffer> implements Waiter {
  readonly #limited: LimitedSource
  readonly #most: number
  #receiving: Node<Buffer> | null = null

  constructor(limited: LimitedSource, most: number) {
    super()
    this.#limited = limited
    this.#most = most
  }

  describe(): string {
    return `recv, of ${this.#limited.left} bytes more`
  }

  poll(): boolean {
    if (this.#limited.left === 0) {
      this.complete(EMPTY)
      return true
    }
    const receiving = this.#receive()
    receiving.waiter = null
    if (!receiving.poll()) return false
    this.wake(receiving)
    return true
  }

  protected link(): void {
    this.#receiving = this.#receive()
    this.#receiving.performFor(this)
  }

  protected unlink(): void {
    this.#receiving?.withdraw()
    this.#receiving = null
  }

  wake(received: Node<unknown>): void {
    this.#receiving = null
    const { left, exact } = this.#limited
    let bytes: Buffer
    try {
      bytes = received.take() as Buffer
    } catch (error) {
      this.fail(error)
      return
    }
    this.#limited.left -= bytes.length
    if (bytes.length > 0 || !exact) this.complete(bytes)
    else
      this.fail(new SynclessError('UNEXPECTED_END', `the stream ended, and ${left} of the expected bytes are missing`))
  }

  override external(): boolean {
    return this.#receiving?.external() ?? true
  }

  override blockers(): Iterable<Runnable> {
    return this.#receiving?.blockers() ?? []
  }

  #receive(): Node<Buffer> {
    return this.#limited.source.recv(Math.min(this.#most, this.#limited.left)).node()
  }
}

/** A reader that ends after a number of bytes, made by {@link limitReader}. */
export class LimitReader extends NbReader<Buffer> {
  readonly #limited: LimitedSource

  /** @internal */
  constructor(limited: LimitedSource, options: ReaderOptions) {
    super(readerInput(limited, options, 'a part of a stream'), bytesForm)
    this.#limited = limited
  }

  /** The number of bytes that are still to be read. More than 0 at the end means that the source has ended early. */
  get left(): number {
    return this.#limited.left + this.buffered
  }
}

/**
 * Makes a reader of the next `bytes` bytes of another reader or source, for instance of the body of a message whose
 * length is known. The reader is at its end after these bytes, and takes none beyond them. `left` counts the bytes that
 * were not read, such as after an error; `yield* part.skip()` drops them. Throws `INVALID_ARGUMENT`. Semantics: Go's
 * `io.LimitReader`, nbfile's `read_limit`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { PassThrough } from 'node:stream'
 * import { limitReader, nbreader } from 'syncless/nbsocket'
 *
 * const stream = new PassThrough()
 * const reader = nbreader(stream)
 * stream.end('first part, and what comes after')
 * assert.equal(await limitReader(reader, 10, { exact: true }).text().readAll(), 'first part')
 * assert.equal(await reader.text().readAll(), ', and what comes after')
 * ```
 */
export function limitReader(
  source: ByteSource | Readable,
  bytes: number,
  options: LimitReaderOptions = {},
): LimitReader {
  assertSize(bytes, 0, 'limitReader()')
  assertOptions('limitReader()', options)
  const { source: inner, depth } = readerInput(source, {}, 'a reader')
  return new LimitReader(new LimitedSource(inner, bytes, options.exact === true, depth - 1), options)
}
