/**
 * What users run when an operation is withdrawn (the `cancel` of an action) may commit other operations. It therefore
 * runs only when the one withdrawal or commit that caused it is complete, down to the last queue and the last select.
 */
import { report } from './report.js'

let held: (() => void)[] | null = null

/** Runs `fn`, and after it the callbacks that it gave to {@link afterWithdrawal}. */
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
    held = null
    for (const callback of callbacks) call(callback)
  }
}

/** Runs `callback` when the withdrawal under way is complete; at once, if none is. */
export function afterWithdrawal(callback: () => void): void {
  if (held === null) call(callback)
  else held.push(callback)
}

function call(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    report(error, 'the cancel function of an action threw')
  }
}
