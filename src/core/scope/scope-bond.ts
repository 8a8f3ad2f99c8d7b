/**
 * The bond of a bridge to the scope it is made in: the bridge does not keep the scope waiting, and it ends with the
 * scope.
 */
import { setMaxListeners } from 'node:events'
import { SynclessError } from '../base/errors.js'
import { currentScope } from './current-scope.js'
import type { Scope } from './scope.js'

/**
 * Calls `end` once, when the scope is cancelled, fails or ends; the default is the current scope. Returns a function
 * that undoes the bond; a bridge that has ended calls it. Throws `SCOPE_CLOSED` if the scope has ended.
 *
 * `end` is called in a microtask: every tasklet of the scope has been asked to exit by then. So no tasklet takes the end
 * of the bridge for the end of its data.
 */
export function bondToScope(
  what: string,
  end: (error: SynclessError) => void,
  scope: Scope | null = currentScope(),
): () => void {
  if (scope === null) return () => {}
  if (scope.ended) throw new SynclessError('SCOPE_CLOSED', `make ${what} in another scope: ${scope.name} has ended`)
  const { signal } = scope
  let bonded = true
  const conclude = () => {
    if (!bonded) return
    bonded = false
    end(new SynclessError('SCOPE_CLOSED', `${what} ended with ${scope.name}`, { cause: signal.reason }))
  }
  const over = scope.gone.node()
  over.performFor({ wake: conclude })
  const aborted = () => queueMicrotask(conclude)
  if (signal.aborted) aborted()
  // A scope may have any number of bridges: more than ten are no leak.
  else setMaxListeners(0, signal)
  signal.addEventListener('abort', aborted, { once: true })
  return () => {
    bonded = false
    over.withdraw()
    signal.removeEventListener('abort', aborted)
  }
}
