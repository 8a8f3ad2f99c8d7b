import { isTaskletExit } from '../../base/errors.js'
import type { Co, Op } from '../../loop/op.js'
import type { ByteOutput } from './byte-output.js'

/** Small enough that `bytesSent` tells something, large enough that it costs nothing. */
const PIECE = 64 * 1024

/** The extra property on an error of {@link NbSocket.sendAll}, which otherwise fails like every operation of a socket. */
export interface PartialSend {
  /** The number of bytes that the kernel had taken. It is at most one piece of 64 KiB too low. */
  readonly bytesSent: number
}

/** @internal Sends all of `bytes`, piece by piece, and waits until the kernel has them. `timed` bounds each wait. */
export function* sendAll(output: ByteOutput, bytes: Uint8Array, timed: (op: Op<void>) => Op<void>): Co<void> {
  const holder = {}
  let start: number | null = null
  try {
    output.hold(holder, `sendAll on ${output.name}`)
    try {
      for (let at = 0; at < bytes.length; at += PIECE) {
        const piece = bytes.subarray(at, at + PIECE)
        yield* timed(output.send(piece, holder))
        start ??= output.given - piece.length
      }
      yield* timed(output.flush())
    } finally {
      output.letGo()
    }
  } catch (error) {
    // An exit is not a failure, and other tasklets may be given the same exit.
    if (error instanceof Error && !isTaskletExit(error)) {
      const sent = start === null ? 0 : Math.min(output.flushed - start, bytes.length)
      Object.assign(error, { bytesSent: Math.max(sent, 0) } satisfies PartialSend)
    }
    throw error
  }
}
