/** The threads of a pool, which are piscina's. It is loaded when the first one is needed. */
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Transferable, WorkerOptions } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { decodeError } from './encoded-error.js'
import { isThreadFailure, type ThreadWork } from './thread-work.js'

export interface ThreadsOptions extends Pick<WorkerOptions, 'env' | 'execArgv' | 'resourceLimits'> {
  readonly minThreads: number
  readonly maxThreads: number
  readonly idleTimeout: number
}

/** A task that a thread runs, or will when it has started. */
class Task {
  /** Whether it was sent to a thread. */
  sent = false
  readonly lost: (error: unknown) => void

  constructor(lost: (error: unknown) => void) {
    this.lost = lost
  }
}

export class Threads {
  readonly #name: string
  readonly #piscina: Piscina
  /** In a property of a message that is not sent, piscina shows its balancer what it is about to place. */
  readonly #mark: symbol
  readonly #tasks = new Set<Task>()
  #lastError: unknown

  static async load(name: string, options: ThreadsOptions): Promise<Threads> {
    return new Threads(name, await importPiscina(), options)
  }

  private constructor(name: string, module: typeof Piscina, options: ThreadsOptions) {
    this.#name = name
    this.#mark = module.queueOptionsSymbol
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    this.#piscina = new module({
      ...given,
      filename: entry(),
      name: 'default',
      recordTiming: false,
      // Threads live on between tasks: what one leaves behind goes on, and fails then, rather than in the next task.
      atomics: 'disabled',
      loadBalancer: (placed, workers) => {
        const free = workers.find(worker => worker.currentUsage === 0) ?? null
        const task = Object(placed)[this.#mark]
        if (free !== null && task instanceof Task) task.sent = true
        return free
      },
    })
    this.#piscina.on('error', error => {
      this.#lastError = error
      // In most cases the thread had nothing to do, and nobody else learns of it.
      if (this.#unserved().length === 0) report(error, `a thread of ${name} failed`)
    })
    // By then the tasks of that thread have got its error, and their successors a thread.
    this.#piscina.on('workerDestroy', () => setImmediate(() => this.#failUnserved()))
  }

  get count(): number {
    return this.#piscina.threads.length
  }

  /** Never more at once than there may be threads. Rejects when the signal is aborted, which ends the thread. */
  async run(work: ThreadWork, transferList: readonly Transferable[], signal: AbortSignal): Promise<unknown> {
    let lose!: (error: unknown) => void
    const lost = new Promise<never>((_, reject) => {
      lose = reject
    })
    const task = new Task(lose)
    this.#tasks.add(task)
    try {
      const message = { ...work, [this.#mark]: task }
      return await Promise.race([this.#piscina.run(message, { signal, transferList: [...transferList] }), lost])
    } catch (error) {
      throw this.#failure(error)
    } finally {
      this.#tasks.delete(task)
    }
  }

  /** Ends all threads, and waits until they are gone. */
  async destroy(): Promise<void> {
    await this.#piscina.destroy()
  }

  /** piscina keeps a task for ever whose thread dies while it starts. */
  #unserved(): Task[] {
    const unsent = [...this.#tasks].filter(task => !task.sent)
    const free = this.count - (this.#tasks.size - unsent.length)
    return unsent.slice(Math.max(free, 0))
  }

  #failUnserved(): void {
    for (const task of this.#unserved()) task.lost(this.#lastError ?? new Error('the thread ended while it started'))
  }

  #failure(error: unknown): unknown {
    if (isThreadFailure(error)) return decodeError(error.error)
    const { name, code, message }: { name?: unknown; code?: unknown; message?: unknown } = Object(error)
    // What cannot be copied or moved.
    if (name === 'DataCloneError' || code === 'ERR_INVALID_TRANSFER_OBJECT') return error
    return new SynclessError('PEER_GONE', `a thread of ${this.#name} has ended: ${String(message)}`, { cause: error })
  }
}

/** Beside this file, and of its kind. */
function entry(): string {
  const here = fileURLToPath(import.meta.url)
  return path.join(path.dirname(here), `thread${path.extname(here)}`)
}

async function importPiscina(): Promise<typeof Piscina> {
  try {
    return (await import('piscina')).default.Piscina
  } catch (cause) {
    throw new SynclessError('PACKAGE_MISSING', 'threadPool() needs the package piscina: npm install piscina', { cause })
  }
}
