import { assertOptions } from '../../core/base/arguments.js'
import { roomForListener } from '../../core/base/listener-room.js'
import type { Receiver } from '../../core/channel/channel.js'
import { loop } from '../../core/loop/loop.js'
import type { Node } from '../../core/loop/op.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { assertSignal } from '../shared/bridge/listeners.js'
import { assertReceiver, claiming } from '../shared/bridge/receiver.js'

/** Options of `fromChannel`. */
export interface FromChannelOptions {
  /** Ends the iteration: a pending `next()`, or else the next one, rejects with the signal's reason. */
  signal?: AbortSignal
}

/** The result of {@link fromChannel}. */
export interface ChannelIterable<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  return(): Promise<IteratorResult<T, undefined>>
  throw(error?: unknown): Promise<IteratorResult<T, undefined>>
}

/**
 * An async iterator of what a channel receives: for `for await`, and for libraries that take async iterables. Nothing
 * is received before `next()` is called; `next()` may be called again before the last one has settled.
 *
 * The end of the channel ends it, an error is thrown as the same object; one that was sent in band cancels the
 * channel, as nobody goes on after it. `return()`, which `break` calls, cancels the channel in the same turn; a
 * pending `next()` is withdrawn, so that it has taken nothing, and is done. `throw(error)` does so too, with the
 * error as the reason.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, so is the channel, and `next()`
 * rejects with `SCOPE_CLOSED`. Throws `ALREADY_CONSUMED` if another bridge reads the channel (use `broadcast()` to
 * fan out), `INVALID_ARGUMENT` if the channel or the signal is none, `SCOPE_CLOSED` if the scope has ended. A channel
 * can also be iterated over without it, by `for await (const value of channel)`: several such loops share out the
 * values.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Readable } from 'node:stream'
 * import { channel, go } from 'syncless'
 * import * as iterator from 'syncless/iterator'
 *
 * const words = channel<string>()
 * go(function* () {
 *   for (const word of ['one', 'two']) yield* words.send(word)
 *   words.close()
 * })
 * assert.deepEqual(await Readable.from(iterator.fromChannel(words)).toArray(), ['one', 'two'])
 * ```
 */
export function fromChannel<T>(receiver: Receiver<T>, options: FromChannelOptions = {}): ChannelIterable<T> {
  assertOptions('iterator.fromChannel()', options)
  assertReceiver(receiver, 'iterator.fromChannel()')
  if (options.signal !== undefined) assertSignal(options.signal, 'iterator.fromChannel()')
  return claiming(receiver, `the channel "${receiver.name}"`, () => new ChannelIteration(receiver, options.signal))
}

interface Pending {
  readonly node: Node<unknown>
  resolve(step: IteratorResult<never, undefined>): void
  reject(error: unknown): void
}

const DONE = { done: true, value: undefined } as const

class ChannelIteration<T> implements ChannelIterable<T> {
  readonly #receiver: Receiver<T>
  readonly #signal: AbortSignal | undefined
  readonly #release: () => void
  readonly #pending = new Set<Pending>()
  #over = false
  #leaveRoom: (() => void) | null = null
  /** What the next `next()` rejects with, where nobody has been told yet. */
  #untold: { readonly error: unknown } | null = null

  constructor(receiver: Receiver<T>, signal: AbortSignal | undefined) {
    this.#receiver = receiver
    this.#signal = signal
    this.#release = bondToScope(`the iterator of "${receiver.name}"`, error => this.#fail(error))
    if (signal?.aborted) this.#fail(signal.reason)
    else if (signal !== undefined) {
      this.#leaveRoom = roomForListener(signal)
      signal.addEventListener('abort', this.#aborted, { once: true })
    }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#over) return this.#afterEnd()
    const node = this.#receiver.next().node()
    return new Promise((resolve, reject) => {
      const pending: Pending = { node, resolve, reject }
      this.#pending.add(pending)
      const wake = () => {
        this.#pending.delete(pending)
        try {
          const step = node.take()
          if (step.done) this.#finish()
          loop.pace(() => resolve(step))
        } catch (error) {
          this.#finish()
          loop.pace(() => reject(error))
          // After a channel that fails has told everybody; one that was sent an error goes on, and nobody is there any more.
          queueMicrotask(() => this.#receiver.cancel(error))
        }
      }
      node.performFor({ wake })
    })
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#leave(undefined)
    return Promise.resolve(DONE)
  }

  throw(error?: unknown): Promise<IteratorResult<T, undefined>> {
    this.#leave(error)
    return Promise.reject(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave(undefined)
  }

  #afterEnd(): Promise<IteratorResult<T, undefined>> {
    const untold = this.#untold
    this.#untold = null
    return untold === null ? Promise.resolve(DONE) : Promise.reject(untold.error)
  }

  #leave(reason: unknown): void {
    this.#untold = null
    if (this.#over) return
    for (const pending of this.#withdrawn()) pending.resolve(DONE)
    this.#finish()
    this.#receiver.cancel(reason)
  }

  #fail(error: unknown): void {
    if (this.#over) return
    const [first, ...others] = this.#withdrawn()
    if (first === undefined) this.#untold = { error }
    else first.reject(error)
    for (const pending of others) pending.resolve(DONE)
    this.#finish()
    this.#receiver.cancel(error)
  }

  /** Those who wait, having taken nothing. */
  #withdrawn(): Pending[] {
    const all = [...this.#pending]
    this.#pending.clear()
    for (const { node } of all) node.withdraw()
    return all
  }

  #finish(): void {
    this.#over = true
    this.#release()
    this.#signal?.removeEventListener('abort', this.#aborted)
    this.#leaveRoom?.()
    this.#leaveRoom = null
  }

  readonly #aborted = (): void => this.#fail(this.#signal?.reason)
}
