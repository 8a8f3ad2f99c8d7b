/** What turns byte streams into values: give one to `toChannel` as `decode`. */
import { SynclessError } from '../../../core/base/errors.js'
import { checkedLimit, type Decoder, type DecoderOptions, decodedBy } from './decoder.js'
import { FrameDecoder, type FrameOptions, frameSize } from './length-prefixed.js'
import { LineSplitter } from './line-splitter.js'
import { EventDecoder, type ReceivedEvent } from './server-sent-events.js'

/**
 * Lines of UTF-8, without their ends (LF or CRLF). A last line without an end is one, too. A line longer than `limit` bytes is
 * `FRAME_TOO_LARGE`. Throws `INVALID_ARGUMENT` for a wrong limit.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Readable } from 'node:stream'
 * import * as stream from 'syncless/stream'
 *
 * const readable = Readable.from([Buffer.from('one\ntw'), Buffer.from('o\n')])
 * const lines = stream.toChannel(readable, { decode: stream.decodeLines({ limit: 1000 }) })
 * assert.deepEqual([await lines.receive(), await lines.receive()], ['one', 'two'])
 * ```
 */
export function decodeLines(options: DecoderOptions = {}): () => Decoder<string> {
  const limit = checkedLimit(options)
  return () => new LineSplitter(limit)
}

/**
 * Newline-delimited JSON: one value a line; empty lines are skipped. What is no JSON is `FRAME_INVALID`, with the
 * `SyntaxError` as the cause; a line longer than `limit` bytes is `FRAME_TOO_LARGE`. Throws `INVALID_ARGUMENT` for a wrong limit.
 * Format: https://github.com/ndjson/ndjson-spec
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Readable } from 'node:stream'
 * import * as stream from 'syncless/stream'
 *
 * const readable = Readable.from([Buffer.from('{"id":1}\n{"id":2}\n')])
 * const orders = stream.toChannel(readable, { decode: stream.decodeNdjson<{ id: number }>() })
 * assert.deepEqual(await orders.receive(), { id: 1 })
 * ```
 */
export function decodeNdjson<T = unknown>(options: DecoderOptions = {}): () => Decoder<T> {
  const limit = checkedLimit(options)
  return () => {
    const splitter = new LineSplitter(limit)
    let count = 0
    const parsed = (lines: Iterable<string>) =>
      decodedBy<T>(values => {
        for (const line of lines) {
          count++
          if (line.trim() !== '') values.push(parse(line, count))
        }
      })
    return { push: chunk => parsed(splitter.push(chunk)), end: () => parsed(splitter.end()) }
  }
}

function parse<T>(line: string, number: number): T {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new SynclessError('FRAME_INVALID', `line ${number} is not valid JSON`, { cause: error })
  }
}

/**
 * Server-sent events: what an `EventSource` would dispatch. An event that the stream ends within is dropped, as the standard
 * says. One of more than `limit` bytes is `FRAME_TOO_LARGE`. Throws `INVALID_ARGUMENT` for a wrong limit.
 * Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Readable } from 'node:stream'
 * import * as stream from 'syncless/stream'
 *
 * const readable = Readable.from([Buffer.from('event: price\nid: 7\ndata: 10\n\n')])
 * const events = stream.toChannel(readable, { decode: stream.decodeSse() })
 * assert.deepEqual(await events.receive(), { event: 'price', data: '10', id: '7' })
 * ```
 */
export function decodeSse(options: DecoderOptions = {}): () => Decoder<ReceivedEvent> {
  const limit = checkedLimit(options)
  return () => new EventDecoder(limit)
}

/**
 * Frames of bytes, each after its length; see `frames` for the format. A length beyond `limit` is `FRAME_TOO_LARGE`, and
 * nothing is kept for it; a stream that ends within a frame is `FRAME_INVALID`. Throws `INVALID_ARGUMENT` for wrong options.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Readable } from 'node:stream'
 * import * as stream from 'syncless/stream'
 *
 * const readable = Readable.from([Buffer.from([0, 2, 7]), Buffer.from([8, 0, 0])])
 * const frames = stream.toChannel(readable, { decode: stream.decodeFrames({ size: 2 }) })
 * assert.deepEqual(await frames.receive(), Buffer.from([7, 8]))
 * assert.equal((await frames.receive()).length, 0)
 * ```
 */
export function decodeFrames(options: FrameOptions & DecoderOptions = {}): () => Decoder<Buffer> {
  const limit = checkedLimit(options)
  const size = frameSize(options)
  return () => new FrameDecoder(limit, size, options.littleEndian === true)
}
