/** The tasklet of a `drainTo` whose sink takes every value at once. */
import type { Receiver } from '../core/channel.js'
import { rethrowIfExit, TaskletKilled } from '../core/errors.js'
import { go } from '../core/go.js'
import type { Co } from '../core/op.js'
import { report } from '../core/report.js'
import type { Tasklet } from '../core/tasklet.js'
import { claiming } from './claim.js'
import { Listeners } from './listeners.js'
import { whenSettled } from './settled.js'

/** A sink, as a drain sees it. */
export interface Outlet<T> {
  /** For the tasklet's name. */
  readonly what: string
  /** What it throws fails the tasklet, and is the reason of the channel's cancel. */
  put(value: T): void
  end(): void
  /** The channel has failed, or the tasklet was killed. */
  fail(error: unknown): void
  /** Listens until the drain is over; `leave` is for a sink that wants nothing more. */
  watch(listeners: Listeners, leave: (reason?: unknown) => void): void
}

/** Passes a channel to a sink. Gives `'ended'` when the channel has, `'left'` when the sink left before. */
export function drain<T>(receiver: Receiver<T>, outlet: Outlet<T>): Tasklet<'ended' | 'left'> {
  let left = false
  let failure: unknown
  const body = function* drain(): Co<'ended' | 'left'> {
    for (;;) {
      const step = yield* received(receiver, error => {
        if (!left) outlet.fail(error)
      })
      if (step.done) break
      try {
        outlet.put(step.value)
      } catch (error) {
        failure = error
        throw error
      }
    }
    if (left) return 'left'
    outlet.end()
    return 'ended'
  }
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, () => go(body))
  tasklet.name = `drain "${receiver.name}" into ${outlet.what}`
  const listeners = new Listeners()
  // Not in the generator: a tasklet that is killed before its first turn never runs.
  whenSettled(tasklet.gone, () => {
    listeners.clear()
    receiver.cancel(failure)
    if (!left && tasklet.state === 'killed') tellOfKill(outlet, tasklet)
  })
  outlet.watch(listeners, reason => {
    left = true
    receiver.cancel(reason)
  })
  return tasklet
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

function tellOfKill<T>(outlet: Outlet<T>, tasklet: Tasklet): void {
  try {
    outlet.fail(new TaskletKilled(tasklet.name, tasklet.signal.reason))
  } catch (error) {
    report(error, `${tasklet.name}: the sink threw when it was told of the kill`)
  }
}
