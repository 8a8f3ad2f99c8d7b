import { TaskletExit } from '../core/base/errors.js'
import type { Op } from '../core/loop/op.js'
import type { TaskletFunction } from '../core/tasklet/tasklet.js'
import { body } from './world/body.js'
import { bomb } from './world/bomb.js'
import { deadTasklet, type ErrorClass, invalid, stateError, toError } from './world/errors.js'
import { handleError } from './world/hook-calls.js'
import type { AnyChannel } from './world/runnable.js'
import { Seat } from './world/seat.js'
import { type SwitchOp, switchOp } from './world/switch-op.js'
import { throwAt } from './world/throw-at.js'
import { activeWorld, type World } from './world/world.js'

/** Whether an error is thrown at once, by a switch (the default), or when the tasklet's turn comes. */
export interface ThrowOptions {
  readonly pending?: boolean
}

/**
 * A tasklet of Stackless: `new tasklet(fn).setup(...args)` binds a function (a generator function, as a rule) and puts
 * it at the end of the runnables. Whatever may switch is performed with `yield*`. Made anywhere, but set up inside
 * `main()`. Semantics: Stackless' taskletobject.c, to the letter; docs/stackless.md says what cannot hold.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { main, run, schedule, tasklet } from 'syncless/stackless'
 *
 * const log: string[] = []
 * function* worker(name: string) {
 *   log.push(`${name}1`)
 *   yield* schedule()
 *   log.push(`${name}2`)
 * }
 * await main(function* () {
 *   new tasklet(worker).setup('a')
 *   new tasklet(worker).setup('b')
 *   yield* run()
 * })
 * assert.deepEqual(log, ['a1', 'b1', 'a2', 'b2'])
 * ```
 */
export class tasklet<A extends unknown[] = unknown[]> {
  /** What its next switch gives to it; before `setup`, the bound function. A `bomb` is thrown. */
  tempval: unknown = undefined
  /** Whether blocking is an error here (`BLOCK_TRAP`). */
  blockTrap = false
  /** @internal Where it is linked: the ring, or the queue of a channel. */
  before: tasklet | null = null
  /** @internal */
  after: tasklet | null = null
  /** @internal */
  inRing = false
  /** @internal */
  waitsOn: AnyChannel | null = null
  /** @internal 1 where it waits to send, -1 to receive. */
  direction = 0
  /** @internal Whether it waits for an operation of the core. */
  away = false
  /** @internal What it performed when it switched away. */
  node: SwitchOp<unknown> | null = null
  /** @internal There is one while the tasklet is alive. */
  seat: Seat | null = null
  /** @internal */
  world: World | null = null
  #atomic = false

  /** Like `bind(fn, args)`. */
  constructor(fn: TaskletFunction<A, unknown> | null = null, args?: A) {
    this.bind(fn, args)
  }

  /**
   * Binds a function, and with `args` makes the tasklet alive but not runnable. Without either it unbinds: a paused
   * tasklet is dropped where it stands, and its `finally` blocks do not run. Throws `TASKLET_STATE` for the current
   * tasklet, the main one, a scheduled one, and where `args` find no function.
   */
  bind<B extends unknown[] = A>(fn: TaskletFunction<B, unknown> | null = null, args?: B): tasklet<B> {
    if (fn !== null && typeof fn !== 'function') throw invalid('tasklet function must be a callable or None')
    if (this.isCurrent) throw stateError("can't (re)bind the current tasklet")
    if (this.scheduled) throw stateError('tasklet is scheduled')
    if (this.isMain && this.alive) throw stateError("can't unbind the main tasklet")
    this.world?.started.delete(this)
    this.seat = null
    this.node = null
    if (fn !== null || args === undefined) this.tempval = fn ?? undefined
    if (args !== undefined) this.prepare(args)
    return this as tasklet as tasklet<B>
  }

  /** Gives the bound function its arguments and puts the tasklet at the end of the runnables. The call, in Python. */
  setup(...args: A): this {
    this.prepare(args).ring.insert(this)
    return this
  }

  /** Puts the tasklet at the end of the runnables, unless it is among them. */
  insert(): this {
    if (this.blocked) throw stateError('You cannot run a blocked tasklet')
    if (this.inRing) return this
    if (this.world === null || !this.alive) throw deadTasklet('You cannot run an unbound(dead) tasklet')
    this.world.ring.insert(this)
    this.world.onChange()
    return this
  }

  /** Takes the tasklet out of the runnables: it floats, until it is run or inserted. */
  remove(): this {
    if (this.blocked) throw stateError('You cannot remove a blocked tasklet.')
    if (this.isCurrent) throw stateError('The current tasklet cannot be removed.')
    if (this.inRing) this.world?.ring.remove(this)
    return this
  }

  /** Switches to the tasklet; what follows it in the ring runs too before this returns. Gives the caller's `tempval`. */
  run(): Op<unknown> {
    return switchOp('run of a tasklet', (world, self) => world.run(self, this, false))
  }

  /** Like `run`, and takes the caller out of the runnables. */
  switch(): Op<unknown> {
    return switchOp('switch to a tasklet', (world, self) => world.run(self, this, true))
  }

  /**
   * Throws an error (or a class of errors) in the tasklet, which runs at once, or when its turn comes if `pending`.
   * Throws `DEAD_TASKLET` where it has ended, unless a `TaskletExit` was to be thrown.
   */
  throw(error: unknown, options: ThrowOptions = {}): Op<unknown> {
    const thrown = toError(error)
    return switchOp('throw in a tasklet', (world, self) => throwAt(world, self, this, thrown, options.pending ?? false))
  }

  /** Throws `new type(...args)` in the tasklet, which runs at once; in the caller, where the tasklet has ended. */
  raiseException<E extends unknown[]>(type: ErrorClass<E>, ...args: E): Op<unknown> {
    const error = toError(type, args)
    return switchOp('raise in a tasklet', (world, self) => {
      return throwAt(world, self, this.alive ? this : self, error, false)
    })
  }

  /** Throws `TaskletExit` in the tasklet. One that has not started never runs; one that has ended does nothing. */
  kill(options: ThrowOptions = {}): Op<unknown> {
    return this.throw(new TaskletExit('kill'), options)
  }

  /** Sets the flag and returns the one before. Nothing is scheduled against its will here: it changes nothing. */
  setAtomic(flag: boolean): boolean {
    const before = this.#atomic
    this.#atomic = Boolean(flag)
    return before
  }

  get atomic(): boolean {
    return this.#atomic
  }

  /** Whether it was set up and has not ended. */
  get alive(): boolean {
    return this.seat !== null
  }

  /** Whether it waits on a channel, or for an operation of the core. */
  get blocked(): boolean {
    return this.waitsOn !== null || this.away
  }

  /** Whether it is among the runnables or blocked. */
  get scheduled(): boolean {
    return this.inRing || this.blocked
  }

  /** Whether it is alive and neither among the runnables nor blocked. */
  get paused(): boolean {
    return this.alive && !this.scheduled
  }

  get isMain(): boolean {
    return this.world !== null && this.world.main === this
  }

  get isCurrent(): boolean {
    return this.world !== null && this.world.running === this
  }

  /** The next one in the ring, or in the queue of the channel it is blocked on. */
  get next(): tasklet | null {
    return this.after
  }

  get prev(): tasklet | null {
    return this.before
  }

  /** The channel it is blocked on. */
  get _channel(): AnyChannel | null {
    return this.waitsOn
  }

  /** @internal Runs until it switches, waits or ends. */
  resume(): void {
    const { node, seat, world } = this
    if (seat === null || world === null) return
    if (node !== null) {
      this.node = null
      node.resume(this.takeTempval())
    } else if (!seat.started) {
      const parcel = this.takeTempval()
      if (parcel instanceof bomb) {
        this.ended({ error: parcel.value })
        return
      }
      world.started.add(this)
    } else if (this.tempval instanceof bomb) {
      seat.interruptNext(this.tempval.value)
      this.tempval = undefined
    }
    seat.step()
  }

  /** @internal */
  takeTempval(): unknown {
    const value = this.tempval
    this.tempval = undefined
    return value
  }

  /** @internal Its function has returned or thrown. */
  ended(outcome: { readonly error: unknown } | null): void {
    const late = this.seat?.takeUnthrown() ?? null
    let failure = outcome === null || outcome.error instanceof TaskletExit ? (late ?? outcome) : outcome
    if (failure !== null && !this.isMain) {
      failure = failure.error instanceof TaskletExit ? null : handleError(failure.error)
    }
    this.seat = null
    this.tempval = undefined
    this.world?.end(this, failure)
  }

  /** @internal Makes it alive. */
  prepare(args: readonly unknown[], world: World = activeWorld('setup of a tasklet')): World {
    if (this.alive) throw stateError('tasklet is alive')
    const fn = this.tempval
    if (typeof fn !== 'function') throw stateError('the tasklet was not bound to a function')
    this.tempval = undefined
    this.world = world
    const start = (): unknown => Reflect.apply(fn, undefined, args)
    this.seat = new Seat(
      () => body(this, start),
      fn.name,
      world.driver,
      () => world.returned(this),
    )
    return world
  }

  // The names of the original.

  get block_trap(): boolean {
    return this.blockTrap
  }

  set block_trap(flag: boolean) {
    this.blockTrap = flag
  }

  get is_main(): boolean {
    return this.isMain
  }

  get is_current(): boolean {
    return this.isCurrent
  }

  raise_exception<E extends unknown[]>(type: ErrorClass<E>, ...args: E): Op<unknown> {
    return this.raiseException(type, ...args)
  }

  set_atomic(flag: boolean): boolean {
    return this.setAtomic(flag)
  }
}
