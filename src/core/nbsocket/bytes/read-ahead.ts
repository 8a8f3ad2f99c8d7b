/** The buffered readers that hold bytes taken from a source. Code that gives the source away has to know them. */
import type { ByteSource } from './byte-stream.js'

/** A reader that may hold bytes of its source that it has not passed on. */
export interface ReadAhead {
  /** The number of bytes that the reader holds. */
  readonly held: number
  /** Gives up these bytes. */
  takeHeld(): Buffer
}

/** The method by which a source hears of a reader that takes bytes out of it. A forgotten reader tells again. */
export const readsAhead: unique symbol = Symbol('syncless.readsAhead')

/** A source that remembers its readers. */
export interface RememberingSource extends ByteSource {
  [readsAhead](reader: ReadAhead): void
}

/** The readers of one source that hold bytes, in the order in which they began to hold some. */
export class ReadersAhead {
  #readers: ReadAhead[] = []

  /** Remembers `reader`. Readers that hold nothing are forgotten, which keeps the list short. */
  add(reader: ReadAhead): void {
    if (this.#readers.length === 1 && this.#readers[0] === reader) return
    this.#readers = this.#readers.filter(each => each !== reader && each.held > 0)
    this.#readers.push(reader)
  }

  /** The number of bytes that the readers hold. */
  get held(): number {
    return this.#readers.reduce((sum, reader) => sum + reader.held, 0)
  }

  /** Takes the bytes out of the readers. */
  take(): Buffer {
    const pieces = this.#readers.splice(0).map(reader => reader.takeHeld())
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }
}

/** Tells `source` of a reader, if the source remembers readers. */
export function tellOfReader(source: ByteSource, reader: ReadAhead): void {
  if (readsAhead in source) (source as RememberingSource)[readsAhead](reader)
}
