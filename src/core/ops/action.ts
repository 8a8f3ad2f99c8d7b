import { report } from '../base/report.js'
import { afterWithdrawal } from '../base/withdrawal.js'
import { isThenable, listener } from '../loop/callback.js'
import { IDLE, Node, type Op } from '../loop/op.js'

/** The function that starts the work of an {@link action}. It may return a function that stops the work. */
export type Executor<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => (() => void) | void

class ActionNode<T> extends Node<T> {
  readonly #executor: Executor<T>
  readonly #description: string
  /** Called on withdrawal. */
  #cancel: (() => void) | undefined = undefined
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
    const failed = (error: unknown, how: string) => {
      if (settled) report(error, `${this.#description} ${how} after it had settled`)
      else once(() => this.fail(error))
    }
    this.#cancel = undefined
    try {
      const cancel = this.#executor(
        value => once(() => this.complete(value)),
        error => once(() => this.fail(error)),
      )
      if (!cancel) return
      if (isThenable(cancel)) {
        cancel.then(undefined, error => failed(error, 'was rejected'))
        return
      }
      const stop = listener('the cancel function of an action', cancel)
      if (run === this.#run) this.#cancel = stop
      else afterWithdrawal(stop)
    } catch (error) {
      failed(error, 'threw')
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
 * Makes an operation from callbacks. `executor` runs each time the operation has to wait. The function that it returns
 * is called if the operation is withdrawn (it lost a select, or its tasklet was killed), but not after the operation has
 * settled. Only the first call of `resolve` or `reject` counts. In a poll (`orElse`) an action is never ready.
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
