import type { TaskletExit } from '../base/errors.js'
import type { Co, Op } from '../loop/op.js'
import { assertDuration, startTimer } from '../ops/sleep.js'
import { ScopeRun } from './scope-run.js'

/** A scope that gets some time after a request to end, before it is told. */
class ShieldRun<T> extends ScopeRun<T> {
  readonly #ms: number
  #stop: (() => void) | null = null

  constructor(ms: number, body: () => Co<T>) {
    super(body)
    this.#ms = ms
  }

  override requestExit(exit: TaskletExit): void {
    this.#stop ??= startTimer(this.#ms, () => super.requestExit(exit))
  }

  protected override ended(): void {
    this.#stop?.()
  }
}

/**
 * Runs `body` to its end, even if its tasklet is killed or its scope cancelled in the meantime. The exit waits until the
 * body is over, for at most `ms` milliseconds. Use it for cleanup that may take longer than the 5000 ms that a killed
 * tasklet has. Semantics: a Trio shielded cancel scope with a timeout. Throws `INVALID_ARGUMENT` if `ms` is not a
 * number.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, never, shield, sleep } from 'syncless'
 *
 * const log: string[] = []
 * const t = go(function* () {
 *   try {
 *     yield* never
 *   } finally {
 *     yield* shield(60_000, function* () {
 *       yield* sleep(2) // hand over, flush, say goodbye
 *       log.push('goodbye')
 *     })
 *   }
 * })
 * await sleep(1)
 * await t.kill()
 * assert.deepEqual(log, ['goodbye'])
 * ```
 */
export function shield<T>(ms: number, body: () => Co<T>): Op<T> {
  assertDuration(ms, 'shield()')
  return new ShieldRun(ms, body)
}
