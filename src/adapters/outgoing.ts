import { type Channel, channel, type Receiver } from '../core/channel.js'
import { enterScope, Scope } from '../core/scope.js'
import { bondToScope } from '../core/scope-bond.js'
import type { Tasklet } from '../core/tasklet.js'
import { whenSettled } from './settled.js'

/**
 * The outgoing half of a `connect`: a channel that `drain` drains. The scope it is made in does not wait for it, and ends it.
 * What it fails with is the producer's to know: the channel was closed with it, or is cancelled with it as the reason.
 */
export function outgoing<T>(
  name: string,
  capacity: number,
  drain: (receiver: Receiver<T>) => Tasklet<unknown>,
): Channel<T> {
  const values = channel<T>(capacity, { name })
  let tasklet: Tasklet<unknown> | null = null
  const release = bondToScope(`the bridge "${name}"`, error => {
    // First, so that it does not take the cancel for the end.
    tasklet?.kill(error)
    values.cancel(error)
  })
  try {
    tasklet = enterScope(new Scope({ name, onFailure: () => {} }), () => drain(values))
  } catch (error) {
    release()
    throw error
  }
  whenSettled(tasklet.gone, release)
  return values
}
