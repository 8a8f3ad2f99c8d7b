import { SynclessError } from '../../core/base/errors.js'
import { alreadyConsumed } from '../shared/bridge/receiver.js'

/** What has a body that can be read: a `Response`, a `Request`. */
export interface HasBody {
  readonly body: ReadableStream<Uint8Array> | null
  readonly bodyUsed: boolean
}

/** The stream of what was given: null for a body that there is none of. */
export function streamOf<T>(source: ReadableStream<T> | HasBody, name: string): ReadableStream<T> | null {
  const found: Partial<ReadableStream<T> & HasBody> = Object(source)
  const stream = typeof found.getReader === 'function' ? (source as ReadableStream<T>) : bodyOf<T>(found, name)
  if (stream?.locked) throw alreadyConsumed(`the stream "${name}"`)
  return stream
}

function bodyOf<T>(found: Partial<HasBody>, name: string): ReadableStream<T> | null {
  const { bodyUsed, body } = found
  // The bodies of some libraries for fetch are Node streams.
  if (typeof bodyUsed !== 'boolean' || (body !== null && typeof body?.getReader !== 'function')) {
    throw new SynclessError('INVALID_ARGUMENT', 'web.toChannel() takes a ReadableStream, a Response or a Request')
  }
  if (bodyUsed) throw alreadyConsumed(`the body "${name}"`)
  return body as ReadableStream<T> | null
}
