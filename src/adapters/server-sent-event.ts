/** Server-sent events, as the HTML standard has them: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { IncomingHttpHeaders } from 'node:http'
import { SynclessError } from '../core/errors.js'

/** One event of `text/event-stream`. */
export interface ServerSentEvent {
  /** Its type; `message` to a client where it is left out. */
  event?: string
  /** What a client that connects again says it has seen last. The empty string takes back an earlier one. */
  id?: string | number
  /** Text as it is, anything else as JSON. Left out, clients take note of `id` and `retry` and are told of no event. */
  data?: unknown
  /** How many milliseconds the client waits before it connects again. */
  retry?: number
}

/** What keeps a connection alive and is no event. */
export const HEARTBEAT = ':\n\n'

/** Throws `INVALID_ARGUMENT` for what cannot be carried: a line break in a name, data that JSON has no text for. */
export function encodeEvent({ event, id, data, retry }: ServerSentEvent): string {
  let text = ''
  if (event !== undefined) text += `event: ${oneLine('event', event)}\n`
  if (id !== undefined) text += `id: ${oneLine('id', String(id))}\n`
  if (retry !== undefined) text += retryLine(retry)
  if (data !== undefined) for (const line of textOf(data).split(/\r\n|\r|\n/)) text += `data: ${line}\n`
  return `${text}\n`
}

/** Throws `INVALID_ARGUMENT` for what is no whole number of milliseconds. */
export function retryLine(retry: number): string {
  if (!Number.isSafeInteger(retry) || retry < 0) throw invalid(`retry has to be a whole number, and is ${retry}`)
  return `retry: ${retry}\n`
}

/** The `id` of the last event that a client has seen; null for one that connects for the first time. */
export function lastEventIdOf(headers: IncomingHttpHeaders): string | null {
  const value = headers['last-event-id']
  if (typeof value !== 'string' || value === '') return null
  // Clients send UTF-8, and Node reads every header as Latin-1.
  return Buffer.from(value, 'latin1').toString('utf8')
}

function oneLine(name: string, value: string): string {
  if (/[\r\n\0]/.test(value)) throw invalid(`${name} has a line break or a NUL in it`)
  return value
}

function textOf(data: unknown): string {
  if (typeof data === 'string') return data
  // The declared type leaves out that it gives undefined for a value that is not JSON.
  const text: string | undefined = JSON.stringify(data)
  if (text === undefined) throw invalid(`data of type ${typeof data} has no JSON text`)
  return text
}

function invalid(problem: string): SynclessError {
  return new SynclessError('INVALID_ARGUMENT', `server-sent event: ${problem}`)
}
