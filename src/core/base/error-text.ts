import { type OutgoingHttpHeaders, type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import { inspect, types } from 'node:util'

/** Returns the message of a thrown value. Errors may come from another realm, where `instanceof` does not know them. */
export function messageOf(error: unknown): string {
  try {
    const message = hasField(error, 'message') ? error.message : error
    return typeof message === 'string' ? message : inspect(message)
  } catch {
    // Its message throws when it is read.
    return 'an error whose message cannot be read'
  }
}

/**
 * Returns the code of an error, or else the name of its class. Messages use it if their readers may not see the error's
 * own message; the error itself is then the `cause`.
 */
export function nameOf(error: unknown): string {
  const code = codeOf(error)
  if (isName(code)) return code
  if (!types.isNativeError(error)) return `a thrown ${typeof error}`
  try {
    if (isName(error.name)) return error.name
  } catch {
    // A getter throws.
  }
  return 'an error'
}

/** Any program may write any text into these fields. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && /^\w{1,64}$/.test(value)
}

/** The answer that an error asks for. */
export interface ErrorAnswer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
}

/**
 * Returns the answer that an error asks for, by the rules of `finalhandler`, which ends the chains of Connect and
 * Express. The status is the error's own `status` or `statusCode`, and the error's `headers` then count too. Otherwise
 * it is the status of the response if that is 400 or more; otherwise it is 500.
 */
export function answerTo(error: unknown, res: ServerResponse): ErrorAnswer {
  try {
    for (const name of ['status', 'statusCode'] as const) {
      const status = hasField(error, name) ? error[name] : undefined
      if (isErrorStatus(status)) return { status, headers: headersOf(error) }
    }
  } catch {
    // A property throws when it is read.
  }
  return { status: isErrorStatus(res.statusCode) ? res.statusCode : 500, headers: {} }
}

function isErrorStatus(status: unknown): status is number {
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status < 600
}

/** Headers that the host's own answer sets: they say how long the answer is and how the connection goes on. */
const FRAMING = new Set(['content-length', 'content-type', 'transfer-encoding', 'connection', 'keep-alive', 'trailer'])

/** Returns the headers of an error that can be sent. */
function headersOf(error: unknown): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  const given = hasField(error, 'headers') ? error.headers : undefined
  if (typeof given !== 'object' || given === null) return headers
  for (const [name, value] of Object.entries(given)) {
    if (!FRAMING.has(name.toLowerCase()) && isSendable(name, value)) headers[name] = value
  }
  return headers
}

function isSendable(name: string, value: unknown): value is string | number | string[] {
  try {
    validateHeaderName(name)
    for (const each of [value].flat()) {
      if (typeof each !== 'string' && typeof each !== 'number') return false
      validateHeaderValue(name, String(each))
    }
    return true
  } catch {
    return false
  }
}

/** Returns the code that the system or Node gave an error; an empty string if the error has none. */
export function codeOf(error: unknown): string {
  try {
    return hasField(error, 'code') && typeof error.code === 'string' ? error.code : ''
  } catch {
    return ''
  }
}

function hasField<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && key in value
}
