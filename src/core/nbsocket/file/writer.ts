import type { Writable } from 'node:stream'
import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import type { Op } from '../../loop/op.js'
import { byteSink } from '../bytes/byte-output.js'
import type { ByteSink } from '../bytes/byte-stream.js'
import { assertSize } from './reader.js'
import { CloseNode, FlushNode, WriteNode } from './writer-ops.js'
import { WriterOutput } from './writer-output.js'

/** Options of {@link nbwriter} and `nbfile`. */
export interface WriterOptions {
  /** The name in descriptions and dumps. */
  readonly name?: string
  /** The size of the buffer in bytes: smaller writes of one turn go out together. Default: 8192; 0 for none. */
  readonly writeBuffer?: number
}

/**
 * A buffered writer, made by {@link nbwriter}. All writes of one turn of the event loop go out together, at its end or
 * at a flush. Node holds them back, and sends them when a socket or a stream is closed. If the sink cannot be corked,
 * the writer itself holds the bytes until its buffer is full, or until the end of the turn. Operations are performed in
 * their order. Semantics: Syncless `nbfile`, which had to be flushed.
 */
export class NbWriter implements ByteSink {
  readonly #output: WriterOutput

  /** @internal Use {@link nbwriter}. */
  constructor(output: WriterOutput) {
    this.#output = output
  }

  get name(): string {
    return this.#output.name
  }

  /** The number of bytes that are held back here because the sink cannot hold them. */
  get unsent(): number {
    return this.#output.buffered
  }

  /**
   * Writes all of `data`, text as UTF-8. Waits only if `data` does not fit in the buffer and the sink has no room. A
   * write that loses or is killed has written nothing of `data`. Small pieces are copied; data larger than the buffer
   * must not be changed before `flush()` settles. Fails with the error of the sink, and with `FILE_CLOSED` after {@link
   * close}.
   */
  write(data: Uint8Array | string): Op<void> {
    if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
      throw new SynclessError('INVALID_ARGUMENT', `write() takes bytes or text, and got a value of type ${typeof data}`)
    }
    const copied = typeof data === 'string' || data.length <= this.#output.capacity
    return new WriteNode(this.#output, copied ? Buffer.from(data) : data)
  }

  /** Writes like {@link write}: a writer is a sink for other writers. */
  send(data: Uint8Array | string): Op<void> {
    return this.write(data)
  }

  /** Sends the written bytes, and waits until the sink has passed them on; for a socket, until the kernel has them. */
  flush(): Op<void> {
    return new FlushNode(this.#output)
  }

  /**
   * Sends the written bytes, and then ends the stream if the sink can end. A socket sends its end and can still be read
   * from (`shutdown`); it stays open for its owner to close. Fails with the error of the sink if bytes were lost. If the
   * operation loses after everything was sent, the end is not taken back. Later calls wait for the same end.
   */
  close(): Op<void> {
    return new CloseNode(this.#output)
  }

  /** Ends writing like {@link close}. */
  shutdown(): Op<void> {
    return this.close()
  }

  /** Closes the writer: `await using file = nbwriter(...)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** @internal Returns the output of a writer. Throws `INVALID_ARGUMENT`. */
export function writerOutput(sink: ByteSink | Writable, options: WriterOptions, made: string): WriterOutput {
  assertOptions(made, options)
  const { name = made, writeBuffer = 8192 } = options
  assertSize(writeBuffer, 0, `the writeBuffer of ${made}`)
  return new WriterOutput(asByteSink(sink), name === made ? name : `"${name}"`, writeBuffer)
}

function asByteSink(sink: ByteSink | Writable): ByteSink {
  const { send }: { send?: unknown } = Object(sink)
  return typeof send === 'function' ? (sink as ByteSink) : byteSink(sink as Writable)
}

/**
 * Makes a buffered writer to a Node writable, a socket or another sink. Written bytes that could not be sent fail the
 * next operation. If there is no next operation, they cause a process warning, unless the reader has left (`EPIPE`,
 * `ECONNRESET`). Throws `INVALID_ARGUMENT` if `sink` is not a sink, and for a wrong option.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { PassThrough } from 'node:stream'
 * import { text } from 'node:stream/consumers'
 * import { nbwriter } from 'syncless/nbsocket'
 *
 * const pipe = new PassThrough()
 * const writer = nbwriter(pipe)
 * for (const word of ['one ', 'two ', 'three']) await writer.write(word) // sent together
 * await writer.close()
 * assert.equal(await text(pipe), 'one two three')
 * ```
 */
export function nbwriter(sink: ByteSink | Writable, options: WriterOptions = {}): NbWriter {
  return new NbWriter(writerOutput(sink, options, 'a writer'))
}
