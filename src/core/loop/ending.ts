import type { Node, Waiter } from './op.js'

/**
 * The rest of an interrupted wait: scopes among its parts, which have been asked to end. When they are gone, the
 * interrupting error is thrown where the wait is.
 */
export class Ending implements Waiter {
  readonly error: unknown
  readonly #whole: Node<unknown>
  readonly parts: readonly Node<unknown>[]
  #left = 0

  constructor(whole: Node<unknown>, parts: readonly Node<unknown>[], error: unknown) {
    this.#whole = whole
    this.parts = parts
    this.error = error
  }

  enter(): void {
    this.#left = this.parts.length
    for (const part of this.parts) part.performFor(this)
  }

  withdraw(): void {
    for (const part of this.parts) part.withdraw()
  }

  /** Whether a scope has not ended yet. */
  get lasts(): boolean {
    return this.parts.some(part => part.interrupt(this.error))
  }

  wake(part: Node<unknown>): void {
    // An error in the scope during that time is reported.
    part.interrupt(this.error)
    if (--this.#left === 0) this.#whole.fail(this.error)
  }
}
