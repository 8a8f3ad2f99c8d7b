import type { Latched } from '../core/latched.js'

/** Calls `fn` in the very turn in which `latched` settles, or at once where it has. Not for one that can fail. */
export function whenSettled<T>(latched: Latched<T>, fn: (value: T) => void): void {
  const node = latched.node()
  node.performFor({ wake: () => fn(node.take()) })
}
