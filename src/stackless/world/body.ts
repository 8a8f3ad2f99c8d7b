import type { Co } from '../../core/loop/op.js'
import { run } from '../../core/tasklet/coroutine.js'

/** Runs in a tasklet's seat in the core: the function, and then the end of the tasklet. */
export function* body(
  tasklet: { ended(outcome: { readonly error: unknown } | null): void },
  start: () => unknown,
): Co<void> {
  let outcome: { readonly error: unknown } | null = null
  try {
    yield* run(start())
  } catch (error) {
    outcome = { error }
  }
  tasklet.ended(outcome)
}
