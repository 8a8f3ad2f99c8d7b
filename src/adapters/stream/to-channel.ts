import { finished, type Readable } from 'node:stream'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import { endSourceOf } from '../../core/nbsocket/bytes/byte-input.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { DemandChannel } from '../shared/bridge/demand-channel.js'
import { claiming } from '../shared/bridge/receiver.js'
import { asReason, destroyQuietly } from '../shared/bridge/stream-errors.js'
import { type Decoder, decoderOf } from '../shared/bytes/decoder.js'
import { Decoding, Moving } from './moving.js'

/** Options of `toChannel`. */
export interface ToChannelOptions<T = unknown> {
  /** How many chunks (objects, in object mode; decoded values) are taken out of the stream ahead of the receiver. Default 0. */
  capacity?: number
  /** Turns the chunks into values, such as `decodeLines()` or `decodeNdjson()`. Default: chunks as they are. */
  decode?: () => Decoder<T>
  /** A name for descriptions and dumps. */
  name?: string
}

/**
 * Returns the data of a readable stream as a channel: objects in object mode, else chunks as `readable.read()` gives
 * them (everything that has arrived, at most about `highWaterMark` bytes), as strings if the stream has an encoding.
 *
 * Bytes that an `nbfile` over the stream has read ahead are put back, and received first. Nothing is read before the
 * first receive. Then at most the stream's own `highWaterMark` and `capacity` chunks are read ahead, so that a slow
 * receiver slows down the source. The end of the stream closes the channel. An error of the stream closes it with the
 * same object; a `destroy()` before the end closes it with Node's `ERR_STREAM_PREMATURE_CLOSE`. Cancelling the
 * channel destroys the stream in the same turn, with the reason if that is an Error; this raises no unhandled `error`
 * event.
 *
 * With `decode`, the bytes become values: a chunk is read when the values of the chunk before have been received. If
 * the decoder fails, the values before the error are received first; then the channel is closed with the error, and
 * the stream is destroyed. Decoded values are received before the end or the error of the stream.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, the stream is destroyed, and
 * receivers get `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for anything except a Readable and for wrong options,
 * `ALREADY_CONSUMED` for a stream that has been bridged, or has ended with bytes left in a file over it, `BUSY` if a
 * read of such a file waits, `SCOPE_CLOSED` if the scope has ended. Semantics: `readable` events and
 * `stream.finished`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Readable } from 'node:stream'
 * import * as stream from 'syncless/stream'
 *
 * const words = stream.toChannel<string>(Readable.from(['one', 'two']))
 * const received: string[] = []
 * for await (const word of words) received.push(word)
 * assert.deepEqual(received, ['one', 'two'])
 * ```
 */
export function toChannel<T = Buffer>(readable: Readable, options: ToChannelOptions<T> = {}): Receiver<T> {
  assertOptions('stream.toChannel()', options)
  const { capacity = 0, name = 'readable', decode } = options
  if (typeof readable?.read !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'stream.toChannel() takes a Readable')
  }
  endSourceOf(readable, 'stream.toChannel()')
  let listening = false
  const values = new DemandChannel<T>(capacity, name, () => {
    if (listening) moving.move()
    else readable.on('readable', onReadable)
    listening = true
  })
  const moving = decode === undefined ? new Moving(readable, values) : new Decoding(readable, values, decoderOf(decode))
  const onReadable = () => moving.move()
  const bond = () => bondToScope(`the bridge "${name}"`, error => values.close(error))
  const release = claiming(readable, `the stream "${name}"`, bond)
  const forget = finished(readable, { writable: false }, error => {
    if (error) moving.fail(error)
    else moving.end()
  })
  whenSettled(values.ended, end => {
    release()
    readable.off('readable', onReadable)
    if (end.by === 'cancel') destroyQuietly(readable, asReason(end.reason))
    else if ('error' in end) destroyQuietly(readable)
    forget()
  })
  return values
}
