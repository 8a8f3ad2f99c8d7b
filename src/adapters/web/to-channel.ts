import { assertOptions } from '../../core/base/arguments.js'
import { report } from '../../core/base/report.js'
import type { Receiver } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { type Answer, PullChannel } from '../shared/bridge/pull-channel.js'
import { asFailure, tellable } from '../shared/bridge/source-error.js'
import { type Decoder, decoderOf } from '../shared/bytes/decoder.js'
import { type HasBody, streamOf } from './body.js'
import { DecodedAnswers } from './decoded-reader.js'
import { assertChunkSize, type Reader, readerOf } from './reader.js'

/** Options of `toChannel`. */
export interface ToChannelOptions<T = unknown> {
  /** How many chunks are taken out of the stream ahead of the receiver. Default 0. */
  capacity?: number
  /**
   * For a byte stream: how many bytes a chunk has at most. It is then read with a BYOB reader, into a buffer of that size
   * for each chunk. Default: chunks as the stream has them.
   */
  chunkSize?: number
  /** Turns chunks of bytes into values, such as `decodeSse()`. Default: chunks as they are. */
  decode?: () => Decoder<T>
  /** A name for descriptions and dumps. */
  name?: string
}

/**
 * Gives what a ReadableStream, or the body of a fetch `Response` or `Request`, reads as a channel. The stream is
 * locked at once, and read when somebody receives, and ahead of that as far as `capacity` goes: a receiver that
 * stalls holds the source back at that and the stream's own queue.
 *
 * The end of the stream closes the channel; its error closes it with the same object, at once: as in every web
 * stream, what was queued there is lost then. Cancelling the channel cancels the stream in the same turn with the
 * same reason, also while a read is pending. The lock is released at the end. What the source's own `cancel()` fails
 * with is reported. A body that is null is a channel that has ended.
 *
 * With `decode`, bytes become values; if the decoder fails, the channel is closed with its error, after the values
 * before it, and cancels the stream. Decoded values are received before the end or the error of the stream.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, the stream is cancelled, and
 * receivers get `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for anything except a stream, for wrong options, and for
 * `chunkSize` on a stream that is no byte stream; `ALREADY_CONSUMED` for a stream that is locked and a body that was
 * read; `SCOPE_CLOSED` if the scope has ended. Semantics: WHATWG Streams.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import * as web from 'syncless/web'
 *
 * const response = new Response('a body')
 * const decoder = new TextDecoder()
 * let text = ''
 * for await (const chunk of web.toChannel(response)) text += decoder.decode(chunk, { stream: true })
 * assert.equal(text, 'a body')
 * ```
 */
export function toChannel<T>(
  source: ReadableStream<Uint8Array | string> | HasBody,
  options: ToChannelOptions<T> & { decode: () => Decoder<T> },
): Receiver<T>
export function toChannel<T = Uint8Array>(
  source: ReadableStream<T> | HasBody,
  options?: ToChannelOptions<T>,
): Receiver<T>
export function toChannel<T>(source: ReadableStream<T> | HasBody, options: ToChannelOptions<T> = {}): Receiver<T> {
  assertOptions('web.toChannel()', options)
  const { capacity = 0, name = 'web stream', chunkSize, decode } = options
  assertChunkSize(chunkSize)
  const stream = streamOf<T>(source, name)
  let reader: Reader<T>
  const read = () => reader.read()
  const decoded =
    decode === undefined ? null : new DecodedAnswers(read as () => Promise<Answer<Uint8Array>>, decoderOf(decode))
  const values = new PullChannel<T>(capacity, name, decoded === null ? read : () => decoded.ask())
  if (stream === null) {
    values.close()
    return values
  }
  const release = bondToScope(`the bridge "${name}"`, error => values.close(error))
  try {
    reader = readerOf(stream, chunkSize)
  } catch (error) {
    release()
    throw error
  }
  let over = false
  let failed = false
  reader.closed.then(
    () => {
      over = true
      // What has been decoded is still to be asked for.
      if (decoded === null) values.finish(() => values.close())
    },
    (error: unknown) => {
      over = true
      failed = true
      values.finish(() => {
        for (const value of decoded?.rest() ?? []) values.take(value)
        values.close(asFailure(error, `"${name}"`))
      })
    },
  )
  whenSettled(values.ended, end => {
    release()
    const reason = end.by === 'cancel' ? tellable(end.reason) : 'error' in end ? end.error : undefined
    // A stream that has ended or failed does not mind.
    if (!over) reader.cancel(reason).catch(error => failed || report(error, `cancelling the stream "${name}" failed`))
    reader.releaseLock()
  })
  return values
}
