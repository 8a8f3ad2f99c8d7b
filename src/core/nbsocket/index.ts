/**
 * Network programs as straight-line code: whatever bytes come from and go to, by operations.
 *
 * @module syncless/nbsocket
 */
export { byteSource } from './byte-input.js'
export { byteSink } from './byte-output.js'
export type { ByteSink, ByteSource } from './bytes.js'
