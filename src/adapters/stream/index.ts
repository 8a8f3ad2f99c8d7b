/**
 * Node streams to and from channels: `import * as stream from 'syncless/stream'`.
 *
 * @module syncless/stream
 */
import type { FlowCapabilities } from '../port.js'

export type { Decoder, DecoderOptions } from '../shared/bytes/decoder.js'
export { decodeFrames, decodeLines, decodeNdjson, decodeSse } from '../shared/bytes/decoders.js'
export { type Encoder, lines, ndjson } from '../shared/bytes/encoders.js'
export { type FrameOptions, frames } from '../shared/bytes/length-prefixed.js'
export { type ReceivedEvent, type ServerSentEvent, sse } from '../shared/bytes/server-sent-events.js'
export { type Connection, type ConnectOptions, connect } from './connect.js'
export { type DrainToOptions, drainTo } from './drain-to.js'
export { type FromChannelOptions, fromChannel } from './from-channel.js'
export { pipeline, type Stage } from './pipeline.js'
export { type ToChannelOptions, toChannel } from './to-channel.js'
export { type TransformBody, type TransformOptions, transform } from './transform.js'

/** The flow capabilities of a Node stream. */
export const capabilities: FlowCapabilities = {
  pausable: true,
  holdsBack: ['fromChannel', 'drainTo', 'connect'],
  multicast: false,
  errors: 'identity',
  ends: true,
  cancels: true,
  ack: false,
}
