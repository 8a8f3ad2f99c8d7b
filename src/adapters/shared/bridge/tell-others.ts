import { onNobodysBehalf } from '../../../core/loop/callback.js'
import { leaveScope } from '../../../core/scope/scope.js'

/**
 * Calls what tells others of a value: those who listen to something shared. What they start or bridge is not of the scope that
 * feeds it, such as a request's, which ends.
 */
export function tellOthers(fn: () => void): void {
  leaveScope(onNobodysBehalf, fn)
}
