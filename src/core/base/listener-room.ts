import { getMaxListeners, setMaxListeners } from 'node:events'

/**
 * Makes room for one more listener at an emitter, an event target or a signal that others own; returns what takes the room
 * back. Node takes more than ten listeners for a leak and says so. Ours are as many as there are operations that wait, and go
 * with them. The owner's own bound stays as it is.
 */
export function roomForListener(target: object): () => void {
  if (bound(target) === 0) return nothing
  setMaxListeners(bound(target) + 1, target as EventTarget)
  return () => {
    const now = bound(target)
    // Zero is no bound.
    if (now > 1) setMaxListeners(now - 1, target as EventTarget)
  }
}

/** The bound; 0 where there is none. */
function bound(target: object): number {
  const { getMaxListeners: own, setMaxListeners: set }: Partial<NodeJS.EventEmitter> = target as object
  if (typeof own === 'function' && typeof set === 'function') return own.call(target as NodeJS.EventEmitter)
  return target instanceof EventTarget ? getMaxListeners(target) : 0
}

function nothing(): void {}
