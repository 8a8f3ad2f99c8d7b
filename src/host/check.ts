/** What is said of arguments that cannot be used. */
import { inspect } from 'node:util'
import { SynclessError } from '../core/errors.js'

/** An `INVALID_ARGUMENT`: `what` names the argument, `wanted` says what it should have been. */
export function invalid(what: string, wanted: string, value: unknown): SynclessError {
  return new SynclessError('INVALID_ARGUMENT', `${what} is ${inspect(value)}: give ${wanted}`)
}

/** Throws `INVALID_ARGUMENT` for options that are no object. */
export function assertOptions(what: string, options: unknown, hint = ''): void {
  if (typeof options === 'object' && options !== null) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes an object of options, and got ${inspect(options)}${hint}`)
}

/** Throws `INVALID_ARGUMENT`. */
export function assertFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw invalid(what, 'a function', value)
}
