/** A bridge belongs to the scope it is made in: it does not keep the scope waiting, and it ends with it. */
import { setMaxListeners } from 'node:events'
import { SynclessError } from '../base/errors.js'
import { currentScope } from './current-scope.js'
import type { Scope } from './scope.js'

/**
 * Calls `end` once, when the scope, by default the one that is current here, is cancelled, fails or ends. Returns what undoes
 * the bond; a bridge that has ended calls it. Throws `SCOPE_CLOSED` where the scope has ended.
 *
 * `end` is called in a microtask: by then every tasklet of the scope has been asked to exit, so that none of them takes
 * the end of the bridge for the end of its data.
 */
export function bondToScope(
  what: string,
  end: (error: SynclessError) => void,
  scope: Scope | null = currentScope(),
): () => void {
  if (scope === null) return () => {}
  if (scope.ended) throw new SynclessError('SCOPE_CLOSED', `${scope.name} has ended: make ${what} elsewhere`)
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
  // A scope has as many bridges as it has: more than ten of them are no leak.
  else setMaxListeners(0, signal)
  signal.addEventListener('abort', aborted, { once: true })
  return () => {
    bonded = false
    over.withdraw()
    signal.removeEventListener('abort', aborted)
  }
}
