/** The checks of arguments, and the errors that say what to give instead. */
import { inspect } from 'node:util'
import { SynclessError } from './errors.js'

/** @internal Returns an `INVALID_ARGUMENT`: `what` names the argument, `wanted` says what to give instead. */
export function invalid(what: string, wanted: string, value: unknown): SynclessError {
  return new SynclessError('INVALID_ARGUMENT', `${what} is ${inspect(value)}: give ${wanted}`)
}

/** @internal Throws `INVALID_ARGUMENT` for anything except an object. */
export function assertOptions(what: string, options: unknown, hint = ''): void {
  if (typeof options === 'object' && options !== null) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes an object of options, and got ${inspect(options)}${hint}`)
}

/** @internal Throws `INVALID_ARGUMENT` for anything except a function. */
export function assertFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw invalid(what, 'a function', value)
}
