import { report } from '../../../core/base/report.js'
import { type Channel, type ChannelEnd, channel, type Receiver } from '../../../core/channel/channel.js'
import { whenSettled } from '../../../core/loop/latched.js'
import { enterScope, Scope } from '../../../core/scope/scope.js'
import { bondToScope } from '../../../core/scope/scope-bond.js'
import type { Tasklet } from '../../../core/tasklet/tasklet.js'

/**
 * The outgoing half of a `connect`: a channel that `drain` drains. The scope it is made in does not wait for it, and ends it.
 * What it fails with is the producer's to know: the channel was closed with it, or is cancelled with it as the reason. Once the
 * channel was closed nobody would know: it is reported then, unless `incoming` has failed with it, where that is given.
 */
export function outgoing<T>(
  name: string,
  capacity: number,
  drain: (receiver: Receiver<T>) => Tasklet<unknown>,
  incoming?: Receiver<unknown>,
): Channel<T> {
  const values = channel<T>(capacity, { name })
  let tasklet: Tasklet<unknown> | null = null
  const release = bondToScope(`the bridge "${name}"`, error => {
    // First, so that it does not take the cancel for the end.
    tasklet?.kill(error)
    values.cancel(error)
  })
  const onFailure = incoming === undefined ? () => {} : reportUntold(name, values, incoming)
  try {
    tasklet = enterScope(new Scope({ name, onFailure }), () => drain(values))
  } catch (error) {
    release()
    throw error
  }
  whenSettled(tasklet.gone, release)
  return values
}

function reportUntold(name: string, ...halves: Receiver<unknown>[]): (error: unknown) => void {
  const ends: ChannelEnd[] = []
  halves.forEach(({ ended }, half) => {
    whenSettled(ended, end => {
      ends[half] = end
    })
  })
  return error => {
    const [out] = ends
    if (out?.by !== 'close' || 'error' in out) return
    // The other half may be about to learn of it.
    setImmediate(() => {
      if (!ends.some(end => 'error' in end && end.error === error))
        report(error, `the bridge "${name}" failed at its end`)
    })
  }
}
