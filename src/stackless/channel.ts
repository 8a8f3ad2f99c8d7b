import { ChannelClosed } from '../core/base/errors.js'
import { List } from '../core/base/list.js'
import type { Co, Op } from '../core/loop/op.js'
import { run } from '../core/tasklet/coroutine.js'
import type { tasklet } from './tasklet.js'
import { bomb } from './world/bomb.js'
import { blockTrapped, type ErrorClass, invalid, misuse, StopIteration, switchTrapped } from './world/errors.js'
import { insideChannelCallback, notifyChannel } from './world/hook-calls.js'
import type { Runnable } from './world/runnable.js'
import { SwitchOp, voidOp } from './world/switch-op.js'
import type { World } from './world/world.js'

const SEND = 1
const RECEIVE = -1

/**
 * A channel of Stackless: a sender and a receiver meet. `preference` says which side goes on: with -1, the default, the
 * receiver (a send switches to it at once); with 1 the sender; with 0 neither side switches. Semantics: Stackless'
 * channelobject.c.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, main, run, tasklet } from 'syncless/stackless'
 *
 * const seen: string[] = []
 * await main(function* () {
 *   const ch = new channel<string>()
 *   new tasklet(function* () {
 *     seen.push(yield* ch.receive())
 *   }).setup()
 *   yield* ch.send('hello') // blocks, until the tasklet receives
 *   assert.equal(ch.balance, 0)
 *   yield* run()
 * })
 * assert.deepEqual(seen, ['hello'])
 * ```
 */
export class channel<T = unknown> {
  /** Whether `close()` was called. Closing wakes nobody; a tasklet that is blocked here may still meet a partner. */
  closing = false
  readonly #waiting = new List<Runnable>()
  #preference = -1
  #scheduleAll = false

  /** The number of tasklets that wait: positive for senders, negative for receivers. */
  get balance(): number {
    return this.#waiting.length * (this.#waiting.head?.direction ?? 0)
  }

  /** The first tasklet that waits. */
  get queue(): tasklet | null {
    return this.#waiting.head as tasklet | null
  }

  /** Whether the channel was closed and nobody waits. */
  get closed(): boolean {
    return this.closing && this.#waiting.length === 0
  }

  get preference(): number {
    return this.#preference
  }

  /** The preference; only the sign counts. */
  set preference(value: number) {
    if (!Number.isInteger(value)) throw invalid('preference must be set to an integer')
    this.#preference = Math.sign(value)
  }

  get scheduleAll(): boolean {
    return this.#scheduleAll
  }

  /** Whether every meeting switches to the next runnable, whatever the preference. */
  set scheduleAll(flag: boolean) {
    this.#scheduleAll = Boolean(flag)
  }

  /** Ends the channel: every tasklet that would have to wait gets `CHANNEL_CLOSED`. */
  close(): void {
    this.closing = true
  }

  /** Takes `close()` back: opens the channel again. */
  open(): void {
    this.closing = false
  }

  /** Sends a value; a `bomb` is thrown in the receiver. Throws `BLOCK_TRAP`, `CHANNEL_CLOSED`, `DEADLOCK`. */
  send(value: T | bomb): Op<void> {
    return voidOp('send on a channel', (world, self) => this.#act(world, self, SEND, value))
  }

  /** Receives a value, or throws an error that was sent by `sendException` or as a `bomb`. Throws as `send` does. */
  receive(): Op<T> {
    return new SwitchOp(
      'receive on a channel',
      (world, self) => this.#act(world, self, RECEIVE, undefined),
      value => value as T,
    )
  }

  /** Sends `new type(...args)`; the receiver throws it. */
  sendException<E extends unknown[]>(type: ErrorClass<E>, ...args: E): Op<void> {
    return this.send(new bomb(type, ...args))
  }

  /** Sends an error (or a class of errors); the receiver throws that very error, with its stack. */
  sendThrow(error: unknown): Op<void> {
    return this.send(new bomb(error))
  }

  /** Sends each value of an iterable; gives the number of values. */
  *sendSequence(values: Iterable<T>): Co<number> {
    let count = 0
    for (const value of values) {
      yield* this.send(value)
      count++
    }
    return count
  }

  /**
   * Performs one step of an iteration: receives, until the channel is closed and nobody waits to send, or
   * `StopIteration` comes.
   */
  *next(): Co<IteratorResult<T, undefined>> {
    if (this.closing && this.balance <= 0) return { done: true, value: undefined }
    try {
      return { done: false, value: yield* this.receive() }
    } catch (error) {
      if (error instanceof StopIteration) return { done: true, value: undefined }
      throw error
    }
  }

  /**
   * Iterates like `for value in channel`: calls `fn`, which may be a generator function, with each value until the
   * iteration ends.
   */
  *each(fn: (value: T) => unknown): Co<void> {
    for (let item = yield* this.next(); !item.done; item = yield* this.next()) yield* run(fn(item.value))
  }

  /** @internal */
  enter(t: Runnable): void {
    this.#waiting.pushBack(t)
    t.waitsOn = this
  }

  /** @internal */
  leave(t: Runnable): void {
    this.#waiting.remove(t)
    t.waitsOn = null
  }

  #act(world: World, self: Runnable, direction: number, parcel: unknown): boolean {
    if (insideChannelCallback()) throw misuse('Recursive channel call due to callbacks!')
    const partner = this.#waiting.head
    const meets = partner !== null && partner.direction !== direction
    const before = self.tempval
    self.tempval = parcel
    notifyChannel(this, self, direction === SEND, !meets)
    try {
      return meets ? this.#meet(world, self, direction, partner) : this.#wait(world, self, direction)
    } catch (error) {
      self.tempval = before
      throw error
    }
  }

  #meet(world: World, self: Runnable, direction: number, partner: Runnable): boolean {
    world.assertOwn(partner)
    const switches = this.#scheduleAll || this.#preference === -direction
    if (switches && world.switchTrap !== 0) throw switchTrapped()
    this.leave(partner)
    const parcel = self.tempval
    self.tempval = partner.tempval
    partner.tempval = parcel
    if (switches && !this.#scheduleAll) world.ring.insertNext(partner)
    else world.ring.insert(partner)
    return world.switch(self, switches ? self.next : self)
  }

  #wait(world: World, self: Runnable, direction: number): boolean {
    if (self.blockTrap) throw blockTrapped()
    if (this.closing) throw new ChannelClosed('Send/receive operation on a closed channel')
    self.direction = direction
    return world.suspend(self, this)
  }

  // The names of the original.

  get schedule_all(): boolean {
    return this.scheduleAll
  }

  set schedule_all(flag: boolean) {
    this.scheduleAll = flag
  }

  send_exception<E extends unknown[]>(type: ErrorClass<E>, ...args: E): Op<void> {
    return this.sendException(type, ...args)
  }

  send_throw(error: unknown): Op<void> {
    return this.sendThrow(error)
  }

  send_sequence(values: Iterable<T>): Co<number> {
    return this.sendSequence(values)
  }
}
