import { SynclessError } from './errors.js'

/** @internal Throws `INVALID_ARGUMENT` for what are no options at all. */
export function assertOptions(options: unknown, what: string): void {
  if (typeof options === 'object' && options !== null) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes an object of options, and got ${String(options)}`)
}
