import { type ErrorCode, isTaskletExit, SynclessError } from '../../../core/base/errors.js'

/** An error that is the client's doing, with the status that Express, Fastify and hosts answer such a one with. */
export class RequestError extends SynclessError {
  readonly status: number
  readonly statusCode: number

  constructor(code: ErrorCode, status: number, message: string, options?: ErrorOptions) {
    super(code, message, options)
    this.status = status
    this.statusCode = status
  }
}

/** What a client left behind that was gone before its request, or the response to it, had ended. */
export function clientGone(what: string, cause?: unknown): SynclessError {
  return new SynclessError('CLIENT_GONE', `the client left before ${what} had ended`, { cause })
}

/** The error of a client that is gone, where an exit was thrown because of that. */
export function goneReason(exit: unknown): SynclessError | undefined {
  if (!isTaskletExit(exit)) return undefined
  const { reason } = exit
  return reason instanceof SynclessError && reason.code === 'CLIENT_GONE' ? reason : undefined
}
