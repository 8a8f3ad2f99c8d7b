/**
 * The place of a facade tasklet in the core: a core tasklet that the core's loop never runs. The ring does, one step at
 * a time. So everything that a core tasklet may wait for can be waited for here, natively; whoever wakes the seat only
 * tells the ring that its tasklet is runnable again.
 */

import { loop } from '../../core/loop/loop.js'
import type { Co } from '../../core/loop/op.js'
import { Interrupts } from '../../core/tasklet/interrupts.js'
import { Tasklet as CoreTasklet } from '../../core/tasklet/tasklet.js'

export class Seat extends CoreTasklet<void> {
  readonly #onReturn: () => void
  started = false

  /** `driver` is the core tasklet that runs the ring: `current()` means that one. */
  constructor(body: () => Co<void>, name: string, driver: CoreTasklet<unknown>, onReturn: () => void) {
    super(body, [], null, driver)
    this.name = name
    this.#onReturn = onReturn
  }

  /** What it waits for has happened. */
  override wake(): void {
    this.#onReturn()
  }

  /** The core's loop gives it its turn: it had let others run, or was interrupted. */
  override resume(): void {
    this.#onReturn()
  }

  /** Runs until the next wait or switch, or to the end. */
  step(): void {
    const driver = loop.current
    this.started = true
    try {
      super.resume()
    } finally {
      loop.current = driver
    }
  }

  /** Ends a wait for a core operation: `error` is thrown there at the next step. */
  interrupt(error: unknown): void {
    this.raise(error)
    if (this.queued) loop.dequeue(this)
  }

  /** Throws `error` at the next operation; what the present one has committed is handed over first. */
  interruptNext(error: unknown): void {
    this.interrupts ??= new Interrupts(this)
    this.interrupts.push(error)
  }

  /** What was to be thrown at an operation that never came. */
  takeUnthrown(): { readonly error: unknown } | null {
    return this.interrupts?.pending ? { error: this.interrupts.takePending() } : null
  }
}
