import type { Op } from '../../core/loop/op.js'
import { action } from '../../core/ops/action.js'
import { assertNames, Listeners, namesIn } from '../shared/bridge/listeners.js'
import { failure } from '../shared/bridge/source-error.js'
import { type ArgumentsOf, checkedEmitter, type Emitter, type EventName, type NamesOf } from './types.js'

/** Options of `once`. */
export interface OnceOptions<A, N, T> {
  /** Makes the value from the arguments of the event. Default: the first one. */
  map?: (args: A) => T
  /** The event, or events, that fail the wait with their first argument. Default `'error'`; `false` for none. */
  error?: N | readonly N[] | false
}

/**
 * Waits for the next event and returns its first argument, or the result of `map` for all of them. An `error` event
 * before it is thrown, as the same object. If you wait for `'error'` itself, its error is returned.
 *
 * An operation listens only while it is performed. The listeners are gone when it has happened, was killed or has
 * lost its select. Events that come while nobody waits are missed: to get every event, use `toChannel`. Throws
 * `INVALID_ARGUMENT` for anything except an emitter and for wrong options. Semantics: `events.once`, with a cancel
 * that leaves no listener.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { EventEmitter } from 'node:events'
 * import { select, sleep } from 'syncless'
 * import * as emitter from 'syncless/emitter'
 *
 * const server = new EventEmitter<{ listening: [port: number] }>()
 * setImmediate(() => server.emit('listening', 80))
 * assert.equal(await emitter.once(server, 'listening'), 80)
 *
 * const first = await select({ again: emitter.once(server, 'listening'), late: sleep(5) })
 * assert.equal(first.key, 'late')
 * assert.equal(server.listenerCount('listening'), 0)
 * ```
 */
export function once<E extends Emitter, const N extends NamesOf<E>, T = ArgumentsOf<E, N>[0]>(
  emitter: E,
  event: N,
  options?: OnceOptions<ArgumentsOf<E, N>, NamesOf<E>, T>,
): Op<NoInfer<T>>
/** For an emitter without types for its events: `once<Socket>(server, 'connection')`. */
export function once<T>(emitter: Emitter, event: EventName, options?: OnceOptions<unknown[], EventName, T>): Op<T>
export function once(
  source: unknown,
  event: EventName,
  options: OnceOptions<unknown[], EventName, unknown> = {},
): Op<unknown> {
  const emitter = checkedEmitter(source, 'emitter.once()', ['on', 'off'])
  assertNames([event], 'emitter.once()')
  const { map, error = 'error' } = options
  const errors = namesIn<EventName>(error, 'the option error of emitter.once()')
  return action<unknown[]>(
    (resolve, reject) => {
      const listeners = new Listeners()
      const listen = (name: EventName, settle: (args: unknown[]) => void) => {
        const listener = (...args: unknown[]) => {
          listeners.clear()
          settle(args)
        }
        listeners.add(
          () => emitter.on(name, listener),
          () => emitter.off(name, listener),
          emitter,
        )
      }
      listen(event, resolve)
      for (const name of errors) {
        if (name !== event) listen(name, ([cause]) => reject(failure(cause, name)))
      }
      return () => listeners.clear()
    },
    `event "${String(event)}"`,
  ).map(args => (map === undefined ? args[0] : map(args)))
}
