import type { ErrorCode } from '../../base/errors.js'
import type { Op } from '../../loop/op.js'
import { action } from '../../ops/action.js'
import { messageOf, SocketError, systemCodeOf } from '../bytes/socket-error.js'

/** The codes for a name that does not exist, or that has no record of that kind. All other codes mean a failed query. */
const NOT_FOUND: readonly (string | null)[] = ['ENOTFOUND', 'ENODATA', 'EAI_NONAME', 'EAI_NODATA', 'NOTFOUND', 'NODATA']

/** The callback by which Node gives the outcome of a query. */
export type Answered<T> = (error: Error | null, value: T) => void

/**
 * Makes an operation of a query. `ask` starts the query when the operation is performed; the function that it returns is
 * called if the operation loses.
 */
export function query<T>(what: string, ask: (answered: Answered<T>) => (() => void) | void): Op<T> {
  return action<T>(
    (resolve, reject) =>
      ask((error, value) => {
        if (error) reject(lookupError(what, error))
        else resolve(value)
      }),
    what,
  )
}

/** Returns the error of a query that failed by `cause`. */
export function lookupError(what: string, cause: Error): SocketError {
  const code: ErrorCode = NOT_FOUND.includes(systemCodeOf(cause)) ? 'NAME_NOT_FOUND' : 'LOOKUP_FAILED'
  return new SocketError(code, `${what}: ${messageOf(cause)}`, cause)
}
