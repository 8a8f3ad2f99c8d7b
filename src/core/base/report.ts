import { inspect } from 'node:util'
import { reported } from './diagnostics.js'

/**
 * Reports an error that had nowhere to go: a process warning with the error's code and stack. Used if a throw would hit
 * a bystander, for instance for the second failure in a scope that is already failing. Never throws.
 */
export function report(error: unknown, what: string): void {
  if (reported.hasSubscribers) reported.publish({ error, what })
  const { message, detail, code } = textsOf(error)
  process.emitWarning(`${what}: ${message}`, {
    type: 'SynclessWarning',
    detail,
    ...(code === undefined ? {} : { code }),
  })
}

/** Getters of an error may throw, and so may Node's `inspect()`, which makes a text of its message. */
function textsOf(error: unknown): { message: string; detail: string; code?: string | undefined } {
  try {
    const detail = inspect(error)
    if (!(error instanceof Error)) return { message: detail, detail }
    const { message }: { message: unknown } = error
    const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
    return { message: typeof message === 'string' ? message : inspect(message), detail, code }
  } catch {
    const unreadable = 'an error that cannot be read'
    return { message: unreadable, detail: unreadable }
  }
}
