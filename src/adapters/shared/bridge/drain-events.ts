/** The tasklet of a `drainTo` whose sink takes every value at once. */

import { isTaskletExit, TaskletKilled } from '../../../core/base/errors.js'
import { report } from '../../../core/base/report.js'
import type { Receiver } from '../../../core/channel/channel.js'
import { whenSettled } from '../../../core/loop/latched.js'
import type { Co } from '../../../core/loop/op.js'
import { go } from '../../../core/scope/go.js'
import type { Tasklet } from '../../../core/tasklet/tasklet.js'
import { Listeners } from './listeners.js'
import { countLost } from './lost.js'
import { claiming } from './receiver.js'
import { tellable } from './source-error.js'

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

/**
 * Passes a channel to a sink. The tasklet returns `'ended'` when the channel has, `'left'` when the sink left before.
 * What it fails with is the reason of the channel's cancel.
 */
export function drain<T>(receiver: Receiver<T>, outlet: Outlet<T>): Tasklet<'ended' | 'left'> {
  let left = false
  let failure: unknown
  const body = function* drain(): Co<'ended' | 'left'> {
    try {
      for (let step = yield* received(); !step.done; step = yield* received()) {
        if (left) countLost(receiver)
        else outlet.put(step.value)
      }
      if (left) return 'left'
      outlet.end()
      return 'ended'
    } catch (error) {
      failure = tellable(error)
      throw error
    }
  }
  const received = function* received(): Co<IteratorResult<T, undefined>> {
    try {
      return yield* receiver.next()
    } catch (error) {
      if (!left && !isTaskletExit(error)) outlet.fail(error)
      throw error
    }
  }
  const listeners = new Listeners()
  const start = () => {
    try {
      // First, so that a sink that does not let itself be watched has no tasklet.
      outlet.watch(listeners, reason => {
        left = true
        receiver.cancel(reason)
      })
      return go(body)
    } catch (error) {
      listeners.clear()
      throw error
    }
  }
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, start)
  tasklet.name = `drain "${receiver.name}" into ${outlet.what}`
  // Not in the generator: a tasklet that is killed before its first turn never runs.
  whenSettled(tasklet.gone, () => {
    listeners.clear()
    receiver.cancel(failure)
    if (!left && tasklet.state === 'killed') tellOfKill(outlet, tasklet)
  })
  return tasklet
}

function tellOfKill<T>(outlet: Outlet<T>, tasklet: Tasklet): void {
  try {
    outlet.fail(new TaskletKilled(tasklet.name, tasklet.signal.reason))
  } catch (error) {
    report(error, `${tasklet.name}: the sink threw when it was told of the kill`)
  }
}
