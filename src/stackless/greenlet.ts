import { TaskletExit } from '../core/base/errors.js'
import type { Co, Op } from '../core/loop/op.js'
import { run } from '../core/tasklet/coroutine.js'
import { tasklet } from './tasklet.js'
import { bomb } from './world/bomb.js'
import { invalid, misuse, stateError, switchTrapped, toError } from './world/errors.js'
import { switchOp } from './world/switch-op.js'
import { activeWorld } from './world/world.js'

/** Ends a greenlet: it is the value that the parent gets, and never an error there. Code `TASKLET_EXIT`. */
export class GreenletExit extends TaskletExit {
  constructor(message = 'the greenlet was told to end') {
    super('kill', undefined, message)
  }
}

/** What travels in a switch: arguments, which are one value where there is one, or an error. */
type Parcel = { readonly args: readonly unknown[] } | { readonly error: unknown }

const greenlets = new WeakMap<tasklet, greenlet>()
let makingRoot = false

/**
 * A greenlet: a coroutine that runs exactly when it is switched to, and whose end switches to its `parent`. Each is a
 * tasklet outside the ring; the greenlets that a tasklet makes have that tasklet's own greenlet as their root.
 * Semantics: `greenlet.greenlet` 0.3, as `syncless.greenlet_using_stackless` has it.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { greenlet, main } from 'syncless/stackless'
 *
 * await main(function* () {
 *   const root = greenlet.getcurrent()
 *   const doubler = new greenlet(function* (first: number) {
 *     let n: unknown = first
 *     while (typeof n === 'number') n = yield* root.switch(n * 2)
 *     return 'over'
 *   })
 *   assert.equal(yield* doubler.switch(1), 2)
 *   assert.equal(yield* doubler.switch(21), 42)
 *   assert.equal(yield* doubler.switch('stop'), 'over')
 *   assert(doubler.dead)
 * })
 * ```
 */
export class greenlet {
  static readonly GreenletExit = GreenletExit
  readonly #run: ((...args: never[]) => unknown) | null
  #parent: greenlet | null
  #tasklet: tasklet | null = null
  #dead = false

  /** `parent` is the current greenlet, unless another one is given. */
  constructor(run: ((...args: never[]) => unknown) | null = null, parent: greenlet | null = null) {
    if (parent !== null) assertGreenlet(parent)
    this.#run = run
    this.#parent = parent ?? (makingRoot ? null : greenlet.getcurrent())
  }

  /** The greenlet that runs now. */
  static getcurrent(): greenlet {
    const current = activeWorld('greenlet.getcurrent').self as tasklet
    return greenlets.get(current) ?? greenlet.#rootOf(current)
  }

  /** What runs in it: the function given. A subclass may have its own. */
  run(...args: unknown[]): unknown {
    if (this.#run === null) throw misuse('the greenlet has no run function')
    return Reflect.apply(this.#run, undefined, args)
  }

  /**
   * Where its end leads; null for the root. Throws `INVALID_ARGUMENT` for what is no greenlet, for a cycle, or where it is the
   * root.
   */
  get parent(): greenlet | null {
    return this.#parent
  }

  set parent(parent: greenlet) {
    assertGreenlet(parent)
    if (this.#parent === null) throw invalid('cannot set the parent of a main greenlet')
    for (let g: greenlet | null = parent; g !== null; g = g.#parent) {
      if (g === this) throw invalid('cyclic parent chain')
    }
    this.#parent = parent
  }

  /** Whether it has ended. */
  get dead(): boolean {
    return this.#dead || (this.#tasklet !== null && !this.#tasklet.alive)
  }

  /** Whether it has started and not ended: `bool(greenlet)`. */
  get active(): boolean {
    return this.#tasklet !== null && !this.dead
  }

  /**
   * Switches here. The first time, the arguments are those of the function; later they are what `switch` gives in here:
   * one argument itself, none or several as an array. In place of a dead greenlet, its parent gets them.
   */
  switch(...args: unknown[]): Op<unknown> {
    return this.#perform({ args })
  }

  /** Throws an error (or a class of errors) here. One that has not started ends with it, and its parent gets it. */
  throw(error: unknown = GreenletExit): Op<unknown> {
    return this.#perform({ error: toError(error) })
  }

  #perform(parcel: Parcel): Op<unknown> {
    return switchOp('switch to a greenlet', (world, self) => {
      greenlet.getcurrent()
      if (world.switchTrap !== 0 && this.#tasklet !== self) throw switchTrapped()
      const to = greenlet.#address(this, parcel)
      return to !== self && world.run(self, to, true)
    })
  }

  /** Gives a parcel to `target`, or to the next of its ancestors that can take it; returns the tasklet that did. */
  static #address(target: greenlet | null, parcel: Parcel): tasklet {
    let sent = parcel
    for (let g = target; g !== null; g = g.#parent) {
      if (g.active && g.#tasklet !== null) {
        g.#tasklet.tempval = 'error' in sent ? new bomb(sent.error) : sent.args.length === 1 ? sent.args[0] : sent.args
        return g.#tasklet
      }
      if (!g.dead && 'args' in sent) return g.#start(sent.args)
      g.#dead = true
      if ('error' in sent && sent.error instanceof GreenletExit) sent = { args: [sent.error] }
    }
    throw misuse('the greenlet and all its parents have ended')
  }

  static #rootOf(self: tasklet): greenlet {
    makingRoot = true
    try {
      const root = new greenlet()
      root.#tasklet = self
      greenlets.set(self, root)
      return root
    } finally {
      makingRoot = false
    }
  }

  #start(args: readonly unknown[]): tasklet {
    const own: tasklet = new tasklet(() => this.#live(args), [])
    greenlets.set(own, this)
    this.#tasklet = own
    return own
  }

  /** Runs the function; at its end the parent is the next to run. */
  *#live(args: readonly unknown[]): Co<void> {
    const parcel = yield* this.#outcome(args)
    this.#dead = true
    const next = greenlet.#address(this.#parent, parcel)
    const { ring } = activeWorld('greenlet')
    if (next.blocked) throw stateError('You cannot run a blocked tasklet')
    if (next.inRing) ring.remove(next)
    ring.insertNext(next)
  }

  *#outcome(args: readonly unknown[]): Co<Parcel> {
    try {
      return { args: [yield* run(this.run(...args))] }
    } catch (error) {
      if (error instanceof GreenletExit) return { args: [error] }
      if (error instanceof TaskletExit) throw error // its tasklet was killed: that is not the parent's affair
      return { error }
    }
  }
}

function assertGreenlet(parent: unknown): void {
  if (!(parent instanceof greenlet)) throw invalid('parent must be a greenlet')
}
