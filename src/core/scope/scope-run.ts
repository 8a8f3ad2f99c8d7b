/**
 * A scope that spans a block of code. Its body runs as a tasklet of the scope, on behalf of the waiting tasklet. So only
 * one exit at a time is thrown into a tasklet: the body gets the scope's, the waiting tasklet gets one from outside.
 */

import { Cancelled, isTaskletExit, SynclessError, TaskletExit } from '../base/errors.js'
import { report } from '../base/report.js'
import { cascade } from '../base/withdrawal.js'
import { Latched, LatchNode } from '../loop/latched.js'
import { loop } from '../loop/loop.js'
import { type Awaited, type Co, DONE, FAILED, IDLE, type Node } from '../loop/op.js'
import { afterReady, currentTasklet, type Tasklet } from '../tasklet/tasklet.js'
import { currentScope } from './current-scope.js'
import { makeTasklet, Scope } from './scope.js'
import type { Limit } from './time-limit.js'

/** The body of a scope: a generator function, which is given the scope. */
export type ScopeBody<T> = (scope: Scope) => Co<T>

/**
 * @internal The operation of a scope. It runs when it is first waited for, and settles when the body and every tasklet
 * of the scope are gone.
 */
export class ScopeRun<T, F = never> extends Latched<T | F> {
  readonly #body: ScopeBody<T>
  readonly #limit: Limit<F> | null
  #scope: Scope | null = null
  #parent: Scope | null = null
  #stop: (() => void) | null = null
  #error: { value: unknown } | null = null
  #received = false

  constructor(body: ScopeBody<T>, limit: Limit<F> | null = null) {
    super()
    if (typeof body !== 'function') {
      throw new SynclessError('INVALID_ARGUMENT', 'a scope takes a generator function: scope(function* () { ... })')
    }
    this.#body = body
    this.#limit = limit
  }

  describe(): string {
    const what = `scope "${this.#name}"`
    return this.#limit === null ? what : `${what}, ${this.#limit.describe()}`
  }

  get #name(): string {
    return this.#body.name || 'scope'
  }

  override external(): boolean {
    return this.#stop !== null && this.#limit?.finite === true
  }

  get spanned(): Scope | null {
    return this.#scope
  }

  override blockers(): Iterable<Tasklet<unknown>> {
    return this.#scope?.tasklets() ?? []
  }

  /** Returns whether an awaited tasklet or promise waits for the scope. */
  isAwaited(on: Awaited[]): boolean {
    for (let node = this.waiters?.head ?? null; node !== null; node = node.after) on.push(node)
    return false
  }

  override begin(): void {
    if (this.#scope !== null) return
    const scope = new Scope({
      name: this.describe(),
      inPlace: true,
      onFailure: error => {
        if (!this.excuses(error)) this.#error = { value: error }
      },
    })
    const parent = currentScope()
    parent?.hold(this)
    this.#parent = parent
    this.#scope = scope
    scope.parent = parent
    scope.run = this
    const owner = currentTasklet()?.owner ?? null
    const body = makeTasklet(this.#body, [scope], scope, owner)
    body.name = this.#name
    const joined = body.node()
    joined.performFor({ wake: () => {} })
    scope.adopt(body)
    this.#stop = this.#limit?.start(() => scope.requestExit(new Cancelled(scope, 'timeout'))) ?? null
    scope
      .close()
      .node()
      .performFor({ wake: () => cascade(() => this.#conclude(scope, joined, owner)) })
  }

  /** Returns whether a failure in the scope does not count as the scope's, and was dealt with. */
  protected excuses(_error: unknown): boolean {
    return false
  }

  /** Called when the body and every tasklet are gone. */
  protected ended(): void {}

  #conclude(scope: Scope, body: Node<T>, owner: Tasklet<unknown> | null): void {
    this.#stop?.()
    this.ended()
    if (this.#error !== null) this.settle(FAILED, undefined, this.#error.value)
    else if (this.#limit !== null && scope.caught && scope.source === 'timeout') this.#settleLate(this.#limit)
    else this.settle(DONE, body.state === DONE ? body.take() : undefined, undefined)
    // The exit of the owner belongs to nobody else: a body that nobody waits for may have killed its owner.
    const exiting = owner !== null && owner.exit !== null && owner.exit === this.failure
    if (this.outcome === FAILED && !this.#received && !exiting) this.#passOnUnlessReceived(this.failure, this.#parent)
    else this.#parent?.release(this)
  }

  #settleLate(limit: Limit<F>): void {
    if (limit.fallback !== null) this.settle(DONE, limit.fallback.value, undefined)
    else this.settle(FAILED, undefined, limit.error(`"${this.#name}"`))
  }

  /** Asks the scope to end. */
  requestExit(exit: TaskletExit): void {
    cascade(() => this.#scope?.requestExit(exit))
  }

  /** Ends the scope because its waiting tasklet was interrupted with `cause`. Returns false if the scope is already over. */
  interrupt(cause: unknown): boolean {
    if (this.#scope === null) return false
    if (this.outcome === IDLE) {
      this.requestExit(cause instanceof TaskletExit ? cause : new TaskletExit('cancel', cause))
    }
    if (this.outcome === FAILED) this.reportFailure()
    return this.outcome === IDLE
  }

  /** Reports an error that would get lost, because the waiting tasklet takes its own interruption instead. */
  reportFailure(): void {
    this.#received = true
    if (this.#error !== null && !isTaskletExit(this.#error.value))
      report(this.#error.value, `${this.describe()} failed while it was being cancelled`)
  }

  override deliver(node: Node<T | F>): boolean {
    if (this.outcome === IDLE) return false
    this.#received = true
    return super.deliver(node)
  }

  /** Passes a failure that nobody waits for to the scope around, or else to the process. */
  #passOnUnlessReceived(error: unknown, parent: Scope | null): void {
    afterReady(() => {
      if (!this.#received) {
        if (parent === null) throw error
        parent.fail(error)
      }
      parent?.release(this)
    })
  }

  override node(): Node<T | F> {
    return new ScopeNode(this)
  }
}

/**
 * One wait for a scope. An interrupt ends the scope, and the wait goes on until the scope is gone. A second interrupt
 * during that time is thrown at the next operation.
 */
class ScopeNode<T> extends LatchNode<T> {
  readonly #run: ScopeRun<unknown, unknown>
  #interruption: { error: unknown } | null = null

  constructor(run: ScopeRun<unknown, unknown> & Latched<T>) {
    super(run)
    this.#run = run
  }

  override interrupt(cause: unknown): boolean {
    return this.#run.interrupt(cause)
  }

  override lingers(error: unknown): boolean {
    if (!this.#run.interrupt(error)) return false
    if (this.#interruption === null) this.#interruption = { error }
    else if (this.#interruption.error !== error) loop.current?.interrupts?.push(error)
    return true
  }

  override take(): T {
    if (this.#interruption === null) return super.take()
    this.#run.reportFailure()
    throw this.#interruption.error
  }
}
