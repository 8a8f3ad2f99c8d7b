import type { Intake, Item } from './participant.js'

/** A consumer that a test stalls and lets go on, and that tells what it has got. */
export class TestIntake implements Intake {
  readonly seen: Item[] = []
  /** How many of these it is done with. */
  done = 0
  over: 'no' | 'ended' | 'closed' | { readonly error: unknown } = 'no'
  #allowed = Number.POSITIVE_INFINITY
  readonly #busy: (() => void)[] = []

  /** From here on it takes a value and is not done with it, until it is let go on. */
  stall(): this {
    this.#allowed = 0
    return this
  }

  /** Lets it be done with so many values. */
  step(count = 1): void {
    this.#allowed += count
    while (this.#allowed > 0 && this.#busy.length > 0) this.#finish()
  }

  flow(): void {
    this.step(Number.POSITIVE_INFINITY)
  }

  take(value: Item, done: () => void = () => {}): void {
    this.seen.push(value)
    this.#busy.push(done)
    if (this.#allowed > 0) this.#finish()
  }

  end(): void {
    if (this.over === 'no') this.over = 'ended'
  }

  fail(error: unknown): void {
    if (this.over === 'no') this.over = { error }
  }

  close(): void {
    if (this.over === 'no') this.over = 'closed'
  }

  #finish(): void {
    this.#allowed--
    this.done++
    this.#busy.shift()?.()
  }
}
