/** Leaks of a test in the process: listeners on `process`, and resources that keep Node's event loop alive. */

type Listener = (...args: unknown[]) => unknown

/** Returns the listeners on `process`, by event. */
export function processListeners(): Map<string | symbol, Listener[]> {
  return new Map(process.eventNames().map(event => [event, process.rawListeners(event as never) as Listener[]]))
}

/** Returns a line for each listener of now that is not in `before`. */
export function newListeners(before: Map<string | symbol, Listener[]>): string[] {
  const lines: string[] = []
  for (const [event, listeners] of processListeners()) {
    const known = [...(before.get(event) ?? [])]
    for (const listener of listeners) {
      const at = known.indexOf(listener)
      if (at >= 0) known.splice(at, 1)
      else lines.push(`listener on process, of "${String(event)}": ${nameOf(listener)}`)
    }
  }
  return lines
}

function nameOf(listener: Listener & { listener?: Listener }): string {
  return (listener.listener ?? listener).name || 'anonymous'
}

/** Returns how many resources of each kind keep the event loop alive. Immediates do not count: they are gone in a turn. */
export function resourceCounts(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== 'Immediate') counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

/** Returns how many more resources of each kind there are than in `before`. */
export function newResources(before: Map<string, number>): Map<string, number> {
  const more = new Map<string, number>()
  for (const [kind, count] of resourceCounts()) more.set(kind, count - (before.get(kind) ?? 0))
  return more
}
