/**
 * The requests to a tasklet from outside: to end (`kill`, a cancelled scope) or to take an error (`raise`).
 *
 * An exit is thrown once, where the tasklet waits. Cleanup may then wait normally for the grace period. After that,
 * every operation throws the exit again, each time after a whole turn of the event loop, so that `for (;;) try { yield*
 * op } catch {}` cannot hang the process. After a hundred of those the tasklet is abandoned.
 *
 * A tasklet that cleanup starts is part of that cleanup: it runs for the rest of the grace period, and gets the exit
 * then.
 */
import type { TaskletExit } from '../base/errors.js'
import { report } from '../base/report.js'
import { loop } from '../loop/loop.js'

/** The time that the cleanup of a killed tasklet may go on waiting, in ms. */
export const GRACE = 5000
const MAX_THROWS = 100

/** The part of a tasklet that an interrupt acts on. */
interface Target {
  /** Throws the next pending error at the suspension point, if the operation waited for has not committed. */
  interruptWait(): void
  requestExit(exit: TaskletExit): void
  abandon(exit: TaskletExit): void
}

export class Interrupts {
  /** The exit that the tasklet was asked to take; null before that. */
  exit: TaskletExit | null = null
  readonly #target: Target
  readonly #pending: unknown[] = []
  #graceTimer: object | null = null
  /** When the grace period ends, by the loop's clock. */
  #graceEnd = 0
  /** The exit of the cleanup that this tasklet is part of, if another tasklet has started it in its cleanup. */
  #inherited: TaskletExit | null = null
  #expired = false
  #throws = 0

  constructor(target: Target) {
    this.#target = target
  }

  /** Whether an error has to be thrown at the next suspension point. */
  get pending(): boolean {
    return this.#pending.length > 0
  }

  /** The error that is thrown at the next suspension point. */
  get next(): unknown {
    return this.#pending[0]
  }

  push(error: unknown): void {
    this.#pending.push(error)
  }

  /** Takes back an error that was pushed: it is thrown in some other way. */
  withdraw(error: unknown): void {
    const index = this.#pending.indexOf(error)
    if (index >= 0) this.#pending.splice(index, 1)
  }

  takePending(): unknown {
    return this.#pending.shift()
  }

  /**
   * Called before each operation of an interrupted tasklet. Throws the pending error. Returns true if the operation must
   * not start: the grace period is over, and the exit is thrown after the next turn of the event loop.
   */
  beforeOperation(): boolean {
    if (this.pending) throw this.takePending()
    if (this.exit === null) return false
    if (this.#expired) {
      this.#rethrowAfterTurn(this.exit)
      return true
    }
    this.#startGrace(GRACE)
    return false
  }

  /** The exit of the current cleanup of the tasklet; null if there is none. */
  get cleanup(): TaskletExit | null {
    return this.exit !== null && !this.pending ? this.exit : this.#inherited
  }

  /** The time left for the current cleanup, in ms. */
  get graceLeft(): number {
    if (this.#expired) return 0
    this.#startGrace(GRACE)
    return Math.max(0, this.#graceEnd - loop.clock.now())
  }

  /** Makes the tasklet part of a cleanup that has `ms` left. */
  joinCleanup(exit: TaskletExit, ms: number): void {
    this.#inherited = exit
    this.#startGrace(ms)
  }

  #startGrace(ms: number): void {
    if (this.#graceTimer !== null) return
    this.#graceEnd = loop.clock.now() + ms
    this.#graceTimer = loop.clock.setBackgroundTimer(() => this.#expire(), ms)
  }

  #expire(): void {
    this.#expired = true
    if (this.exit === null) {
      if (this.#inherited !== null) this.#target.requestExit(this.#inherited)
      return
    }
    this.push(this.exit)
    this.#target.interruptWait()
  }

  #rethrowAfterTurn(exit: TaskletExit): void {
    setImmediate(() => {
      if (++this.#throws > MAX_THROWS) {
        this.#target.abandon(exit)
        return
      }
      this.push(exit)
      this.#target.interruptWait()
    })
  }

  /**
   * Called when the tasklet has ended: removes the grace timer, and reports errors that were raised in the tasklet too
   * late.
   */
  dispose(name: string): void {
    for (const error of this.#pending) {
      if (error !== this.exit) report(error, `raised in tasklet "${name}", which ended before it could be thrown`)
    }
    this.#pending.length = 0
    if (this.#graceTimer !== null) loop.clock.clearTimer(this.#graceTimer)
    this.#graceTimer = null
  }
}
