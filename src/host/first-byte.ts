/**
 * The moment at which a response begins. Node has no event for it, so the three methods that can bring it about are
 * covered on this one response, as middleware does it, until one of them is called. What an app has put on its
 * prototype is still what runs.
 */
import type { ServerResponse } from 'node:http'

const BYTES = ['write', 'end', 'flushHeaders'] as const
const HEAD = ['writeHead', ...BYTES] as const

/** Calls `begun` once, when the first byte of the answer is about to be written. */
export function onFirstByte(res: ServerResponse, begun: () => void): void {
  coverOnce(res, BYTES, begun)
}

/** Calls `begun` once, when the head of the answer is about to be decided. It gets the arguments of `writeHead`, if any. */
export function onHead(res: ServerResponse, begun: (writeHead: unknown[] | null) => void): void {
  coverOnce(res, HEAD, (name, args) => begun(name === 'writeHead' ? args : null))
}

function coverOnce(
  res: ServerResponse,
  methods: readonly (typeof HEAD)[number][],
  begun: (name: string, args: unknown[]) => void,
): void {
  const undo: (() => void)[] = []
  let waiting = true
  const uncover = () => {
    waiting = false
    for (const step of undo.splice(0)) step()
  }
  for (const name of methods) {
    // Covered before, for another who waits, or by middleware.
    const own = Object.getOwnPropertyDescriptor(res, name)
    const cover = function (this: ServerResponse, ...args: unknown[]): unknown {
      if (waiting) {
        uncover()
        begun(name, args)
      }
      // Somebody who has wrapped the cover in the meantime goes on calling it.
      return Reflect.apply(own === undefined ? Object.getPrototypeOf(this)[name] : own.value, this, args)
    }
    Object.defineProperty(res, name, { value: cover, configurable: true, writable: true, enumerable: false })
    undo.push(() => {
      if (res[name] !== cover) return
      if (own === undefined) Reflect.deleteProperty(res, name)
      else Object.defineProperty(res, name, own)
    })
  }
}
