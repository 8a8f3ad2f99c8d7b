import { type Observable, Subject, type Subscription, takeUntil } from 'rxjs'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { type Channel, channel, type Receiver } from '../../core/channel/channel.js'
import { assertOverflow, type Overflow, offer } from '../../core/channel/overflow.js'
import { whenSettled } from '../../core/loop/latched.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { assertCapacity, DemandChannel } from '../shared/bridge/demand-channel.js'
import { asFailure } from '../shared/bridge/source-error.js'
import { observableOf } from './first.js'

/** Options of `toChannel`. */
export interface ToChannelOptions {
  /** How many values are kept for a receiver that is not there yet. */
  capacity: number
  /** What happens to a value for which there is no room: an observable cannot be told to wait. */
  overflow: Overflow
  /**
   * When to subscribe: `'now'`, the default, for a hot source, which would go on without us; `'on-receive'`, at the
   * first receive, for a cold one that should not begin before. RxJS does not say which of the two a source is.
   */
  subscribe?: 'now' | 'on-receive'
  /** A name for descriptions and dumps. */
  name?: string
}

/**
 * Subscribes to an observable and returns its values as a channel. Completion closes the channel. An error closes it
 * with the same object, after the buffered values and even if the buffer is full. An observable that fails with
 * `undefined` gives `INVALID_ARGUMENT`, because a channel cannot fail with `undefined`. Cancelling the channel
 * unsubscribes in the same turn. Dropped values are counted in `statistics().dropped`.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, the subscription ends, and
 * receivers get `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for options that are missing or wrong, `SCOPE_CLOSED` if
 * the scope has ended. Semantics of `overflow`: see `Overflow`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Subject } from 'rxjs'
 * import * as rx from 'syncless/rx'
 *
 * const price$ = new Subject<number>()
 * const prices = rx.toChannel(price$, { capacity: 2, overflow: 'drop-oldest' })
 * for (const price of [10, 11, 12]) price$.next(price)
 * price$.complete()
 *
 * const seen: number[] = []
 * for await (const price of prices) seen.push(price)
 * assert.deepEqual(seen, [11, 12])
 * assert.equal(prices.statistics().dropped, 1)
 * ```
 */
export function toChannel<T>(source: Observable<T>, options: ToChannelOptions): Receiver<T> {
  assertOptions('rx.toChannel()', options)
  const observable = observableOf(source, 'rx.toChannel()')
  const { capacity, overflow, subscribe = 'now', name = 'observable' } = checkedOptions(options)
  assertCapacity(capacity)
  assertOverflow(overflow, capacity)
  assertSubscribe(subscribe)
  let connected = false
  const connect = () => {
    if (!connected) feed.open(observable)
    connected = true
  }
  const values = subscribe === 'now' ? channel<T>(capacity, { name }) : new DemandChannel<T>(capacity, name, connect)
  const feed = new Feed(values, overflow)
  const release = bondToScope(`the bridge "${name}"`, error => values.close(error))
  whenSettled(values.ended, () => {
    release()
    feed.cut()
  })
  if (subscribe === 'now') connect()
  return values
}

/** The subscription that fills a channel. */
class Feed<T> {
  readonly #values: Channel<T>
  readonly #overflow: Overflow
  /** Ends a source that emits from within `subscribe`, when there is nothing to unsubscribe yet. */
  readonly #stop = new Subject<void>()
  #subscription: Subscription | null = null

  constructor(values: Channel<T>, overflow: Overflow) {
    this.#values = values
    this.#overflow = overflow
  }

  open(source: Observable<T>): void {
    const values = this.#values
    this.#subscription = source.pipe(takeUntil(this.#stop)).subscribe({
      next: value => {
        offer(values, value, this.#overflow)
      },
      error: (error: unknown) => values.close(asFailure(error, 'the observable')),
      complete: () => values.close(),
    })
  }

  cut(): void {
    try {
      if (this.#subscription === null) this.#stop.next()
      else this.#subscription.unsubscribe()
    } catch (error) {
      report(error, `unsubscribing from "${this.#values.name}" failed`)
    }
  }
}

function checkedOptions(options: ToChannelOptions): ToChannelOptions {
  if (typeof options === 'object' && options !== null) return options
  throw new SynclessError('INVALID_ARGUMENT', 'rx.toChannel() takes options: { capacity, overflow }')
}

function assertSubscribe(subscribe: unknown): void {
  if (subscribe === 'now' || subscribe === 'on-receive') return
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `rx.toChannel() subscribes 'now' or 'on-receive'; got ${String(subscribe)}`,
  )
}
