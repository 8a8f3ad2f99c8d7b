import { assertOptions } from '../../core/base/arguments.js'
import type { Receiver } from '../../core/channel/channel.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { drain } from '../shared/bridge/drain-events.js'
import { assertNames, assertNotAborted, namesIn } from '../shared/bridge/listeners.js'
import { onAbort } from '../shared/bridge/push-channel.js'
import { assertReceiver } from '../shared/bridge/receiver.js'
import { tellOthers } from '../shared/bridge/tell-others.js'
import {
  type AnyEmitter,
  type ArgumentsOf,
  checkedEmitter,
  type EmitterSink,
  type EventName,
  type NamesOf,
} from './types.js'

/** Options of `drainTo`. */
export interface DrainToOptions<T, A extends unknown[], N> {
  /** The arguments to emit for a value. Default: the value. */
  map?: (value: T) => [...A]
  /** The event to emit at the end of the channel. Default: none. */
  end?: N
  /** The event to emit with the channel's error. Default: none; the error is the tasklet's. */
  error?: N
  /**
   * The event, or events, with which the emitter says that it wants no more values. Their first argument is the
   * reason.
   */
  until?: N | readonly N[]
  /** A signal whose abort means the same as an `until` event. */
  signal?: AbortSignal
}

/**
 * Emits what a channel receives. The tasklet returns `'ended'` when the channel has ended. It returns `'left'` if an
 * `until` event or the abort of `signal` came before: the channel is then cancelled, even while it is empty.
 *
 * An error of the channel fails the tasklet, as the same object: join it, or let its scope handle the error. It goes
 * to the `error` event too, if you name one; so does a `TASKLET_KILLED` when the tasklet is killed. Neither is
 * emitted where nobody listens, for Node would throw it. An error that a listener throws fails the tasklet, and is
 * the reason with which the channel is cancelled. Listeners cannot slow the channel down: it is emitted as fast as it
 * has values.
 *
 * Throws `ALREADY_CONSUMED` if another bridge reads the channel, `INVALID_ARGUMENT` for anything except an emitter
 * and for wrong options, and the reason of a signal that has aborted.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { EventEmitter } from 'node:events'
 * import { channel } from 'syncless'
 * import * as emitter from 'syncless/emitter'
 *
 * const bus = new EventEmitter<{ order: [id: number]; closed: [] }>()
 * const seen: unknown[] = []
 * bus.on('order', id => seen.push(id)).on('closed', () => seen.push('closed'))
 *
 * const orders = channel<number>(2)
 * const drained = emitter.drainTo(orders, bus, 'order', { end: 'closed' })
 * await orders.send(1)
 * orders.close()
 * assert.equal(await drained, 'ended')
 * assert.deepEqual(seen, [1, 'closed'])
 * ```
 */
export function drainTo<T, E extends EmitterSink, const N extends NamesOf<E>>(
  receiver: Receiver<T>,
  emitter: E,
  event: N,
  options: DrainToOptions<T, ArgumentsOf<E, N>, NamesOf<E>> = {},
): Tasklet<'ended' | 'left'> {
  assertOptions('emitter.drainTo()', options)
  assertReceiver(receiver, 'emitter.drainTo()')
  const sink = checkedEmitter(emitter, 'emitter.drainTo()', ['on', 'off', 'emit'])
  assertNames([event], 'emitter.drainTo()')
  const { map, end, error, until, signal } = options
  assertNotAborted(signal, 'emitter.drainTo()')
  for (const name of [end, error]) if (name !== undefined) assertNames([name], 'emitter.drainTo()')
  return drain(receiver, {
    what: `the event "${String(event)}"`,
    put: value => {
      const values = map === undefined ? [value] : map(value)
      tellOthers(() => sink.emit(event, ...values))
    },
    end: () => {
      if (end !== undefined) tellOthers(() => sink.emit(end))
    },
    fail: reason => {
      if (error !== undefined && isHeard(sink, error)) tellOthers(() => sink.emit(error, reason))
    },
    watch: (listeners, leave) => {
      for (const over of namesIn<EventName>(until as EventName, 'the option until of emitter.drainTo()')) {
        listeners.add(
          () => sink.on(over, leave),
          () => sink.off(over, leave),
          sink,
        )
      }
      onAbort(signal, listeners, leave)
    },
  })
}

function isHeard(emitter: AnyEmitter, event: PropertyKey): boolean {
  return emitter.listenerCount === undefined || emitter.listenerCount(event) > 0
}
