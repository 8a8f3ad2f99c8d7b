import { SynclessError } from '../../../core/base/errors.js'

const claimed = new WeakSet<object>()

/** Throws `INVALID_ARGUMENT` unless `value` can be received from. */
export function assertReceiver(value: unknown, bridge: string): void {
  const { receive, next }: { receive?: unknown; next?: unknown } = Object(value)
  if (typeof receive === 'function' && typeof next === 'function') return
  throw new SynclessError('INVALID_ARGUMENT', `${bridge} takes a channel, or another receiver, to read from`)
}

/**
 * Marks something that can have one reader only as taken. Every bridge that reads claims what it reads from, so that
 * two of them never share out its values by accident. Throws `ALREADY_CONSUMED` where another bridge has it.
 */
export function claim(source: object, what: string): void {
  if (claimed.has(source)) throw alreadyConsumed(what)
  claimed.add(source)
}

/** Claims `source` for what `make` makes, and lets go of it again where that throws. */
export function claiming<R>(source: object, what: string, make: () => R): R {
  claim(source, what)
  try {
    return make()
  } catch (error) {
    claimed.delete(source)
    throw error
  }
}

/** The error of a second consumer. */
export function alreadyConsumed(what: string): SynclessError {
  return new SynclessError(
    'ALREADY_CONSUMED',
    `use broadcast() and give each consumer its own subscription: another bridge already reads ${what}`,
  )
}
