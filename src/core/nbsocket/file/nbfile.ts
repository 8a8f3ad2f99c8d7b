import type { Duplex, Readable, Writable } from 'node:stream'
import { SynclessError } from '../../base/errors.js'
import type { Op } from '../../loop/op.js'
import type { ByteSink, ByteSource } from '../bytes/byte-stream.js'
import { NbReader, type ReaderOptions, readerInput } from './reader.js'
import type { ReaderInput } from './reader-input.js'
import { bytesForm, type Form, type TextEncoding, textForm } from './reader-text.js'
import { NbWriter, type WriterOptions, writerOutput } from './writer.js'

/** Options of {@link nbfile}. */
export interface NbFileOptions extends ReaderOptions, WriterOptions {}

/** Two one-way streams that form one conversation, such as standard input and output. */
export interface BytePair {
  readonly readable: Readable | ByteSource
  readonly writable: Writable | ByteSink
}

/** The stream, or the pair of streams, that {@link nbfile} reads and writes. */
export type ByteDuplex = (ByteSource & ByteSink) | Duplex | BytePair

/** A buffered reader and writer, made by {@link nbfile}: an {@link NbReader}, with the operations of an {@link NbWriter}. */
export class NbFile<D extends Buffer | string = Buffer> extends NbReader<D> implements ByteSink {
  readonly #writer: NbWriter

  /** @internal Use {@link nbfile}. */
  constructor(input: ReaderInput, form: Form<D>, writer: NbWriter) {
    super(input, form)
    this.#writer = writer
  }

  override text(encoding: TextEncoding = 'utf8'): NbFile<string> {
    return new NbFile(this.input, textForm(encoding), this.#writer)
  }

  override bytes(): NbFile<Buffer> {
    return new NbFile(this.input, bytesForm, this.#writer)
  }

  /** The number of bytes that are held back here; see {@link NbWriter.unsent}. */
  get unsent(): number {
    return this.#writer.unsent
  }

  /** Writes all of `data`, see {@link NbWriter.write}. Text is written in the encoding in which it is read. */
  write(data: Uint8Array | string): Op<void> {
    return this.#writer.write(typeof data === 'string' ? this.encoded(data, 'write()') : data)
  }

  /** Writes all of `data`; see {@link NbWriter.send}. */
  send(data: Uint8Array | string): Op<void> {
    return this.write(data)
  }

  /** Sends the written bytes and waits; see {@link NbWriter.flush}. */
  flush(): Op<void> {
    return this.#writer.flush()
  }

  /** Ends writing; see {@link NbWriter.close}. */
  close(): Op<void> {
    return this.#writer.close()
  }

  /** Ends writing; see {@link NbWriter.shutdown}. */
  shutdown(): Op<void> {
    return this.#writer.shutdown()
  }

  /** Closes the file: `await using file = nbfile(...)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * Makes a buffered file over a socket, a Node duplex, a process, any source and sink of bytes, or a pair of streams. The
 * file reads by {@link NbReader} and writes by {@link NbWriter}; `nbfile(socket).text()` reads text. The socket stays
 * open for its owner to close. Do not read the socket past the file, which may already have taken bytes from it. Throws
 * `INVALID_ARGUMENT`. Semantics: Syncless `nbfile`, Python's `socket.makefile`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { duplexPair } from 'node:stream'
 * import { go } from 'syncless'
 * import { nbfile } from 'syncless/nbsocket'
 *
 * const [ours, theirs] = duplexPair()
 * go(function* server() {
 *   const file = nbfile(theirs).text()
 *   yield* file.each(line => file.write(`${line.toUpperCase()}\n`))
 *   yield* file.close()
 * })
 * const file = nbfile(ours).text()
 * await file.write('hello\nworld\n')
 * await file.close()
 * assert.equal(await file.readLine(), 'HELLO\n')
 * assert.equal(await file.readAll(), 'WORLD\n')
 * ```
 */
export function nbfile(duplex: ByteDuplex, options: NbFileOptions = {}): NbFile<Buffer> {
  const { readable, writable } = halves(duplex)
  const writer = new NbWriter(writerOutput(writable, options, 'a file'))
  return new NbFile(readerInput(readable, options, 'a file'), bytesForm, writer)
}

function halves(duplex: ByteDuplex): BytePair {
  if (typeof duplex !== 'object' || duplex === null) {
    throw new SynclessError('INVALID_ARGUMENT', `nbfile() takes a socket or a stream, and got ${String(duplex)}`)
  }
  // A stream has a property `readable` of its own, a boolean.
  if ('readable' in duplex && typeof duplex.readable === 'object') return duplex
  return { readable: duplex as Duplex, writable: duplex as Duplex }
}
