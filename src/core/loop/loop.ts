/**
 * The run queue: one FIFO ring of ready tasklets, and the loop that drains it.
 *
 * A wake-up only enqueues. Outside a drain, the first wake-up arms a drain in a microtask. The budget counts steps since
 * our last `setImmediate`, across drains. A step is a switch, an operation that committed without a switch, or an
 * `await` that settled. Once the budget is spent, nothing goes on until that immediate fires. So timers, I/O and signals
 * are not starved by busy tasklets, by a loop over operations that are always ready, or by a ping-pong of promises.
 */
import './duplicate-package.js'
import { type Clock, systemClock } from './clock.js'
import { Random } from './random.js'
import type { Observers, Runnable } from './running.js'

const resolved = Promise.resolve()

/**
 * A function that chooses the ready tasklet to run next; null means none for now. `first` is the first ready tasklet,
 * and `promoted` says whether it was moved there to be the next.
 */
export type Chooser = (first: Runnable, promoted: boolean) => Runnable | null

export class Loop {
  /** The running tasklet; null in ordinary callbacks and async functions. */
  current: Runnable | null = null
  clock: Clock = systemClock
  random = new Random(1)
  /** The observers of the loop; null while there are none. */
  instruments: Observers | null = null
  /** The clock's time at the last drain, in whole ms: the stamp of a tasklet that blocks. */
  stamp = 0
  /** The number of steps before the event loop gets its turn. */
  budget = 1000
  /** The number of steps so far: unchanged if nothing has run. */
  steps = 0

  // The ring is written out here, not a List: its nodes are tasklets only, which keeps every switch monomorphic.
  #head: Runnable | null = null
  #tail: Runnable | null = null
  #length = 0
  #armed = false
  /** The functions that go on after the rest, before the tasklets. */
  #held: (() => void)[] = []
  #resting: NodeJS.Immediate | null = null
  #draining = false
  #chooser: Chooser | null = null
  #promoted: Runnable | null = null

  get readyCount(): number {
    return this.#length
  }

  /** Returns the ready tasklets, in their order. */
  *ready(): Generator<Runnable, void, unknown> {
    for (let tasklet = this.#head; tasklet !== null; tasklet = tasklet.after) yield tasklet
  }

  /** Whether nothing may go on before the event loop has had its turn. */
  get spent(): boolean {
    return this.steps >= this.budget
  }

  /** Counts a step. Returns true if its performer must not go on before the event loop has had its turn. */
  spend(): boolean {
    return ++this.steps >= this.budget
  }

  /** Counts a step of a promise, and takes the step: at once, or after the rest. */
  pace(step: () => void): void {
    if (!this.spend()) step()
    else this.afterRest(step)
  }

  /** Calls `fn` when the event loop has had its turn. */
  afterRest(fn: () => void): void {
    this.#held.push(fn)
    if (this.#resting === null) this.#rest()
  }

  /** Appends a tasklet that is not in the queue. */
  enqueue(tasklet: Runnable): void {
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
  moveToFront(tasklet: Runnable): void {
    this.dequeue(tasklet)
    const head = this.#head
    tasklet.queued = true
    tasklet.after = head
    if (head === null) this.#tail = tasklet
    else head.before = tasklet
    this.#head = tasklet
    this.#length++
    if (this.#chooser !== null) this.#promoted = tasklet
  }

  /** Takes a tasklet that is in the queue out of it. */
  dequeue(tasklet: Runnable): void {
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

  /** The function that decides the order in place of the queue; only tests set one. It takes effect with the next drain. */
  get chooser(): Chooser | null {
    return this.#chooser
  }

  set chooser(chooser: Chooser | null) {
    this.#chooser = chooser
    this.#promoted = null
    if (this.#head !== null && !this.#armed && !this.#draining) this.#arm()
  }

  /** Begins a new budget, and ends a rest: later runs do not depend on earlier ones. */
  freshBudget(): void {
    this.steps = 0
    if (this.#resting === null) return
    clearImmediate(this.#resting)
    this.#resting = null
    this.#callHeld()
    if (this.#head !== null) this.#arm()
  }

  /** Runs the one ready tasklet that `choose` names, and returns it. */
  runOne(choose: Chooser): Runnable | null {
    const first = this.#head
    const tasklet = first === null ? null : choose(first, first === this.#promoted)
    if (tasklet === null) return null
    this.#promoted = null
    this.#draining = true
    this.stamp = Math.floor(this.clock.now())
    try {
      this.dequeue(tasklet)
      tasklet.resume()
    } finally {
      this.#draining = false
    }
    return tasklet
  }

  #arm(): void {
    if (this.#resting !== null) return
    this.#armed = true
    resolved.then(this.#drain)
  }

  readonly #drain = (): void => {
    this.#armed = false
    if (this.#chooser !== null) {
      this.#drainChosen()
      return
    }
    this.#draining = true
    this.stamp = Math.floor(this.clock.now())
    try {
      for (let tasklet = this.#head; tasklet !== null; tasklet = this.#head) {
        if (this.steps >= this.budget) {
          if (this.#resting === null) this.#rest()
          break
        }
        this.steps++
        this.dequeue(tasklet)
        tasklet.resume()
      }
    } finally {
      this.#draining = false
    }
  }

  #drainChosen(): void {
    while (this.#chooser !== null && this.#head !== null) {
      if (this.steps >= this.budget) {
        if (this.#resting === null) this.#rest()
        return
      }
      if (this.runOne(this.#chooser) === null) return
      this.steps++
    }
    if (this.#head !== null) this.#arm()
  }

  /** Lets timers, I/O and signals have a whole turn of the event loop. */
  #rest(): void {
    this.#resting = setImmediate(() => {
      this.#resting = null
      this.steps = 0
      this.#callHeld()
      if (this.#head !== null && !this.#armed) this.#drain()
    })
  }

  #callHeld(): void {
    const held = this.#held
    if (held.length === 0) return
    this.#held = []
    for (const fn of held) fn()
  }
}

/** The one loop of the process. */
export const loop = new Loop()
