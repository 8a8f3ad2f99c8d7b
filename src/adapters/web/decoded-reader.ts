import type { Answer } from '../shared/bridge/pull-channel.js'
import { bytesOf, type Decoder } from '../shared/bytes/decoder.js'

/** Asks for chunks, and answers with what a decoder makes of them, one value at a time. */
export class DecodedAnswers<T> {
  readonly #read: () => PromiseLike<Answer<Uint8Array>>
  readonly #decoder: Decoder<T>
  #decoded: Iterator<T> = [].values()
  #ended = false

  constructor(read: () => PromiseLike<Answer<Uint8Array>>, decoder: Decoder<T>) {
    this.#read = read
    this.#decoder = decoder
  }

  ask(): Answer<T> | Promise<Answer<T>> {
    const step = this.#decoded.next()
    if (!step.done) return { done: false, value: step.value }
    return this.#ended ? { done: true, value: undefined } : this.#decode()
  }

  /** What has been decoded and not been asked for. */
  *rest(): Generator<T, void> {
    for (let step = this.#decoded.next(); !step.done; step = this.#decoded.next()) yield step.value
  }

  /** In a loop: where promises wait for one another, chunks that give nothing, such as heartbeats, would pile up. */
  async #decode(): Promise<Answer<T>> {
    for (;;) {
      const chunk = await this.#read()
      this.#ended = chunk.done === true
      const decoded = chunk.done ? this.#decoder.end() : this.#decoder.push(bytesOf(chunk.value))
      this.#decoded = decoded[Symbol.iterator]()
      const step = this.#decoded.next()
      if (!step.done) return { done: false, value: step.value }
      if (this.#ended) return { done: true, value: undefined }
    }
  }
}
