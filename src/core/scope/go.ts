import { SynclessError } from '../base/errors.js'
import { type Co, Node, type Op } from '../loop/op.js'
import { currentTasklet, type Tasklet } from '../tasklet/tasklet.js'
import { currentScope } from './current-scope.js'
import { makeTasklet } from './scope.js'

/**
 * Starts a tasklet: a generator function, an async function or a plain one, called with `args` when its turn comes.
 * It joins the scope it is started in. In the root scope nobody waits for it, and an error that nobody has joined by
 * the end of the next `setImmediate` is an uncaught exception of the process.
 *
 * Cleanup may start tasklets. In a `finally` block of a tasklet that was asked to end, `go()` means the same whatever ended it: a
 * kill, a cancelled scope, a lost race, a timeout or a failed sibling. The new tasklet runs as part of the cleanup, for the rest
 * of its 5000 ms. Then it is asked to end, and cannot wait any more. A scope waits for it. Use {@link detach} for a tasklet
 * that has to live longer. This holds where a tasklet runs: an async function that calls `go()` in a cancelled scope starts
 * a tasklet that is killed before it runs.
 *
 * Semantics: `stackless.tasklet(fn)(*args)`, Go's `go`. Throws `INVALID_ARGUMENT`, `SCOPE_CLOSED`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, go } from 'syncless'
 *
 * const ch = channel<string>()
 * go(function* (greeting: string) {
 *   yield* ch.send(`${greeting}, world`)
 * }, 'hello')
 * assert.equal(await ch.receive(), 'hello, world')
 * ```
 */
export function go<A extends unknown[], T>(fn: (...args: A) => Co<T> | PromiseLike<T> | T, ...args: A): Tasklet<T> {
  const scope = currentScope()
  const tasklet = makeTasklet(fn, args, scope)
  const cleanup = currentTasklet()?.interrupts?.cleanup ?? null
  if (scope !== null) return scope.adopt(tasklet, cleanup)
  return cleanup === null ? tasklet.start() : tasklet.startForCleanup(cleanup)
}

/**
 * Like {@link go}, in the root scope: the tasklet outlives the scope, the request or the connection it is started in.
 * Throws `INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, detach, scope } from 'syncless'
 *
 * const ch = channel<string>()
 * await scope(function* () {
 *   detach(function* () {
 *     yield* ch.send('sent after the scope had ended')
 *   })
 * })
 * assert.equal(await ch.receive(), 'sent after the scope had ended')
 * ```
 */
export function detach<A extends unknown[], T>(fn: (...args: A) => Co<T> | PromiseLike<T> | T, ...args: A): Tasklet<T> {
  return makeTasklet(fn, args, null).start()
}

/**
 * The tasklet that runs now. Throws `MISUSE` where none does. Semantics: `stackless.getcurrent()`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { current, go } from 'syncless'
 *
 * const t = go(function* worker() {
 *   return current().name
 * })
 * assert.equal(await t, 'worker')
 * ```
 */
export function current(): Tasklet<unknown> {
  const tasklet = currentTasklet()
  if (tasklet === null) throw new SynclessError('MISUSE', 'current() was called where no tasklet runs')
  return tasklet.owner
}

class ScheduleNode extends Node<void> {
  describe(): string {
    return 'schedule'
  }

  poll(): boolean {
    this.complete(undefined)
    return true
  }

  override passes(): boolean {
    return true
  }

  protected link(): void {}
  protected unlink(): void {}
}

/**
 * Lets every tasklet that is ready run before this one goes on. Semantics: `stackless.schedule()`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, schedule } from 'syncless'
 *
 * const log: string[] = []
 * function* worker(name: string) {
 *   for (const step of [1, 2]) {
 *     log.push(`${name}${step}`)
 *     yield* schedule()
 *   }
 * }
 * const tasklets = [go(worker, 'a'), go(worker, 'b')]
 * for (const t of tasklets) await t
 * assert.deepEqual(log, ['a1', 'b1', 'a2', 'b2'])
 * ```
 */
export function schedule(): Op<void> {
  return new ScheduleNode()
}
