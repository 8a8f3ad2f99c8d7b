import type { EventEmitter } from 'node:events'
import { SynclessError } from '../../core/base/errors.js'

/** The name of an event. */
export type EventName = string | symbol

/** A source of events: Node's EventEmitter, and objects like it. */
export interface Emitter {
  on(event: never, listener: never): unknown
  off(event: never, listener: never): unknown
}

/** An emitter on which values can be emitted. */
export interface EmitterSink extends Emitter {
  emit(event: never, ...args: never[]): unknown
}

/** The map of an `EventEmitter<Map>`; an emitter without one has a tuple in its place. */
type MapOf<E> = E extends EventEmitter<infer M> ? (M extends readonly unknown[] ? unknown : M) : unknown

/** The names of the events of an emitter: those of its map, if TypeScript knows it, else any. */
export type NamesOf<E> = string extends keyof MapOf<E>
  ? EventName
  : [keyof MapOf<E>] extends [never]
    ? EventName
    : keyof MapOf<E>

/** The arguments of an event: those that the map names, else unknown ones. */
export type ArgumentsOf<E, N> = N extends keyof MapOf<E>
  ? MapOf<E>[N] extends infer A extends unknown[]
    ? A
    : unknown[]
  : unknown[]

/** The emitter without its types, for what happens at run time. */
export interface AnyEmitter {
  on(event: PropertyKey, listener: (...args: unknown[]) => void): unknown
  off(event: PropertyKey, listener: (...args: unknown[]) => void): unknown
  emit(event: PropertyKey, ...args: unknown[]): unknown
  /** Not every emitter that is like Node's has it. */
  listenerCount?(event: PropertyKey): number
}

/** Throws `INVALID_ARGUMENT` unless `value` has the methods of an emitter. */
export function checkedEmitter(value: unknown, bridge: string, methods: readonly (keyof AnyEmitter)[]): AnyEmitter {
  const emitter: AnyEmitter = Object(value)
  if (methods.every(method => typeof emitter[method] === 'function')) return emitter
  throw new SynclessError('INVALID_ARGUMENT', `${bridge} takes an event emitter, with ${methods.join(', ')}`)
}
