import type { TaskletExit } from '../base/errors.js'

/** A thing that a scope ends. */
interface Member {
  requestExit(exit: TaskletExit): void
}

/** The members of a scope that are not tasklets. Each is asked to end once, however many there are. */
export class Kept<M extends Member> {
  readonly #members = new Set<M>()
  readonly #asked = new Set<M>()
  #asking = false

  get empty(): boolean {
    return this.#members.size === 0 && this.#asked.size === 0
  }

  add(member: M): void {
    this.#members.add(member)
  }

  /** Removes a member. Returns whether it was there. */
  delete(member: M): boolean {
    return this.#members.delete(member) || this.#asked.delete(member)
  }

  /**
   * Asks the members that were not asked before. A member that ends at once may cause another call, which leaves the
   * rest to this one.
   */
  ask(exit: () => TaskletExit): void {
    if (this.#asking) return
    this.#asking = true
    try {
      for (const member of this.#members) {
        this.#members.delete(member)
        this.#asked.add(member)
        member.requestExit(exit())
      }
    } finally {
      this.#asking = false
    }
  }
}
