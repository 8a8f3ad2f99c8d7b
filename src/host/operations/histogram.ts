import type { Labels, OpenMetricsText } from './open-metrics.js'

/** The usual bounds for the time that requests take, in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** How often a time fell under each of some bounds. */
export class Histogram {
  readonly #counts = new Array<number>(BOUNDS.length + 1).fill(0)
  #sum = 0

  observe(seconds: number): void {
    const at = BOUNDS.findIndex(bound => seconds <= bound)
    const bucket = at < 0 ? BOUNDS.length : at
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sum += seconds
  }

  write(text: OpenMetricsText, labels: Labels): void {
    let total = 0
    this.#counts.forEach((count, at) => {
      total += count
      text.sample(total, { ...labels, le: boundText(BOUNDS[at]) }, '_bucket')
    })
    text.sample(total, labels, '_count').sample(this.#sum, labels, '_sum')
  }
}

/** The format wants floats here: `1.0`. */
function boundText(bound: number | undefined): string {
  if (bound === undefined) return '+Inf'
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}
