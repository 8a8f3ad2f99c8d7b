import type { Participant, Passed } from './model.js'

/** How much of a value is kept to be shown. */
const MAX_LENGTH = 80

/** Keeps count of what one participant passes to another. */
export class Trace {
  readonly #edges = new Map<string, { from: Participant; to: Participant; count: number; last: string }>()

  pass(from: Participant, to: Participant, value: string): void {
    const key = `${from}>${to}`
    const edge = this.#edges.get(key) ?? { from, to, count: 0, last: '' }
    edge.count++
    edge.last = value.slice(0, MAX_LENGTH)
    this.#edges.set(key, edge)
  }

  snapshot(): Passed[] {
    return [...this.#edges.values()].map(edge => ({ ...edge }))
  }
}
