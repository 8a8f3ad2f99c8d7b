import { TaskletExit } from '../core/base/errors.js'
import type { Co, Op } from '../core/loop/op.js'
import { run } from '../core/tasklet/coroutine.js'
import { tasklet } from './tasklet.js'
import { bomb } from './world/bomb.js'
import { invalid, misuse, stateError, switchTrapped, toError } from './world/errors.js'
import { switchOp } from './world/switch-op.js'
import { activeWorld } from './world/world.js'

/** The exit of a greenlet. The parent gets it as a value, and never as an error. Code `TASKLET_EXIT`. */
export class GreenletExit extends TaskletExit {
  constructor(message = 'the greenlet was told to end') {
    super('kill', undefined, message)
  }
}

/** The content of a switch: arguments (one argument is the value itself), or an error. */
type Parcel = { readonly args: readonly unknown[] } | { readonly error: unknown }

const greenlets = new WeakMap<tasklet, greenlet>()
let makingRoot = false

/**
 * A coroutine that runs exactly when it is switched to, and whose end switches to its `parent`. Each greenlet is a
 * tasklet outside the ring. The root of the greenlets that a tasklet makes is that tasklet's own greenlet. Semantics:
 * `greenlet.greenlet` 0.3, as `syncless.greenlet_using_stackless` has it.
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

  /** `parent` is the current greenlet by default. */
  constructor(run: ((...args: never[]) => unknown) | null = null, parent: greenlet | null = null) {
    if (parent !== null) assertGreenlet(parent)
    this.#run = run
    this.#parent = parent ?? (makingRoot ? null : greenlet.getcurrent())
  }

  /** Returns the running greenlet. */
  static getcurrent(): greenlet {
    const current = activeWorld('greenlet.getcurrent').self as tasklet
    return greenlets.get(current) ?? greenlet.#rootOf(current)
  }

  /** Runs the given function in the greenlet. A subclass may have its own `run`. */
  run(...args: unknown[]): unknown {
    if (this.#run === null) throw misuse('the greenlet has no run function')
    return Reflect.apply(this.#run, undefined, args)
  }

  /**
   * The greenlet that gets this one's end; null for the root. Setting it throws `INVALID_ARGUMENT` for a value that is
   * not a greenlet, for a cycle, and on the root.
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

  /** Whether the greenlet has ended. */
  get dead(): boolean {
    return this.#dead || (this.#tasklet !== null && !this.#tasklet.alive)
  }

  /** Whether the greenlet has started and not ended: `bool(greenlet)`. */
  get active(): boolean {
    return this.#tasklet !== null && !this.dead
  }

  /**
   * Switches to this greenlet. The first time, the arguments go to the function. Later, they are the value of the
   * `switch` at which the greenlet waits: one argument as it is, none or several as an array. If the greenlet is dead,
   * its parent gets them.
   */
  switch(...args: unknown[]): Op<unknown> {
    return this.#perform({ args })
  }

  /**
   * Throws an error (or a class of errors) in this greenlet. A greenlet that has not started ends with the error, and
   * its parent gets it.
   */
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

  /** Gives a parcel to `target`, or to its nearest ancestor that can take it. Returns the tasklet that took it. */
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

  /** Runs the function; the parent is the next to run at its end. */
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
