import type { Readable } from 'node:stream'
import type { Node, Op } from '../../loop/op.js'
import { WrappingNode } from '../../loop/wrapping.js'
import { type ByteInput, byteInput } from '../bytes/byte-input.js'
import type { ByteSource } from '../bytes/byte-stream.js'
import { type ReadAhead, readsAhead, tellOfReader } from '../bytes/read-ahead.js'
import { type NbFile, nbfile } from '../file/nbfile.js'

/** A stream that can be told whether it keeps the process alive. A file as standard input cannot; it ends by itself. */
type Input = Readable & { ref?(): unknown; unref?(): unknown }

/** A source that keeps the process alive only while somebody waits. */
class AwaitedSource implements ByteSource {
  readonly #input: Input
  readonly #source: ByteInput

  constructor(input: Input) {
    this.#input = input
    this.#source = byteInput(input)
    // The next owner of the stream waits for it as usual.
    this.#source.whenReleased = () => void input.ref?.()
  }

  recv(maxBytes?: number): Op<Buffer> {
    return new AwaitedRecv(this.#source.recv(maxBytes).node(), this.#input)
  }

  [readsAhead](reader: ReadAhead): void {
    tellOfReader(this.#source, reader)
  }
}

class AwaitedRecv extends WrappingNode<Buffer, Buffer> {
  readonly #input: Input

  constructor(source: Node<Buffer>, input: Input) {
    super(source)
    this.#input = input
  }

  protected override committed(): void {
    this.#input.unref?.()
  }

  protected override opened(): void {
    this.#input.ref?.()
  }

  protected override closed(): void {
    this.#input.unref?.()
  }
}

/**
 * Returns standard input and output as a file of text: a console for questions while other tasklets of the program run.
 * A terminal gives lines as they are entered; Ctrl-D is the end. Nothing is read before the first read, and only a
 * waiting read keeps the process alive. Every call gives the same file. Use the console or `process.stdin`, not both:
 * `fromSocket(process.stdin)` and bridges take standard input over, with the bytes that were read ahead. The console
 * then fails with `ALREADY_CONSUMED`.
 *
 * @example
 * ```ts
 * import { nbconsole } from 'syncless/nbsocket'
 *
 * const terminal = nbconsole()
 * await terminal.write('name? ')
 * const name = (await terminal.readLine()).trim()
 * await terminal.write(`hello, ${name || 'whoever you are'}\n`)
 * ```
 */
export function nbconsole(): NbFile<string> {
  shared ??= nbfile(
    { readable: new AwaitedSource(process.stdin), writable: process.stdout },
    { name: 'console' },
  ).text()
  return shared
}

let shared: NbFile<string> | null = null
