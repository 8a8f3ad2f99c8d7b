import type { ErrorCode, SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { listener } from '../../core/loop/callback.js'
import type { Metrics } from './metrics.js'

/** Errors that anyone can cause: no warning, unless the user has said to whom they go. */
const anyoneCanCause: ReadonlySet<ErrorCode> = new Set([
  'AMBIGUOUS_PATH',
  'HAND_OVER_LIMIT',
  'MALFORMED_REQUEST',
  'TLS_HANDSHAKE_FAILED',
])

/** Where a host's errors without a caller go: to `onError`, or else to the warnings of the process. */
export class ErrorReports {
  readonly #onError: ((error: SynclessError) => void) | null

  constructor(onError: ((error: SynclessError) => void) | undefined) {
    this.#onError = onError === undefined ? null : listener('onError of a syncless host', onError)
  }

  report(error: SynclessError, metrics: Metrics | null): void {
    if (metrics !== null && error.code === 'MALFORMED_REQUEST') metrics.malformed++
    if (this.#onError !== null) this.#onError(error)
    else if (!anyoneCanCause.has(error.code)) report(error, 'syncless host')
  }
}
