/**
 * The moment at which a response begins. Node has no event for it, so the three methods that can bring it about are
 * covered on this one response, as middleware does it, until one of them is called. What an app has put on its
 * prototype is still what runs.
 */
import type { ServerResponse } from 'node:http'

const METHODS = ['write', 'end', 'flushHeaders'] as const

/** Calls `begun` once, when the first byte of the answer is about to be written. */
export function onFirstByte(res: ServerResponse, begun: () => void): void {
  const covers = new Map<(typeof METHODS)[number], unknown>()
  let waiting = true
  const begin = () => {
    if (!waiting) return
    waiting = false
    for (const [name, cover] of covers) if (res[name] === cover) Reflect.deleteProperty(res, name)
    begun()
  }
  for (const name of METHODS) {
    const cover = function (this: ServerResponse, ...args: unknown[]): unknown {
      begin()
      // Somebody who has wrapped the cover in the meantime goes on calling it.
      return Reflect.apply(Object.getPrototypeOf(this)[name], this, args)
    }
    covers.set(name, cover)
    Object.defineProperty(res, name, { value: cover, configurable: true, writable: true, enumerable: false })
  }
}
