import type { Co, Op } from '../loop/op.js'
import type { Scope } from './scope.js'
import { ScopeRun } from './scope-run.js'

/**
 * The result of a scope: the result of its body, and `undefined` as well if the body takes the scope, and so may cancel
 * it.
 */
export type ScopeResult<F extends (scope: Scope) => Co<unknown>> =
  Parameters<F> extends [] ? CoResult<F> : CoResult<F> | undefined

type CoResult<F> = F extends (...args: never[]) => Generator<infer _Yields, infer T, infer _Takes> ? T : never

/**
 * Runs `body` as a scope: waits for the body and for every tasklet started in the scope. The first failure kills the
 * rest and is thrown itself. Later failures are in `scope.errors` and are reported. Killing the waiting tasklet ends the
 * scope first. A body that takes the scope can `cancel()` it; if that ends the body, the scope gives `undefined`.
 * Semantics: a Trio nursery with its cancel scope.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, go, scope } from 'syncless'
 *
 * const sum = await scope(function* () {
 *   const numbers = channel<number>()
 *   go(function* () {
 *     for (const n of [1, 2, 3]) yield* numbers.send(n)
 *     numbers.close()
 *   })
 *   let total = 0
 *   for (let r = yield* numbers.next(); !r.done; r = yield* numbers.next()) total += r.value
 *   return total
 * })
 * assert.equal(sum, 6)
 * ```
 */
export function scope<F extends (scope: Scope) => Co<unknown>>(body: F): Op<ScopeResult<F>> {
  return new ScopeRun<ScopeResult<F>>(body as (scope: Scope) => Co<ScopeResult<F>>)
}
