import type { Runnable } from './runnable.js'

/** The runnables: a circular list; its head is the running tasklet. The tasklets themselves have the links. */
export class Ring {
  /** The head: the running tasklet, or the next one to run. */
  current: Runnable | null = null
  length = 0

  /** Links a tasklet at the end, which is just before the head. */
  insert(t: Runnable): void {
    const head = this.current
    t.inRing = true
    this.length++
    if (head === null) {
      t.before = t
      t.after = t
      this.current = t
      return
    }
    const last = head.before ?? head
    t.before = last
    t.after = head
    last.after = t
    head.before = t
  }

  /** Links a tasklet just behind the head, so that it is the next to run. */
  insertNext(t: Runnable): void {
    const head = this.current
    this.current = head?.after ?? null
    this.insert(t)
    if (head !== null) this.current = head
  }

  /** Removes a tasklet. If it is the head, its successor becomes the head. */
  remove(t: Runnable): void {
    const { before, after } = t
    this.length--
    t.inRing = false
    t.before = null
    t.after = null
    if (before === null || after === null || after === t) {
      this.current = null
      return
    }
    before.after = after
    after.before = before
    if (this.current === t) this.current = after
  }
}
