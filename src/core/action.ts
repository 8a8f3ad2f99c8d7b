import { isGenerator } from './coroutine.js'
import { isAbortError, SynclessError } from './errors.js'
import { Frame } from './frame.js'
import { type Co, IDLE, Node, type Op } from './op.js'
import { report } from './report.js'
import { afterWithdrawal } from './withdrawal.js'

/** Starts something for an {@link action}; returns what stops it, if it can be stopped. */
export type Executor<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => (() => void) | void

class ActionNode<T> extends Node<T> {
  readonly #executor: Executor<T>
  readonly #description: string
  #cancel: (() => void) | void = undefined
  #run = 0

  constructor(executor: Executor<T>, description: string) {
    super()
    this.#executor = executor
    this.#description = description
  }

  describe(): string {
    return this.#description
  }

  poll(): boolean {
    return false
  }

  override external(): boolean {
    return true
  }

  protected link(): void {
    const run = ++this.#run
    const live = () => run === this.#run && this.state !== IDLE
    let settled = false
    const once = (settle: () => void) => {
      if (settled) return
      settled = true
      if (live()) settle()
    }
    this.#cancel = undefined
    try {
      const cancel = this.#executor(
        value => once(() => this.complete(value)),
        error => once(() => this.fail(error)),
      )
      if (run === this.#run) this.#cancel = cancel
      else if (cancel) afterWithdrawal(cancel)
    } catch (error) {
      if (settled) report(error, `${this.#description} threw after it had settled`)
      else once(() => this.fail(error))
    }
  }

  protected unlink(): void {
    this.#run++
    const cancel = this.#cancel
    this.#cancel = undefined
    if (cancel) afterWithdrawal(cancel)
  }
}

/**
 * Makes an operation from callbacks. `executor` runs each time the operation has to wait; what it returns is called if
 * the operation is withdrawn (it lost a select, or its tasklet was killed), and not after it has settled. The first
 * call of `resolve` or `reject` counts. In a poll (`orElse`) an action is never ready.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { EventEmitter } from 'node:events'
 * import { action } from 'syncless'
 *
 * const emitter = new EventEmitter()
 * const ready = action<string>(resolve => {
 *   emitter.once('ready', resolve)
 *   return () => emitter.off('ready', resolve)
 * }, 'ready event')
 * setImmediate(() => emitter.emit('ready', 'yes'))
 * assert.equal(await ready, 'yes')
 * ```
 */
export function action<T>(executor: Executor<T>, description = 'action'): Op<T> {
  return new ActionNode(executor, description)
}

/**
 * Calls an async function, or a coroutine.
 *
 * An async function is called with an AbortSignal, and its promise is waited for. Withdrawing the operation aborts the signal;
 * what the function throws after that is taken for the echo of the abort if it is the reason or an `AbortError`, and
 * reported otherwise.
 *
 * A coroutine, `yield* call(walk(tree))`, runs on the loop's own frame stack: a resume costs the same at any depth, and
 * 20 000 levels work, where native `yield* walk(tree)` grows dearer with each and overflows. It works in tasklets only.
 * Throws `INVALID_ARGUMENT` for what is neither.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { setTimeout as delay } from 'node:timers/promises'
 * import { type Co, call, go, timeout } from 'syncless'
 *
 * const slow = call(async signal => delay(60_000, 'done', { signal }))
 * assert.equal(await timeout(5, slow, { else: 'aborted' }), 'aborted')
 *
 * function* depth(n: number): Co<number> {
 *   return n === 0 ? 0 : 1 + (yield* call(depth(n - 1)))
 * }
 * assert.equal(await go(() => depth(20_000)), 20_000)
 * ```
 */
export function call<T>(work: Co<T> | ((signal: AbortSignal) => PromiseLike<T>)): Op<T> {
  return typeof work === 'function' ? callAsync(work) : new Frame(checkedGenerator(work))
}

function checkedGenerator<T>(work: Co<T>): Co<T> {
  if (!isGenerator(work)) {
    throw new SynclessError('INVALID_ARGUMENT', 'call() takes an async function, or the generator of a coroutine')
  }
  return work
}

function callAsync<T>(fn: (signal: AbortSignal) => PromiseLike<T>): Op<T> {
  const description = `call "${fn.name || 'async function'}"`
  return action<T>((resolve, reject) => {
    const controller = new AbortController()
    fn(controller.signal).then(resolve, error => {
      const aborted = controller.signal.aborted
      if (!aborted) reject(error)
      else if (error !== controller.signal.reason && !isAbortError(error))
        report(error, `${description}, after its abort`)
    })
    return () => controller.abort()
  }, description)
}
