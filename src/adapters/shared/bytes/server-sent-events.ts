/** Server-sent events, as the HTML standard has them: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { IncomingHttpHeaders } from 'node:http'
import { SynclessError } from '../../../core/base/errors.js'
import { type Decoder, decodedBy, tooLarge } from './decoder.js'

/** An event to be sent. */
export interface ServerSentEvent {
  /**
   * The data: text as it is, of as many lines as it has; anything else as JSON. Without data, clients only note `id`
   * and `retry`.
   */
  data?: unknown
  /** The type of the event. Default: `message`. */
  event?: string
  /**
   * The id that the client sends as `Last-Event-ID` when it connects again. The empty string takes back an earlier
   * id.
   */
  id?: string | number
  /** After how many milliseconds the client should connect again. */
  retry?: number
  /** Text that clients ignore, such as a heartbeat. */
  comment?: string
}

/** An event that has been received. */
export interface ReceivedEvent {
  readonly event: string
  readonly data: string
  /** The last id that the stream has named, or the empty string. */
  readonly id: string
}

/**
 * Encodes a value as a server-sent event, as an `EventSource` reads it. Throws `INVALID_ARGUMENT` for an `event` or
 * `id` of several lines, an `id` with a NUL, a `retry` that is no whole number, and `data` without a JSON text.
 * Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { sse } from 'syncless/stream'
 *
 * assert.equal(sse({ event: 'price', id: '7', data: '10\n11' }), 'event: price\nid: 7\ndata: 10\ndata: 11\n\n')
 * assert.equal(sse({ comment: 'heartbeat' }), ': heartbeat\n\n')
 * ```
 */
export function sse({ data, event, id, retry, comment }: ServerSentEvent): string {
  let text = ''
  if (comment !== undefined) for (const line of linesOf(comment)) text += `: ${line}\n`
  if (event !== undefined) text += `event: ${oneLine('event', event)}\n`
  if (id !== undefined) text += `id: ${oneLine('id', String(id))}\n`
  if (retry !== undefined) text += retryLine(retry)
  if (data !== undefined) for (const line of linesOf(textOf(data))) text += `data: ${line}\n`
  return `${text}\n`
}

/** What keeps a connection alive and is no event. */
export const HEARTBEAT = ':\n\n'

/** Throws `INVALID_ARGUMENT` for anything except a whole number of milliseconds. */
export function retryLine(retry: number): string {
  if (!Number.isSafeInteger(retry) || retry < 0)
    throw invalid(`retry takes whole milliseconds, and got ${String(retry)}`)
  return `retry: ${retry}\n`
}

/** The `id` of the last event that a client has seen; null for one that connects for the first time. */
export function lastEventIdOf(headers: IncomingHttpHeaders): string | null {
  const value = headers['last-event-id']
  if (typeof value !== 'string' || value === '') return null
  // Clients send UTF-8, and Node reads every header as Latin-1.
  return Buffer.from(value, 'latin1').toString('utf8')
}

function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/)
}

function oneLine(field: string, value: string): string {
  if (!/[\r\n]/.test(value) && !(field === 'id' && value.includes('\0'))) return value
  throw invalid(`give ${field} on one line: got ${JSON.stringify(value)}`)
}

function textOf(data: unknown): string {
  if (typeof data === 'string') return data
  // The declared type leaves out that it gives undefined for a value that is not JSON.
  const text: string | undefined = JSON.stringify(data)
  if (text === undefined) throw invalid(`give data that JSON can hold: type ${typeof data} has no JSON text`)
  return text
}

function invalid(problem: string): SynclessError {
  return new SynclessError('INVALID_ARGUMENT', `server-sent event: ${problem}`)
}

/** @internal */
export class EventDecoder implements Decoder<ReceivedEvent> {
  readonly #limit: number
  readonly #utf8 = new TextDecoder()
  /** A line whose end has not come yet. */
  #line = ''
  /** Whether the last character was a CR, after which a LF is the same end. */
  #afterCr = false
  #data: string[] | null = null
  #event = ''
  #id = ''
  /** How many bytes the event has so far, without the ends of its lines. */
  #size = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  push(chunk: Uint8Array): Iterable<ReceivedEvent> {
    let text = this.#utf8.decode(chunk, { stream: true })
    if (text === '') return []
    if (this.#afterCr && text.startsWith('\n')) text = text.slice(1)
    this.#afterCr = text.endsWith('\r')
    const lines = linesOf(text)
    return decodedBy(events => {
      lines.forEach((part, index) => {
        this.#line += part
        this.#size += Buffer.byteLength(part)
        if (this.#size > this.#limit) throw tooLarge('an event', this.#limit)
        if (index < lines.length - 1) this.#take(events)
      })
    })
  }

  end(): ReceivedEvent[] {
    return []
  }

  #take(events: ReceivedEvent[]): void {
    const line = this.#line
    this.#line = ''
    if (line !== '') {
      this.#field(line)
      return
    }
    if (this.#data !== null) events.push({ event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id })
    this.#data = null
    this.#event = ''
    this.#size = 0
  }

  #field(line: string): void {
    const colon = line.indexOf(':')
    // Heartbeats may come for as long as the stream lasts.
    if (colon === 0) this.#size -= Buffer.byteLength(line)
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'data') {
      this.#data ??= []
      this.#data.push(value)
    } else if (name === 'event') this.#event = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
  }
}
