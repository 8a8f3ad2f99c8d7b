import { type ErrorCode, SynclessError } from '../../base/errors.js'

/**
 * An error of a socket, with what the system called it. Its `cause` is Node's own error, where there is one.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { connect, SocketError } from 'syncless/nbsocket'
 *
 * try {
 *   await connect({ path: '/nowhere/to/be/found' })
 * } catch (error) {
 *   assert(error instanceof SocketError)
 *   assert.deepEqual([error.code, error.systemCode], ['CONNECT_FAILED', 'ENOENT'])
 * }
 * ```
 */
export class SocketError extends SynclessError {
  /** Such as `ECONNRESET`, `ENOTFOUND`, `CERT_HAS_EXPIRED`; null where the system said nothing. */
  readonly systemCode: string | null

  constructor(code: ErrorCode, message: string, cause?: unknown, systemCode: string | null = systemCodeOf(cause)) {
    super(code, message, cause === undefined || cause === null ? undefined : { cause })
    this.systemCode = systemCode
  }
}

/** @internal The `code` of one of Node's errors. */
export function systemCodeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error) || error instanceof SynclessError) return null
  return typeof error.code === 'string' ? error.code : null
}

/** @internal What one of Node's errors says. Where several addresses were tried, its own message is empty. */
export function messageOf(error: unknown): string {
  const { message, errors }: { message?: unknown; errors?: unknown } = Object(error)
  if (message) return String(message)
  if (Array.isArray(errors) && errors.length > 0) return errors.map(messageOf).join('; ')
  return systemCodeOf(error) ?? String(error)
}

/** @internal Listens to the errors of a stream that nobody has yet: who takes it over sees what became of it. */
export function ignoreError(): void {}
