/**
 * The place of a facade tasklet in the core: a core tasklet that the core's loop never runs. The ring runs it, one step
 * at a time. So a facade tasklet can wait natively for everything that a core tasklet may wait for. A wake-up of the
 * seat only tells the ring that its tasklet is runnable again.
 */

import { loop } from '../../core/loop/loop.js'
import type { Co } from '../../core/loop/op.js'
import { Interrupts } from '../../core/tasklet/interrupts.js'
import { Tasklet as CoreTasklet } from '../../core/tasklet/tasklet.js'

export class Seat extends CoreTasklet<void> {
  readonly #onReturn: () => void
  started = false

  /** `driver` is the core tasklet that runs the ring; `current()` returns it. */
  constructor(body: () => Co<void>, name: string, driver: CoreTasklet<unknown>, onReturn: () => void) {
    super(body, [], null, driver)
    this.name = name
    this.#onReturn = onReturn
  }

  /** Called when the operation that the tasklet waits for has happened. */
  override wake(): void {
    this.#onReturn()
  }

  /** Called when the core's loop gives the seat its turn: the tasklet had let others run, or was interrupted. */
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

  /** Throws `error` at the next operation, after the outcome of the present one was handed over. */
  interruptNext(error: unknown): void {
    this.interrupts ??= new Interrupts(this)
    this.interrupts.push(error)
  }

  /** Returns the error that was meant for an operation that never came. */
  takeUnthrown(): { readonly error: unknown } | null {
    return this.interrupts?.pending ? { error: this.interrupts.takePending() } : null
  }
}
