import { inspect } from 'node:util'
import { reported } from './diagnostics.js'

/**
 * Says loudly that an error had nowhere to go: a process warning with the error's code and stack. Used where throwing
 * would hit a bystander, for instance for the second failure in a scope that is failing already. Never throws.
 */
export function report(error: unknown, what: string): void {
  if (reported.hasSubscribers) reported.publish({ error, what })
  const detail = inspect(error)
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  process.emitWarning(`${what}: ${error instanceof Error ? error.message : detail}`, {
    type: 'SynclessWarning',
    detail,
    ...(code === undefined ? {} : { code }),
  })
}
