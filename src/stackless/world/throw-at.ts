import { TaskletExit } from '../../core/base/errors.js'
import { deadTasklet, switchTrapped } from './errors.js'
import type { Runnable } from './runnable.js'
import type { Switched } from './switch-op.js'
import type { World } from './world.js'

/**
 * Throws `error` in `to`. It is thrown in place if `to` is `from`; otherwise at once, by a switch, or when its turn
 * comes if `pending`. A blocked tasklet is pulled out of its wait. Semantics: `impl_tasklet_throw` in Stackless'
 * taskletobject.c.
 */
export function throwAt(world: World, from: Runnable, to: Runnable, error: unknown, pending: boolean): Switched {
  if (to === from) throw error
  if (!to.alive) {
    if (error instanceof TaskletExit) return { value: undefined }
    throw deadTasklet('You cannot throw to a dead tasklet')
  }
  world.assertOwn(to)
  if (pending) {
    world.interrupt(to, error)
    return { value: undefined }
  }
  if (world.switchTrap !== 0) throw switchTrapped()
  world.deliver(to, error)
  return world.switch(from, to)
}
