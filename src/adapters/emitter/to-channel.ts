import { assertOptions } from '../../core/base/arguments.js'
import type { Receiver } from '../../core/channel/channel.js'
import { registered } from '../../core/loop/callback.js'
import { assertNames, namesIn } from '../shared/bridge/listeners.js'
import { type PushOptions, pushChannel } from '../shared/bridge/push-channel.js'
import { failure } from '../shared/bridge/source-error.js'
import { type ArgumentsOf, checkedEmitter, type Emitter, type EventName, type NamesOf } from './types.js'

/** Options of `toChannel`. */
export interface ToChannelOptions<A, N, T, All = N> extends PushOptions {
  /** Makes a value from the arguments of an event and its name. Default: the first argument. */
  map?: (args: A, event: N) => T
  /** The event, or events, that end the channel. */
  end?: All | readonly All[]
  /** The event, or events, that end it with an error: their first argument. Default `'error'`; `false` for none. */
  error?: All | readonly All[] | false
}

/**
 * Listens to events and returns a channel of their values: the first argument of each event, or the result of `map`
 * for all of them. An emitter cannot be told to wait, so `overflow` decides what happens to a value for which there
 * is no room; dropped values are counted in `statistics().dropped`.
 *
 * It listens from now on. The `end` events close the channel. An `error` event closes it with the event's own error
 * object (`SOURCE_FAILED` if it has none), after the buffered values and even if the buffer is full. The abort of
 * `signal` closes it with the reason. An error that `map` throws closes it, too, and does not reach the emitter.
 * Cancelling the channel removes the listeners in the same turn.
 *
 * While the bridge listens, Node takes an `error` event for handled. After the end of the channel, errors are the
 * emitter's own again: without another listener Node throws the error in `emit`. `'error'` among `events` is a value.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, the bridge ends, and receivers
 * get `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for anything except an emitter and for wrong options, `SCOPE_CLOSED`
 * if the scope has ended, and the reason of a signal that has aborted. Semantics: `events.on`, with a bound.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { EventEmitter } from 'node:events'
 * import * as emitter from 'syncless/emitter'
 *
 * const sensor = new EventEmitter<{ reading: [celsius: number, at: Date]; off: [] }>()
 * const readings = emitter.toChannel(sensor, 'reading', { capacity: 2, overflow: 'drop-oldest', end: 'off' })
 * for (const celsius of [20, 21, 22]) sensor.emit('reading', celsius, new Date())
 * sensor.emit('off')
 *
 * const seen: number[] = []
 * for await (const celsius of readings) seen.push(celsius)
 * assert.deepEqual(seen, [21, 22])
 * assert.equal(readings.statistics().dropped, 1)
 * assert.equal(sensor.listenerCount('reading'), 0)
 * ```
 */
export function toChannel<E extends Emitter, const N extends NamesOf<E>, T = ArgumentsOf<E, N>[0]>(
  emitter: E,
  events: N | readonly N[],
  options: ToChannelOptions<ArgumentsOf<E, N>, N, T, NamesOf<E>>,
): Receiver<NoInfer<T>>
/** For an emitter without types for its events: `toChannel<Buffer>(socket, 'data', options)`. */
export function toChannel<T>(
  emitter: Emitter,
  events: EventName | readonly EventName[],
  options: ToChannelOptions<unknown[], EventName, T>,
): Receiver<T>
export function toChannel(
  source: unknown,
  events: EventName | readonly EventName[],
  options: ToChannelOptions<unknown[], EventName, unknown>,
): Receiver<unknown> {
  assertOptions('emitter.toChannel()', options)
  const emitter = checkedEmitter(source, 'emitter.toChannel()', ['on', 'off'])
  const names = namesIn(events, 'emitter.toChannel()')
  assertNames(names, 'emitter.toChannel()')
  return pushChannel(options, names.map(String).join(', '), intake => {
    const { end, error = 'error' } = options
    const map = options.map === undefined ? first : registered(options.map)
    const listen = (event: EventName, listener: (...args: unknown[]) => void) =>
      intake.listeners.add(
        () => emitter.on(event, listener),
        () => emitter.off(event, listener),
        emitter,
      )
    // Those that end the channel come last: an event may be a value and the end.
    for (const event of names) listen(event, (...args) => intake.offer(() => map(args, event)))
    for (const event of namesIn<EventName>(end, 'the option end of emitter.toChannel()'))
      listen(event, () => intake.end())
    for (const event of namesIn<EventName>(error, 'the option error of emitter.toChannel()')) {
      if (!names.includes(event)) listen(event, cause => intake.fail(failure(cause, event)))
    }
  })
}

function first(args: readonly unknown[]): unknown {
  return args[0]
}
