import type { ErrorCode } from '../../base/errors.js'
import type { Op } from '../../loop/op.js'
import { action } from '../../ops/action.js'
import { messageOf, SocketError, systemCodeOf } from '../bytes/socket-error.js'

/** What says that there is no such name, or nothing of that kind about it: all else is a failure of the asking. */
const NOT_FOUND: readonly (string | null)[] = ['ENOTFOUND', 'ENODATA', 'EAI_NONAME', 'EAI_NODATA', 'NOTFOUND', 'NODATA']

/** How Node tells the outcome of a query. */
export type Answered<T> = (error: Error | null, value: T) => void

/** A query as an operation. `ask` starts it when it is performed; what that returns is called if it loses. */
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

/** The error of a query that failed by `cause`. */
export function lookupError(what: string, cause: Error): SocketError {
  const code: ErrorCode = NOT_FOUND.includes(systemCodeOf(cause)) ? 'NAME_NOT_FOUND' : 'LOOKUP_FAILED'
  return new SocketError(code, `${what}: ${messageOf(cause)}`, cause)
}
