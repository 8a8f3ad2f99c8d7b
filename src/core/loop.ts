/**
 * The run queue: one FIFO ring of tasklets that are ready, and what drains it.
 *
 * A wake-up only enqueues. Outside a drain, the first one arms a drain in a microtask. The budget counts switches since
 * our last `setImmediate`, across drains: once it is spent nothing runs until that immediate fires, so that neither a
 * busy set of tasklets nor a ping-pong between tasklets and promises starves timers, I/O or signals.
 */
import './copy.js'
import { type Clock, systemClock } from './clock.js'
import type { Instruments } from './instruments.js'
import { Random } from './random.js'
import type { Tasklet } from './tasklet.js'

const resolved = Promise.resolve()

export class Loop {
  /** The tasklet that runs now; null in ordinary callbacks and async functions. */
  current: Tasklet<unknown> | null = null
  clock: Clock = systemClock
  random = new Random(1)
  /** Those who observe the loop; null while there are none. */
  instruments: Instruments | null = null
  /** The clock's time at the last drain, in whole ms: what a tasklet that blocks is stamped with. */
  stamp = 0
  /** How many switches may pass before the event loop gets its turn. */
  budget = 1000

  // The ring is written out here, not a List: its nodes are tasklets only, which keeps every switch monomorphic.
  #head: Tasklet<unknown> | null = null
  #tail: Tasklet<unknown> | null = null
  #length = 0
  #switches = 0
  #armed = false
  #resting = false
  #draining = false

  get readyCount(): number {
    return this.#length
  }

  /** The tasklets that are ready, in their order. */
  *ready(): Generator<Tasklet<unknown>, void, unknown> {
    for (let tasklet = this.#head; tasklet !== null; tasklet = tasklet.after) yield tasklet
  }

  /** Appends a tasklet that is not in the queue. */
  enqueue(tasklet: Tasklet<unknown>): void {
    const tail = this.#tail
    tasklet.queued = true
    tasklet.before = tail
    if (tail === null) this.#head = tasklet
    else tail.after = tasklet
    this.#tail = tasklet
    this.#length++
    if (this.instruments !== null) this.instruments.call('onReady', tasklet)
    if (!this.#armed && !this.#draining) this.#arm()
  }

  /** Makes a tasklet that is in the queue the next to run. */
  moveToFront(tasklet: Tasklet<unknown>): void {
    this.dequeue(tasklet)
    const head = this.#head
    tasklet.queued = true
    tasklet.after = head
    if (head === null) this.#tail = tasklet
    else head.before = tasklet
    this.#head = tasklet
    this.#length++
  }

  /** Takes a tasklet that is in the queue out of it. */
  dequeue(tasklet: Tasklet<unknown>): void {
    const { before, after } = tasklet
    if (before === null) this.#head = after
    else before.after = after
    if (after === null) this.#tail = before
    else after.before = before
    tasklet.before = null
    tasklet.after = null
    tasklet.queued = false
    this.#length--
  }

  #arm(): void {
    if (this.#resting) return
    this.#armed = true
    resolved.then(this.#drain)
  }

  readonly #drain = (): void => {
    this.#armed = false
    this.#draining = true
    this.stamp = Math.floor(this.clock.now())
    try {
      for (let tasklet = this.#head; tasklet !== null; tasklet = this.#head) {
        if (this.#switches >= this.budget) {
          this.#rest()
          break
        }
        this.#switches++
        this.dequeue(tasklet)
        tasklet.resume()
      }
    } finally {
      this.#draining = false
    }
  }

  /** Lets timers, I/O and signals have a whole turn of the event loop. */
  #rest(): void {
    this.#resting = true
    setImmediate(() => {
      this.#resting = false
      this.#switches = 0
      if (this.#head !== null) this.#drain()
    })
  }
}

/** The one loop of the process. */
export const loop = new Loop()
