/** Underlying sources of streams that read a channel. */
import type { Receiver } from '../../core/channel/channel.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import type { Encoder } from '../shared/bytes/encoders.js'
import { asBytes, encoded } from './bytes.js'

type Controller = ReadableStreamDefaultController<unknown> | ReadableByteStreamController

abstract class ChannelSource<T, C extends Controller> {
  protected readonly receiver: Receiver<T>
  protected readonly encode: Encoder<T> | undefined
  #release: () => void = () => {}
  #over = false

  constructor(receiver: Receiver<T>, encode: Encoder<T> | undefined) {
    this.receiver = receiver
    this.encode = encode
  }

  start(controller: C): void {
    this.#release = bondToScope(`the stream of "${this.receiver.name}"`, error => this.#fail(controller, error))
  }

  async pull(controller: C): Promise<void> {
    try {
      // What gives no chunk, such as no bytes, has to be gone on from: nobody would ask again.
      while (!this.give(controller)) {
        const step = await this.receiver.next()
        if (this.#over) return
        if (step.done) return this.#close(controller)
        this.accept(step.value)
      }
    } catch (error) {
      this.#fail(controller, error)
    }
  }

  cancel(reason: unknown): void {
    this.#finish()
    this.receiver.cancel(reason)
  }

  /** A value has come. */
  protected abstract accept(value: T): void
  /** Hands on what has come; false if there is nothing. */
  protected abstract give(controller: C): boolean
  /** The stream has been closed. */
  protected closed(_controller: C): void {}

  #close(controller: C): void {
    this.#finish()
    controller.close()
    this.closed(controller)
  }

  #fail(controller: C, error: unknown): void {
    if (this.#over) return
    this.#finish()
    this.receiver.cancel(error)
    controller.error(error)
  }

  #finish(): void {
    this.#over = true
    this.#release()
  }
}

/** Values as they are, or encoded. */
export class ChannelValues<T> extends ChannelSource<T, ReadableStreamDefaultController<unknown>> {
  #chunk: { readonly value: unknown } | null = null

  protected accept(value: T): void {
    this.#chunk = { value: this.encode === undefined ? value : encoded(value, this.encode) }
  }

  protected give(controller: ReadableStreamDefaultController<unknown>): boolean {
    const chunk = this.#chunk
    if (chunk === null) return false
    this.#chunk = null
    controller.enqueue(chunk.value)
    return true
  }
}

/** Bytes, into the buffers of those who bring one. */
export class ChannelBytes<T> extends ChannelSource<T, ReadableByteStreamController> {
  readonly type = 'bytes'
  #rest = new Uint8Array()

  protected accept(value: T): void {
    this.#rest = asBytes(this.encode === undefined ? value : encoded(value, this.encode)) as Uint8Array<ArrayBuffer>
  }

  protected give(controller: ReadableByteStreamController): boolean {
    const bytes = this.#rest
    if (bytes.length === 0) return false
    const view = controller.byobRequest?.view
    if (view == null) {
      this.#rest = new Uint8Array()
      // A copy: the stream takes the buffer away from whoever has it.
      controller.enqueue(new Uint8Array(bytes))
      return true
    }
    const count = Math.min(view.byteLength, bytes.length)
    new Uint8Array(view.buffer, view.byteOffset, count).set(bytes.subarray(0, count))
    this.#rest = bytes.subarray(count)
    controller.byobRequest?.respond(count)
    return true
  }

  protected override closed(controller: ReadableByteStreamController): void {
    controller.byobRequest?.respond(0)
  }
}
