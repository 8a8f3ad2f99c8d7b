/**
 * What a withdrawal or a kill sets off. Users may chain it to any depth, so that none of it is a recursion.
 *
 * What users run when an operation is withdrawn (the `cancel` of an action) may commit other operations. It therefore
 * runs only when the one withdrawal or commit that caused it is complete, down to the last queue and the last select.
 */
import { report } from './report.js'

let held: (() => void)[] | null = null

/**
 * Runs `fn`, and after it the callbacks that it gave to {@link afterWithdrawal}. What these cause in their turn comes after
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
    // The list grows while it is gone through.
    for (const callback of callbacks) call(callback)
    held = null
  }
}

/** Runs `callback` when the withdrawal under way is complete; at once, if none is. */
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
 * Takes a step from a scope to the next one inside or around it: at once if none is under way, else after that one, before
 * the outermost call returns.
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
