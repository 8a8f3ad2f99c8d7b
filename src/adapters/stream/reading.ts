import type { Readable } from 'node:stream'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { asError } from '../shared/bridge/stream-errors.js'
import type { Encoder } from '../shared/bytes/encoders.js'

/** What a stream does in `_read`, whose chunks a channel receives. */
export class Reading<T> {
  readonly #stream: Readable
  readonly #receiver: Receiver<T>
  readonly #encode: Encoder<T> | undefined

  constructor(stream: Readable, receiver: Receiver<T>, encode: Encoder<T> | undefined) {
    this.#stream = stream
    this.#receiver = receiver
    this.#encode = encode
  }

  read(): void {
    try {
      for (;;) {
        const got = this.#receiver.tryReceive()
        if (!got.ok) {
          if (got.done) this.#stream.push(null)
          else this.#wait()
          return
        }
        if (this.#pushed(got.value)) return
      }
    } catch (error) {
      this.#stream.destroy(asError(error))
    }
  }

  #wait(): void {
    this.#receiver
      .next()
      .then(step => {
        if (this.#stream.destroyed) return
        if (step.done) this.#stream.push(null)
        else if (!this.#pushed(step.value)) this.read()
      })
      .catch((error: unknown) => this.#stream.destroy(asError(error)))
  }

  /** False for an empty chunk: Node takes it for nothing, and would not ask again. */
  #pushed(value: T): boolean {
    const chunk: unknown = this.#encode === undefined ? value : this.#encode(value)
    const { readableObjectMode } = this.#stream
    if (chunk === null || (chunk === undefined && !readableObjectMode)) {
      const why = chunk === null ? 'null, which means its end' : 'undefined, unless in object mode'
      throw new SynclessError('INVALID_ARGUMENT', `a stream cannot carry ${why}: encode it`)
    }
    if (!readableObjectMode && isEmpty(chunk)) return false
    this.#stream.push(chunk)
    return true
  }
}

function isEmpty(chunk: unknown): boolean {
  return chunk === '' || (chunk instanceof Uint8Array && chunk.length === 0)
}
