import { ByteAccumulator } from './byte-accumulator.js'
import { type Decoder, decodedBy, tooLarge } from './decoder.js'

const LF = 0x0a
const CR = 0x0d

/** Splits bytes into lines, as text. A line ends with LF or CRLF. */
export class LineSplitter implements Decoder<string> {
  readonly #limit: number
  /** A line whose end has not come yet. */
  readonly #begun = new ByteAccumulator()

  constructor(limit: number) {
    this.#limit = limit
  }

  push(chunk: Uint8Array): Iterable<string> {
    return decodedBy(lines => {
      let start = 0
      for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
        lines.push(this.#line(chunk.subarray(start, end)))
        start = end + 1
      }
      if (start < chunk.length) this.#keep(chunk.subarray(start))
    })
  }

  /** The last line, if it has no end. */
  end(): Iterable<string> {
    return this.#begun.length === 0 ? [] : [textOf(this.#begun.take())]
  }

  #line(rest: Uint8Array): string {
    if (this.#begun.length === 0) {
      this.#check(rest.length)
      return textOf(Buffer.from(rest.buffer, rest.byteOffset, rest.length))
    }
    this.#keep(rest)
    return textOf(this.#begun.take())
  }

  #keep(part: Uint8Array): void {
    this.#check(this.#begun.length + part.length)
    this.#begun.add(part, this.#limit)
  }

  #check(length: number): void {
    if (length > this.#limit) throw tooLarge('a line', this.#limit)
  }
}

function textOf(line: Buffer): string {
  return line.toString('utf8', 0, line.at(-1) === CR ? line.length - 1 : line.length)
}
