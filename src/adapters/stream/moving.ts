import type { Readable } from 'node:stream'
import { SynclessError } from '../../core/errors.js'
import type { Decoder } from '../decoder.js'
import type { PulledChannel } from '../pulled-channel.js'

/** Moves the chunks of a stream to a channel, as far as that wants them. What is left is moved at the next demand. */
export class Moving<T> {
  protected readonly readable: Readable
  protected readonly values: PulledChannel<T>

  constructor(readable: Readable, values: PulledChannel<T>) {
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

  /** Takes nothing, but lets a stream that is at its end say so, without waiting for the next receive. */
  protected look(): void {
    if (!this.values.closed && this.readable.readableLength === 0) this.readable.read(0)
  }
}

/** Moves what a decoder makes of the chunks; those of one chunk at a time. */
export class Decoding<T> extends Moving<T> {
  readonly #decoder: Decoder<T>
  #decoded: readonly T[] = []
  #next = 0
  #ended = false

  constructor(readable: Readable, values: PulledChannel<T>, decoder: Decoder<T>) {
    super(readable, values)
    this.#decoder = decoder
  }

  override move(): void {
    this.#guarded(() => {
      this.#hand()
      while (this.#next === this.#decoded.length && !this.#ended && this.values.wants) {
        const chunk: unknown = this.readable.read()
        if (chunk === null) return
        this.#keep(this.#decoder.push(bytesOf(chunk)))
      }
      if (this.#ended) this.#closeIfEmpty()
      else this.look()
    })
  }

  /** What has been decoded is still to be received. */
  override end(): void {
    this.#guarded(() => {
      this.#ended = true
      this.#keep([...this.#decoded.slice(this.#next), ...this.#decoder.end()])
      this.#closeIfEmpty()
    })
  }

  #keep(decoded: readonly T[]): void {
    this.#decoded = decoded
    this.#next = 0
    this.#hand()
  }

  #hand(): void {
    while (this.#next < this.#decoded.length && this.values.wants) {
      this.values.trySend(this.#decoded[this.#next] as T)
      this.#next++
    }
  }

  #closeIfEmpty(): void {
    if (this.#next === this.#decoded.length) this.values.close()
  }

  #guarded(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.values.close(error)
    }
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new SynclessError('INVALID_ARGUMENT', `a decoder takes bytes or text, and the stream gave a ${typeof chunk}`)
}
