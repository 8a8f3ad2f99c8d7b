import { assertOptions } from '../core/base/arguments.js'
import { SynclessError } from '../core/base/errors.js'
import { type Chooser, loop } from '../core/loop/loop.js'
import { Random } from '../core/loop/random.js'
import { Barrier } from '../core/tasklet/tasklet.js'
import { assertOutside, replaceOrder } from './order.js'

/** Options of {@link seed}. */
export interface SeedOptions {
  /** Runs ready tasklets in an order drawn from the seed, instead of the order in which they became ready. Default: false. */
  readonly shuffle?: boolean
}

/** A seed in force, made by {@link seed}. */
export class Seeded {
  /** The seed that repeats this run if it is given to {@link seed}; print it in the message of a failing test. */
  readonly seed: number
  readonly #random = loop.random
  readonly #order: Chooser | null
  #restored = false

  /** @internal Use {@link seed}. */
  constructor(value: number, shuffle: boolean) {
    this.seed = value
    loop.random = new Random(value)
    loop.freshBudget()
    this.#order = shuffle ? replaceOrder(anyOf) : null
  }

  /** Puts the earlier generator and the earlier order back. */
  restore(): void {
    if (this.#restored) return
    this.#restored = true
    loop.random = this.#random
    if (this.#order !== null) replaceOrder(this.#order)
  }

  [Symbol.dispose](): void {
    this.restore()
  }
}

/** Chooses any ready tasklet; but a partner that a channel's preference switches to stays the next. */
const anyOf: Chooser = (first, promoted) => {
  if (promoted) return first
  let chosen = first
  for (let skip = loop.random.below(loop.readyCount); skip > 0 && chosen.after !== null; skip--) chosen = chosen.after
  return chosen instanceof Barrier ? first : chosen
}

/**
 * Seeds the choices that the loop makes: the same seed gives the same run. These are the choices of `select` among ready
 * branches. With `shuffle`, the order in which ready tasklets run is drawn, too; otherwise it is the order in which they
 * became ready. A shuffled test finds code that works only in that order: run the test under many seeds. A budget of
 * switches starts again, so that the loop's rests do not depend on what ran before. Events from outside, such as sockets
 * and real timers, are not repeated. Without a value, one is drawn: see {@link Seeded.seed}.
 *
 * `restore()`, or leaving a `using` block, ends the seed; several end in the reverse of the order in which they began.
 * Throws `INVALID_ARGUMENT` if `value` is not an integer, and `MISUSE` if `shuffle` is set in a tasklet.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { always, go, select } from 'syncless'
 * import { runUntilIdle, seed } from 'syncless/testing'
 *
 * async function run(value: number): Promise<string> {
 *   using seeded = seed(value, { shuffle: true })
 *   let log = ''
 *   for (const name of ['a', 'b', 'c', 'd']) {
 *     go(function* () {
 *       log += name + (yield* select({ x: always(1), y: always(2) })).key
 *     })
 *   }
 *   await runUntilIdle()
 *   assert.equal(log.length, 8, `seed ${seeded.seed}`)
 *   return log
 * }
 * assert.equal(await run(42), await run(42))
 * assert.notEqual(await run(42), await run(43))
 * ```
 */
export function seed(value: number = drawn(), options: SeedOptions = {}): Seeded {
  if (!Number.isInteger(value)) {
    throw new SynclessError('INVALID_ARGUMENT', `seed() takes an integer, and got ${String(value)}`)
  }
  assertOptions('seed()', options)
  const shuffle = options.shuffle === true
  if (shuffle) assertOutside('seed() with shuffle')
  return new Seeded(value, shuffle)
}

function drawn(): number {
  return Math.floor(Math.random() * 2 ** 31)
}
