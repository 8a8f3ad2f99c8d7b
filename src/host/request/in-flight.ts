/** Counts exchanges that are under way, or wait, for those who want to know when there are none. */
export class InFlight {
  count = 0
  #waiters: (() => void)[] = []

  enter(): void {
    this.count++
  }

  leave(): void {
    if (--this.count > 0 || this.#waiters.length === 0) return
    for (const resolve of this.#waiters.splice(0)) resolve()
  }

  /** Resolves when there are none, which may be now. */
  idle(): Promise<void> {
    return this.count === 0 ? Promise.resolve() : new Promise(resolve => this.#waiters.push(resolve))
  }
}
