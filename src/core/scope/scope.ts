/**
 * Scopes: tasklets that belong together. The first failure ends the rest; waiting for the scope means waiting for all of
 * them. The ambient scope is the one that `go()` joins if no tasklet runs, for instance in an async handler of a hosted
 * request.
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import { Cancelled, type ExitSource, SynclessError, type TaskletExit } from '../base/errors.js'
import { report } from '../base/report.js'
import { isThenable, registered } from '../loop/callback.js'
import { Latch } from '../loop/latched.js'
import type { Awaited, Op } from '../loop/op.js'
import { Tasklet, type TaskletFunction } from '../tasklet/tasklet.js'
import { Kept } from './scope-resources.js'
import '../debug/install.js'

/** A provider of a scope, which may be made when it is first needed. */
export interface ScopeProvider {
  readonly scope: Scope
  /**
   * Calls `fn` when the owner of the scope, such as the host of a request, is asked to end. Returns a function that
   * removes `fn`.
   */
  whenClosing?(fn: () => void): () => void
}

/** A member that a scope waits for at its end: a tasklet, or a scope opened where no tasklet runs. */
interface Child {
  requestExit(exit: TaskletExit): void
  /** The tasklets of which one has to go on before the member ends. */
  blockers(): Iterable<Tasklet<unknown>>
  /** The scope of the member, if it spans one and has begun. */
  readonly spanned?: Scope | null
}

const ambient = new AsyncLocalStorage<ScopeProvider | undefined>()

// Entering has a cost, and makes every promise of the process slower before Node 24.
let needed = false

/**
 * @internal Notes that code which joins the ambient scope was loaded, and returns the function that gives this scope.
 * Before that, nobody could notice whether a scope was entered.
 */
export function useAmbientScope(): () => Scope | null {
  needed = true
  return () => ambient.getStore()?.scope ?? null
}

/**
 * Calls `fn` with `args`, so that `go()` inside it, also after an `await`, joins the provider's scope. The provider is
 * asked for its scope when the scope is first needed.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { enterScope, go, never, Scope } from 'syncless'
 *
 * const connection = new Scope({ name: 'connection' })
 * const t = await enterScope(connection, async () => {
 *   await null
 *   return { tasklet: go(function* () { yield* never }) }
 * })
 * connection.cancel()
 * await connection.close()
 * assert.equal(t.tasklet.state, 'killed')
 * ```
 */
export function enterScope<A extends unknown[], R>(provider: ScopeProvider, fn: (...args: A) => R, ...args: A): R {
  return needed ? ambient.run(provider, fn, ...args) : fn(...args)
}

/** @internal Calls `fn` outside of every scope: for callbacks that others have registered with a shared object. */
export function leaveScope<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): R {
  return needed ? ambient.run(undefined, fn, ...args) : fn(...args)
}

/** @internal Makes a tasklet whose async context belongs to `scope`. */
export function makeTasklet<A extends unknown[], T>(
  fn: TaskletFunction<A, T>,
  args: A,
  scope: Scope | null,
  owner: Tasklet<unknown> | null = null,
): Tasklet<T> {
  if (typeof fn !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', `go() takes a function, and got ${describeValue(fn)}`)
  }
  const make = () => new Tasklet<T>(fn as (...args: unknown[]) => unknown, args, scope, owner)
  return ambient.getStore() === (scope ?? undefined) ? make() : ambient.run(scope ?? undefined, make)
}

function describeValue(value: unknown): string {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
    ? 'a generator object: pass the generator function itself, without calling it'
    : `a value of type ${typeof value}`
}

/** Options of a {@link Scope} that a long-lived owner holds. */
export interface ScopeOptions {
  name?: string
  /**
   * Called once, with the first error of a tasklet, after the other tasklets were asked to end. It runs in the context
   * where the scope was made: a tasklet that it starts with `go()` belongs to the scope around. If it throws or rejects,
   * that error is an uncaught exception of the process. Without `onFailure`, the tasklet's error itself is one.
   */
  onFailure?: (error: unknown) => unknown
  /** @internal Whether `onFailure` is called in place: it belongs to this package, and starts nothing. */
  inPlace?: boolean
}

/**
 * A scope held by a long-lived owner, such as a request or a connection. Use {@link scope} for a scope that spans a
 * block of code.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { never, Scope } from 'syncless'
 *
 * const connection = new Scope({ name: 'connection' })
 * const reader = connection.go(function* () {
 *   yield* never
 * })
 * connection.cancel('the client left')
 * await connection.close()
 * assert.equal(reader.state, 'killed')
 * ```
 */
export class Scope implements ScopeProvider {
  readonly name: string
  /** The errors of tasklets that failed after the first one; each was also reported as a process warning. */
  readonly errors: unknown[] = []
  /** @internal Whether a tasklet really ended by this scope's own exit. */
  caught = false
  /** @internal The scope around this one. */
  parent: Scope | null = null
  /** @internal The wait for the scope by a tasklet or a promise, if it spans a block of code. */
  run: Awaited | null = null
  readonly #onFailure: (error: unknown) => unknown
  readonly #children = new Set<Child>()
  /** The members that end after the tasklets. */
  #kept: Kept<Child> | null = null
  readonly #end: Latch<void>
  #closed = false
  #failure: { readonly error: unknown } | null = null
  #exit: Cancelled | null = null
  #controller: AbortController | null = null

  constructor(options: ScopeOptions = {}) {
    this.name = options.name ?? 'scope'
    const { onFailure = throwUncaught, inPlace = onFailure === throwUncaught } = options
    this.#onFailure = inPlace ? onFailure : registered(onFailure)
    this.#end = new Latch(`end of ${this.name}`)
  }

  /** The scope itself: it can be entered with {@link enterScope}. */
  get scope(): Scope {
    return this
  }

  /** The number of tasklets that the scope waits for. */
  get size(): number {
    return this.#children.size
  }

  get cancelled(): boolean {
    return this.#exit !== null
  }

  /** Whether the scope was closed and its last tasklet is gone. */
  get ended(): boolean {
    return this.#end.settled
  }

  /** @internal Settles when the scope was closed and its last tasklet is gone. */
  get gone(): Latch<void> {
    return this.#end
  }

  /** @internal */
  isAwaited(on: Awaited[]): boolean {
    if (this.run !== null) on.push(this.run)
    else for (let node = this.#end.waiters?.head ?? null; node !== null; node = node.after) on.push(node)
    return false
  }

  /** @internal The tasklets of which one has to go on before the scope ends. */
  *tasklets(): Generator<Tasklet<unknown>, void, unknown> {
    // No recursion: scopes may be nested deeper than the stack goes.
    const open = [this.#children.values()]
    for (let children = open.at(-1); children !== undefined; children = open.at(-1)) {
      const { value: child, done } = children.next()
      if (done) open.pop()
      else if (child.spanned) open.push(child.spanned.#children.values())
      else yield* child.blockers()
    }
  }

  /** @internal The reason why the scope was cancelled. */
  get source(): ExitSource | null {
    return this.#exit?.source ?? null
  }

  /** A signal that is aborted when the scope is cancelled or fails, with the exit as its reason. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#exit !== null) this.#controller.abort(this.#exit)
    }
    return this.#controller.signal
  }

  /**
   * Starts a tasklet in this scope. In a cancelled scope the tasklet is killed before it runs, unless the cleanup of a
   * tasklet starts it; see {@link go}. Throws `SCOPE_CLOSED` if the scope has ended.
   */
  go<A extends unknown[], T>(fn: TaskletFunction<A, T>, ...args: A): Tasklet<T> {
    return this.adopt(makeTasklet(fn, args, this))
  }

  /** Asks every tasklet of the scope to end, at once when called. Later calls do nothing. */
  cancel(reason?: unknown): void {
    this.requestExit(new Cancelled(this, 'cancel', reason))
  }

  /**
   * Ends the scope for its owner. Returns an operation that settles when the last tasklet is gone. Tasklets may still be
   * started until then.
   */
  close(): Op<void> {
    this.#closed = true
    this.#endIfEmpty()
    return this.#end
  }

  /** @internal */
  requestExit(exit: TaskletExit): void {
    if (this.#exit !== null || this.ended) return
    const own = exit instanceof Cancelled && exit.scope === this
    this.#exit = own ? exit : new Cancelled(this, exit.source, exit.reason)
    this.#controller?.abort(this.#exit)
    for (const child of this.#children) child.requestExit(this.#exit)
    this.#endIfEmpty()
  }

  /** @internal Starts a tasklet of this scope. `cleanup` is the exit of the cleanup that starts it, if a cleanup does. */
  adopt<T>(tasklet: Tasklet<T>, cleanup: TaskletExit | null = null): Tasklet<T> {
    this.hold(tasklet)
    const exit = this.#exit ?? cleanup
    return exit === null ? tasklet.start() : tasklet.startForCleanup(exit)
  }

  /** @internal */
  hold(child: Child): void {
    this.#assertOpen('start the tasklet in another scope, or use detach()')
    this.#children.add(child)
  }

  /**
   * @internal Keeps a member that is not a tasklet, such as a process. It is asked to end when the scope was closed or
   * cancelled and its last tasklet is gone; cleanup may use it until then. The scope ends when the member has ended.
   */
  keep(child: Child): void {
    this.#assertOpen('make the resource in another scope')
    this.#kept ??= new Kept()
    this.#kept.add(child)
    this.#endIfEmpty()
  }

  /** @internal */
  letGo(child: Child): void {
    if (this.#kept?.delete(child)) this.#endIfEmpty()
  }

  /** @internal */
  release(child: Child): void {
    this.#children.delete(child)
    this.#endIfEmpty()
  }

  /** @internal */
  childEnded(tasklet: Tasklet<unknown>, failed: boolean, error: unknown): void {
    if (failed) this.fail(error)
    else if (error !== undefined && error === this.#exit) this.caught = true
    this.release(tasklet)
  }

  /** @internal Notes the failure of a tasklet of the scope, or of a scope in it that nobody waits for. */
  fail(error: unknown): void {
    if (this.#failure !== null) {
      // The first error comes again from every tasklet that had joined the failed one.
      if (error === this.#failure.error) return
      this.errors.push(error)
      report(error, `another tasklet of ${this.name} failed`)
      return
    }
    this.#failure = { error }
    this.requestExit(new Cancelled(this, 'failure', error))
    try {
      const handled = this.#onFailure(error)
      if (isThenable(handled)) handled.then(undefined, throwUncaught)
    } catch (handlerError) {
      throwUncaught(handlerError)
    }
  }

  #assertOpen(advice: string): void {
    if (this.ended) throw new SynclessError('SCOPE_CLOSED', `${advice}: ${this.name} has ended`)
  }

  #endIfEmpty(): void {
    if (this.#children.size > 0 || (!this.#closed && this.#exit === null)) return
    if (this.#kept !== null) {
      this.#kept.ask(() => this.#exit ?? new Cancelled(this, 'cancel', `${this.name} is over`))
      if (!this.#kept.empty) return
    }
    if (this.#closed && this.#children.size === 0) this.#end.resolve(undefined)
  }
}

function throwUncaught(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}
