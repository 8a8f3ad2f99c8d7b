import type { Duplex } from 'node:stream'
import { assertOptions } from '../../core/base/arguments.js'
import type { Receiver, Sender } from '../../core/channel/channel.js'
import { outgoing } from '../shared/bridge/outgoing-half.js'
import type { Decoder } from '../shared/bytes/decoder.js'
import type { Encoder } from '../shared/bytes/encoders.js'
import { assertWritable, drainTo } from './drain-to.js'
import { toChannel } from './to-channel.js'

/** Options of `connect`. */
export interface ConnectOptions<I, O> {
  /** How many values either channel buffers. Default 0. */
  capacity?: number
  /** Turns what is read into values, such as `decodeLines()`. Default: chunks as they are. */
  decode?: () => Decoder<I>
  /** Turns what is sent into bytes or text, such as `lines`. Default: values as they are. */
  encode?: Encoder<O>
  /** A name for descriptions and dumps. */
  name?: string
}

/** The two channels of a duplex. */
export interface Connection<I, O> {
  /** The values that the duplex reads, as from `toChannel`. */
  readonly incoming: Receiver<I>
  /** The sender whose values are written to the duplex, as by `drainTo`. */
  readonly outgoing: Sender<O>
}

/**
 * Connects to a Duplex, such as a socket or a Transform: `incoming` receives the values that it reads, and values
 * sent to `outgoing` are written to it. Each side behaves as described at `toChannel` and `drainTo`. Closing
 * `outgoing` ends the writable side; the readable side goes on.
 *
 * Anything that destroys the duplex ends both sides: cancelling `incoming`, leaving an iteration over it, closing
 * `outgoing` with an error, or an error of the duplex. `outgoing` is then cancelled, with the error as the reason; if
 * both sides had ended cleanly, the error is reported.
 *
 * Both belong to the scope in which they are made. The scope does not wait for them. Throws `INVALID_ARGUMENT` for
 * anything except a duplex and for a wrong capacity, `ALREADY_CONSUMED` for a duplex that has been bridged,
 * `SCOPE_CLOSED` if the scope has ended.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { createGzip, createGunzip } from 'node:zlib'
 * import * as stream from 'syncless/stream'
 *
 * const packed = stream.connect(createGzip(), { encode: stream.lines })
 * const unpacked = stream.connect(createGunzip(), { decode: stream.decodeLines() })
 * packed.outgoing.send('one').then(() => packed.outgoing.close())
 * for await (const chunk of packed.incoming) await unpacked.outgoing.send(chunk)
 * unpacked.outgoing.close()
 * assert.equal(await unpacked.incoming.receive(), 'one')
 * ```
 */
export function connect<I = Buffer, O = Uint8Array | string>(
  duplex: Duplex,
  options: ConnectOptions<I, O> = {},
): Connection<I, O> {
  assertOptions('stream.connect()', options)
  const { capacity = 0, name = 'duplex', decode, encode } = options
  assertWritable(duplex, 'stream.connect() takes a Duplex')
  const incoming = toChannel<I>(duplex, { capacity, name, ...(decode && { decode }) })
  const drain = (receiver: Receiver<O>) => drainTo(receiver, duplex, encode && { encode })
  return { incoming, outgoing: outgoing<O>(name, capacity, drain, incoming) }
}
