/** The bodies that a request may have, and the headers that describe them. */
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { SynclessError } from '../../core/base/errors.js'

export interface Payload {
  /** Bytes, or what gives them bit by bit. */
  readonly body: Buffer | Readable | null
  readonly type: string | null
}

/** As `fetch()` has it for its own kinds of body; other objects are sent as JSON. Throws `INVALID_ARGUMENT`. */
export async function payloadOf(value: unknown): Promise<Payload> {
  if (value === undefined) return { body: null, type: null }
  if (typeof value === 'string') return { body: Buffer.from(value), type: 'text/plain;charset=UTF-8' }
  if (ArrayBuffer.isView(value)) {
    return { body: Buffer.from(value.buffer, value.byteOffset, value.byteLength), type: null }
  }
  if (value instanceof ArrayBuffer) return { body: Buffer.from(value), type: null }
  if (value instanceof FormData || value instanceof URLSearchParams || value instanceof Blob) {
    const encoded = new Response(value)
    return { body: Buffer.from(await encoded.arrayBuffer()), type: encoded.headers.get('content-type') }
  }
  if (value instanceof Readable) return { body: value, type: null }
  if (isAsyncIterable(value)) return { body: Readable.from(value, { objectMode: false }), type: null }
  return { body: Buffer.from(asJson(value)), type: 'application/json' }
}

// A web stream is one, too.
function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

function asJson(value: unknown): string {
  const [text, cause] = attempt(value)
  if (text !== undefined) return text
  throw new SynclessError('INVALID_ARGUMENT', `the payload ${inspect(value, { depth: 0 })} has no form in JSON`, {
    cause,
  })
}

function attempt(value: unknown): [text: string | undefined, cause?: unknown] {
  try {
    return [JSON.stringify(value)]
  } catch (error) {
    return [undefined, error]
  }
}
