import type { Op } from '../../loop/op.js'
import type { NbSocket } from './nbsocket.js'
import { assertSocketOptions, type SocketOptions } from './socket-options.js'
import { asSockets, rawPair } from './socket-pair.js'

type Common =
  | 'name'
  | 'timeout'
  | 'closed'
  | 'close'
  | 'destroy'
  | 'detach'
  | 'stream'
  | typeof Symbol.dispose
  | typeof Symbol.asyncDispose

/** The end of a pipe for reading. */
export type PipeReader = Pick<NbSocket, Common | 'recv' | 'recvExactly' | 'peek' | 'readable' | 'buffered'>

/** The end of a pipe for writing. */
export type PipeWriter = Pick<
  NbSocket,
  Common | 'send' | 'sendAll' | 'cork' | 'flush' | 'writable' | 'shutdown' | 'bytesFlushed'
>

/** Both ends of a pipe. */
export interface Pipe {
  readonly reader: PipeReader
  readonly writer: PipeWriter
}

/**
 * Makes a pipe through the kernel: bytes sent to `writer` are received from `reader`. Closing the writer ends the
 * reader; closing the reader makes sends fail with `SOCKET_BROKEN`. The pipe is a pair of sockets, because Node has no
 * `pipe(2)`. Fails with `CONNECT_FAILED` if the system has no sockets left. Throws `INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { pipe } from 'syncless/nbsocket'
 *
 * const { reader, writer } = await pipe()
 * await writer.send('through the kernel')
 * await writer.close()
 * assert.equal(String(await reader.recv()), 'through the kernel')
 * assert.equal((await reader.recv()).length, 0)
 * await reader.close()
 * ```
 */
export function pipe(options: SocketOptions = {}): Op<Pipe> {
  assertSocketOptions(options, 'pipe()')
  return rawPair().map(ends => {
    const [reader, writer] = asSockets(ends, options, ['reader of a pipe', 'writer of a pipe'])
    reader.shutdown()
    return { reader, writer }
  })
}
