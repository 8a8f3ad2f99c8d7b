/**
 * What a host may put between a request and its app: a bound, a count, an id. Each is a stage, made only where an option
 * asks for it; a mount without any has no list of them, and its requests go straight to the app.
 */
import type { Exchange } from '../request/exchange.js'

export interface Stage {
  /** Calls `next` once, now or later, or answers the request itself and never calls it. */
  begin(exchange: Exchange, next: () => void): void
  /** The exchange is over, whether it has got as far as this stage or not. */
  end?(exchange: Exchange): void
  /** Resolves when it keeps no request waiting. */
  idle?(): Promise<void>
}

/** A stage that counts, and looks at the others of its mount. */
export interface Meter extends Stage {
  watch(stages: readonly Stage[]): void
}

/** Takes an exchange through the stages from `at` on, then to `app`. What a function of the user's throws fails it. */
export function passStages(stages: readonly Stage[], exchange: Exchange, app: () => void, at = 0): void {
  const stage = stages[at]
  if (stage === undefined) {
    app()
    return
  }
  try {
    stage.begin(exchange, () => passStages(stages, exchange, app, at + 1))
  } catch (error) {
    exchange.fail(error)
  }
}
