import { finished, type Writable } from 'node:stream'
import { action } from '../../core/action.js'
import { Latch } from '../../core/latched.js'
import type { Co } from '../../core/op.js'
import { select } from '../../core/select.js'
import { isPrematureClose } from './destroy.js'

/** A writable, with operations for what one has to wait for. */
export class Sink {
  readonly writable: Writable
  /** Settles when the writable has finished, failed or closed; with its error, if there is one. */
  readonly #over = new Latch<{ readonly error: unknown }>('end of a writable')
  readonly #unwatch: () => void

  /** Calls `onOver` in the turn in which the writable is over. */
  constructor(writable: Writable, onOver: (error: unknown) => void) {
    this.writable = writable
    this.#unwatch = finished(writable, { readable: false }, error => {
      this.#over.resolve({ error: error ?? undefined })
      onOver(error ?? undefined)
    })
  }

  /** Whether nothing can be written any more. */
  get over(): boolean {
    return this.#over.settled || this.writable.writableEnded || this.writable.destroyed
  }

  /** Waits until a write would not go beyond the writable's `highWaterMark`, or the writable is over. */
  *room(): Co<void> {
    if (this.over || !this.writable.writableNeedDrain) return
    const drained = action<void>(resolve => {
      this.writable.once('drain', resolve)
      return () => this.writable.off('drain', resolve)
    }, 'drain of a writable')
    yield* select({ drained, over: this.#over })
  }

  /** Waits until the writable is over. True if it finished, false if it was closed before; throws its error. */
  *finish(): Co<boolean> {
    const { error } = yield* this.#over
    if (error !== undefined && !isPrematureClose(error)) throw error
    return error === undefined
  }

  /** Removes the listeners. */
  unwatch(): void {
    this.#unwatch()
  }
}
