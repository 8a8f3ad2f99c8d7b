/** Which buffered readers hold bytes that they have taken from a source: whoever gives the source away has to know. */
import type { ByteSource } from './byte-stream.js'

/** A reader that may have taken more from its source than it has given on. */
export interface ReadAhead {
  /** How many bytes it holds. */
  readonly held: number
  /** Gives them up. */
  takeHeld(): Buffer
}

/** The method by which a source hears of a reader that takes bytes out of it. A reader that was forgotten tells again. */
export const readsAhead: unique symbol = Symbol('syncless.readsAhead')

/** A source that remembers its readers. */
export interface RememberingSource extends ByteSource {
  [readsAhead](reader: ReadAhead): void
}

/** The readers of one source that hold bytes, in the order in which they began to. */
export class ReadersAhead {
  #readers: ReadAhead[] = []

  /** Remembers `reader`. Readers that hold nothing are forgotten, so that the list stays as short as it can. */
  add(reader: ReadAhead): void {
    if (this.#readers.length === 1 && this.#readers[0] === reader) return
    this.#readers = this.#readers.filter(each => each !== reader && each.held > 0)
    this.#readers.push(reader)
  }

  /** How many bytes they hold. */
  get held(): number {
    return this.#readers.reduce((sum, reader) => sum + reader.held, 0)
  }

  /** Takes the bytes out of the readers. */
  take(): Buffer {
    const pieces = this.#readers.splice(0).map(reader => reader.takeHeld())
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }
}

/** Tells `source` of a reader, if it remembers them. */
export function tellOfReader(source: ByteSource, reader: ReadAhead): void {
  if (readsAhead in source) (source as RememberingSource)[readsAhead](reader)
}
