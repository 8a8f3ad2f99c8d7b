import { SynclessError } from '../../base/errors.js'
import type { Node } from '../../loop/op.js'
import type { ByteSource } from '../bytes/byte-stream.js'
import { type ReadAhead, ReadersAhead, tellOfReader } from '../bytes/read-ahead.js'
import { ReaderBuffer } from './reader-buffer.js'

/** How many bytes are asked of the source at a time. */
const CHUNK = 64 * 1024

/** A source with what was taken from it and not given on. All views of one file share it. */
export class ReaderInput implements ReadAhead {
  readonly buffer = new ReaderBuffer()
  readonly source: ByteSource
  readonly name: string
  /** How many bytes a read may look through that does not say so itself. */
  readonly limit: number
  /** Whether the source has no more. */
  ended = false
  /** The read that waits for the source. */
  reading: { rescan(): void } | null = null

  constructor(source: ByteSource, name: string, limit: number) {
    this.source = source
    this.name = name
    this.limit = limit
  }

  /** The readers that read from this one. */
  #ahead: ReadersAhead | null = null

  get held(): number {
    return this.buffer.length + (this.#ahead?.held ?? 0)
  }

  /** Its end may have been the limit of a part, which is to come again: it asks the source anew, and is refused. */
  takeHeld(): Buffer {
    this.ended = false
    const own = this.buffer.take(this.buffer.length)
    // The readers of it have taken theirs before.
    return this.#ahead === null ? own : Buffer.concat([this.#ahead.take(), own])
  }

  remember(reader: ReadAhead): void {
    this.#ahead ??= new ReadersAhead()
    this.#ahead.add(reader)
    tellOfReader(this.source, this)
  }

  receive(): Node<Buffer> {
    return this.source.recv(CHUNK).node()
  }

  /** Takes what `received` has committed with. Throws the error of the source. */
  accept(received: Node<Buffer>): void {
    const chunk = received.take()
    if (chunk.length === 0) this.ended = true
    else {
      this.buffer.append(chunk)
      tellOfReader(this.source, this)
    }
  }

  /** Takes what the source has at once. False if one would have to wait for it. */
  pull(): boolean {
    const received = this.receive()
    received.waiter = null
    if (!received.poll()) return false
    this.accept(received)
    return true
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.buffer.prepend(bytes)
    tellOfReader(this.source, this)
    this.reading?.rescan()
  }

  busy(what: string): SynclessError {
    return new SynclessError('BUSY', `cannot ${what}: another read of it waits already`)
  }
}
