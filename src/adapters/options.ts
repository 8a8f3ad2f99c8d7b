import { SynclessError } from '../core/errors.js'

/** Throws `INVALID_ARGUMENT` unless these can be options; first of all checks, before anything is touched. */
export function assertOptions(value: unknown, bridge: string): void {
  if (typeof value === 'object' && value !== null) return
  throw new SynclessError('INVALID_ARGUMENT', `${bridge} takes its options as an object`)
}
