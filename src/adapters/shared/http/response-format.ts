import { SynclessError } from '../../../core/base/errors.js'
import { ndjson } from '../bytes/encoders.js'
import { HEARTBEAT, retryLine, type ServerSentEvent, sse } from '../bytes/server-sent-events.js'

/** How a channel becomes a response. */
export interface ResponseOptions<T> {
  /**
   * `'ndjson'`: one JSON text a line. `'sse'`: server-sent events, for `EventSource`. `'raw'`: bytes and text as they are,
   * only for channels of these.
   */
  format: 'ndjson' | 'sse' | ([T] extends [string | Uint8Array] ? 'raw' : never)
  /** Only for `'sse'`: what event a value becomes. Default: one without a name whose data it is. */
  event?: (value: T) => ServerSentEvent
  /** Only for `'sse'`: after how many idle milliseconds a comment is sent, so that no proxy gives up. Default 15 000, 0: never. */
  heartbeat?: number
  /** Only for `'sse'`: after how many milliseconds a client that was cut off connects again. */
  retry?: number
}

/** How values are written, and what goes with them. */
export interface ResponseFormat<T> {
  readonly headers: Readonly<Record<string, string>>
  /** What comes before everything else. */
  readonly prelude: string
  /** What is sent where there is no value at once; empty where the head waits for the first one. */
  readonly opening: string
  /** Milliseconds; 0 for none. */
  readonly heartbeat: number
  encode(value: T): string | Uint8Array
}

/** Throws `INVALID_ARGUMENT` for options that make no sense. */
export function responseFormat<T>(options: ResponseOptions<T>): ResponseFormat<T> {
  const { format, event, heartbeat = 15_000, retry } = Object(options) as ResponseOptions<T>
  if (format === 'sse') {
    if (typeof heartbeat !== 'number' || !(heartbeat >= 0)) {
      throw invalid(`a heartbeat of 0 or more milliseconds, and got ${String(heartbeat)}`)
    }
    if (event !== undefined && typeof event !== 'function') {
      throw invalid(`an event that is a function, and got one of type ${typeof event}`)
    }
    return {
      headers: {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-cache, no-transform',
        'X-Accel-Buffering': 'no',
      },
      prelude: retry === undefined ? '' : `${retryLine(retry)}\n`,
      opening: HEARTBEAT,
      heartbeat,
      encode: value => sse(event === undefined ? { data: present(value) } : made(event(value))),
    }
  }
  if (event !== undefined || retry !== undefined || Object(options).heartbeat !== undefined) {
    throw invalid("event, heartbeat and retry only with the format 'sse'")
  }
  if (format === 'ndjson') {
    const headers = { 'Content-Type': 'application/x-ndjson', 'X-Accel-Buffering': 'no' }
    return { headers, prelude: '', opening: '', heartbeat: 0, encode: ndjson }
  }
  if (format !== 'raw') throw invalid(`the format 'ndjson', 'sse' or 'raw', and got ${String(format)}`)
  const headers = { 'Content-Type': 'application/octet-stream' }
  return { headers, prelude: '', opening: '', heartbeat: 0, encode: bytes }
}

/** An event that a value is to be has data, even if JSON has no text for it: then it is refused. */
function present(value: unknown): unknown {
  if (value !== undefined) return value
  throw new SynclessError(
    'INVALID_ARGUMENT',
    'server-sent event: give data that JSON can hold: type undefined has no JSON text',
  )
}

function made(event: ServerSentEvent): ServerSentEvent {
  if (typeof event === 'object' && event !== null) return event
  throw new SynclessError('INVALID_ARGUMENT', `server-sent event: the function "event" gave ${String(event)}`)
}

function bytes(value: unknown): string | Uint8Array {
  if (typeof value === 'string' || value instanceof Uint8Array) return value
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `a raw response takes bytes and text, and got a value of type ${typeof value}`,
  )
}

function invalid(expected: string): SynclessError {
  return new SynclessError('INVALID_ARGUMENT', `drainTo() takes ${expected}`)
}
