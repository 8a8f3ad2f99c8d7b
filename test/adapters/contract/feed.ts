import type { Feed, Item, Step } from './participant.js'

/** A feed that a test fills, and that tells what has become of it. */
export class TestFeed implements Feed {
  /** How many values the native producer has produced. */
  produced = 0
  /** Whether it has learnt that nothing more is wanted, and why. */
  stopped: { readonly reason: unknown } | null = null
  /** How many values it knows to be taken. */
  acknowledged = 0
  readonly #steps: Step[] = []
  readonly #flows: ((step: Step) => void)[] = []
  #next = 0
  #asking: ((step: Step) => void) | null = null
  #endless: ((index: number) => Item) | null = null

  /** Values to produce. */
  put(...values: Item[]): void {
    for (const value of values) this.#add({ value })
  }

  end(): void {
    this.#add({ end: true })
  }

  fail(error: Error): void {
    this.#add({ error })
  }

  /** Values without end, for a medium that asks. */
  endless(make: (index: number) => Item = index => index): void {
    this.#endless = make
    this.#answer()
  }

  flow(sink: (step: Step) => void): void {
    const steps = [...this.#steps]
    this.#flows.push(sink)
    for (const step of steps) this.#hand(step, sink)
  }

  pull(sink: (step: Step) => void): void {
    this.#asking = sink
    this.#answer()
  }

  stop(reason?: unknown): void {
    this.stopped ??= { reason }
    this.#asking = null
  }

  taken(): void {
    this.acknowledged++
  }

  #add(step: Step): void {
    this.#steps.push(step)
    for (const flow of this.#flows) this.#hand(step, flow)
    this.#answer()
  }

  #answer(): void {
    const sink = this.#asking
    if (sink === null) return
    const step = this.#endless === null ? this.#steps[this.#next] : { value: this.#endless(this.#next) }
    if (step === undefined) return
    this.#asking = null
    this.#next++
    this.#hand(step, sink)
  }

  #hand(step: Step, sink: (step: Step) => void): void {
    if ('value' in step) this.produced++
    sink(step)
  }
}
