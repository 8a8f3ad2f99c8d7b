import { isObservable, type Observer, Subscription } from 'rxjs'
import type { Receiver } from '../../core/channel.js'
import { rethrowIfExit, SynclessError, TaskletKilled } from '../../core/errors.js'
import { go } from '../../core/go.js'
import type { Co } from '../../core/op.js'
import { report } from '../../core/report.js'
import type { Tasklet } from '../../core/tasklet.js'
import { assertReceiver, claiming } from '../claim.js'
import { whenSettled } from '../settled.js'

/** How a channel is drained into an observer. */
export interface DrainToOptions {
  /**
   * Whether the end of the channel, or its error, ends the observer too. Default true. With false, several channels can
   * be drained into one subject; an error is then the tasklet's alone.
   */
  end?: boolean
}

/**
 * Passes what a channel receives to an observer, such as a Subject. Gives `'ended'` when the channel has, and `'left'`
 * when the observer was over before: a Subject that was completed elsewhere, a Subscriber that was unsubscribed. The
 * channel is cancelled then, also while it has nothing.
 *
 * An error of the channel goes to `observer.error` and fails the tasklet, as the same object: join it, or let its scope
 * have it. A kill of the tasklet cancels the channel, and the observer gets a `TASKLET_KILLED` error. Throws
 * `ALREADY_CONSUMED` if another bridge reads the channel, `INVALID_ARGUMENT` for what is no whole observer. RxJS cannot hold back: an observer that cannot keep up wants
 * `fromChannel` with `project`.
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
  assertReceiver(receiver, 'rx.drainTo()')
  assertObserver(observer)
  const end = options.end !== false
  let left = false
  const drain = function* drain(): Co<'ended' | 'left'> {
    for (;;) {
      const step = yield* received(receiver, error => {
        if (end && !left) observer.error(error)
      })
      if (step.done) break
      observer.next(step.value)
    }
    if (left) return 'left'
    if (end) observer.complete()
    return 'ended'
  }
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, () => go(drain))
  tasklet.name = `drain "${receiver.name}" into an observer`
  const watch = whenOver(observer, () => {
    left = true
    receiver.cancel()
  })
  // Not in the generator: a tasklet that is killed before its first turn never runs.
  whenSettled(tasklet.gone, () => {
    watch.unsubscribe()
    receiver.cancel()
    if (end && !left && tasklet.state === 'killed') tellOfKill(observer, tasklet)
  })
  return tasklet
}

function assertObserver(value: unknown): void {
  const { next, error, complete }: Record<string, unknown> = Object(value)
  if ([next, error, complete].every(method => typeof method === 'function')) return
  throw new SynclessError('INVALID_ARGUMENT', 'rx.drainTo() takes an observer with next, error and complete')
}

function* received<T>(receiver: Receiver<T>, failed: (error: unknown) => void): Co<IteratorResult<T, undefined>> {
  try {
    return yield* receiver.next()
  } catch (error) {
    rethrowIfExit(error)
    failed(error)
    throw error
  }
}

function tellOfKill<T>(observer: Observer<T>, tasklet: Tasklet): void {
  const killed = new TaskletKilled(tasklet.name, tasklet.signal.reason)
  try {
    observer.error(killed)
  } catch (error) {
    report(error, `${tasklet.name}: the observer threw when it was told of the kill`)
  }
}

/** Calls `leave` when an observer that can tell is over; the subscription it returns forgets about it. */
function whenOver<T>(observer: Observer<T>, leave: () => void): Subscription {
  if (isObservable(observer)) return observer.subscribe({ error: leave, complete: leave })
  const watch = new Subscription(leave)
  if (!(observer instanceof Subscription)) return new Subscription()
  observer.add(watch)
  return new Subscription(() => observer.remove(watch))
}
