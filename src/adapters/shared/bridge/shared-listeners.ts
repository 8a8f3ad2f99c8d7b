import type { Listeners } from './listeners.js'

type Listener = (...args: unknown[]) => void

interface Emitter {
  on(event: string, listener: Listener): unknown
  off(event: string, listener: Listener): unknown
}

/** Those who share one listener, by emitter and event. */
const sharing = new WeakMap<object, Map<string, Shared>>()

/** One listener of an emitter, for all bridges: Node takes more than ten of one event for a leak. */
class Shared {
  readonly #listeners = new Set<Listener>()
  readonly #emitter: Emitter
  readonly #event: string
  readonly #listener = (...args: unknown[]): void => {
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) listener(...args)
    }
  }

  constructor(emitter: Emitter, event: string) {
    this.#emitter = emitter
    this.#event = event
  }

  add(listener: Listener): void {
    if (this.#listeners.size === 0) this.#emitter.on(this.#event, this.#listener)
    this.#listeners.add(listener)
  }

  remove(listener: Listener): void {
    this.#listeners.delete(listener)
    if (this.#listeners.size === 0) this.#emitter.off(this.#event, this.#listener)
  }
}

/** Adds to `listeners` one that shares its place on the emitter with others. For a fixed choice of events. */
export function listenShared(
  listeners: Listeners,
  emitter: object,
  event: string,
  listener: (...args: never[]) => void,
): void {
  const events = sharing.get(emitter) ?? new Map<string, Shared>()
  sharing.set(emitter, events)
  const shared = events.get(event) ?? new Shared(emitter as Emitter, event)
  events.set(event, shared)
  listeners.add(
    () => shared.add(listener as Listener),
    () => shared.remove(listener as Listener),
  )
}
