/**
 * The moment at which a response begins. Node has no event for it, so the three methods that can bring it about are
 * covered on this one response, as middleware does it, until one of them is called. What an app has put on its
 * prototype is still what runs.
 */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { putHead } from './put-head.js'

const BYTES = ['write', 'end', 'flushHeaders'] as const
const HEAD = ['writeHead', ...BYTES] as const

/** Calls `begun` once, when the first byte of the answer is about to be written. Returns what takes the covers off before. */
export function onFirstByte(res: ServerResponse, begun: () => void): () => void {
  return coverOnce(res, BYTES, (_name, args) => {
    begun()
    return args
  })
}

/** As `onFirstByte`, for a socket: `begun` gets the first chunk. Returns what takes the covers off before. */
export function onFirstBytes(socket: Duplex, begun: (chunk: unknown) => void): () => void {
  return coverOnce(socket, ['write', 'end'], (_name, args) => {
    begun(args[0])
    return args
  })
}

/**
 * Calls `begun` once, when the head of the answer is about to be decided, before anything that middleware has put over the
 * methods runs. Only what is covered already is covered again, so that a response looks as before. Where middleware covers
 * `end` or `write`, or where `always`, `writeHead` is covered as well: its arguments pass through `adapt`, and the head
 * waits for the first byte, so that such middleware can still add to it.
 */
export function onHead(
  res: ServerResponse,
  always: boolean,
  begun: () => void,
  adapt: (writeHead: unknown[]) => unknown[],
): void {
  const waits = Object.hasOwn(res, 'end') || Object.hasOwn(res, 'write')
  // All of them where the head waits: Node writes it by `writeHead`, too, when a byte is written.
  const methods = HEAD.filter(name => waits || Object.hasOwn(res, name) || (always && name === 'writeHead'))
  coverOnce(res, methods, (name, args) => {
    begun()
    if (name !== 'writeHead') return args
    const adapted = adapt(args)
    if (!waits) return adapted
    putHead(res, adapted)
    return null
  })
}

/** `begun` returns the arguments with which the call goes on; null if the call is done. */
function coverOnce<N extends string>(
  res: Record<N, unknown>,
  methods: readonly N[],
  begun: (name: N, args: unknown[]) => unknown[] | null,
): () => void {
  const undo: (() => void)[] = []
  let waiting = true
  const uncover = () => {
    waiting = false
    for (const step of undo.splice(0)) step()
  }
  for (const name of methods) {
    // Covered before, for another who waits, or by middleware.
    const own = Object.getOwnPropertyDescriptor(res, name)
    const cover = function (this: typeof res, ...given: unknown[]): unknown {
      let args = given
      if (waiting) {
        uncover()
        const goesOn = begun(name, given)
        if (goesOn === null) return this
        args = goesOn
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
  return uncover
}
