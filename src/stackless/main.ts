/**
 * The bridge between the facade and the core: one core tasklet drives one ring. Between the switches of the ring it lets
 * the core's own tasklets run. It waits, too, if nothing in the ring is runnable but something waits for the core.
 */

import type { Co, Op } from '../core/loop/op.js'
import { action } from '../core/ops/action.js'
import { current, go, schedule } from '../core/scope/go.js'
import { run } from '../core/tasklet/coroutine.js'
import type { Tasklet as CoreTasklet, TaskletFunction } from '../core/tasklet/tasklet.js'
import { tasklet } from './tasklet.js'
import { reap } from './world/reap.js'
import { World } from './world/world.js'

/**
 * Runs `fn` as the main tasklet of a world of its own, which is a thread in Stackless. Returns the core tasklet that
 * drives the world: wait for it with `await` or `yield*`, kill it, or start it in a scope. When `fn` has ended, the
 * remaining tasklets get a `TaskletExit`, and 5000 ms for their cleanup.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { sleep } from 'syncless'
 * import { channel, main, tasklet } from 'syncless/stackless'
 *
 * const answer = await main(function* () {
 *   const ch = new channel<number>()
 *   new tasklet(function* () {
 *     yield* sleep(5) // an operation of the core: the other tasklets go on
 *     yield* ch.send(42)
 *   }).setup()
 *   return yield* ch.receive()
 * })
 * assert.equal(answer, 42)
 * ```
 */
export function main<A extends unknown[], T>(fn: TaskletFunction<A, T>, ...args: A): CoreTasklet<T> {
  const driver = go(drive<A, T>, fn, args)
  driver.name = fn.name || 'main'
  return driver
}

function* drive<A extends unknown[], T>(fn: TaskletFunction<A, T>, args: A): Co<T> {
  const world = new World(current())
  const outcome: { value?: T; failure?: { readonly error: unknown } } = {}
  world.begin(
    new tasklet(function* () {
      try {
        outcome.value = (yield* run(fn(...args))) as T
      } catch (error) {
        outcome.failure = { error }
      }
      yield* reap(world)
    }),
  )
  while (!world.over) {
    if (world.ring.current === null) yield* outside(world, waitForChange(world))
    else if (world.tired) yield* outside(world, schedule())
    else world.step()
  }
  if (outcome.failure !== undefined) throw outcome.failure.error
  return outcome.value as T
}

/** Lets the core go on. An error that the core throws at the driver (a kill, a cancelled scope) is thrown in main. */
function* outside(world: World, op: Op<void>): Co<void> {
  world.turns = 0
  try {
    yield* op
  } catch (error) {
    world.interruptMain(error)
  }
}

function waitForChange(world: World): Op<void> {
  return action(resolve => {
    world.onChange = resolve
    world.onIdle()
    return () => {
      world.onChange = () => {}
    }
  }, 'tasklets of main() that wait')
}
