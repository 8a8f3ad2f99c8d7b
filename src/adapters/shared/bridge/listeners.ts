import { SynclessError } from '../../../core/base/errors.js'
import { roomForListener } from '../../../core/base/listener-room.js'

/** Listeners that are removed together, also while they are being added: adding one may emit an event. */
export class Listeners {
  readonly #removals: (() => void)[] = []
  #cleared = false

  /** Adds one, unless they have been removed. With `target`, which others own, it counts for nothing in its bound. */
  add(add: () => void, remove: () => void, target?: object): void {
    if (this.#cleared) return
    const leaveRoom = target === undefined ? null : roomForListener(target)
    const removal = () => {
      remove()
      leaveRoom?.()
    }
    add()
    if (this.#cleared) removal()
    else this.#removals.push(removal)
  }

  clear(): void {
    this.#cleared = true
    for (const remove of this.#removals.splice(0)) remove()
  }
}

/** The names in an option that takes one or several. Throws `INVALID_ARGUMENT` for anything else. */
export function namesIn<N extends PropertyKey>(
  names: N | readonly N[] | false | undefined,
  what: string,
): readonly N[] {
  if (names === undefined || names === false) return []
  // The declared type of isArray does not know readonly arrays.
  const list: readonly N[] = Array.isArray(names) ? names : [names as N]
  if (list.length > 0) assertNames(list, what)
  return list
}

/** Throws `INVALID_ARGUMENT` unless `names` are names of events, and at least one. */
export function assertNames(names: readonly unknown[], what: string): void {
  if (names.length > 0 && names.every(name => typeof name === 'string' || typeof name === 'symbol')) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes the name of an event, or a list of them`)
}

/** Throws `INVALID_ARGUMENT` for anything except a signal, and the reason of one that has aborted. */
export function assertNotAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal === undefined) return
  assertSignal(signal, what)
  signal.throwIfAborted()
}

/** Throws `INVALID_ARGUMENT` for anything except a signal. */
export function assertSignal(value: unknown, what: string): asserts value is AbortSignal {
  const { aborted, addEventListener }: { aborted?: unknown; addEventListener?: unknown } = Object(value)
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes an AbortSignal as its signal`)
}
