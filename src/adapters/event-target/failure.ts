import { messageOf } from '../../core/base/error-text.js'
import { failure } from '../shared/bridge/source-error.js'

/**
 * What an event that tells of an error fails a channel with: the `error` or `reason` that it carries, the reason of the
 * signal that it comes from, or `SOURCE_FAILED` with the event as the cause.
 */
export function failureOf(event: Event): unknown {
  const { error, reason, message, target }: EventLike = event as never
  const carried = error ?? reason ?? (target as { reason?: unknown } | null)?.reason
  // The close of a WebSocket has an empty reason where none was given.
  return failure(
    carried === '' ? undefined : carried,
    event.type,
    typeof message === 'string' ? message : undefined,
    event,
  )
}

/** What events of errors have: an ErrorEvent, a PromiseRejectionEvent, an abort. */
interface EventLike {
  readonly error?: unknown
  readonly reason?: unknown
  readonly message?: unknown
  readonly target: object | null
}

/** An event with an error. Node has the ErrorEvent of the web from version 25 on. */
export class FailureEvent extends Event {
  readonly error: unknown
  readonly message: string

  constructor(type: string, error: unknown) {
    super(type)
    this.error = error
    this.message = messageOf(error)
  }
}
