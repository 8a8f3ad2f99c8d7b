/**
 * Web streams to and from channels: `import * as web from 'syncless/web'`.
 *
 * @module syncless/web
 */
import type { FlowCapabilities } from '../port.js'

export type { Decoder, DecoderOptions } from '../shared/bytes/decoder.js'
export { decodeFrames, decodeLines, decodeNdjson, decodeSse } from '../shared/bytes/decoders.js'
export { type Encoder, lines, ndjson } from '../shared/bytes/encoders.js'
export { type FrameOptions, frames } from '../shared/bytes/length-prefixed.js'
export { type ReceivedEvent, type ServerSentEvent, sse } from '../shared/bytes/server-sent-events.js'
export type { HasBody } from './body.js'
export { type Connection, type ConnectOptions, connect } from './connect.js'
export { type DrainToOptions, drainTo } from './drain-to.js'
export { type FromChannelOptions, fromChannel } from './from-channel.js'
export { type ToChannelOptions, toChannel } from './to-channel.js'

/** The flow capabilities of a web stream. */
export const capabilities: FlowCapabilities = {
  pausable: true,
  holdsBack: ['fromChannel', 'drainTo', 'connect'],
  multicast: false,
  errors: 'identity',
  ends: true,
  cancels: true,
  ack: false,
}
