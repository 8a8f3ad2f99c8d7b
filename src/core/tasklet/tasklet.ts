/** Tasklets: generators that the loop runs until they wait, together with the requests to them. */
import { AsyncResource } from 'node:async_hooks'
import { exited, killed, spawned } from '../base/diagnostics.js'
import { SynclessError, TaskletExit, TaskletKilled } from '../base/errors.js'
import { report } from '../base/report.js'
import { holdCallbacks } from '../base/withdrawal.js'
import { Latch, Latched, LatchNode } from '../loop/latched.js'
import { loop } from '../loop/loop.js'
import {
  type Awaited,
  type Co,
  DONE,
  FAILED,
  type Node,
  Op,
  PENDING,
  type Resume,
  type Suspend,
  WAITING,
} from '../loop/op.js'
import { bodyOf } from './body.js'
import type { Frame } from './frame.js'
import { Interrupts } from './interrupts.js'
import { type Aged, isDaemon, type Registered, registry, setDaemon } from './registry.js'

/** The state of a tasklet in its life. */
export type TaskletState = 'ready' | 'running' | 'waiting' | 'done' | 'failed' | 'killed'

/** A function that {@link go} can start: a generator function, an async function or a plain one. */
export type TaskletFunction<A extends unknown[], T> = (...args: A) => Co<T> | PromiseLike<T> | T

/** The owner of a tasklet: its scope. */
export interface TaskletOwner {
  readonly name: string
  /** The owner around this one. */
  readonly parent: TaskletOwner | null
  readonly cancelled: boolean
  isAwaited(on: Awaited[]): boolean
  childEnded(tasklet: Tasklet<unknown>, failed: boolean, error: unknown): void
}

type AnyFunction = (...args: unknown[]) => unknown

type AnyIterator = Iterator<Suspend, unknown, Resume>

let lastId = 0

/**
 * A running coroutine, made by {@link go}. It is itself a latched operation: performing it joins the tasklet. The join
 * gives the tasklet's result, throws its error (the very object), or throws `TaskletKilled` if it was killed. Semantics:
 * a Stackless tasklet, as far as `go` code is concerned; the exact original is `syncless/stackless`.
 */
export class Tasklet<T = unknown> extends Latched<T> {
  readonly id = ++lastId
  /** @internal The scope that waits for this tasklet; null is the root, where nobody waits. */
  readonly scope: TaskletOwner | null
  /** @internal The tasklet on whose behalf this one runs the body of a scope; otherwise itself. */
  readonly owner: Tasklet<unknown>
  /** @internal The node this tasklet waits for. */
  waiting: Node<unknown> | null = null
  /** @internal */
  interrupts: Interrupts | null = null
  /** @internal */
  queued = false
  /** Whether the wait was withdrawn, so that the tasklet resumes with an error. */
  #interrupted = false
  /** @internal */
  before: Tasklet<unknown> | null = null
  /** @internal */
  after: Tasklet<unknown> | null = null
  /** @internal Its neighbours in the registry. */
  olderLive: Tasklet<unknown> | null = null
  /** @internal */
  youngerLive: Tasklet<unknown> | null = null
  /** @internal The registry's stand-in for the tasklet, once it has waited for long. */
  aged: Aged | null = null
  /** @internal The time when the tasklet last stopped running, by the loop's stamp. */
  since = 0

  #fn: AnyFunction | null
  #args: unknown[] | null
  #name: string | null = null
  #generator: AnyIterator | null = null
  #frame: Frame<unknown> | null = null
  #ended = false
  #killed = false
  #joined = false
  #gone: Latch<void> | null = null
  #controller: AbortController | null = null
  readonly #context = new AsyncResource('Tasklet', { requireManualDestroy: true })

  /** @internal Use {@link go}. */
  constructor(fn: AnyFunction, args: unknown[], scope: TaskletOwner | null, owner: Tasklet<unknown> | null) {
    super()
    this.#fn = fn
    this.#args = args
    this.scope = scope
    this.owner = owner ?? this
  }

  /** The given name, or else the name of the function, or else `tasklet#<id>`. */
  get name(): string {
    return this.#name || this.#fn?.name || `tasklet#${this.id}`
  }

  set name(name: string) {
    this.#name = name
  }

  get state(): TaskletState {
    if (this.#ended) return this.#killed ? 'killed' : this.outcome === FAILED ? 'failed' : 'done'
    if (loop.current?.owner === this || loop.current === this) return 'running'
    return this.queued ? 'ready' : 'waiting'
  }

  /** A signal that is aborted as soon as the tasklet is asked to end, with the exit as its reason. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      const exit = this.interrupts?.exit
      if (exit) this.#controller.abort(exit)
    }
    return this.#controller.signal
  }

  /**
   * Whether the tasklet may still wait at the end of the process. A daemon that waits then is no deadlock, and it is no
   * leak if it is garbage-collected. False at first. Semantics: Python's daemon threads.
   */
  get daemon(): boolean {
    return isDaemon(this)
  }

  set daemon(daemon: boolean) {
    setDaemon(this, daemon)
  }

  describe(): string {
    return `join "${this.name}"`
  }

  /**
   * Asks the tasklet to end, at once when called. Its `TaskletExit` is thrown where it waits; `finally` blocks may then
   * wait, for 5000 ms. A value that had been committed to the tasklet is still handed over first. A tasklet that has not
   * run yet never runs. Returns an operation that settles when the tasklet is really gone, in whichever way. A tasklet
   * that kills itself throws its exit in place. Nothing happens if the tasklet has ended.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict'
   * import { go, never, sleep } from 'syncless'
   *
   * const log: string[] = []
   * const t = go(function* () {
   *   try {
   *     yield* never
   *   } finally {
   *     yield* sleep(1) // cleanup may wait
   *     log.push('closed')
   *   }
   * })
   * await sleep(1)
   * await t.kill('no longer needed')
   * assert.deepEqual(log, ['closed'])
   * assert.equal(t.state, 'killed')
   * ```
   */
  kill(reason?: unknown): Op<void> {
    const running = currentTasklet()
    const exit = this.interrupts?.exit ?? new TaskletExit('kill', reason)
    if (running !== this) this.requestExit(exit)
    if (running?.owner === this && !this.#ended) running.#exitInPlace(exit)
    return this.gone
  }

  /**
   * Throws `error` where the tasklet waits; in place, if the tasklet is the current one. A tasklet that has not run yet
   * fails with it. Throws `MISUSE` if the tasklet has ended, because the error would be lost.
   */
  raise(error: unknown): void {
    if (this.#ended) {
      throw new SynclessError('MISUSE', `cannot raise in tasklet "${this.name}": it has ended`, { cause: error })
    }
    if (loop.current?.owner === this) throw error
    if (this.#fn !== null) {
      if (this.queued) loop.dequeue(this)
      this.#finish(FAILED, undefined, error)
      return
    }
    this.interrupts ??= new Interrupts(this)
    this.interrupts.push(error)
    this.interruptWait()
  }

  /** Kills the tasklet and waits until it is gone: `await using t = go(...)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  /** @internal Settles, with nothing, when the tasklet has ended in whichever way. */
  get gone(): Latch<void> {
    if (this.#gone === null) {
      this.#gone = new Latch(`end of "${this.name}"`)
      if (this.#ended) this.#gone.resolve(undefined)
    }
    return this.#gone
  }

  /**
   * @internal Starts the tasklet as a part of the running tasklet's cleanup. If `exit` is that of a scope, and there is
   * no cleanup or its time is over, the tasklet is ended before it runs.
   */
  startForCleanup(exit: TaskletExit): this {
    const starter = currentTasklet()?.interrupts ?? null
    const left = starter === null || starter.cleanup === null ? 0 : starter.graceLeft
    if (left <= 0) {
      this.requestExit(exit)
      return this
    }
    this.interrupts = new Interrupts(this)
    this.interrupts.joinCleanup(exit, left)
    return this.start()
  }

  /** @internal Puts a new tasklet at the end of the run queue. */
  start(): this {
    registry.add(this)
    if (loop.instruments !== null) loop.instruments.call('onSpawn', this)
    if (spawned.hasSubscribers) spawned.publish({ tasklet: this })
    loop.enqueue(this)
    return this
  }

  /** Takes the exit where the tasklet runs. If this is the body of a scope, `exit` is that of its owner. */
  #exitInPlace(exit: TaskletExit): never {
    this.interrupts ??= new Interrupts(this)
    if (this.interrupts.exit === null) this.#announceKill(exit)
    this.interrupts.exit ??= exit
    this.interrupts.withdraw(this.interrupts.exit)
    this.#controller?.abort(this.interrupts.exit)
    throw exit
  }

  /** @internal */
  requestExit(exit: TaskletExit): void {
    if (this.#ended || (this.interrupts !== null && this.interrupts.exit !== null)) return
    this.interrupts ??= new Interrupts(this)
    this.interrupts.exit = exit
    this.#announceKill(exit)
    this.#controller?.abort(exit)
    if (this.#fn !== null) {
      if (this.queued) loop.dequeue(this)
      this.#endedBy(exit)
      return
    }
    this.interrupts.push(exit)
    this.interruptWait()
  }

  #announceKill(exit: TaskletExit): void {
    if (loop.instruments !== null) loop.instruments.call('onKill', this)
    if (killed.hasSubscribers) killed.publish({ tasklet: this, exit })
  }

  /** @internal */
  interruptWait(): void {
    const node = this.waiting
    if (node === null || this.queued || loop.current === this) return
    this.#interrupted = true
    loop.enqueue(this)
    if (node.waiter !== this || node.state !== WAITING) return
    holdCallbacks(() => {
      node.withdraw()
      // A scope is asked to end now, not when this tasklet resumes: cleanup that begins in the meantime must not be hit
      // by it.
      node.interrupt(this.interrupts?.next)
    })
  }

  /** @internal Gives up on a tasklet that keeps catching its exit. */
  abandon(exit: TaskletExit): void {
    if (this.#ended) return
    const error = new SynclessError(
      'UNKILLABLE',
      `tasklet "${this.name}" was killed, but caught its exit again and again: let exits pass with rethrowIfExit(error)`,
      { cause: exit },
    )
    this.waiting = null
    report(error, 'a tasklet was abandoned')
    this.#joined = true
    this.#finish(FAILED, undefined, error)
  }

  /** @internal Runs the tasklet, in its own async context, until it waits or ends. */
  resume(): void {
    if (this.aged !== null) registry.renew(this)
    if (loop.instruments !== null) loop.instruments.call('onSwitch', this)
    loop.current = this
    try {
      this.#context.runInAsyncScope(this.#step, this)
    } finally {
      loop.current = null
    }
  }

  /** @internal Called when the awaited node has committed. */
  wake(): void {
    if (loop.current !== this && !this.queued) loop.enqueue(this)
  }

  /** @internal */
  override blockers(): Iterable<Tasklet<unknown>> {
    return [this]
  }

  /** @internal Whether somebody waits for the end of the tasklet, or will miss what its own wait loses. */
  isAwaited(on: Awaited[]): boolean {
    if (this.waiting?.strands()) return true
    for (let node = this.waiters?.head ?? null; node !== null; node = node.after) on.push(node)
    if (this.scope !== null) on.push(this.scope)
    return false
  }

  /** @internal The exit that the tasklet was asked to take; null before that. */
  get exit(): TaskletExit | null {
    return this.interrupts?.exit ?? null
  }

  /** @internal Suspends with `node` committed: its outcome is handed over at the tasklet's next turn. */
  pass(node: Node<unknown>): IteratorYieldResult<Suspend> {
    node.waiter = this
    // This comes before the wait: an instrument that kills the tasklet here must not take back a committed outcome.
    if (loop.instruments !== null) loop.instruments.call('onBlock', this, node)
    this.waiting = node
    loop.enqueue(this)
    return PENDING
  }

  /** @internal Suspends with `node` committed until the event loop has had its turn. The tasklet is then the next to run. */
  rest(node: Node<unknown>): IteratorYieldResult<Suspend> {
    const pending = this.pass(node)
    loop.moveToFront(this)
    return pending
  }

  /** @internal Returns whether `node` must not start now; see {@link Interrupts}. Throws if it may not start at all. */
  holds(node: Node<unknown>): boolean {
    const other = this.waiting
    if (other !== null) {
      this.#leaveNode()
      throw new SynclessError(
        'MISUSE',
        `"${node.describe()}" was performed while "${other.describe()}" was left waiting: use yield* on each operation`,
      )
    }
    if (this.interrupts === null || !this.interrupts.beforeOperation()) return false
    this.waiting = node
    return true
  }

  #step(): void {
    // Each round drives one frame until it waits, ends, or calls another one.
    for (;;) {
      const frame = this.#frame
      let generator: AnyIterator | null = null
      try {
        generator = this.#generator ?? this.#begin()
        if (generator === null) return
        const result = this.#drive(generator)
        if (result === PENDING) {
          if (this.#generator === generator) {
            this.since = loop.stamp
            return
          }
          this.waiting = null
          if (!loop.spend()) continue
          // A call is a step, too: the new frame begins when the event loop has had its turn.
          loop.enqueue(this)
          loop.moveToFront(this)
          return
        }
        this.#leaveNode()
        if (frame === null) {
          this.#finish(DONE, result.value as T, undefined)
          return
        }
        this.#returnFrom(frame).complete(result.value)
      } catch (error) {
        this.#leaveNode()
        if (frame === null) {
          this.#endedBy(error)
          return
        }
        this.#returnFrom(frame).fail(error)
      }
    }
  }

  #drive(generator: AnyIterator): IteratorReturnResult<unknown> | typeof PENDING {
    let result: IteratorResult<unknown>
    if (this.#interrupted && this.interrupts !== null) {
      this.#interrupted = false
      result = throwInto(generator, this.interrupts.takePending())
    } else {
      result = generator.next(undefined as unknown as Resume)
    }
    while (result !== PENDING) {
      if (result.done) return result
      result = throwInto(generator, this.#plainYield(result.value))
    }
    return PENDING
  }

  /** @internal Goes on with the generator of `frame`, until that ends. */
  enterFrame(frame: Frame<unknown>): void {
    if (this.#generator === null) return
    frame.state = WAITING
    frame.waiter = this
    frame.caller = { tasklet: this, generator: this.#generator, frame: this.#frame }
    this.#generator = frame.generator
    this.#frame = frame
    // This holds until the frame is driven: an operation that is performed before that was left out of a yield*.
    this.waiting = frame
  }

  /** @internal Goes on with the caller of `frame`. */
  leaveFrame(frame: Frame<unknown>): void {
    if (frame.caller === null || this.#frame !== frame) return
    this.#generator = frame.caller.generator
    this.#frame = frame.caller.frame
  }

  /** Returns to the caller of `frame`, which takes the outcome from the frame. */
  #returnFrom(frame: Frame<unknown>): Frame<unknown> {
    this.leaveFrame(frame)
    this.waiting = frame
    return frame
  }

  /** Calls the function. A generator is driven from here on; a promise is waited for; a value is the result. */
  #begin(): AnyIterator | null {
    const fn = this.#fn
    const args = this.#args
    this.#forgetFunction()
    if (fn === null || args === null) return null
    const result = fn(...args)
    this.#generator = bodyOf(result)
    if (this.#generator === null) this.#finish(DONE, result as T, undefined)
    return this.#generator
  }

  /** Lets go of the function's closure, and keeps its name. */
  #forgetFunction(): void {
    this.#name ??= this.#fn?.name ?? null
    this.#fn = null
    this.#args = null
  }

  #plainYield(value: unknown): SynclessError {
    this.#leaveNode()
    return new SynclessError(
      'MISUSE',
      value instanceof Op
        ? `"yield" of "${value.describe()}": write yield* (with the star)`
        : 'a tasklet yielded a plain value: only operations can be waited for, with yield*',
    )
  }

  /** Unlinks a node that was started by hand and left waiting. */
  #leaveNode(): void {
    const node = this.waiting
    this.waiting = null
    if (node !== null && node.waiter === this && node.state === WAITING) node.withdraw()
  }

  #endedBy(error: unknown): void {
    // The body of a scope passes on the exit of its owner, for which that is the failure of the scope.
    const passedOn = this.owner !== this && this.owner.interrupts?.exit === error
    // What was thrown is looked into last: a proxy may refuse that.
    this.#killed = this.interrupts?.exit === error && error instanceof TaskletExit && !passedOn
    this.#finish(FAILED, undefined, error)
  }

  #finish(outcome: typeof DONE | typeof FAILED, result: T | undefined, error: unknown): void {
    this.#ended = true
    this.#forgetFunction()
    this.#generator = null
    this.interrupts?.dispose(this.name)
    registry.remove(this)
    if (loop.instruments !== null) loop.instruments.call('onExit', this)
    if (exited.hasSubscribers) exited.publish({ tasklet: this, error })
    if (this.waiters !== null && this.waiters.length > 0) this.#joined = true
    this.settle(outcome, result, error)
    this.#gone?.resolve(undefined)
    const failed = outcome === FAILED && !this.#killed
    if (this.scope !== null) this.scope.childEnded(this, failed, error)
    else if (failed && !this.#joined) this.#throwUnlessJoined(error)
  }

  /** Throws an error outside a scope as uncaught if nobody has joined it by the end of the next `setImmediate`. */
  #throwUnlessJoined(error: unknown): void {
    afterReady(() => {
      if (!this.#joined) throw error
    })
  }

  /** @internal */
  override deliver(node: Node<T>): boolean {
    if (!this.#ended) return false
    this.#joined = true
    if (this.#killed) {
      node.fail(new TaskletKilled(this.name, this.failure))
      return true
    }
    return super.deliver(node)
  }

  /** @internal */
  override node(): Node<T> {
    return new JoinNode(this)
  }
}

/** @internal Returns the running tasklet; null if none runs. */
export function currentTasklet(): Tasklet<unknown> | null {
  return loop.current as Tasklet<unknown> | null
}

/** @internal Returns the tasklets that have started and not ended. */
export function liveTasklets(): Iterable<Tasklet<unknown>> {
  return registry as Iterable<Registered> as Iterable<Tasklet<unknown>>
}

/**
 * Calls `fn` in the next `setImmediate`, after everything that is ready now has had its turn. That may take several
 * turns of the event loop while the budget is spent.
 */
export function afterReady(fn: () => void): void {
  new Barrier(() => void setImmediate(fn), [], null, null).start()
}

/** @internal A tasklet that never runs before those that were ready before it, not even in a shuffled order. */
export class Barrier extends Tasklet<void> {}

class JoinNode<T> extends LatchNode<T> {
  override poll(): boolean {
    if (currentTasklet()?.owner === this.latch) {
      throw new SynclessError(
        'MISUSE',
        `"${this.describe()}" would never end in the tasklet itself: join another tasklet`,
      )
    }
    return super.poll()
  }
}

function throwInto(generator: AnyIterator, error: unknown): IteratorResult<unknown> {
  if (generator.throw === undefined) throw error
  return generator.throw(error)
}
