import { codeOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'

/** Returns the report for an error that an engine has met on a connection; nothing if the client merely left. */
export function malformed(error: Error): SynclessError | undefined {
  const code = codeOf(error)
  const late = code === 'ERR_HTTP_REQUEST_TIMEOUT'
  if (!late && (!code.startsWith('HPE_') || code === 'HPE_INVALID_EOF_STATE')) return undefined
  return new SynclessError('MALFORMED_REQUEST', `a client sent an invalid HTTP request (${code})`, { cause: error })
}
