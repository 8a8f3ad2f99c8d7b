import { assertOptions } from '../../core/base/arguments.js'
import type { Receiver } from '../../core/channel/channel.js'
import { assertReceiver, claiming } from '../shared/bridge/receiver.js'
import type { Encoder } from '../shared/bytes/encoders.js'
import { ChannelBytes, ChannelValues } from './channel-source.js'

/** Options of `fromChannel`. */
export interface FromChannelOptions<T, C = T> {
  /**
   * Turns each value into bytes, such as `ndjson`; text becomes UTF-8. The body of a `Response` is a stream of bytes. Without it,
   * values pass as they are.
   */
  encode?: Encoder<T>
  /**
   * `'bytes'` makes a byte stream, which BYOB readers can read: values are `Uint8Array` then, or encoded. Its bytes are
   * copies: the stream does not take away the buffers of the sender.
   */
  type?: 'bytes'
  /** How far the stream reads ahead; for a byte stream a `highWaterMark` in bytes, without a `size`. Default: not at all. */
  strategy?: QueuingStrategy<C>
}

/**
 * A ReadableStream of what a channel receives. It receives when it is read, and ahead of that as its strategy says,
 * so that a slow reader slows down the producer.
 *
 * The end of the channel closes the stream; an error of the channel, or one that `encode` throws, errors it with the
 * same object. Cancelling the stream cancels the channel in the same turn with the same reason, also while a receive
 * is pending.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, so is the channel, and the stream
 * is errored with `SCOPE_CLOSED`. Throws `ALREADY_CONSUMED` if another bridge reads the channel (use `broadcast()` or
 * `stream.tee()` to fan out), `INVALID_ARGUMENT` for anything except a channel, `SCOPE_CLOSED` if the scope has
 * ended. Semantics: WHATWG Streams.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, go } from 'syncless'
 * import * as web from 'syncless/web'
 *
 * const orders = channel<{ id: number }>()
 * go(function* () {
 *   for (const id of [1, 2]) yield* orders.send({ id })
 *   orders.close()
 * })
 * const response = new Response(web.fromChannel(orders, { encode: web.ndjson }))
 * assert.equal(await response.text(), '{"id":1}\n{"id":2}\n')
 * ```
 */
export function fromChannel<T>(
  receiver: Receiver<T>,
  options: FromChannelOptions<T, Uint8Array> & { encode: Encoder<T> },
): ReadableStream<Uint8Array>
export function fromChannel<T>(
  receiver: Receiver<T>,
  options?: FromChannelOptions<T> & { encode?: undefined },
): ReadableStream<T>
export function fromChannel<T>(
  receiver: Receiver<T>,
  options: FromChannelOptions<T, never> = {},
): ReadableStream<T | Uint8Array> {
  assertOptions('web.fromChannel()', options)
  assertReceiver(receiver, 'web.fromChannel()')
  const { encode, type, strategy = { highWaterMark: 0 } } = options
  const source = type === 'bytes' ? new ChannelBytes(receiver, encode) : new ChannelValues(receiver, encode)
  // The types of Node and of the DOM for what a stream is made of differ; the streams themselves do not.
  const make = () => new ReadableStream<T | Uint8Array>(source as never, strategy as never)
  return claiming(receiver, `the channel "${receiver.name}"`, make)
}
