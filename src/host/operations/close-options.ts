/** The options of a close. */
import { invalid } from '../../core/base/arguments.js'

/** Options of `host.close`. */
export interface CloseOptions {
  /**
   * How long requests, tasklets and upgraded connections may take to finish, in milliseconds, counted from the moment
   * at which the host stops accepting. Default: 8000, because container runtimes kill a process 10 s after they asked
   * it to stop.
   */
  deadline?: number
  /**
   * How long the host keeps serving before that moment, in milliseconds, while `/readyz` says that it is not ready.
   * Set it longer than the load balancer takes to notice: its period times its threshold. Default: 0. A host that
   * does not listen yet does not wait.
   */
  readinessDelay?: number
}

const DEADLINE = 8000

/** Returns the options with their defaults. Throws `INVALID_ARGUMENT`. */
export function checkedCloseOptions({ deadline = DEADLINE, readinessDelay = 0 }: CloseOptions): Required<CloseOptions> {
  for (const [name, value] of Object.entries({ deadline, readinessDelay })) {
    if (typeof value === 'number' && value >= 0) continue
    throw invalid(name, 'milliseconds, 0 or more', value)
  }
  return { deadline, readinessDelay }
}
