import { type ErrorCode, SynclessError } from '../../base/errors.js'

/**
 * An error of a socket, with the system's code for it. Its `cause` is Node's own error, if there is one.
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
  /** The system's code, such as `ECONNRESET`, `ENOTFOUND` or `CERT_HAS_EXPIRED`; null if the system gave none. */
  readonly systemCode: string | null

  constructor(code: ErrorCode, message: string, cause?: unknown, systemCode: string | null = systemCodeOf(cause)) {
    super(code, message, cause === undefined || cause === null ? undefined : { cause })
    this.systemCode = systemCode
  }
}

/** @internal Returns the `code` of one of Node's errors. */
export function systemCodeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error) || error instanceof SynclessError) return null
  return typeof error.code === 'string' ? error.code : null
}

/** @internal Returns the text of one of Node's errors. Node's own message is empty if several addresses were tried. */
export function messageOf(error: unknown): string {
  const { message, errors }: { message?: unknown; errors?: unknown } = Object(error)
  if (message) return String(message)
  if (Array.isArray(errors) && errors.length > 0) return errors.map(messageOf).join('; ')
  return systemCodeOf(error) ?? String(error)
}

/** @internal Listens to the errors of a stream that has no owner yet: the next owner sees its state. */
export function ignoreError(): void {}
