import { SynclessError } from '../base/errors.js'
import { report } from '../base/report.js'
import { answerOf, registered } from '../loop/callback.js'
import { loop } from '../loop/loop.js'
import type { Op } from '../loop/op.js'
import type { Observers, Runnable, WaitNode } from '../loop/running.js'
import type { Tasklet } from '../tasklet/tasklet.js'

/**
 * An observer of the loop. Each hook is called with the tasklet concerned, in the middle of the loop's work: it should
 * be short, and must not wait. The hook's own actions are not reported to instruments.
 */
export interface Instrument {
  /** A tasklet was started; it has not run yet. */
  onSpawn?(tasklet: Tasklet<unknown>): void
  /** A tasklet was put into the run queue. */
  onReady?(tasklet: Tasklet<unknown>): void
  /** A tasklet is about to run. */
  onSwitch?(tasklet: Tasklet<unknown>): void
  /** The running tasklet has to wait for `op`. */
  onBlock?(tasklet: Tasklet<unknown>, op: Op<unknown>): void
  /** A tasklet was asked to end: killed, cancelled, timed out, or its scope failed. */
  onKill?(tasklet: Tasklet<unknown>): void
  /** A tasklet has ended, in any way; see its `state`. */
  onExit?(tasklet: Tasklet<unknown>): void
}

type Hook = keyof Instrument

/** One addition. The same instrument may be added twice; each addition is removed by its own function. */
interface Added {
  call(hook: Hook, tasklet: Tasklet<unknown>, op?: Op<unknown>): unknown
}

/** @internal The instruments that are on. The loop has no such object while there are none. */
export class Instruments implements Observers {
  readonly #added = new Set<Added>()
  #calling = false

  add(added: Added): void {
    this.#added.add(added)
  }

  remove(added: Added): void {
    this.#added.delete(added)
    if (this.#added.size === 0 && loop.instruments === this) loop.instruments = null
  }

  call(hook: Hook, tasklet: Runnable, op?: WaitNode): void {
    if (this.#calling) return
    this.#calling = true
    for (const added of this.#added)
      this.#callOne(added, hook, tasklet as Tasklet<unknown>, op as unknown as Op<unknown>)
    this.#calling = false
  }

  /** Calls one hook. An instrument that throws is removed, so that it cannot break what it observes. */
  #callOne(added: Added, hook: Hook, tasklet: Tasklet<unknown>, op: Op<unknown>): void {
    try {
      answerOf(`the hook ${hook} of an instrument`, undefined, added.call(hook, tasklet, op))
    } catch (error) {
      this.remove(added)
      report(error, `an instrument threw in ${hook}, and was removed`)
    }
  }
}

/**
 * Puts an instrument on the loop. Returns a function that removes it. While there is no instrument, each event costs one
 * check for null. An instrument that throws is removed and reported. Semantics: Trio `Instrument`. Throws
 * `INVALID_ARGUMENT` if `instrument` is not an object.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { addInstrument, go, sleep } from 'syncless'
 *
 * const log: string[] = []
 * const remove = addInstrument({
 *   onSpawn: t => log.push(`${t.name} starts`),
 *   onBlock: (t, op) => log.push(`${t.name} waits: ${op.describe()}`),
 *   onExit: t => log.push(`${t.name} is ${t.state}`),
 * })
 * await go(function* nap() {
 *   yield* sleep(1)
 * })
 * remove()
 * assert.deepEqual(log, ['nap starts', 'nap waits: sleep 1 ms', 'nap is done'])
 * ```
 */
export function addInstrument(instrument: Instrument): () => void {
  if (typeof instrument !== 'object' || instrument === null) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `addInstrument() takes an object with hooks, and got ${String(instrument)}`,
    )
  }
  const added = {
    call: registered((hook: Hook, tasklet: Tasklet<unknown>, op?: Op<unknown>) =>
      instrument[hook]?.(tasklet, op as Op<unknown>),
    ),
  }
  const instruments = loop.instruments instanceof Instruments ? loop.instruments : new Instruments()
  loop.instruments = instruments
  instruments.add(added)
  return () => instruments.remove(added)
}
