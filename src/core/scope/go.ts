import { SynclessError } from '../base/errors.js'
import { type Co, Node, type Op } from '../loop/op.js'
import { currentTasklet, type Tasklet } from '../tasklet/tasklet.js'
import { currentScope } from './current-scope.js'
import { makeTasklet } from './scope.js'

/**
 * Starts a tasklet from a generator function, an async function or a plain function. The function is called with `args`
 * when the turn of the tasklet comes. The tasklet joins the current scope. In the root scope nobody waits for it: its
 * error becomes an uncaught exception of the process if nobody has joined it by the end of the next `setImmediate`.
 *
 * Cleanup may start tasklets. In a `finally` block of a tasklet that was asked to end, `go()` means the same whatever
 * ended it: a kill, a cancelled scope, a lost race, a timeout or a failed sibling. The new tasklet runs as part of the
 * cleanup, for the rest of its 5000 ms. Then it is asked to end, and cannot wait any more. A scope waits for it. Use
 * {@link detach} for a tasklet that has to live longer. This rule holds only inside a running tasklet. If an async
 * function calls `go()` in a cancelled scope, the new tasklet is killed before it runs.
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
 * Starts a tasklet like {@link go}, but in the root scope: the tasklet outlives the scope, the request or the connection
 * that starts it. Throws `INVALID_ARGUMENT`.
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
 * Returns the running tasklet. Throws `MISUSE` if no tasklet runs. Semantics: `stackless.getcurrent()`.
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
  if (tasklet === null) throw new SynclessError('MISUSE', 'call current() only in a tasklet: no tasklet runs here')
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
 * Lets every ready tasklet run before this one goes on. Semantics: `stackless.schedule()`.
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
