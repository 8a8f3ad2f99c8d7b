/**
 * Which listener of another server answers its requests. The others look on: they count requests, or end connections after
 * them. A host that is attached there tells the others of the requests that its mounts own, and the app of none of them.
 */
import type { EventEmitter } from 'node:events'

export type Listener = (...args: unknown[]) => void

/** The listener that was given to `createServer()`, if there was one and none was put before it. */
export function createdWith(server: EventEmitter): Listener | undefined {
  // The names of events come in the order of their first listeners, and Node's own for `listening` is added last.
  const names = server.eventNames()
  const at = names.indexOf('request')
  if (at < 0 || at > names.indexOf('listening')) return undefined
  return requestListeners(server)[0]
}

export function requestListeners(server: EventEmitter): Listener[] {
  return server.rawListeners('request') as Listener[]
}

/**
 * The app among `listeners`: the app of a framework; else `given`, if it is still there; else the first that takes a response;
 * else the first.
 */
export function appAmong(
  listeners: readonly Listener[],
  given: Listener | undefined,
  isFrameworks: (listener: Listener) => boolean,
): Listener | undefined {
  if (listeners.length < 2) return listeners[0]
  const framework = listeners.find(isFrameworks)
  if (framework !== undefined) return framework
  if (given !== undefined && listeners.includes(given)) return given
  return listeners.find(({ length }) => length > 1) ?? listeners[0]
}
