import { SynclessError } from '../../base/errors.js'
import { List } from '../../base/list.js'
import { report } from '../../base/report.js'
import type { Node, Op } from '../../loop/op.js'
import type { ByteSink } from '../bytes/byte-stream.js'
import { DrainNode, type OutputNode } from './writer-ops.js'

const EMPTY = Buffer.alloc(0)

/** A sink, with the written bytes that were not handed on. Operations that have to wait for the sink do so in their order. */
export class WriterOutput {
  readonly sink: ByteSink
  readonly name: string
  /** The number of bytes that may be held back for later ones. */
  readonly capacity: number
  /** Whether the sink itself holds bytes back, and so loses none when it is closed. */
  readonly #corks: boolean
  readonly #waiting = new List<Node<unknown>>()
  #memory: Buffer | null = null
  #length = 0
  #closed = false
  #draining = false
  /** The error with which written bytes were lost. */
  #failure: { readonly error: unknown; received: boolean } | null = null

  constructor(sink: ByteSink, name: string, capacity: number) {
    this.sink = sink
    this.name = name
    this.capacity = capacity
    this.#corks = capacity > 0 && sink.cork !== undefined
  }

  get buffered(): number {
    return this.#length
  }

  /** Whether other operations come first. */
  get busy(): boolean {
    return this.#waiting.length > 0
  }

  /** Throws if nothing can be written any more. */
  assertWritable(what: string): void {
    this.assertWhole()
    if (this.#closed) throw new SynclessError('FILE_CLOSED', `cannot ${what}: it was closed`)
  }

  /** Throws if written bytes could not be sent. */
  assertWhole(): void {
    const failure = this.#failure
    if (failure === null) return
    failure.received = true
    if (passes(failure.error)) this.#failure = null
    throw failure.error
  }

  /** Whether all written bytes can still be sent. */
  get whole(): boolean {
    return this.#failure === null
  }

  /** Notes that the sink did not take the held bytes. The performer of the operation is told, or else the next operation. */
  failed(error: unknown, received: boolean): void {
    if (this.#failure !== null || this.#length === 0 || (received && passes(error))) return
    const failure = { error, received }
    const lost = this.#length
    this.#failure = failure
    if (received) return
    setImmediate(() => {
      if (!failure.received) report(error, `${lost} bytes that were written to ${this.name} could not be sent`)
    })
  }

  holds(bytes: Uint8Array): boolean {
    return bytes.length === 0 || (!this.#corks && this.#length + bytes.length <= this.capacity)
  }

  /** Keeps a copy of `bytes`, for which there is room. The bytes go out in the next turn of the event loop at the latest. */
  hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#memory ??= Buffer.allocUnsafeSlow(this.capacity)
    this.#memory.set(bytes, this.#length)
    this.#length += bytes.length
    this.#drainSoon()
  }

  /** Sends the held bytes, and `bytes` after them, all at once. */
  send(bytes: Uint8Array = EMPTY): Op<void> {
    if (this.#corks) this.sink.cork?.()
    const held = this.#memory?.subarray(0, this.#length) ?? EMPTY
    if (held.length === 0) return this.sink.send(bytes)
    return this.sink.send(bytes.length === 0 ? held : Buffer.concat([held, bytes]))
  }

  /** Notes that the held bytes have been sent. */
  sent(): void {
    this.#length = 0
    this.#memory = null
  }

  /** Ends the stream. Settles when the other side has been told, if the sink can tell it. */
  shutdown(): Op<void> {
    if (this.#closed || this.sink.shutdown === undefined) {
      this.#closed = true
      return this.sink.flush()
    }
    this.#closed = true
    return this.sink.shutdown()
  }

  enter(node: OutputNode): void {
    this.#waiting.pushBack(node)
    if (this.#waiting.head === node) node.start()
  }

  leave(node: OutputNode): void {
    this.#waiting.remove(node)
  }

  startNext(): void {
    const next = this.#waiting.head as OutputNode | null
    next?.start()
  }

  #drainSoon(): void {
    if (this.#draining) return
    this.#draining = true
    setImmediate(() => {
      this.#draining = false
      if (this.#length === 0) return
      new DrainNode(this).performFor({ wake: () => {} })
    })
  }
}

/** Returns whether the next try may succeed: the sink has a time limit. */
function passes(error: unknown): boolean {
  return error instanceof SynclessError && error.code === 'TIMEOUT'
}
