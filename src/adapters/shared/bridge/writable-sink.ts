import { finished, type Writable } from 'node:stream'
import { Latch } from '../../../core/loop/latched.js'
import type { Co } from '../../../core/loop/op.js'
import { action } from '../../../core/ops/action.js'
import { select } from '../../../core/ops/select.js'
import { isPrematureClose } from './stream-errors.js'

/** A writable, with operations for what one has to wait for. */
export class Sink {
  readonly writable: Writable
  /** Settles when the writable has finished, failed or closed; with its error, if there is one. */
  readonly #over = new Latch<{ readonly error: unknown }>('end of a writable')
  #full = false
  #drained: () => void = () => {}
  readonly #unwatch: () => void

  /** Calls `onOver` in the turn in which `end` is over: the writable, or where what is written to it comes out in the end. */
  constructor(writable: Writable, onOver: (error: unknown) => void, end: Writable = writable) {
    this.writable = writable
    // One for all waits: middleware that compresses takes them, and lets none be removed.
    writable.on('drain', this.#onDrain)
    this.#unwatch = finished(end, { readable: false }, error => {
      this.#over.resolve({ error: error ?? undefined })
      onOver(error ?? undefined)
    })
  }

  /** Whether nothing can be written any more. */
  get over(): boolean {
    return this.#over.settled || this.writable.writableEnded || this.writable.destroyed
  }

  /** Whether a write would go beyond the writable's `highWaterMark`. */
  get full(): boolean {
    return this.#full || this.writable.writableNeedDrain
  }

  /** Writes at once. */
  write(chunk: unknown): void {
    // Middleware that compresses a response replaces its `write`, and knows alone whether there is room.
    if (!this.writable.write(chunk)) this.#full = true
  }

  /** Waits until there is room, or the writable is over. */
  *room(): Co<void> {
    if (this.over || !this.full) return
    const drained = action<void>(resolve => {
      this.#drained = resolve
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
    this.writable.off('drain', this.#onDrain)
    this.#unwatch()
  }

  readonly #onDrain = () => {
    this.#full = false
    this.#drained()
  }
}
