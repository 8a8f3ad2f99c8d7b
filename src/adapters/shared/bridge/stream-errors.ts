import { finished, type Readable, type Writable } from 'node:stream'
import { types } from 'node:util'
import { isTaskletExit, SynclessError } from '../../../core/base/errors.js'

/** Destroys a stream. An `error` event that this causes is the echo of what the caller knows: it is not unhandled. */
export function destroyQuietly(stream: Readable | Writable, error?: Error): void {
  const forget = finished(stream, () => forget())
  stream.destroy(error)
}

/**
 * What to destroy a stream with because of `reason`: the same object if it is an error; nothing for no reason, and
 * for an exit, which is meant for a tasklet alone.
 */
export function asReason(reason: unknown): Error | undefined {
  return isError(reason) && !isTaskletExit(reason) ? reason : undefined
}

/** The error that a stream fails with: the same object if it is one, else an error with it as the cause. */
export function asError(value: unknown): Error {
  if (isError(value)) return value
  return new SynclessError('CHANNEL_CLOSED', `the channel ended with ${String(value)}, which is not an Error`, {
    cause: value,
  })
}

/** Whether a stream was closed before its end, without an error. */
export function isPrematureClose(error: unknown): boolean {
  return isError(error) && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}

/** Also for an error of another realm. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}
