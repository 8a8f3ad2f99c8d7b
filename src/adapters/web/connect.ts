import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver, Sender } from '../../core/channel/channel.js'
import { outgoing } from '../shared/bridge/outgoing-half.js'
import { streamOf } from './body.js'
import { assertWritable, drainTo } from './drain-to.js'
import { toChannel } from './to-channel.js'

/** Options of `connect`. */
export interface ConnectOptions {
  /** How many values either channel buffers. Default 0. */
  capacity?: number
  /** A name for descriptions and dumps. */
  name?: string
}

/** The two channels of a pair of streams. */
export interface Connection<I, O> {
  /** What the readable reads, as by `toChannel`. */
  readonly incoming: Receiver<O>
  /** What is sent here is written to the writable, as by `drainTo`. */
  readonly outgoing: Sender<I>
}

/**
 * Connects to a TransformStream, or to any other pair of a readable and a writable: what is sent to `outgoing` goes
 * in, and `incoming` receives what comes out. Each side behaves as described at `toChannel` and `drainTo`, and holds
 * the other back as far as the transform does. Closing `outgoing` closes the writable; an error that it is closed
 * with aborts it. When the writable fails, `outgoing` is cancelled, with the error as the reason; if it was closed
 * already, and the readable does not fail with the same error, that is reported.
 *
 * Both belong to the scope in which they are made. The scope does not wait for them. Throws `INVALID_ARGUMENT` for
 * anything except such a pair, and for a wrong capacity, `ALREADY_CONSUMED` for a locked readable, `SCOPE_CLOSED` if
 * the scope has ended.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go } from 'syncless'
 * import * as web from 'syncless/web'
 *
 * const { incoming, outgoing } = web.connect(new TextDecoderStream())
 * go(function* () {
 *   for (const byte of [0xe2, 0x82, 0xac]) yield* outgoing.send(Uint8Array.of(byte))
 *   outgoing.close()
 * })
 * let text = ''
 * for await (const part of incoming) text += part
 * assert.equal(text, '€')
 * ```
 */
export function connect<I, O>(
  pair: { readonly readable: ReadableStream<O>; readonly writable: WritableStream<I> },
  options: ConnectOptions = {},
): Connection<I, O> {
  assertOptions('web.connect()', options)
  const { capacity = 0, name = 'pair of web streams' } = options
  const { readable, writable }: { readable?: ReadableStream<O>; writable?: WritableStream<I> } = Object(pair)
  if (readable === undefined || writable === undefined) {
    throw new SynclessError('INVALID_ARGUMENT', 'web.connect() takes a pair of streams: { readable, writable }')
  }
  streamOf(readable, name)
  assertWritable(writable)
  const incoming = toChannel<O>(readable, { capacity, name })
  return { incoming, outgoing: outgoing<I>(name, capacity, receiver => drainTo(receiver, writable), incoming) }
}
