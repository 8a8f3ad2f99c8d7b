/**
 * The tasklets that have started and not ended, for dumps, the deadlock report and the tests.
 *
 * A blocked tasklet that nothing else refers to must stay collectable, and a `WeakRef` costs ten times as much as a link
 * in a list. So a tasklet begins in a list that holds it. If it waits through a whole major garbage collection, it is
 * held weakly from then on, until it runs again. A tasklet that is collected in this state is reported: nobody could
 * ever have woken it, and its `finally` blocks do not run. (Go 1.26 calls that a goroutine leak.)
 */

import { SynclessError } from '../base/errors.js'
import { List, type ListNode } from '../base/list.js'
import { report } from '../base/report.js'
import { awaits } from '../loop/awaits.js'
import { loop } from '../loop/loop.js'
import type { Runnable } from '../loop/running.js'

/** The number of tasklets that change lists in one turn of the event loop, which takes about a millisecond. */
const CHUNK = 500
/** The number of tasklets, of those collected together, that are reported one by one. */
const MOST_NAMED = 10

/** A tasklet, with the registry's own fields. */
export interface Registered extends Runnable {
  /** Its neighbours in the registry. */
  olderLive: Registered | null
  youngerLive: Registered | null
  /** The registry's stand-in for the tasklet, once it has waited for long. */
  aged: Aged | null
  /** The time when the tasklet last stopped running, by the loop's stamp. */
  readonly since: number
}

/** @internal The registry's knowledge of a tasklet that it holds weakly, or did. Made once for a tasklet. */
export class Aged implements ListNode<Aged> {
  before: Aged | null = null
  after: Aged | null = null
  readonly ref: WeakRef<Registered>
  readonly name: string
  /** Whether only this object holds the tasklet. */
  weak = false
  /** The operation that it waits for then; null for a daemon. */
  waitsFor: string | null = null

  constructor(tasklet: Registered) {
    this.ref = new WeakRef(tasklet)
    this.name = tasklet.name
  }
}

const daemons = new WeakSet<object>()

class Registry {
  /** Called when the first tasklet starts, or async code first waits. */
  onFirst: () => void = () => {}
  #head: Registered | null = null
  #tail: Registered | null = null
  #length = 0
  readonly #weak = new List<Aged>()
  #used = false
  /** The number of tasklets that the current sweep has yet to look at. */
  #unswept = 0
  #watching = false
  #lastCollection = 0
  #thisCollection = 0
  #collected: Aged[] = []
  /** Equal descriptions are one string, because there may be a million of them. */
  readonly #descriptions = new Map<string, string>()

  readonly #collections = new FinalizationRegistry<null>(() => this.#afterCollection())
  readonly #leaks = new FinalizationRegistry<Aged>(aged => this.#wasCollected(aged))

  add(tasklet: Registered): void {
    if (!this.#used) this.begin()
    const tail = this.#tail
    tasklet.olderLive = tail
    if (tail === null) this.#head = tasklet
    else tail.youngerLive = tasklet
    this.#tail = tasklet
    this.#length++
    if (!this.#watching) this.#watch()
  }

  /** Removes a tasklet that has ended. */
  remove(tasklet: Registered): void {
    if (tasklet.aged?.weak) this.#strengthen(tasklet.aged)
    else this.#unlink(tasklet)
  }

  /** Called when a tasklet that was held weakly runs again. */
  renew(tasklet: Registered): void {
    if (!tasklet.aged?.weak) return
    this.#strengthen(tasklet.aged)
    this.add(tasklet)
  }

  *[Symbol.iterator](): Generator<Registered, void, unknown> {
    for (let tasklet = this.#head; tasklet !== null; tasklet = tasklet.youngerLive) yield tasklet
    for (let aged = this.#weak.head; aged !== null; aged = aged.after) {
      const tasklet = aged.ref.deref()
      if (tasklet !== undefined) yield tasklet
    }
  }

  /** Sets up what a process with tasklets needs. The first tasklet that starts does so, if nobody did before. */
  begin(): void {
    if (this.#used) return
    this.#used = true
    this.onFirst()
  }

  #unlink(tasklet: Registered): void {
    const { olderLive: older, youngerLive: younger } = tasklet
    if (older === null && this.#head !== tasklet) return
    if (older === null) this.#head = younger
    else older.youngerLive = younger
    if (younger === null) this.#tail = older
    else younger.olderLive = older
    tasklet.olderLive = null
    tasklet.youngerLive = null
    this.#length--
  }

  #strengthen(aged: Aged): void {
    aged.weak = false
    this.#weak.remove(aged)
  }

  /** Registers an object that the next major collection takes. */
  #watch(): void {
    this.#watching = true
    this.#collections.register({}, null)
  }

  #afterCollection(): void {
    this.#watching = false
    if (this.#length === 0) return
    this.#watch()
    this.#lastCollection = this.#thisCollection
    this.#thisCollection = loop.clock.now()
    if (this.#unswept === 0) setImmediate(this.#sweep).unref()
    this.#unswept = this.#length
  }

  /** Goes once through the list, a chunk a turn: a tasklet that stays is moved to the end. */
  readonly #sweep = (): void => {
    for (let left = CHUNK; left > 0 && this.#unswept > 0; left--) {
      this.#unswept--
      const tasklet = this.#head
      if (tasklet === null) this.#unswept = 0
      else {
        this.#unlink(tasklet)
        if (tasklet.waiting !== null && !tasklet.queued && tasklet.since < this.#lastCollection) this.#age(tasklet)
        else this.add(tasklet)
      }
    }
    if (this.#unswept > 0) setImmediate(this.#sweep).unref()
    else this.#descriptions.clear()
  }

  #age(tasklet: Registered): void {
    const waitsFor = tasklet.waiting?.describe() ?? ''
    if (tasklet.aged === null) {
      tasklet.aged = new Aged(tasklet)
      this.#leaks.register(tasklet, tasklet.aged)
    }
    tasklet.aged.waitsFor = isDaemon(tasklet) ? null : this.#shared(waitsFor)
    tasklet.aged.weak = true
    this.#weak.pushBack(tasklet.aged)
  }

  #shared(description: string): string {
    const known = this.#descriptions.get(description)
    if (known !== undefined) return known
    this.#descriptions.set(description, description)
    return description
  }

  #wasCollected(aged: Aged): void {
    if (!aged.weak) return
    this.#weak.remove(aged)
    if (aged.waitsFor === null) return
    if (this.#collected.length === 0) setImmediate(this.#reportCollected)
    this.#collected.push(aged)
  }

  readonly #reportCollected = (): void => {
    const collected = this.#collected
    this.#collected = []
    for (const { name, waitsFor } of collected.slice(0, MOST_NAMED)) reportLeak(`tasklet "${name}" waited: ${waitsFor}`)
    if (collected.length > MOST_NAMED) reportLeak(`${collected.length - MOST_NAMED} more tasklets waited`)
  }
}

function reportLeak(what: string): void {
  const error = new SynclessError('TASKLET_COLLECTED', `${what}, and nothing was left that could wake it`)
  report(error, 'garbage-collected without its finally blocks')
}

/** @internal The registry of all tasklets of the process. */
export const registry = new Registry()
awaits.onFirst = () => registry.begin()

/** @internal */
export function isDaemon(tasklet: object): boolean {
  return daemons.has(tasklet)
}

/** @internal */
export function setDaemon(tasklet: object, daemon: boolean): void {
  if (daemon) daemons.add(tasklet)
  else daemons.delete(tasklet)
}
