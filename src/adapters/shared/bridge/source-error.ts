import { isTaskletExit, SynclessError } from '../../../core/base/errors.js'

/** The error that a channel is to end with because of `error`: a channel cannot end with undefined, a promise can. */
export function asFailure(error: unknown, what: string): unknown {
  if (error !== undefined) return error
  return new SynclessError(
    'INVALID_ARGUMENT',
    `${what} failed with undefined: fail with an error, since a channel cannot end with undefined`,
  )
}

/** What a source is told as the reason of a cancel: nothing of an exit, which is meant for a tasklet alone. */
export function tellable(reason: unknown): unknown {
  return isTaskletExit(reason) ? undefined : reason
}

/** What a channel ends with when an event tells of an error: the same object, if the event has one. */
export function failure(error: unknown, event: PropertyKey, message?: string, cause?: unknown): unknown {
  if (error !== undefined && error !== null) return error
  const text = message || `a source emitted "${String(event)}" without an error`
  return new SynclessError('SOURCE_FAILED', text, cause === undefined ? undefined : { cause })
}
