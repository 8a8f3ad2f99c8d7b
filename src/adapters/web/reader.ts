import { SynclessError } from '../../core/base/errors.js'
import type { Answer } from '../shared/bridge/pull-channel.js'

/** What the readers of default and of byte streams have in common. */
export interface Reader<T> {
  read(): Promise<Answer<T>>
  readonly closed: Promise<unknown>
  cancel(reason: unknown): Promise<void>
  releaseLock(): void
}

/** Locks a stream. With a size, each read is given a buffer of that many bytes. */
export function readerOf<T>(stream: ReadableStream<T>, chunkSize: number | undefined): Reader<T> {
  if (chunkSize === undefined) return stream.getReader()
  const reader = byobReader(stream)
  return {
    read: async () => (await reader.read(new Uint8Array(chunkSize))) as Answer<T>,
    closed: reader.closed,
    cancel: reason => reader.cancel(reason),
    releaseLock: () => reader.releaseLock(),
  }
}

/** Throws `INVALID_ARGUMENT` unless chunks can have this size. */
export function assertChunkSize(size: unknown): void {
  if (size === undefined || (Number.isSafeInteger(size) && Number(size) > 0)) return
  throw new SynclessError('INVALID_ARGUMENT', `web.toChannel() takes a chunkSize of 1 or more; got ${String(size)}`)
}

function byobReader(stream: ReadableStream<unknown>): ReadableStreamBYOBReader {
  try {
    return stream.getReader({ mode: 'byob' })
  } catch (error) {
    throw new SynclessError('INVALID_ARGUMENT', 'web.toChannel() takes a chunkSize for byte streams only', {
      cause: error,
    })
  }
}
