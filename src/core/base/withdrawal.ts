/**
 * Callbacks of a withdrawal or a kill. Users may chain them to any depth, so none of this is a recursion.
 *
 * A user's callback, such as the `cancel` of an action, may commit other operations. It therefore runs only when the
 * withdrawal or commit that caused it is complete, down to the last queue and the last select.
 */
import { report } from './report.js'

let held: (() => void)[] | null = null

/**
 * Runs `fn`, and then the callbacks that `fn` gave to {@link afterWithdrawal}. Callbacks that these cause come after
 * them.
 */
export function holdCallbacks(fn: () => void): void {
  if (held !== null) {
    fn()
    return
  }
  const callbacks: (() => void)[] = []
  held = callbacks
  try {
    fn()
  } finally {
    // The list grows during this loop.
    for (const callback of callbacks) call(callback)
    held = null
  }
}

/** Runs `callback` when the current withdrawal is complete; at once, if there is none. */
export function afterWithdrawal(callback: () => void): void {
  if (held !== null) held.push(callback)
  else holdCallbacks(() => call(callback))
}

function call(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    report(error, 'the cancel function of an action threw')
  }
}

let steps: (() => void)[] | null = null

/**
 * Takes a step from a scope to the next one inside or around it. The step runs at once if no step is running; otherwise
 * it runs after that one, before the outermost call returns.
 */
export function cascade(step: () => void): void {
  if (steps !== null) {
    steps.push(step)
    return
  }
  steps = [step]
  let failure: { readonly error: unknown } | null = null
  // As above.
  for (const next of steps) {
    try {
      next()
    } catch (error) {
      failure ??= { error }
    }
  }
  steps = null
  if (failure !== null) throw failure.error
}
