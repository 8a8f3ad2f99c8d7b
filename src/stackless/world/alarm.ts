import { startTimer } from '../../core/ops/sleep.js'
import type { World } from './world.js'

/** Calls `fn` after `ms` of the core's clock. The world is not deadlocked while that call may still come. */
export function setAlarm(world: World, ms: number, fn: () => void): () => void {
  if (ms === Number.POSITIVE_INFINITY) return () => {}
  let set = true
  const end = () => {
    if (set) world.alarms--
    set = false
  }
  world.alarms++
  const stop = startTimer(ms, () => {
    end()
    fn()
    world.onChange()
  })
  return () => {
    end()
    stop()
  }
}
