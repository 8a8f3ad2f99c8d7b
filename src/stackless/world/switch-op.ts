import { DONE, Node, type Op } from '../../core/loop/op.js'
import { bomb } from './bomb.js'
import { misuse } from './errors.js'
import type { Runnable } from './runnable.js'
import { activeWorld, type World } from './world.js'

/** The result of an action: it switched (true), goes on with its `tempval` (false), or goes on with a value of its own. */
export type Switched = boolean | { readonly value: unknown }

/** The effect of an operation on the ring, for the tasklet that performs it. */
export type Action = (world: World, self: Runnable) => Switched

/**
 * An operation of the facade: it acts on the ring at once when it is performed, and waits for its tasklet's next turn.
 * Its outcome is then the `tempval`; a bomb is thrown. It always stays between tasklets of one ring, so only `yield*`
 * can perform it.
 */
export class SwitchOp<T> extends Node<T> {
  readonly #what: string
  readonly #action: Action
  readonly #read: (value: unknown) => T
  readonly #finish: (world: World, self: Runnable) => void
  #performer: Runnable | null = null
  #parcel: unknown = undefined

  /** `finish` runs when the tasklet is back, before the outcome is handed over. */
  constructor(
    what: string,
    action: Action,
    read: (value: unknown) => T,
    finish: (world: World, self: Runnable) => void = () => {},
  ) {
    super()
    this.#what = what
    this.#action = action
    this.#read = read
    this.#finish = finish
  }

  describe(): string {
    return this.#what
  }

  override map<U>(fn: (value: T) => U): Op<U> {
    return new SwitchOp(this.#what, this.#action, value => fn(this.#read(value)), this.#finish)
  }

  poll(): boolean {
    if (this.waiter !== null) throw misuse(`"${this.#what}" can only be performed by itself, with yield*`)
    const world = activeWorld(this.#what)
    const self = world.self
    const done = this.#action(world, self)
    this.#performer = self
    if (done === true || (done === false && world.pause())) {
      self.node = this
      return false
    }
    this.resume(done === false ? self.takeTempval() : done.value)
    return true
  }

  /** Called when the performer's turn has come. */
  resume(parcel: unknown): void {
    this.#parcel = parcel
    this.state = DONE
    this.waiter?.wake(this)
  }

  override take(): T {
    const self = this.#performer
    if (self?.world) this.#finish(self.world as World, self)
    if (this.#parcel instanceof bomb) throw this.#parcel.value
    return this.#read(this.#parcel)
  }

  /** The ring has a budget of its own: a rest of the loop would change its order. */
  override get paced(): boolean {
    return false
  }

  protected link(): void {}
  protected unlink(): void {}
}

/** Makes an operation whose outcome is the `tempval`. */
export function switchOp(what: string, action: Action): Op<unknown> {
  return new SwitchOp(what, action, value => value)
}

/** Makes an operation without an outcome. */
export function voidOp(what: string, action: Action): Op<void> {
  return new SwitchOp(what, action, () => {})
}
