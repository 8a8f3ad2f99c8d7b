import { getMaxListeners, setMaxListeners } from 'node:events'

/**
 * Makes room for one more listener on an emitter, an event target or a signal that belongs to others. Returns a function
 * that takes the room back. Node reports more than ten listeners as a leak. Here one listener per waiting operation is
 * normal, and each goes with its operation. The owner's own bound stays as it is.
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

/** Returns the bound on listeners; 0 means no bound. */
function bound(target: object): number {
  const { getMaxListeners: own, setMaxListeners: set }: Partial<NodeJS.EventEmitter> = target as object
  if (typeof own === 'function' && typeof set === 'function') return own.call(target as NodeJS.EventEmitter)
  return target instanceof EventTarget ? getMaxListeners(target) : 0
}

function nothing(): void {}
