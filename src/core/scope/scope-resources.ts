import type { TaskletExit } from '../base/errors.js'

/** Something that a scope ends. */
interface Member {
  requestExit(exit: TaskletExit): void
}

/** What a scope keeps that is no tasklet. Each is asked to end once, whatever the number of them. */
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

  /** Whether it was there. */
  delete(member: M): boolean {
    return this.#members.delete(member) || this.#asked.delete(member)
  }

  /** Asks those that have not been asked. One that ends at once may cause another call, which leaves the rest to this one. */
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
