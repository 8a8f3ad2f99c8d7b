/** The choice of the next tasklet. A seeded order and a stepper may be on at once: the loop has one chooser, made of both. */
import { SynclessError } from '../core/base/errors.js'
import { type Chooser, loop } from '../core/loop/loop.js'

const inTurn: Chooser = first => first
const none: Chooser = () => null

let order: Chooser = inTurn
let holders = 0

function apply(): void {
  if (holders > 0) loop.chooser = none
  else loop.chooser = order === inTurn ? null : order
}

/** Puts an order in place of the present one, and returns the present one; null is the order of the queue. */
export function replaceOrder(chooser: Chooser | null): Chooser {
  const before = order
  order = chooser ?? inTurn
  apply()
  return before
}

/** Returns whether the loop runs nothing by itself. */
export function isHeld(): boolean {
  return holders > 0
}

/** Stops the loop: it runs nothing by itself. Returns a function that lets it go. */
export function hold(): () => void {
  let held = true
  holders++
  apply()
  return () => {
    if (!held) return
    held = false
    holders--
    apply()
  }
}

/** Runs one tasklet: the one that would have been next. */
export function runNext(): ReturnType<Chooser> {
  const ran = loop.runOne(order)
  // A caller who steps by hand rests at will: earlier steps must not end this step early.
  if (loop.spent) loop.freshBudget()
  // If the tasklet let the loop go, the loop has to be started now.
  apply()
  return ran
}

/** Throws `MISUSE` in a tasklet: the drain that runs it has its order already. */
export function assertOutside(what: string): void {
  if (loop.current === null) return
  throw new SynclessError('MISUSE', `call ${what} in the test that starts the tasklets, not in a tasklet`)
}
