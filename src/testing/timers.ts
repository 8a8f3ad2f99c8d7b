import { AsyncResource } from 'node:async_hooks'

/** One timer of a virtual clock. Like a real timer, it calls its function in the async context in which it was set. */
export class Timer extends AsyncResource {
  readonly due: number
  /** The number that orders timers of the same time: they fire in the order in which they were set. */
  readonly order: number
  readonly background: boolean
  readonly #fn: () => void

  constructor(fn: () => void, due: number, order: number, background: boolean) {
    super('VirtualTimer', { requireManualDestroy: true })
    this.#fn = fn
    this.due = due
    this.order = order
    this.background = background
  }

  fire(): void {
    this.runInAsyncScope(this.#fn)
  }
}

/** The timers that are set, in the order of their times. */
export class Timers {
  readonly #sorted: Timer[] = []
  #set = 0
  #changes = 0

  /** The number of times that a timer was set, fired or was cleared. */
  get changes(): number {
    return this.#changes
  }

  get size(): number {
    return this.#sorted.length
  }

  [Symbol.iterator](): Iterator<Timer> {
    return this.#sorted[Symbol.iterator]()
  }

  add(fn: () => void, due: number, background: boolean): Timer {
    const timer = new Timer(fn, due, this.#set++, background)
    this.#sorted.splice(this.#position(timer), 0, timer)
    this.#changes++
    return timer
  }

  /** Clears a timer. Does nothing if the timer has fired, was cleared, or belongs to another clock. */
  delete(timer: object): void {
    if (!(timer instanceof Timer)) return
    const position = this.#position(timer)
    if (this.#sorted[position] !== timer) return
    this.#sorted.splice(position, 1)
    this.#changes++
  }

  get first(): Timer | null {
    return this.#sorted[0] ?? null
  }

  /** Whether a timer is set that does more than limit a cleanup. */
  get someInForeground(): boolean {
    return this.#sorted.some(timer => !timer.background)
  }

  #position({ due, order }: Timer): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = this.#sorted[middle]
      if (at !== undefined && (at.due < due || (at.due === due && at.order < order))) low = middle + 1
      else high = middle
    }
    return low
  }
}
