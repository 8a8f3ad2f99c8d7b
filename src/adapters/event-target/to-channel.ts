import { assertOptions } from '../../core/base/arguments.js'
import type { Receiver } from '../../core/channel/channel.js'
import { registered } from '../../core/loop/callback.js'
import { assertNames, namesIn } from '../shared/bridge/listeners.js'
import { type PushOptions, pushChannel } from '../shared/bridge/push-channel.js'
import { failureOf } from './failure.js'
import { assertTarget, type EventOf, type NamesOf } from './types.js'

/** Options of `toChannel`. */
export interface ToChannelOptions<V, T, N> extends PushOptions {
  /** Makes a value from an event. Default: the event itself. */
  map?: (event: V) => T
  /** The event, or events, that end the channel. */
  end?: N | readonly N[]
  /** The event, or events, that end it with an error. Default `'error'`; `false` for none. */
  error?: N | readonly N[] | false
}

/**
 * Listens to the events of an EventTarget and returns a channel of the events, or of the results of `map`. A target
 * cannot be told to wait, so `overflow` decides what happens to an event for which there is no room; dropped events
 * are counted in `statistics().dropped`.
 *
 * It listens from now on. The `end` events close the channel. An `error` event closes it with the error that the
 * event carries: its `error` or `reason`, or the reason of the signal whose abort it is. If the event carries none,
 * or an empty text, the error is `SOURCE_FAILED` with the event as the cause. The abort of `signal` closes the
 * channel with the reason, and so does an error that `map` throws. Cancelling the channel removes the listeners in
 * the same turn. Errors after the end are the target's own.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, the bridge ends, and receivers
 * get `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for anything except an EventTarget and for wrong options,
 * `SCOPE_CLOSED` if the scope has ended, and the reason of a signal that has aborted. An AbortSignal fires once, and
 * not for listeners that come later: to wait for one, use `aborted`. Semantics: `events.on`, with a bound.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import * as eventTarget from 'syncless/event-target'
 *
 * const feed = new EventTarget()
 * const prices = eventTarget.toChannel(feed, 'price', {
 *   capacity: 2,
 *   overflow: 'latest',
 *   end: 'close',
 *   map: event => (event as CustomEvent<number>).detail,
 * })
 * for (const detail of [10, 11, 12]) feed.dispatchEvent(new CustomEvent('price', { detail }))
 * feed.dispatchEvent(new Event('close'))
 *
 * const seen: number[] = []
 * for await (const price of prices) seen.push(price)
 * assert.deepEqual(seen, [12])
 * assert.equal(prices.statistics().dropped, 2)
 * ```
 */
export function toChannel<E extends EventTarget, const N extends NamesOf<E>, T = EventOf<E, N>>(
  target: E,
  events: N | readonly N[],
  options: ToChannelOptions<EventOf<E, N>, T, NamesOf<E>>,
): Receiver<NoInfer<T>> {
  assertOptions('eventTarget.toChannel()', options)
  assertTarget(target, 'eventTarget.toChannel()')
  const names = namesIn<string>(events, 'eventTarget.toChannel()')
  assertNames(names, 'eventTarget.toChannel()')
  return pushChannel<T>(options, names.join(', '), intake => {
    const { end, error = 'error' } = options
    const map = options.map === undefined ? undefined : registered(options.map)
    const listen = (event: string, listener: (event: Event) => void) =>
      intake.listeners.add(
        () => target.addEventListener(event, listener),
        () => target.removeEventListener(event, listener),
        target,
      )
    const value = (event: Event) => (map === undefined ? event : map(event as EventOf<E, N>)) as T
    // Those that end the channel come last: an event may be a value and the end.
    for (const event of names) listen(event, fired => intake.offer(() => value(fired)))
    for (const event of namesIn<string>(end, 'the option end of eventTarget.toChannel()'))
      listen(event, () => intake.end())
    for (const event of namesIn<string>(error, 'the option error of eventTarget.toChannel()')) {
      if (!names.includes(event)) listen(event, fired => intake.fail(failureOf(fired)))
    }
  })
}
