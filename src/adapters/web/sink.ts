import { report } from '../../core/base/report.js'
import { Latch } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { select } from '../../core/ops/select.js'
import { until } from '../../core/ops/until.js'

/** How a stream was over: it had closed, or failed. */
type Over = { readonly closed: true } | { readonly closed: false; readonly error: unknown }

/** A locked WritableStream, with operations for what one has to wait for. */
export class Sink {
  readonly #writer: WritableStreamDefaultWriter<unknown>
  readonly #over = new Latch<Over>('end of a web stream')
  readonly #onOver: (error: unknown) => void
  #released = false

  /** Calls `onOver` as soon as the stream is over, with its error, if there is one. */
  constructor(writable: WritableStream<unknown>, onOver: (error: unknown) => void) {
    this.#onOver = onOver
    this.#writer = writable.getWriter()
    this.#writer.closed.then(
      () => this.#settle({ closed: true }),
      (error: unknown) => this.#settle({ closed: false, error }),
    )
  }

  /** Whether nothing can be written any more. */
  get over(): boolean {
    return this.#over.settled
  }

  /** Whether what is written would be lost. A stream says so at once, and tells of it later. */
  get gone(): boolean {
    return this.over || this.#writer.desiredSize === null
  }

  /** Waits until the stream wants a chunk, or is over. */
  *room(): Co<void> {
    while (!this.over && !this.#wants()) {
      const ready = this.#writer.ready.then(
        () => {},
        // The stream has failed, but a write is going on: `closed` would tell when that is over.
        (error: unknown) => this.#settle({ closed: false, error }),
      )
      yield* select({ ready: until(ready), over: this.#over })
    }
  }

  write(chunk: unknown): void {
    // What it fails with, the stream fails with.
    this.#writer.write(chunk).catch(() => {})
  }

  /** Closes the stream, and waits until it is over. */
  *close(): Co<'ended' | 'left'> {
    this.#writer.close().catch(() => {})
    const { closed } = yield* this.#over
    return closed ? 'ended' : yield* this.left()
  }

  /** The stream was over before the channel: throws what it failed with, if with anything. */
  *left(): Co<'left'> {
    const over = yield* this.#over
    if (!over.closed && over.error !== undefined) throw over.error
    return 'left'
  }

  /** Gives the lock back; aborts the stream first, where there is a reason to. */
  release(abort: { readonly reason: unknown } | null): void {
    this.#released = true
    if (abort !== null && !this.over) {
      this.#writer.abort(abort.reason).catch(error => report(error, 'aborting a web stream failed'))
    }
    this.#writer.releaseLock()
    this.#writer.ready.catch(() => {})
  }

  #wants(): boolean {
    return (this.#writer.desiredSize ?? 0) > 0
  }

  #settle(over: Over): void {
    if (this.#released || this.over) return
    this.#over.resolve(over)
    this.#onOver(over.closed ? undefined : over.error)
  }
}
