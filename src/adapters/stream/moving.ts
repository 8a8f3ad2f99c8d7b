import type { Readable } from 'node:stream'
import type { DemandChannel } from '../shared/bridge/demand-channel.js'
import { asFailure } from '../shared/bridge/source-error.js'
import { bytesOf, type Decoder } from '../shared/bytes/decoder.js'

/** Moves the chunks of a stream to a channel, as far as that wants them. What is left is moved at the next demand. */
export class Moving<T> {
  protected readonly readable: Readable
  protected readonly values: DemandChannel<T>

  constructor(readable: Readable, values: DemandChannel<T>) {
    this.readable = readable
    this.values = values
  }

  move(): void {
    const { readable, values } = this
    while (values.wants) {
      const chunk: T | null = readable.read()
      if (chunk === null) return
      values.trySend(chunk)
    }
    this.look()
  }

  /** The stream has ended. */
  end(): void {
    this.values.close()
  }

  /** The stream has failed. */
  fail(error: unknown): void {
    this.values.close(error)
  }

  /** Takes nothing, but lets a stream that is at its end say so, without waiting for the next receive. */
  protected look(): void {
    if (!this.values.closed && this.readable.readableLength === 0) this.readable.read(0)
  }
}

/** Moves what a decoder makes of the chunks; those of one chunk at a time. */
export class Decoding<T> extends Moving<T> {
  readonly #decoder: Decoder<T>
  /** What nobody has received yet of the values of the last chunk. */
  #decoded: Iterator<T> = [].values()

  constructor(readable: Readable, values: DemandChannel<T>, decoder: Decoder<T>) {
    super(readable, values)
    this.#decoder = decoder
  }

  override move(): void {
    this.#guarded(() => {
      while (this.values.wants) {
        const step = this.#decoded.next()
        if (!step.done) this.values.trySend(step.value)
        else if (!this.#decodeNext()) return
      }
      this.look()
    })
  }

  override end(): void {
    this.#guarded(() => {
      this.#keepDecoded()
      this.#decoded = this.#decoder.end()[Symbol.iterator]()
      this.#keepDecoded()
      super.end()
    })
  }

  override fail(error: unknown): void {
    this.#guarded(() => {
      this.#keepDecoded()
      super.fail(error)
    })
  }

  #decodeNext(): boolean {
    const chunk: unknown = this.readable.read()
    if (chunk !== null) this.#decoded = this.#decoder.push(bytesOf(chunk))[Symbol.iterator]()
    return chunk !== null
  }

  /** The stream is over, and what it gave is still to be received: no more than the values of one chunk. */
  #keepDecoded(): void {
    for (let step = this.#decoded.next(); !step.done; step = this.#decoded.next()) this.values.take(step.value)
  }

  #guarded(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.values.close(asFailure(error, 'the decoder'))
    }
  }
}
