import { isObservable, type Observer, Subscription } from 'rxjs'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { drain } from '../shared/bridge/drain-events.js'
import { assertReceiver } from '../shared/bridge/receiver.js'
import { tellOthers } from '../shared/bridge/tell-others.js'

/** Options of `drainTo`. */
export interface DrainToOptions {
  /**
   * Whether the end of the channel, or its error, ends the observer too. Default true. With false, several channels can
   * be drained into one subject; an error is then the tasklet's alone.
   */
  end?: boolean
}

/**
 * Passes the values of a channel to an observer, such as a Subject. The tasklet returns `'ended'` when the channel
 * has ended. It returns `'left'` if the observer was over before: a Subject that was completed elsewhere, a
 * Subscriber that was unsubscribed. The channel is then cancelled, even while it is empty.
 *
 * An error of the channel goes to `observer.error` and fails the tasklet, as the same object: join it, or let its
 * scope handle the error. An error that the observer throws fails the tasklet, and is the reason with which the
 * channel is cancelled; so is the error of a Subject that has failed elsewhere. A kill of the tasklet cancels the
 * channel, and the observer gets a `TASKLET_KILLED` error.
 *
 * Throws `ALREADY_CONSUMED` if another bridge reads the channel, `INVALID_ARGUMENT` for anything except a whole
 * observer, and RxJS's own error for a Subject that was unsubscribed. RxJS has no backpressure: for an observer that
 * cannot keep up, use `fromChannel` with `project`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Subject } from 'rxjs'
 * import { channel } from 'syncless'
 * import * as rx from 'syncless/rx'
 *
 * const state = channel<string>(2)
 * const state$ = new Subject<string>()
 * const seen: string[] = []
 * state$.subscribe({ next: value => seen.push(value), complete: () => seen.push('complete') })
 * const drained = rx.drainTo(state, state$)
 * await state.send('open')
 * state.close()
 * assert.equal(await drained, 'ended')
 * assert.deepEqual(seen, ['open', 'complete'])
 * ```
 */
export function drainTo<T>(
  receiver: Receiver<T>,
  observer: Observer<T>,
  options: DrainToOptions = {},
): Tasklet<'ended' | 'left'> {
  assertOptions('rx.drainTo()', options)
  assertReceiver(receiver, 'rx.drainTo()')
  assertObserver(observer)
  const end = options.end !== false
  // Others have subscribed to a subject, and what they start or bridge is not this scope's, such as a request's.
  const tell = isObservable(observer) ? tellOthers : call
  return drain(receiver, {
    what: 'an observer',
    put: value => tell(() => observer.next(value)),
    end: () => {
      if (end) tell(() => observer.complete())
    },
    fail: error => {
      if (end) tell(() => observer.error(error))
    },
    watch: (listeners, leave) => {
      let watch = new Subscription()
      listeners.add(
        () => {
          watch = whenOver(observer, leave)
        },
        () => watch.unsubscribe(),
      )
    },
  })
}

function call(fn: () => void): void {
  fn()
}

function assertObserver(value: unknown): void {
  const { next, error, complete }: Record<string, unknown> = Object(value)
  if ([next, error, complete].every(method => typeof method === 'function')) return
  throw new SynclessError('INVALID_ARGUMENT', 'rx.drainTo() takes an observer with next, error and complete')
}

/** Calls `leave` when an observer that can tell is over; the subscription it returns forgets about it. */
function whenOver<T>(observer: Observer<T>, leave: (reason?: unknown) => void): Subscription {
  if (isObservable(observer)) return observer.subscribe({ error: leave, complete: leave })
  const watch = new Subscription(() => leave())
  if (!(observer instanceof Subscription)) return new Subscription()
  observer.add(watch)
  return new Subscription(() => observer.remove(watch))
}
