/** The functions of the module `stackless`. */
import type { Op } from '../core/loop/op.js'
import type { tasklet } from './tasklet.js'
import { misuse } from './world/errors.js'
import type { Runnable } from './world/runnable.js'
import { SwitchOp, switchOp } from './world/switch-op.js'
import { activeWorld, type World } from './world/world.js'

/** Performs `act` with `value` as the `tempval`; the old one is put back if `act` fails. */
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
 * Switches to the next runnable tasklet; the caller stays among the runnables. Gives `value`, by default the current
 * tasklet, unless other code has set the caller's `tempval` in the meantime.
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
 * Switches like {@link schedule}, and takes the caller out of the runnables: other code has to insert or run it. If no
 * other tasklet is runnable, main (or the innermost caller of `run()`) goes on; if that tasklet is blocked, this throws
 * `DEADLOCK`.
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
 * Takes the caller out of the runnables until all of them have ended or blocked; then the caller goes on. In the
 * meantime the caller gets the errors of tasklets. Calls may nest: the innermost is woken first, and waking an outer one
 * ends the inner. Semantics: `stackless.run()` without a time limit.
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

/** Makes the watchdogs above the returning one runnable: they were entered later. */
function leaveRun(world: World, self: Runnable): void {
  if (!world.watchdogs.includes(self)) return
  for (let popped = world.watchdogs.pop(); popped !== undefined; popped = world.watchdogs.pop()) {
    if (!popped.scheduled) world.ring.insert(popped)
    if (popped === self) return
  }
}

/** Returns the running tasklet. Throws `MISUSE` if no tasklet runs. */
export function getcurrent(): tasklet {
  return activeWorld('getcurrent').self as tasklet
}

/** Returns the tasklet that `main()` started. Throws `MISUSE` if no tasklet runs. */
export function getmain(): tasklet {
  const { main } = activeWorld('getmain')
  if (main === null) throw misuse('there is no main tasklet')
  return main as tasklet
}

/** Returns how many tasklets are runnable, including the current one. Throws `MISUSE` if no tasklet runs. */
export function getruncount(): number {
  return activeWorld('getruncount').ring.length
}

/** Adds `change` to the level of the trap; returns the level before. Above 0, every switch is an error (`SWITCH_TRAP`). */
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
