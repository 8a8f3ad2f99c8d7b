import { tooLarge } from './decoder.js'

const LF = 0x0a

/** Splits bytes into lines, as text. A line ends with LF or CRLF. */
export class LineSplitter {
  readonly #limit: number
  /** The parts of a line whose end has not come yet. */
  #parts: Uint8Array[] = []
  #length = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    let start = 0
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      this.#keep(chunk.subarray(start, end))
      lines.push(this.#line())
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
    return lines
  }

  /** The last line, if it has no end. */
  end(): string[] {
    return this.#length === 0 ? [] : [this.#line()]
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return
    this.#length += part.length
    if (this.#length > this.#limit) throw tooLarge('a line', this.#limit)
    this.#parts.push(part)
  }

  #line(): string {
    const bytes = Buffer.concat(this.#parts)
    this.#parts = []
    this.#length = 0
    return bytes.toString('utf8', 0, bytes.at(-1) === 0x0d ? bytes.length - 1 : bytes.length)
  }
}
