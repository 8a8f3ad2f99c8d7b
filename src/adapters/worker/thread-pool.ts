import { availableParallelism } from 'node:os'
import type { Transferable, WorkerOptions } from 'node:worker_threads'
import { SynclessError } from '../../core/base/errors.js'
import { whenSettled } from '../../core/loop/latched.js'
import type { Op } from '../../core/loop/op.js'
import { action } from '../../core/ops/action.js'
import { timerDelay } from '../../core/ops/sleep.js'
import { until } from '../../core/ops/until.js'
import { go } from '../../core/scope/go.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { type ThreadWork, threadWork } from './thread-work.js'
import { Threads } from './threads.js'

/** Options of {@link threadPool}. */
export interface ThreadPoolOptions extends Pick<WorkerOptions, 'env' | 'execArgv' | 'resourceLimits'> {
  /** The maximum number of threads, and so of tasks that run at once. Default: as many as the machine runs at once. */
  maxThreads?: number
  /** How many threads start with the first task, and stay. Default 0. */
  minThreads?: number
  /** How many tasks may wait in the queue for a thread; further callers wait for room. Default 16. */
  maxQueue?: number
  /** After how many milliseconds an idle thread is ended. Default 10 000. */
  idleTimeout?: number
  /** For descriptions and errors. */
  name?: string
}

/** Options of {@link ThreadPool.run}. */
export interface ThreadTaskOptions {
  /**
   * The parts of the arguments that are moved to the thread instead of copied, when a thread takes the task. Default:
   * none.
   */
  transfer?: readonly Transferable[]
}

/** Options of {@link ThreadPool.run} for a function of a module. */
export interface ThreadModuleOptions extends ThreadTaskOptions {
  /** Which export of the module. Default `'default'`. */
  name?: string
}

/** The load of a pool. */
export interface ThreadPoolStatistics {
  /** How many threads there are, including those that are starting. */
  readonly threads: number
  /** How many tasks have a thread, or will have one when it has started. */
  readonly running: number
  /** Tasks in the queue, at most `maxQueue`. */
  readonly queued: number
  /** How many callers wait for room in the queue. */
  readonly waiting: number
}

/** A function of a module that a thread runs. */
// biome-ignore lint/suspicious/noExplicitAny: the constraint that every function meets.
export type ThreadFunction = (...args: any[]) => unknown

/** Who wants a place: in the queue, and then in a thread. */
interface Entry {
  granted(): void
  refused(error: unknown): void
}

/** A task that waits for a thread, or has one. */
interface Job extends Entry {
  readonly work: ThreadWork
  readonly transfer: readonly Transferable[]
  readonly controller: AbortController
  resolve(value: unknown): void
  /** Gives its place back. */
  release(): void
}

/** A pool of threads. Made by {@link threadPool}. It belongs to the scope in which it is made, and is destroyed with it. */
export class ThreadPool implements AsyncDisposable {
  /** For descriptions and errors. */
  readonly name: string
  readonly maxThreads: number
  readonly maxQueue: number
  readonly #load: () => Promise<Threads>
  readonly #unbond: () => void
  /** Sets for their order. */
  readonly #waiting = new Set<Entry>()
  readonly #queue = new Set<Job>()
  readonly #running = new Set<Job>()
  /** How many have a place, of `maxThreads + maxQueue`. */
  #places = 0
  #loading: Promise<Threads> | null = null
  #threads: Threads | null = null
  #end: SynclessError | null = null
  #gone: Promise<void> | null = null

  /** @internal Use {@link threadPool}. */
  constructor(options: ThreadPoolOptions) {
    const { maxThreads = availableParallelism(), maxQueue = 16, idleTimeout = 10_000, name = 'a thread pool' } = options
    const { minThreads = 0, env, execArgv, resourceLimits } = options
    assertWhole(maxThreads, 1, 'maxThreads')
    assertWhole(minThreads, 0, 'minThreads')
    assertWhole(maxQueue, 0, 'maxQueue')
    if (minThreads > maxThreads) throw invalid('minThreads up to maxThreads', minThreads)
    if (!(idleTimeout >= 0)) throw invalid('a time in ms as idleTimeout', idleTimeout)
    this.name = name
    this.maxThreads = maxThreads
    this.maxQueue = maxQueue
    const threads = { minThreads, maxThreads, idleTimeout: timerDelay(idleTimeout) }
    const given = Object.fromEntries(
      Object.entries({ env, execArgv, resourceLimits }).filter(([, value]) => value !== undefined),
    )
    this.#load = () => Threads.load(name, { ...threads, ...given })
    this.#unbond = bondToScope(name, error => this.#destroy(error))
  }

  /**
   * Runs a function in a thread, and returns its result, or that of its promise.
   *
   * A function is sent as its source. It sees its arguments and the globals of the thread, and nothing of the place
   * where it was written; `await import('node:zlib')` works in it. A function of a module is named by the module's
   * URL (`file:`, `node:` or `data:`) or absolute path, and the export `name`; `run<typeof resize>(url, args, { name:
   * 'resize' })` has its types. A thread evaluates a module once. Arguments and results are copied by structured
   * clone when a thread takes the task; `transfer` moves arguments, and piscina's `move()` a result.
   *
   * The task waits for room in the queue, and then in the queue for a thread, first come, first served. If the
   * operation loses, is killed or times out, the task leaves the queue, or the thread that runs it is ended, spinning
   * or not; another thread takes its place. A native function that blocks, such as `scryptSync`, ends only when it is
   * over.
   *
   * Fails with an error like the one that the function has thrown, as far as a copy can be (see
   * docs/bridges/worker.md); with a `DataCloneError` for a value that cannot be copied; with `PEER_GONE` if the
   * thread ended: by an uncaught error, which is the cause, by `process.exit()`, or because it ran out of memory;
   * with `SCOPE_CLOSED` if the pool has ended with its scope, `POOL_DESTROYED` if it was destroyed; with
   * `PACKAGE_MISSING` if piscina is not installed. Throws `INVALID_ARGUMENT` for a function that no thread can run: a
   * generator function, a method, a bound or a native function.
   */
  run<A extends unknown[], R>(fn: (...args: A) => R, args: readonly [...A], options?: ThreadTaskOptions): Op<Awaited<R>>
  run<F extends ThreadFunction>(
    module: URL | string,
    args: Readonly<Parameters<F>>,
    options?: ThreadModuleOptions,
  ): Op<Awaited<ReturnType<F>>>
  run(task: unknown, args: readonly unknown[], options: ThreadModuleOptions = {}): Op<unknown> {
    const [work, transfer] = checked(task, args, options)
    return action<unknown>((resolve, reject) => {
      const job = this.#job(work, transfer, resolve, reject, () => this.#release())
      this.#enter(job)
      return () => {
        if (!this.#waiting.delete(job)) this.#withdraw(job)
      }
    }, `run "${work.name}" in ${this.name}`)
  }

  /**
   * Waits for room in the queue, and returns a tasklet of the current scope that does the same as {@link run}. So the
   * pool slows down a caller that makes tasks, and the caller need not wait for their results. An operation that
   * loses has queued nothing. For tasklets only: `await` would wait for the tasklet, too, as it does for every
   * promise of something that can be awaited.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict'
   * import { scope } from 'syncless'
   * import * as worker from 'syncless/worker'
   *
   * const sums = await scope(function* () {
   *   const pool = worker.threadPool({ maxThreads: 2, maxQueue: 2 })
   *   const tasks = []
   *   for (let n = 0; n < 8; n++) tasks.push(yield* pool.submit((n: number) => n * n, [n]))
   *   const squares: number[] = []
   *   for (const task of tasks) squares.push(yield* task)
   *   return squares
   * })
   * assert.deepEqual(sums, [0, 1, 4, 9, 16, 25, 36, 49])
   * ```
   */
  submit<A extends unknown[], R>(
    fn: (...args: A) => R,
    args: readonly [...A],
    options?: ThreadTaskOptions,
  ): Op<Tasklet<Awaited<R>>>
  submit<F extends ThreadFunction>(
    module: URL | string,
    args: Readonly<Parameters<F>>,
    options?: ThreadModuleOptions,
  ): Op<Tasklet<Awaited<ReturnType<F>>>>
  submit(task: unknown, args: readonly unknown[], options: ThreadModuleOptions = {}): Op<Tasklet<unknown>> {
    const [work, transfer] = checked(task, args, options)
    const description = `"${work.name}" in ${this.name}`
    const queued = action<unknown>((resolve, reject) => {
      const job = this.#job(work, transfer, resolve, reject, () => {})
      this.#admit(job)
      return () => this.#withdraw(job)
    }, `run ${description}`)
    const room = action<void>((resolve, reject) => {
      let granted = false
      const entry: Entry = {
        granted: () => {
          granted = true
          resolve()
        },
        refused: reject,
      }
      this.#enter(entry)
      return () => {
        if (!this.#waiting.delete(entry) && granted) this.#release()
      }
    }, `submit ${description}`)
    return room.map(() => this.#start(queued, work.name))
  }

  statistics(): ThreadPoolStatistics {
    return {
      threads: this.#threads?.count ?? 0,
      running: this.#running.size,
      queued: Math.max(this.#places - this.#running.size, 0),
      waiting: this.#waiting.size,
    }
  }

  /**
   * Ends all threads, at once when called: every task without a result fails with `POOL_DESTROYED`. The operation
   * waits until the threads are gone. Later calls only wait.
   */
  destroy(): Op<void> {
    return until(this.#destroy(new SynclessError('POOL_DESTROYED', `${this.name} was destroyed`)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy()
  }

  #job(
    work: ThreadWork,
    transfer: readonly Transferable[],
    resolve: (value: unknown) => void,
    refused: (error: unknown) => void,
    release: () => void,
  ): Job {
    const granted = () => this.#admit(job)
    const job: Job = { work, transfer, controller: new AbortController(), resolve, refused, release, granted }
    return job
  }

  /** Grants a place, or lets wait for one. */
  #enter(entry: Entry): void {
    if (this.#end !== null) entry.refused(this.#end)
    else {
      this.#waiting.add(entry)
      this.#grant()
    }
  }

  #grant(): void {
    for (const entry of this.#waiting) {
      if (this.#places >= this.maxThreads + this.maxQueue) return
      this.#waiting.delete(entry)
      this.#places++
      entry.granted()
    }
  }

  #release(): void {
    this.#places--
    this.#grant()
  }

  /** The task of a tasklet that has a place, until it is gone: it may be killed before it has begun. */
  #start(queued: Op<unknown>, name: string): Tasklet<unknown> {
    let tasklet: Tasklet<unknown>
    try {
      tasklet = go(function* () {
        return yield* queued
      })
    } catch (error) {
      this.#release()
      throw error
    }
    tasklet.name = name
    whenSettled(tasklet.gone, () => this.#release())
    return tasklet
  }

  #admit(job: Job): void {
    if (this.#end !== null) {
      job.refused(this.#end)
      return
    }
    this.#queue.add(job)
    this.#dispatch()
  }

  #withdraw(job: Job): void {
    const running = this.#running.delete(job)
    if (!running && !this.#queue.delete(job)) return
    job.controller.abort()
    job.release()
    this.#dispatch()
  }

  #dispatch(): void {
    for (const job of this.#queue) {
      if (this.#running.size >= this.maxThreads) return
      this.#queue.delete(job)
      this.#running.add(job)
      this.#perform(job)
    }
  }

  async #perform(job: Job): Promise<void> {
    const { work, transfer, controller } = job
    try {
      this.#loading ??= this.#load()
      this.#threads = await this.#loading
      if (!this.#running.has(job)) return
      const value = await this.#threads.run(work, transfer, controller.signal)
      if (this.#leave(job)) job.resolve(value)
    } catch (error) {
      if (!this.#leave(job)) return
      // A thread that never started leaves it where another one would find it.
      controller.abort()
      job.refused(error)
    }
  }

  /** Whether it had not left before. */
  #leave(job: Job): boolean {
    if (!this.#running.delete(job)) return false
    job.release()
    this.#dispatch()
    return true
  }

  #destroy(error: SynclessError): Promise<void> {
    if (this.#gone !== null) return this.#gone
    this.#end = error
    this.#unbond()
    this.#gone = (async () => {
      // What could not be loaded leaves nothing to end.
      const threads = await this.#loading?.catch(() => null)
      await threads?.destroy()
    })()
    const entries = [...this.#running, ...this.#queue, ...this.#waiting]
    for (const set of [this.#running, this.#queue, this.#waiting]) set.clear()
    this.#places = 0
    for (const entry of entries) entry.refused(error)
    return this.#gone
  }
}

/**
 * Makes a pool of threads for work that blocks: computing, parsing, synchronous functions. The pool uses piscina, an
 * optional peer dependency (`npm install piscina`), which is loaded with the first task. See {@link ThreadPool.run}.
 *
 * The pool belongs to the scope in which it is made: when the scope is over, the threads are ended, and waiting
 * callers get `SCOPE_CLOSED`. In the root scope the pool lives until it is destroyed, or left by `await using`. Idle
 * threads do not keep the process alive. Throws `INVALID_ARGUMENT`, and `SCOPE_CLOSED` if the scope has ended.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import type { gunzipSync, gzipSync } from 'node:zlib'
 * import { scope, timeout } from 'syncless'
 * import * as worker from 'syncless/worker'
 *
 * function fibonacci(n: number): number {
 *   const fib = (n: number): number => (n < 2 ? n : fib(n - 1) + fib(n - 2))
 *   return fib(n)
 * }
 * const spin = () => {
 *   for (;;);
 * }
 *
 * await scope(function* () {
 *   const pool = worker.threadPool({ maxThreads: 2 })
 *   assert.equal(yield* pool.run(fibonacci, [20]), 6765)
 *
 *   // A function of a module.
 *   const zipped = yield* pool.run<typeof gzipSync>('node:zlib', ['a text'], { name: 'gzipSync' })
 *   const bytes = yield* pool.run<typeof gunzipSync>('node:zlib', [zipped], { name: 'gunzipSync' })
 *   assert.equal(Buffer.from(bytes).toString(), 'a text')
 *
 *   // What spins for ever is ended with its thread.
 *   assert.equal(yield* timeout(50, pool.run(spin, []), { else: 'given up' }), 'given up')
 * }) // the pool is destroyed here
 * ```
 */
export function threadPool(options: ThreadPoolOptions = {}): ThreadPool {
  if (typeof options !== 'object' || options === null) {
    throw new SynclessError('INVALID_ARGUMENT', 'threadPool() takes its options as an object')
  }
  return new ThreadPool(options)
}

function checked(
  task: unknown,
  args: readonly unknown[],
  options: ThreadModuleOptions,
): [ThreadWork, readonly Transferable[]] {
  const { transfer = [], name } = Object(options) as ThreadModuleOptions
  if (!Array.isArray(transfer)) throw new SynclessError('INVALID_ARGUMENT', 'a thread pool takes an array as transfer')
  return [threadWork(task, args, name), transfer]
}

function assertWhole(value: number, least: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < least) throw invalid(`a whole number from ${least} as ${what}`, value)
}

function invalid(what: string, value: unknown): SynclessError {
  return new SynclessError('INVALID_ARGUMENT', `threadPool() takes ${what}, and got ${String(value)}`)
}
