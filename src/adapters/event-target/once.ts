import type { Op } from '../../core/loop/op.js'
import { action } from '../../core/ops/action.js'
import { assertNames, assertSignal, Listeners, namesIn } from '../shared/bridge/listeners.js'
import { failureOf } from './failure.js'
import { assertTarget, type EventOf, type NamesOf } from './types.js'

/** Options of `once`. */
export interface OnceOptions<N> {
  /** The event, or events, that fail the wait. Default `'error'`; `false` for none. */
  error?: N | readonly N[] | false
}

/**
 * Waits for the next event of a target and returns it. An `error` event before it is thrown: the error that it
 * carries, as in `toChannel`. If you wait for `'error'` itself, the event is returned.
 *
 * An operation listens only while it is performed. The listeners are gone when it has happened, was killed or has
 * lost its select. Events that come while nobody waits are missed. Throws `INVALID_ARGUMENT` for anything except an
 * EventTarget. Semantics: `events.once`, with a cancel that leaves no listener.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import * as eventTarget from 'syncless/event-target'
 *
 * const door = new EventTarget()
 * setImmediate(() => door.dispatchEvent(new Event('open')))
 * assert.equal((await eventTarget.once(door, 'open')).type, 'open')
 * ```
 */
export function once<E extends EventTarget, const N extends NamesOf<E>>(
  target: E,
  event: N,
  options: OnceOptions<NamesOf<E>> = {},
): Op<EventOf<E, N>> {
  assertTarget(target, 'eventTarget.once()')
  assertNames([event], 'eventTarget.once()')
  const { error = 'error' } = options
  const errors = namesIn<string>(error, 'the option error of eventTarget.once()')
  return action<EventOf<E, N>>((resolve, reject) => {
    const listeners = new Listeners()
    const listen = (name: string, settle: (fired: Event) => void) => {
      const listener = (fired: Event) => {
        listeners.clear()
        settle(fired)
      }
      listeners.add(
        () => target.addEventListener(name, listener),
        () => target.removeEventListener(name, listener),
        target,
      )
    }
    listen(event, fired => resolve(fired as EventOf<E, N>))
    for (const name of errors) {
      if (name !== event) listen(name, fired => reject(failureOf(fired)))
    }
    return () => listeners.clear()
  }, `event "${event}"`)
}

/**
 * Waits until a signal aborts and returns its reason; at once if it has aborted already. The operation may be a
 * branch of a `select`. If it loses, no listener stays on the signal. Throws `INVALID_ARGUMENT` for anything except
 * an AbortSignal.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, select } from 'syncless'
 * import * as eventTarget from 'syncless/event-target'
 *
 * const jobs = channel<string>()
 * const controller = new AbortController()
 * setImmediate(() => controller.abort('shutdown'))
 * const next = await select({ job: jobs.receive(), stop: eventTarget.aborted(controller.signal) })
 * assert.deepEqual(next, { key: 'stop', value: 'shutdown' })
 * ```
 */
export function aborted(signal: AbortSignal): Op<unknown> {
  assertSignal(signal, 'eventTarget.aborted()')
  return action(resolve => {
    if (signal.aborted) return resolve(signal.reason)
    const listeners = new Listeners()
    const listener = () => {
      listeners.clear()
      resolve(signal.reason)
    }
    listeners.add(
      () => signal.addEventListener('abort', listener),
      () => signal.removeEventListener('abort', listener),
      signal,
    )
    return () => listeners.clear()
  }, 'abort of a signal')
}
