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
  /** For descriptions and dumps. */
  readonly name?: string
  /** How many bytes are small, and go out together with others of the same turn. Default 8192; 0 for none. */
  readonly writeBuffer?: number
}

/**
 * A buffered writer, made by {@link nbwriter}. What is written in one turn of the event loop goes out together, at its end or
 * when it is flushed: Node holds it back, and sends it when a socket or a stream is closed. A sink that cannot be corked gets it
 * when there is more of it than the buffer takes, and at the end of the turn. Operations are performed in their order.
 * Semantics: Syncless `nbfile`, which had to be flushed.
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

  /** How many bytes are held back here, as the sink cannot do that. */
  get unsent(): number {
    return this.#output.buffered
  }

  /**
   * Writes all of `data`, text as UTF-8. Waits only where it does not fit in the buffer and the sink has no room; where it
   * loses or is killed, nothing of `data` was written. Small pieces are copied; what is larger than the buffer must not be
   * changed before `flush()` settles. Fails with the error of the sink, and with `FILE_CLOSED` after {@link close}.
   */
  write(data: Uint8Array | string): Op<void> {
    if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
      throw new SynclessError('INVALID_ARGUMENT', `write() takes bytes or text, and got a value of type ${typeof data}`)
    }
    const copied = typeof data === 'string' || data.length <= this.#output.capacity
    return new WriteNode(this.#output, copied ? Buffer.from(data) : data)
  }

  /** The same as {@link write}: a writer is a sink for others. */
  send(data: Uint8Array | string): Op<void> {
    return this.write(data)
  }

  /** Sends what was written, and waits until the sink has passed it on: of a socket, until the kernel has it. */
  flush(): Op<void> {
    return new FlushNode(this.#output)
  }

  /**
   * Sends what was written, and then ends the stream, if the sink can: of a socket, it sends the end and can still be read
   * from (`shutdown`); the socket itself stays open for its owner to close. Fails with the error of the sink where bytes were
   * lost. The end is no longer taken back where the operation loses after everything was sent. Repeats wait for the same.
   */
  close(): Op<void> {
    return new CloseNode(this.#output)
  }

  /** The same as {@link close}. */
  shutdown(): Op<void> {
    return this.close()
  }

  /** Closes it: `await using file = nbwriter(...)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** @internal What a writer writes to. Throws `INVALID_ARGUMENT`. */
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
 * A buffered writer to a Node writable, a socket or another sink. Bytes that were written and could not be sent fail the next
 * operation, and are a process warning where there is none, unless the reader has left (`EPIPE`, `ECONNRESET`). Throws `INVALID_ARGUMENT` for what is no sink,
 * and for a wrong option.
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
