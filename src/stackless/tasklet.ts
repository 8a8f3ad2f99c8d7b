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

/**
 * Options of {@link tasklet.throw} and `kill`. The error is thrown at once, by a switch (the default), or when the
 * tasklet's turn comes (`pending`).
 */
export interface ThrowOptions {
  readonly pending?: boolean
}

/**
 * A tasklet of Stackless. `new tasklet(fn).setup(...args)` binds a function (usually a generator function) and puts the
 * tasklet at the end of the runnables. Perform with `yield*` everything that may switch. A tasklet can be made anywhere,
 * but set up only inside `main()`. Semantics: Stackless' taskletobject.c, to the letter; docs/stackless.md lists the
 * exceptions.
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
  /** The value that the tasklet gets at its next switch; before `setup`, the bound function. A `bomb` is thrown. */
  tempval: unknown = undefined
  /** Whether blocking is an error in this tasklet (`BLOCK_TRAP`). */
  blockTrap = false
  /** @internal Its neighbour in the ring, or in the queue of a channel. */
  before: tasklet | null = null
  /** @internal */
  after: tasklet | null = null
  /** @internal */
  inRing = false
  /** @internal */
  waitsOn: AnyChannel | null = null
  /** @internal 1 if the tasklet waits to send, -1 if it waits to receive. */
  direction = 0
  /** @internal Whether the tasklet waits for an operation of the core. */
  away = false
  /** @internal The operation with which the tasklet switched away. */
  node: SwitchOp<unknown> | null = null
  /** @internal The seat in the core, while the tasklet is alive. */
  seat: Seat | null = null
  /** @internal */
  world: World | null = null
  #atomic = false

  /** Binds a function like `bind(fn, args)`. */
  constructor(fn: TaskletFunction<A, unknown> | null = null, args?: A) {
    this.bind(fn, args)
  }

  /**
   * Binds a function; with `args`, also makes the tasklet alive but not runnable. Without either, it unbinds: a paused
   * tasklet is dropped where it stands, and its `finally` blocks do not run. Throws `TASKLET_STATE` for the current
   * tasklet, for the main one, for a scheduled one, and if there are `args` but no function.
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

  /** Gives the bound function its arguments and puts the tasklet at the end of the runnables. In Python, this is the call. */
  setup(...args: A): this {
    this.prepare(args).ring.insert(this)
    return this
  }

  /** Puts the tasklet at the end of the runnables, unless it is already among them. */
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

  /**
   * Switches to the tasklet. The tasklets after it in the ring run, too, before this returns. Gives the caller's
   * `tempval`.
   */
  run(): Op<unknown> {
    return switchOp('run of a tasklet', (world, self) => world.run(self, this, false))
  }

  /** Switches like `run`, and takes the caller out of the runnables. */
  switch(): Op<unknown> {
    return switchOp('switch to a tasklet', (world, self) => world.run(self, this, true))
  }

  /**
   * Throws an error (or a class of errors) in the tasklet, which runs at once, or when its turn comes if `pending`.
   * Throws `DEAD_TASKLET` if the tasklet has ended, unless the error is a `TaskletExit`.
   */
  throw(error: unknown, options: ThrowOptions = {}): Op<unknown> {
    const thrown = toError(error)
    return switchOp('throw in a tasklet', (world, self) => throwAt(world, self, this, thrown, options.pending ?? false))
  }

  /**
   * Throws `new type(...args)` in the tasklet, which runs at once. If the tasklet has ended, the error is thrown in the
   * caller.
   */
  raiseException<E extends unknown[]>(type: ErrorClass<E>, ...args: E): Op<unknown> {
    const error = toError(type, args)
    return switchOp('raise in a tasklet', (world, self) => {
      return throwAt(world, self, this.alive ? this : self, error, false)
    })
  }

  /** Throws `TaskletExit` in the tasklet. A tasklet that has not started never runs; nothing happens if it has ended. */
  kill(options: ThrowOptions = {}): Op<unknown> {
    return this.throw(new TaskletExit('kill'), options)
  }

  /**
   * Sets the flag and returns the value before. The flag changes nothing: no tasklet is ever switched against its will
   * here.
   */
  setAtomic(flag: boolean): boolean {
    const before = this.#atomic
    this.#atomic = Boolean(flag)
    return before
  }

  get atomic(): boolean {
    return this.#atomic
  }

  /** Whether the tasklet was set up and has not ended. */
  get alive(): boolean {
    return this.seat !== null
  }

  /** Whether the tasklet waits on a channel, or for an operation of the core. */
  get blocked(): boolean {
    return this.waitsOn !== null || this.away
  }

  /** Whether the tasklet is among the runnables or blocked. */
  get scheduled(): boolean {
    return this.inRing || this.blocked
  }

  /** Whether the tasklet is alive and neither among the runnables nor blocked. */
  get paused(): boolean {
    return this.alive && !this.scheduled
  }

  get isMain(): boolean {
    return this.world !== null && this.world.main === this
  }

  get isCurrent(): boolean {
    return this.world !== null && this.world.running === this
  }

  /** The next tasklet in the ring, or in the queue of the channel that this one is blocked on. */
  get next(): tasklet | null {
    return this.after
  }

  get prev(): tasklet | null {
    return this.before
  }

  /** The channel that the tasklet is blocked on. */
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

  /** @internal Called when its function has returned or thrown. */
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

  /** @internal Makes the tasklet alive. */
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
