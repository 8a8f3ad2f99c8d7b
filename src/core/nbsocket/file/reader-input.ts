import { SynclessError } from '../../base/errors.js'
import type { Node } from '../../loop/op.js'
import type { ByteSource } from '../bytes/byte-stream.js'
import { type ReadAhead, ReadersAhead, tellOfReader } from '../bytes/read-ahead.js'
import { ReaderBuffer } from './reader-buffer.js'

/** The number of bytes that the source is asked for at a time. */
const CHUNK = 64 * 1024

/** A source, with the bytes that were taken from it and not passed on. All views of one file share it. */
export class ReaderInput implements ReadAhead {
  readonly buffer = new ReaderBuffer()
  readonly source: ByteSource
  readonly name: string
  /** The number of bytes that a read may look through if it has no limit of its own. */
  readonly limit: number
  /** The number of readers that a read goes through, this one included. */
  readonly depth: number
  /** Whether the source has no more bytes. */
  ended = false
  /** The read that waits for the source. */
  reading: { rescan(): void } | null = null

  constructor(source: ByteSource, name: string, limit: number, depth = 1) {
    this.source = source
    this.name = name
    this.limit = limit
    this.depth = depth
  }

  /** The readers that read from this one. */
  #ahead: ReadersAhead | null = null

  get held(): number {
    return this.buffer.length + (this.#ahead?.held ?? 0)
  }

  /** Its end may have been the limit of a part that is to come again. So it asks the source again, and is refused. */
  takeHeld(): Buffer {
    this.ended = false
    const own = this.buffer.take(this.buffer.length)
    // The readers of it have taken their bytes before.
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

  /** Takes the bytes that `received` has committed with. Throws the error of the source. */
  accept(received: Node<Buffer>): void {
    const chunk = received.take()
    if (chunk.length === 0) this.ended = true
    else {
      this.buffer.append(chunk)
      tellOfReader(this.source, this)
    }
  }

  /** Takes the bytes that the source has at once. Returns false if the read would have to wait for the source. */
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
    return new SynclessError('BUSY', `cannot ${what}: wait for the other read first, which already waits`)
  }
}
