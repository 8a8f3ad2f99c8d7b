import { SynclessError, TaskletExit } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { holdCallbacks } from '../../core/base/withdrawal.js'
import type { Co, Op } from '../../core/loop/op.js'
import { action } from '../../core/ops/action.js'
import { timeout } from '../../core/scope/timeout.js'
import { GRACE } from '../../core/tasklet/interrupts.js'
import type { Runnable } from './runnable.js'
import type { World } from './world.js'

/** The number of times that a tasklet which outlives its grace is killed again. */
const ROUNDS = 2

/**
 * Ends the tasklets that main leaves behind, so that their `finally` blocks run. Main performs this at its end.
 * Semantics: Stackless at the end of a thread with tasklets.
 */
export function* reap(world: World): Co<void> {
  const { self } = world
  world.switchTrap = 0
  self.blockTrap = false
  const left = () => [...world.started].filter(t => t !== self)
  for (let round = 1; left().length > 0; round++) {
    for (const t of left()) yield* kill(t)
    if (left().length > 0) yield* grace(world)
    if (round === ROUNDS) for (const t of left()) abandon(world, t)
  }
  while (self.next !== null && self.next !== self) self.next.remove()
}

function* kill(t: Runnable): Co<void> {
  try {
    if (t.inRing) t.remove()
    yield* t.kill()
  } catch (error) {
    reportUnlessExit(error)
  }
}

/** Lets cleanup go on until it is done or the time is over. */
function* grace(world: World): Co<void> {
  try {
    yield* timeout(GRACE, idle(world), { else: undefined })
  } catch (error) {
    reportUnlessExit(error)
  }
}

function idle(world: World): Op<void> {
  return action(resolve => {
    world.onIdle = () => {
      if (world.away.size <= 1 && world.alarms === 0) resolve()
    }
    return () => {
      world.onIdle = () => {}
    }
  }, 'the cleanup of tasklets that main() left behind')
}

function abandon(world: World, t: Runnable): void {
  report(
    new SynclessError(
      'UNKILLABLE',
      'a tasklet that main() left behind was killed, but caught its exit again and again',
    ),
    'a tasklet was abandoned',
  )
  const node = t.away ? t.seat?.waiting : null
  if (node) holdCallbacks(() => node.withdraw())
  world.makeRunnable(t)
  t.remove()
  t.bind()
}

function reportUnlessExit(error: unknown): void {
  if (!(error instanceof TaskletExit)) report(error, 'a tasklet that main() left behind failed while it was ended')
}
