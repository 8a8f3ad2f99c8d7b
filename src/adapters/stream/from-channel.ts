import { Readable } from 'node:stream'
import { assertOptions } from '../../core/base/arguments.js'
import type { Receiver } from '../../core/channel/channel.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { assertReceiver, claiming } from '../shared/bridge/receiver.js'
import type { Encoder } from '../shared/bytes/encoders.js'
import { endWithHost, isResponse } from '../shared/http/closing-answer.js'
import { Reading } from './reading.js'

/** Options of `fromChannel`. */
export interface FromChannelOptions<T> {
  /** Turns each value into bytes or text, such as `ndjson` or `lines`. Without it, values pass as they are. */
  encode?: Encoder<T>
  /** Whether the stream carries objects. Default: true unless `encode` is set. */
  objectMode?: boolean
  /** How far the stream reads ahead: in bytes, or in objects in object mode. Default: Node's own. */
  highWaterMark?: number
}

/**
 * Returns a readable stream of the values of a channel. It receives when it is read, at most `highWaterMark` ahead,
 * so that a slow client slows down the producer.
 *
 * The end of the channel ends the stream. An error of the channel, or one that `encode` throws, destroys the stream
 * with the same object. A value that is no Error becomes the `cause` of a `CHANNEL_CLOSED`. As in every Node stream,
 * values that were read ahead are then lost. Destroying the stream cancels the channel in the same turn, even while a
 * receive is pending, with the error as the reason. `null` means the end to Node: receiving it destroys an object
 * stream with `INVALID_ARGUMENT`.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, the stream is destroyed before
 * its end, without an error event. Throws `ALREADY_CONSUMED` if another bridge reads the channel (use `broadcast()`
 * to fan out), and `SCOPE_CLOSED` if the scope has ended. Semantics: `stream.Readable` with `read()`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { text } from 'node:stream/consumers'
 * import { channel, go } from 'syncless'
 * import * as stream from 'syncless/stream'
 *
 * const orders = channel<{ id: number }>()
 * go(function* () {
 *   for (const id of [1, 2]) yield* orders.send({ id })
 *   orders.close()
 * })
 * const feed = stream.fromChannel(orders, { encode: stream.ndjson })
 * assert.equal(await text(feed), '{"id":1}\n{"id":2}\n')
 * ```
 */
export function fromChannel<T>(receiver: Receiver<T>, options: FromChannelOptions<T> = {}): Readable {
  assertOptions('stream.fromChannel()', options)
  assertReceiver(receiver, 'stream.fromChannel()')
  return claiming(receiver, `the channel "${receiver.name}"`, () => new ChannelReadable(receiver, options))
}

class ChannelReadable<T> extends Readable {
  readonly #receiver: Receiver<T>
  readonly #reading: Reading<T>
  readonly #release: () => void

  constructor(receiver: Receiver<T>, options: FromChannelOptions<T>) {
    const { encode, objectMode = encode === undefined, highWaterMark } = options
    super({ objectMode, ...(highWaterMark === undefined ? {} : { highWaterMark }) })
    this.#receiver = receiver
    this.#reading = new Reading(this, receiver, encode)
    this.#release = bondToScope(`the stream of "${receiver.name}"`, () => this.destroy())
  }

  // What it is piped into may be an answer. Frameworks that are given a stream to send pipe it as well.
  override pipe<D extends NodeJS.WritableStream>(destination: D, options?: { end?: boolean }): D {
    if (isResponse(destination)) {
      const answer = endWithHost(destination, {
        end: () => this.#receiver.cancel(),
        cut: reason => {
          this.#receiver.cancel(reason)
          this.destroy()
        },
      })
      this.on('data', answer.touched)
      destination.once('close', answer.forget)
    }
    return super.pipe(destination, options)
  }

  override _read(): void {
    this.#reading.read()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#release()
    this.#receiver.cancel(error ?? undefined)
    callback(error)
  }
}
