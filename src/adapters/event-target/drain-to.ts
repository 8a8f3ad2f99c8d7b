import { assertOptions } from '../../core/base/arguments.js'
import type { Receiver } from '../../core/channel/channel.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { drain } from '../shared/bridge/drain-events.js'
import { assertNames, assertNotAborted, namesIn } from '../shared/bridge/listeners.js'
import { onAbort } from '../shared/bridge/push-channel.js'
import { assertReceiver } from '../shared/bridge/receiver.js'
import { tellOthers } from '../shared/bridge/tell-others.js'
import { FailureEvent } from './failure.js'
import { assertTarget } from './types.js'

/** Options of `drainTo`. */
export interface DrainToOptions<T> {
  /** Makes the event for a value. Default: a CustomEvent with the value as its `detail`. */
  map?: (value: T) => Event
  /** The event to dispatch at the end of the channel. Default: none. */
  end?: string
  /** The event to dispatch with the channel's error, as its `error`. Default: none; the error is the tasklet's. */
  error?: string
  /** The event, or events, with which the target says that it wants no more values. */
  until?: string | readonly string[]
  /** A signal whose abort means the same as an `until` event. */
  signal?: AbortSignal
}

/**
 * Dispatches what a channel receives as events. The tasklet returns `'ended'` when the channel has ended. It returns
 * `'left'` if an `until` event or the abort of `signal` came before: the channel is then cancelled, even while it is
 * empty.
 *
 * An error of the channel fails the tasklet, as the same object: join it, or let its scope handle the error. It goes
 * to the `error` event too, if you name one; so does a `TASKLET_KILLED` when the tasklet is killed. What a listener
 * throws is an uncaught exception, as always with an EventTarget. Listeners cannot slow the channel down: it is
 * dispatched as fast as it has values.
 *
 * Throws `ALREADY_CONSUMED` if another bridge reads the channel, `INVALID_ARGUMENT` for anything except an
 * EventTarget and for wrong options, and the reason of a signal that has aborted.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel } from 'syncless'
 * import * as eventTarget from 'syncless/event-target'
 *
 * const bus = new EventTarget()
 * const seen: unknown[] = []
 * bus.addEventListener('order', event => seen.push((event as CustomEvent).detail))
 *
 * const orders = channel<number>(2)
 * const drained = eventTarget.drainTo(orders, bus, 'order')
 * await orders.send(1)
 * orders.close()
 * assert.equal(await drained, 'ended')
 * assert.deepEqual(seen, [1])
 * ```
 */
export function drainTo<T>(
  receiver: Receiver<T>,
  target: EventTarget,
  event: string,
  options: DrainToOptions<T> = {},
): Tasklet<'ended' | 'left'> {
  assertOptions('eventTarget.drainTo()', options)
  assertReceiver(receiver, 'eventTarget.drainTo()')
  assertTarget(target, 'eventTarget.drainTo()')
  assertNames([event], 'eventTarget.drainTo()')
  const { map = (detail: T) => new CustomEvent(event, { detail }), end, error, until, signal } = options
  assertNotAborted(signal, 'eventTarget.drainTo()')
  for (const name of [end, error]) if (name !== undefined) assertNames([name], 'eventTarget.drainTo()')
  return drain(receiver, {
    what: `the event "${event}"`,
    put: value => {
      const made = map(value)
      tellOthers(() => target.dispatchEvent(made))
    },
    end: () => {
      if (end !== undefined) tellOthers(() => target.dispatchEvent(new Event(end)))
    },
    fail: reason => {
      if (error !== undefined) tellOthers(() => target.dispatchEvent(new FailureEvent(error, reason)))
    },
    watch: (listeners, leave) => {
      const listener = (fired: Event) => leave((fired as { readonly error?: unknown }).error)
      for (const over of namesIn(until, 'the option until of eventTarget.drainTo()')) {
        listeners.add(
          () => target.addEventListener(over, listener),
          () => target.removeEventListener(over, listener),
          target,
        )
      }
      onAbort(signal, listeners, leave)
    },
  })
}
