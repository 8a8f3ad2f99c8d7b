/**
 * The run queue: one FIFO ring of tasklets that are ready, and what drains it.
 *
 * A wake-up only enqueues. Outside a drain, the first one arms a drain in a microtask. The budget counts switches since
 * our last `setImmediate`, across drains: once it is spent nothing runs until that immediate fires, so that neither a
 * busy set of tasklets nor a ping-pong between tasklets and promises starves timers, I/O or signals.
 */
import { type Clock, systemClock } from './clock.js'
import { List } from './list.js'
import { Random } from './random.js'
import type { Tasklet } from './tasklet.js'

const resolved = Promise.resolve()

export class Loop {
  /** The tasklet that runs now; null in ordinary callbacks and async functions. */
  current: Tasklet<unknown> | null = null
  clock: Clock = systemClock
  random = new Random(1)
  /** How many switches may pass before the event loop gets its turn. */
  budget = 1000

  readonly #ready = new List<Tasklet<unknown>>()
  #switches = 0
  #armed = false
  #resting = false
  #draining = false

  get readyCount(): number {
    return this.#ready.length
  }

  /** Appends a tasklet that is not in the queue. */
  enqueue(tasklet: Tasklet<unknown>): void {
    tasklet.queued = true
    this.#ready.pushBack(tasklet)
    if (!this.#armed && !this.#draining) this.#arm()
  }

  /** Makes a tasklet that is in the queue the next to run. */
  moveToFront(tasklet: Tasklet<unknown>): void {
    this.#ready.remove(tasklet)
    this.#ready.pushFront(tasklet)
  }

  /** Takes a tasklet that is in the queue out of it. */
  dequeue(tasklet: Tasklet<unknown>): void {
    this.#ready.remove(tasklet)
    tasklet.queued = false
  }

  #arm(): void {
    if (this.#resting) return
    this.#armed = true
    resolved.then(this.#drain)
  }

  readonly #drain = (): void => {
    this.#armed = false
    this.#draining = true
    try {
      for (let tasklet = this.#ready.head; tasklet !== null; tasklet = this.#ready.head) {
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
      if (this.#ready.head !== null) this.#drain()
    })
  }
}

/** The one loop of the process. */
export const loop = new Loop()
