import type { Readable } from 'node:stream'
import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import type { Co, Op } from '../../loop/op.js'
import { scope } from '../../scope/scope-block.js'
import { run } from '../../tasklet/coroutine.js'
import { byteSource } from '../bytes/byte-input.js'
import type { ByteSource } from '../bytes/byte-stream.js'
import { type ReadAhead, readsAhead } from '../bytes/read-ahead.js'
import { ReaderInput } from './reader-input.js'
import { LineIterator } from './reader-lines.js'
import { ReadAll, ReadDelimited, ReadFixed, ReadSome } from './reader-ops.js'
import { bytesForm, type Form, type TextEncoding, textForm } from './reader-text.js'

const NEWLINE = Buffer.from('\n')
const RETURN = 13

/** Options of {@link nbreader} and `nbfile`. */
export interface ReaderOptions {
  /** The name in descriptions and dumps. */
  readonly name?: string
  /**
   * The number of bytes that a read may look through if it has no limit of its own, such as `readLine()`. Default: 1
   * MiB; `Infinity` for no limit.
   */
  readonly limit?: number
}

/** Options of the reads that look for a delimiter. */
export interface DelimiterOptions {
  /** The largest number of bytes, including the delimiter. Default: the limit of the file. */
  readonly limit?: number
}

/** Options of the reads of lines. */
export interface LineOptions extends DelimiterOptions {
  /** The end of a line. Default: a line feed. */
  readonly delimiter?: Uint8Array | string
}

/**
 * A buffered reader, made by {@link nbreader}, `nbfile` and others. `D` is the type of its results: `Buffer`, or
 * `string` for a reader of text ({@link text}).
 *
 * All sizes are in bytes, of text too. A read of text never cuts a character: if its bytes end within a character, it
 * stops before that one. It gives at least one character.
 *
 * Each read is one operation: it can be selected and timed out. If a read loses, is killed or fails, no byte is lost:
 * all bytes are there for the next read. One operation at a time may wait; another one fails with `BUSY`. A read fails
 * with the error of its source if the bytes that were buffered before do not suffice. Semantics: Syncless `nbfile`.
 */
export class NbReader<D extends Buffer | string = Buffer> implements ByteSource {
  /** @internal */
  readonly input: ReaderInput
  /** @internal */
  readonly form: Form<D>

  /** @internal Use {@link nbreader}. */
  constructor(input: ReaderInput, form: Form<D>) {
    this.input = input
    this.form = form
  }

  get name(): string {
    return this.input.name
  }

  /** The number of bytes that were taken from the source and are still to be read. */
  get buffered(): number {
    return this.input.buffer.length
  }

  /** Whether the source has ended. There may be bytes left to read: {@link buffered}. */
  get sourceEnded(): boolean {
    return this.input.ended
  }

  /**
   * Returns a view of this reader that gives text. Both read the same bytes: a byte that one reads, the other does not.
   * Throws `INVALID_ARGUMENT` for an encoding other than `'utf8'` and `'latin1'`.
   */
  text(encoding: TextEncoding = 'utf8'): NbReader<string> {
    return new NbReader(this.input, textForm(encoding))
  }

  /** Returns a view of this reader that gives bytes. */
  bytes(): NbReader<Buffer> {
    return new NbReader(this.input, bytesForm)
  }

  /** Waits for `count` bytes, and gives them. Gives fewer only at the end of the stream, and nothing if no bytes are left. */
  read(count: number): Op<D> {
    assertSize(count, 0, 'read()')
    return new ReadSome(this.input, this.form, `read ${count} bytes`, count, count, true)
  }

  /** Waits for any bytes, and gives at most `count` of them; nothing at the end of the stream. */
  readAtMost(count: number): Op<D> {
    assertSize(count, 0, 'readAtMost()')
    return new ReadSome(this.input, this.form, `read at most ${count} bytes`, count, Math.min(count, 1), true)
  }

  /**
   * Gives exactly `count` bytes; in text, these have to be whole characters. Fails with `UNEXPECTED_END` if the stream
   * ends before; its bytes stay unread.
   */
  readExactly(count: number): Op<D> {
    assertSize(count, 0, 'readExactly()')
    const what = `read exactly ${count} bytes`
    return new ReadFixed(this.input, what, count, ({ buffer }) => {
      if (buffer.length < count) throw unexpectedEnd(`${what} of ${this.name}`, buffer.length)
      return this.form.take(buffer, count)
    })
  }

  /**
   * Waits until `count` bytes are buffered, or the stream has ended. Gives the number of buffered bytes and takes none:
   * look at them with {@link peek}, {@link find} and {@link rfind}.
   */
  readUpTo(count: number): Op<number> {
    assertSize(count, 0, 'readUpTo()')
    return new ReadFixed(this.input, `read up to ${count} bytes`, count, ({ buffer }) => buffer.length)
  }

  /**
   * Reads a line, including its delimiter. The last line may lack the delimiter; an empty result means the end of the
   * stream. Fails with `READ_LIMIT` if a line has more than `limit` bytes, and leaves all of them unread.
   */
  readLine(options: LineOptions = {}): Op<D> {
    return this.#delimited('read a line', options, size => this.form.take(this.input.buffer, size))
  }

  /**
   * Reads up to and including `delimiter`. Fails with `UNEXPECTED_END` if the stream ends before, and with `READ_LIMIT`
   * if the delimiter does not come within `limit` bytes. Both leave all bytes unread.
   */
  readUntil(delimiter: Uint8Array | string, options: DelimiterOptions = {}): Op<D> {
    const what = `read until ${JSON.stringify(String(delimiter))}`
    return this.#delimited(what, { ...options, delimiter }, (size, length) => {
      if (length === 0) throw unexpectedEnd(`${what} of ${this.name}`, size)
      return this.form.take(this.input.buffer, size)
    })
  }

  /**
   * Reads everything up to the end of the stream. Fails with `READ_LIMIT` if that is more than `limit` bytes, and leaves
   * all of them unread.
   */
  readAll(options: DelimiterOptions = {}): Op<D> {
    return new ReadAll(this.input, this.form, this.#limit(options, 'readAll()'))
  }

  /** Reads like {@link read}, but leaves the bytes unread. */
  peek(count: number): Op<D> {
    assertSize(count, 0, 'peek()')
    return new ReadSome(this.input, this.form, `peek at ${count} bytes`, count, count, false)
  }

  /**
   * Drops the next `count` bytes when they are there, at once if they are buffered. Gives the number of dropped bytes,
   * which is smaller only at the end of the stream. Use {@link skip} for more bytes than the limit of the file. Throws
   * `INVALID_ARGUMENT`.
   */
  discard(count: number): Op<number> {
    assertSize(count, 0, 'discard()')
    if (count > this.input.limit) {
      throw new SynclessError(
        'INVALID_ARGUMENT',
        `use skip() for ${count} bytes: discard() waits until all bytes are there, at most ${this.input.limit}`,
      )
    }
    return new ReadFixed(this.input, `discard ${count} bytes`, count, ({ buffer }) => {
      const dropped = Math.min(count, buffer.length)
      buffer.drop(dropped)
      return dropped
    })
  }

  /**
   * Drops the next `count` bytes as they come; by default all, up to the end of the stream. Gives the number of dropped
   * bytes. This is a task of many steps: bytes dropped before a kill or a timeout are gone.
   */
  skip(count: number = Number.POSITIVE_INFINITY): Op<number> {
    if (count !== Number.POSITIVE_INFINITY) assertSize(count, 0, 'skip()')
    const { input } = this
    const some = (most: number) =>
      new ReadFixed(input, 'skip', Math.min(most, 1), ({ buffer }) => {
        const dropped = Math.min(most, buffer.length)
        buffer.drop(dropped)
        return dropped
      })
    return scope(function* skip() {
      let skipped = 0
      while (skipped < count) {
        const dropped = yield* some(count - skipped)
        if (dropped === 0) break
        skipped += dropped
      }
      return skipped
    })
  }

  /** Puts bytes back before the unread ones: they are read next. They need not come from the stream. */
  unread(data: Uint8Array | string): void {
    this.input.unread(this.encoded(data, 'unread()'))
  }

  /**
   * Returns where `what` first begins in the buffered bytes, counted from the next unread byte; -1 if it is not there
   * yet. The match has to lie between `start` and `end`, which count from the end if they are negative. Does not wait:
   * see {@link readUpTo}. Semantics: Python's `str.find`.
   */
  find(what: Uint8Array | string, start = 0, end: number = this.buffered): number {
    return this.input.buffer.indexOf(this.#sought(what, 'find()'), this.#position(start), this.#position(end))
  }

  /** Returns the last place of `what`, otherwise like {@link find}. Semantics: Python's `str.rfind`. */
  rfind(what: Uint8Array | string, start = 0, end: number = this.buffered): number {
    return this.input.buffer.lastIndexOf(this.#sought(what, 'rfind()'), this.#position(start), this.#position(end))
  }

  /** @internal Notes another reader that takes bytes out of this one. */
  [readsAhead](reader: ReadAhead): void {
    this.input.remember(reader)
  }

  /** Receives plain bytes, whatever {@link text} says: a reader is a source for other readers. */
  recv(maxBytes: number = 64 * 1024): Op<Buffer> {
    assertSize(maxBytes, 1, 'recv()')
    return new ReadSome(this.input, bytesForm, 'recv', maxBytes, 1, true)
  }

  /**
   * Iterates over the lines, without their ends: the delimiter, or LF and CRLF if no delimiter is given. A line of more
   * than `limit` bytes throws `READ_LIMIT`. Leaving early loses nothing: the next line is the next to be read.
   */
  lines(options: LineOptions = {}): AsyncIterableIterator<D> {
    return new LineIterator(() => this.nextLine(options))
  }

  /** Iterates over the {@link lines}: `for await (const line of file)`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<D> {
    return this.lines()
  }

  /**
   * Calls `fn` with each line, without its end, up to the end of the stream. If `fn` returns a coroutine, it runs to its
   * end; if `fn` returns a promise, it is waited for.
   */
  *each<R>(fn: (line: D) => Co<R> | PromiseLike<R> | R, options: LineOptions = {}): Co<void> {
    for (;;) {
      const step = yield* this.nextLine(options)
      if (step.done) return
      yield* run(fn(step.value))
    }
  }

  /** @internal Gives the next line without its end. */
  nextLine(options: LineOptions): Op<IteratorResult<D, undefined>> {
    assertOptions('read a line', options)
    const { buffer } = this.input
    const crlf = options.delimiter === undefined
    return this.#delimited('read a line', options, (size, length) => {
      if (size === 0) return { done: true, value: undefined }
      const line = buffer.take(size)
      const end = size - length
      const cut = crlf && length > 0 && line[end - 1] === RETURN ? end - 1 : end
      return { done: false, value: this.form.from(line.subarray(0, cut)) }
    })
  }

  #delimited<T>(what: string, options: LineOptions, outcome: (size: number, length: number) => T): Op<T> {
    assertOptions(what, options)
    const { delimiter } = options
    const bytes = delimiter === undefined ? NEWLINE : this.#sought(delimiter, what)
    const limit = this.#limit(options, what)
    return new ReadDelimited(this.input, what, bytes, limit, outcome)
  }

  #limit(options: DelimiterOptions, what: string): number {
    assertOptions(what, options)
    const { limit = this.input.limit } = options
    if (limit !== Number.POSITIVE_INFINITY) assertSize(limit, 1, `the limit of ${what}`)
    return limit
  }

  #position(index: number): number {
    const { buffered } = this
    if (!Number.isInteger(index) && index !== Number.POSITIVE_INFINITY) {
      throw new SynclessError('INVALID_ARGUMENT', `an index is a whole number, not ${String(index)}`)
    }
    return Math.max(0, index < 0 ? buffered + index : Math.min(index, buffered))
  }

  #sought(what: Uint8Array | string, method: string): Uint8Array {
    const bytes = this.encoded(what, method)
    if (bytes.length > 0) return bytes
    throw new SynclessError('INVALID_ARGUMENT', `${method}: give at least one byte to look for`)
  }

  /** @internal Returns bytes unchanged, and text in the encoding of the reader. */
  protected encoded(data: Uint8Array | string, method: string): Uint8Array {
    if (typeof data === 'string') return Buffer.from(data, this.form.name === 'latin1' ? 'latin1' : 'utf8')
    if (data instanceof Uint8Array) return data
    throw new SynclessError('INVALID_ARGUMENT', `${method} takes bytes or text, and got a value of type ${typeof data}`)
  }
}

function unexpectedEnd(what: string, left: number): SynclessError {
  return new SynclessError(
    'UNEXPECTED_END',
    `${what}: the stream ended, and only ${left} bytes are left, which stay unread`,
  )
}

/** @internal Throws `INVALID_ARGUMENT` unless `size` is a number of bytes, of at least `least`. */
export function assertSize(size: unknown, least: number, what: string): void {
  if (Number.isSafeInteger(size) && Number(size) >= least) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes a whole number of bytes, and got ${String(size)}`)
}

/** @internal Returns the input of a reader. Throws `INVALID_ARGUMENT`. */
export function readerInput(source: ByteSource | Readable, options: ReaderOptions, made: string): ReaderInput {
  assertOptions(made, options)
  const { name = made, limit = 1024 * 1024 } = options
  if (limit !== Number.POSITIVE_INFINITY) assertSize(limit, 1, `the limit of ${made}`)
  const bytes = asByteSource(source)
  return new ReaderInput(bytes, name === made ? name : `"${name}"`, limit, checkedDepth(bytes, made))
}

/** The largest number of readers over one another: each read passes through all of them, and they need stack. */
const MOST_NESTED = 1000

function checkedDepth(source: ByteSource, made: string): number {
  const below = source instanceof NbReader ? source.input.depth : 'depth' in source ? Number(source.depth) : 0
  if (below < MOST_NESTED) return below + 1
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `read from the reader at hand instead of making ${made} of it: ${MOST_NESTED} readers stand on one another already`,
  )
}

function asByteSource(source: ByteSource | Readable): ByteSource {
  const { recv }: { recv?: unknown } = Object(source)
  return typeof recv === 'function' ? (source as ByteSource) : byteSource(source as Readable)
}

/**
 * Makes a buffered reader of a Node readable, a socket or any other source of bytes. Nothing is read before the first
 * operation, and then at most 64 KiB more than a read wants. Throws `INVALID_ARGUMENT` if `source` is not a source of
 * bytes, or the limit is not a number of bytes.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { PassThrough } from 'node:stream'
 * import { nbreader } from 'syncless/nbsocket'
 *
 * // Each message comes after its length, of one byte: look first, take when all is there.
 * const stream = new PassThrough()
 * const reader = nbreader(stream)
 * stream.write(Buffer.from([5, 104, 101]))
 * stream.end(Buffer.from([108, 108, 111, 2, 104, 105]))
 * const messages: string[] = []
 * while ((await reader.readUpTo(1)) > 0) {
 *   const [length = 0] = await reader.peek(1)
 *   await reader.readUpTo(1 + length)
 *   await reader.discard(1)
 *   messages.push(await reader.text().readExactly(length))
 * }
 * assert.deepEqual(messages, ['hello', 'hi'])
 * ```
 */
export function nbreader(source: ByteSource | Readable, options: ReaderOptions = {}): NbReader<Buffer> {
  return new NbReader(readerInput(source, options, 'a reader'), bytesForm)
}
