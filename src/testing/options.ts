import { SynclessError } from '../core/errors.js'

/** Throws `INVALID_ARGUMENT` for what are no options at all. */
export function assertOptions(what: string, options: unknown): void {
  if (typeof options === 'object' && options !== null) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes an object as its options`)
}
