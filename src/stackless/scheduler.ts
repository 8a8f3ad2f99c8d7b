/** The functions of the module `stackless`. */
import type { Op } from '../core/loop/op.js'
import type { tasklet } from './tasklet.js'
import { misuse } from './world/errors.js'
import type { Runnable } from './world/runnable.js'
import { SwitchOp, switchOp } from './world/switch-op.js'
import { activeWorld, type World } from './world/world.js'

/** Performs `act` with `value` as the `tempval`, which is put back where it fails. */
function give<R>(self: Runnable, value: unknown, act: () => R): R {
  const before = self.tempval
  self.tempval = value
  try {
    return act()
  } catch (error) {
    self.tempval = before
    throw error
  }
}

/**
 * Switches to the next runnable tasklet; the caller stays among the runnables. Gives `value`, or the current tasklet
 * where none is given, unless somebody has set the caller's `tempval` meanwhile.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { getcurrent, main, schedule } from 'syncless/stackless'
 *
 * await main(function* () {
 *   assert.equal(yield* schedule('value'), 'value')
 *   assert.equal(yield* schedule(), getcurrent())
 * })
 * ```
 */
export function schedule(...value: [value?: unknown]): Op<unknown> {
  return switchOp('schedule', (world, self) =>
    give(self, value.length === 0 ? self : value[0], () => world.switch(self, self.next)),
  )
}

/**
 * Like {@link schedule}, and takes the caller out of the runnables: somebody has to insert or run it. Where nobody else
 * is runnable, main (or the innermost caller of `run()`) goes on; if that one is blocked, this throws `DEADLOCK`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { getcurrent, main, scheduleRemove, tasklet } from 'syncless/stackless'
 *
 * await main(function* () {
 *   const me = getcurrent()
 *   new tasklet(() => {
 *     assert(me.paused)
 *     me.tempval = 'woken'
 *     me.insert()
 *   }).setup()
 *   assert.equal(yield* scheduleRemove(), 'woken')
 * })
 * ```
 */
export function scheduleRemove(...value: [value?: unknown]): Op<unknown> {
  return switchOp('schedule_remove', (world, self) =>
    give(self, value.length === 0 ? self : value[0], () => world.suspend(self, null)),
  )
}

/**
 * Takes the caller out of the runnables until they have all ended or blocked; then the caller goes on. It gets the
 * errors of tasklets meanwhile. Calls may nest: the innermost is woken first, and waking an outer one ends the inner.
 * Semantics: `stackless.run()` without a time limit.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, main, run, tasklet } from 'syncless/stackless'
 *
 * await main(function* () {
 *   const ch = new channel()
 *   const waiting = new tasklet(() => ch.receive()).setup()
 *   const ending = new tasklet(() => {}).setup()
 *   yield* run()
 *   assert.deepEqual([waiting.blocked, ending.alive], [true, false])
 * })
 * ```
 */
export function run(): Op<void> {
  return new SwitchOp(
    'run',
    (world, self) => {
      world.watchdogs.push(self)
      try {
        return world.suspend(self, null)
      } catch (error) {
        world.watchdogs.pop()
        throw error
      }
    },
    () => {},
    leaveRun,
  )
}

/** The watchdogs above the one that is back were entered later: they are made runnable. */
function leaveRun(world: World, self: Runnable): void {
  if (!world.watchdogs.includes(self)) return
  for (let popped = world.watchdogs.pop(); popped !== undefined; popped = world.watchdogs.pop()) {
    if (!popped.scheduled) world.ring.insert(popped)
    if (popped === self) return
  }
}

/** The tasklet that runs now. Throws `MISUSE` where none does. */
export function getcurrent(): tasklet {
  return activeWorld('getcurrent').self as tasklet
}

/** The tasklet that `main()` started. Throws `MISUSE` where no tasklet runs. */
export function getmain(): tasklet {
  const { main } = activeWorld('getmain')
  if (main === null) throw misuse('there is no main tasklet')
  return main as tasklet
}

/** How many tasklets are runnable, the current one included. Throws `MISUSE` where no tasklet runs. */
export function getruncount(): number {
  return activeWorld('getruncount').ring.length
}

/** Adds `change` to the level at which every switch is an error (`SWITCH_TRAP`); returns the level before. */
export function switchTrap(change = 0): number {
  const world = activeWorld('switch_trap')
  const before = world.switchTrap
  world.switchTrap += change
  return before
}

/** Sets the current tasklet's `atomic` flag until it is disposed of: `using _ = atomic()`. */
export function atomic(): Disposable {
  const current = getcurrent()
  const before = current.setAtomic(true)
  return { [Symbol.dispose]: () => void current.setAtomic(before) }
}

export { scheduleRemove as schedule_remove, switchTrap as switch_trap }
