import { SynclessError, TaskletKilled } from '../base/errors.js'
import { report } from '../base/report.js'
import { Latch } from '../loop/latched.js'
import { type Co, Op } from '../loop/op.js'
import { run as perform } from '../tasklet/coroutine.js'
import { ScopeRun } from './scope-run.js'

/** The work of {@link race} and {@link all}: an operation, or a function that `go` could start. */
export type Work<T = unknown> = Op<T> | (() => Co<T> | PromiseLike<T> | T)

/** A {@link Work} for each result, under the same key or index. */
export type Works<R> = { readonly [K in keyof R]: Work<R[K]> }

/** The winner of a race: its key and its result. */
export type Winner<R> = { [K in keyof R & string]: { key: K; value: R[K] } }[keyof R & string]

/**
 * Starts a tasklet for each competitor; the first to end decides, by its result or its error. The others are killed, and
 * their cleanup is awaited. An error that leaves this cleanup is reported, and does not replace the result. `race` runs
 * all competitors; `select` chooses among operations that have not happened. A competitor that other code kills has not
 * ended. If all were killed, `TASKLET_KILLED` is thrown. Throws `INVALID_ARGUMENT` if there are no competitors.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { race, sleep } from 'syncless'
 *
 * const log: string[] = []
 * const winner = await race({
 *   fast: function* () {
 *     yield* sleep(1)
 *     return 'first'
 *   },
 *   slow: function* () {
 *     try {
 *       yield* sleep(60_000)
 *     } finally {
 *       log.push('slow was ended')
 *     }
 *   },
 * })
 * assert.deepEqual(winner, { key: 'fast', value: 'first' })
 * assert.deepEqual(log, ['slow was ended'])
 * ```
 */
export function race<R extends Record<string, unknown>>(competitors: Works<R>): Op<Winner<R>> {
  const entries = Object.entries(competitors)
  if (entries.length === 0) throw new SynclessError('INVALID_ARGUMENT', 'race() needs at least one competitor')
  for (const [key, work] of entries) assertWork(work, `race: "${key}"`)
  const finish = new Latch<{ key: string; value: unknown }>('end of a race')
  const run = new RaceRun(function* race(scope): Co<Winner<R>> {
    let left = entries.length
    for (const [key, work] of entries) {
      const competitor = scope.go(function* () {
        finish.resolve({ key, value: yield* perform(work instanceof Op ? work : work()) })
        run.won = true
      })
      competitor.name = key
      const gone = () => {
        if (competitor.state === 'killed' && --left === 0)
          finish.reject(new TaskletKilled(key, 'no competitor is left to win'))
      }
      competitor.gone.node().performFor({ wake: gone })
    }
    const winner = yield* finish
    scope.cancel('the race is over')
    return winner as Winner<R>
  })
  return run
}

/** A failure after the end of the race comes from a loser, or from a tasklet that the winner has left running. */
class RaceRun<T> extends ScopeRun<T> {
  won = false

  protected override excuses(error: unknown): boolean {
    if (this.won) report(error, 'failed after a race was won')
    return this.won
  }
}

/**
 * Starts a tasklet for each piece of work and waits for all of them. Gives their results in the shape of `works`, a
 * record or a tuple. The first failure kills the others, and is thrown when they are gone.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { all, sleep } from 'syncless'
 *
 * const { user, orders } = await all({
 *   user: async () => 'ada',
 *   *orders() {
 *     yield* sleep(1)
 *     return [1, 2]
 *   },
 * })
 * assert.deepEqual([user, orders], ['ada', [1, 2]])
 * ```
 */
export function all<R extends Record<string, unknown> | unknown[] | []>(works: Works<R>): Op<R> {
  const entries = Object.entries(works)
  for (const [key, work] of entries) assertWork(work, `all: "${key}"`)
  return new ScopeRun(function* all(scope): Co<R> {
    const tasklets = entries.map(([key, work]) => {
      const tasklet = scope.go(work instanceof Op ? () => work : work)
      tasklet.name = key
      return tasklet
    })
    const results: [string, unknown][] = []
    for (const [index, tasklet] of tasklets.entries()) results.push([entries[index]?.[0] ?? '', yield* tasklet])
    const shaped: unknown = Array.isArray(works) ? results.map(([, value]) => value) : Object.fromEntries(results)
    return shaped as R
  })
}

function assertWork(work: unknown, what: string): void {
  if (work instanceof Op || typeof work === 'function') return
  throw new SynclessError('INVALID_ARGUMENT', `${what}: give an operation or a function`)
}
