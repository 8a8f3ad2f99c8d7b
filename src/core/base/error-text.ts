import { type OutgoingHttpHeaders, type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import { inspect, types } from 'node:util'

/** The message of whatever was thrown. Errors may come from another realm, where `instanceof` does not know them. */
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
 * The code of an error, or else the name of its class: for messages that people read who may not read the error's own. The error
 * itself is their `cause`.
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

/** Anybody may write a text into these fields. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && /^\w{1,64}$/.test(value)
}

/** What an error asks its answer to be. */
export interface ErrorAnswer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
}

/**
 * The answer that an error asks for, as `finalhandler` reads it, which ends the chains of Connect and Express: the error's own
 * `status` or `statusCode`, and then its `headers` too; else a status of 400 or more that the response has; else 500.
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

/** The host's own answer says how long it is and how the connection goes on. */
const FRAMING = new Set(['content-length', 'content-type', 'transfer-encoding', 'connection', 'keep-alive', 'trailer'])

/** The headers of an error that can be sent. */
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

/** The system's or Node's code of an error; empty where it has none. */
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
