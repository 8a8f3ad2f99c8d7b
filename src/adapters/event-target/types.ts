import { SynclessError } from '../../core/base/errors.js'

/**
 * The event that a target fires under a name. TypeScript knows the type if the target has a handler property for the
 * name, as all targets of the web have: `onmessage` gives the type of `'message'`.
 */
export type EventOf<E, N extends string> = `on${N}` extends keyof E
  ? NonNullable<E[`on${N}`]> extends (event: infer V extends Event) => unknown
    ? V
    : Event
  : Event

/** The names of the events that a target has handler properties for; any other string is allowed too. */
export type NamesOf<E> = Extract<keyof E, `on${string}`> extends `on${infer N}` ? N | (string & {}) : string

/** Throws `INVALID_ARGUMENT` unless `value` has the methods of an EventTarget. */
export function assertTarget(value: unknown, bridge: string): asserts value is EventTarget {
  const { addEventListener, removeEventListener, dispatchEvent }: Partial<EventTarget> = Object(value)
  if ([addEventListener, removeEventListener, dispatchEvent].every(method => typeof method === 'function')) return
  throw new SynclessError('INVALID_ARGUMENT', `${bridge} takes an EventTarget`)
}
