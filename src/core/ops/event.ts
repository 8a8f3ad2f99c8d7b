import { List } from '../base/list.js'
import { Node, type Op } from '../loop/op.js'

/** A flag that tasklets and async functions can wait for. Made by {@link event}. */
export class Event {
  readonly name: string
  readonly #waiting = new List<Node<unknown>>()
  #set = false

  /** @internal Use {@link event}. */
  constructor(name: string) {
    this.name = name
  }

  get isSet(): boolean {
    return this.#set
  }

  /** Raises the flag, and wakes all waiters. */
  set(): void {
    this.#set = true
    for (let node = this.#waiting.shift(); node !== null; node = this.#waiting.shift()) node.complete(undefined)
  }

  /** Lowers the flag: later calls of {@link wait} wait again. */
  clear(): void {
    this.#set = false
  }

  /** Waits until the flag is up. */
  wait(): Op<void> {
    return new WaitNode(this, this.#waiting)
  }
}

class WaitNode extends Node<void> {
  readonly #event: Event
  readonly #waiting: List<Node<unknown>>

  constructor(event: Event, waiting: List<Node<unknown>>) {
    super()
    this.#event = event
    this.#waiting = waiting
  }

  describe(): string {
    return `wait for ${this.#event.name}`
  }

  poll(): boolean {
    if (!this.#event.isSet) return false
    this.complete(undefined)
    return true
  }

  protected link(): void {
    this.#waiting.pushBack(this)
  }

  protected unlink(): void {
    this.#waiting.remove(this)
  }
}

/**
 * Makes a flag that is down. Semantics: Python's `threading.Event`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { event, go } from 'syncless'
 *
 * const ready = event('ready')
 * const waiter = go(function* () {
 *   yield* ready.wait()
 *   return 'off we go'
 * })
 * ready.set()
 * assert.equal(await waiter, 'off we go')
 * ```
 */
export function event(name = 'an event'): Event {
  return new Event(name)
}
