import { assertOptions } from '../core/base/arguments.js'
import { SynclessError } from '../core/base/errors.js'
import { type Chooser, loop } from '../core/loop/loop.js'
import { Random } from '../core/loop/random.js'
import { Barrier } from '../core/tasklet/tasklet.js'
import { assertOutside, replaceOrder } from './order.js'

/** Options of {@link seed}. */
export interface SeedOptions {
  /** Runs ready tasklets in an order drawn from the seed, in place of the order in which they became ready. */
  readonly shuffle?: boolean
}

/** A seed that is in force, made by {@link seed}. */
export class Seeded {
  /** What to give to `seed` to have this run again: for the message of a failing test. */
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

  /** Puts the generator and the order that were there before back in their places. */
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

/** One of the ready tasklets; but the partner that a channel with a preference switches to stays the next. */
const anyOf: Chooser = (first, promoted) => {
  if (promoted) return first
  let chosen = first
  for (let skip = loop.random.below(loop.readyCount); skip > 0 && chosen.after !== null; skip--) chosen = chosen.after
  return chosen instanceof Barrier ? first : chosen
}

/**
 * Seeds the choices that the loop makes: the same seed gives the same run. They are those of `select` among ready
 * branches, and with `shuffle` also the order in which ready tasklets run, which otherwise is that in which they became
 * ready. Shuffled, a test looks for what only works in that order: run it under many seeds. A budget of switches begins
 * anew, so that where the loop rests does not depend on what ran before. What comes from outside, such as sockets and
 * real timers, is not repeated. Without a value one is drawn; {@link Seeded.seed} says which.
 *
 * `restore()`, or leaving a `using` block, ends it; several end in the reverse of the order in which they began. Throws
 * `INVALID_ARGUMENT` for what is not an integer, `MISUSE` where `shuffle` is asked for in a tasklet.
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
