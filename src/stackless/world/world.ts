/**
 * The state of one `main()`: the ring, the tasklets in `run()`, the tasklets that wait outside. In Stackless, this is a
 * thread. The rules and their order are those of Stackless' `scheduling.c`; the driver calls `step()` until main has
 * ended.
 */
import type { Tasklet as CoreTasklet } from '../../core/tasklet/tasklet.js'
import { bomb } from './bomb.js'
import { blockTrapped, DeadlockError, misuse, switchTrapped } from './errors.js'
import { notifySchedule } from './hook-calls.js'
import { Ring } from './ring.js'
import type { Runnable, WaitQueue } from './runnable.js'

let active: World | null = null

/** Returns the world whose tasklet runs now. Throws `MISUSE` if no tasklet runs. */
export function activeWorld(what: string): World {
  if (active === null) throw misuse(`"${what}" needs a tasklet of main(): use it inside main(function* () {...})`)
  return active
}

/** The largest number of turns of the ring for which the core's other tasklets wait. */
const TURNS = 16

export class World {
  readonly driver: CoreTasklet<unknown>
  readonly ring = new Ring()
  /** The tasklets in `run()`, the innermost last. */
  readonly watchdogs: Runnable[] = []
  /** Tasklets that have started and not ended. */
  readonly started = new Set<Runnable>()
  /** Tasklets that wait for an operation of the core. */
  readonly away = new Set<Runnable>()
  main: Runnable | null = null
  /** The tasklet whose code runs now. */
  running: Runnable | null = null
  switchTrap = 0
  /** Timers that will interrupt a tasklet: while one is set, there is no deadlock. */
  alarms = 0
  over = false
  /** The number of tasklets' turns since the core had its own. */
  turns = 0
  /** Called when a tasklet became runnable; the driver may be waiting for that. */
  onChange: () => void = () => {}
  /** Called when nothing in the ring is runnable, and the driver begins to wait. */
  onIdle: () => void = () => {}
  #switched = false
  /** The tasklet that ran last, if nothing was left to run. */
  #last: Runnable | null = null

  constructor(driver: CoreTasklet<unknown>) {
    this.driver = driver
  }

  /** The tasklet that performs an operation now. */
  get self(): Runnable {
    if (this.running === null) throw misuse('no tasklet runs')
    return this.running
  }

  /** Makes `main` the main tasklet, and the first one to run. */
  begin(main: Runnable & { prepare(args: readonly unknown[], world: World): unknown }): void {
    main.prepare([], this)
    this.main = main
    this.ring.insert(main)
    notifySchedule(null, main)
  }

  /**
   * The tasklet that gets errors, and is woken when nothing is left to run: the innermost caller of `run()`, or else
   * main.
   */
  get watchdog(): Runnable | null {
    return this.watchdogs.at(-1) ?? this.main
  }

  /** Whether it is the core's turn. */
  get tired(): boolean {
    return this.turns >= TURNS
  }

  /** Notes that the running tasklet goes on by itself. Returns true if it has to let the core have its turn first. */
  pause(): boolean {
    this.turns++
    if (this.tired) this.#switched = true
    return this.tired
  }

  /** Runs the head of the ring until it switches, waits or ends. */
  step(): void {
    const self = this.ring.current
    if (self === null) return
    if (this.#last !== null && this.#last !== self) notifySchedule(this.#last, self)
    this.#last = null
    this.running = self
    this.turns++
    this.#switched = false
    active = this
    try {
      self.resume()
      if (!this.#switched && self.alive) this.#leave(self)
    } finally {
      active = null
      this.running = null
    }
  }

  /**
   * Makes `to` the head of the ring; null means that nothing is runnable. Returns false if `from` itself goes on. A
   * floating `to` is put at the end, which is just before `from`; a blocked one is pulled out.
   */
  switch(from: Runnable, to: Runnable | null): boolean {
    if (to === null) return this.#block(from)
    if (from !== to && this.switchTrap !== 0) throw switchTrapped()
    this.makeRunnable(to)
    if (from !== to) this.#jump(from, to)
    else this.ring.current = to
    return from !== to
  }

  /** Takes `from` out of the ring, for `queue` or to float, and runs the next tasklet. */
  suspend(from: Runnable, queue: WaitQueue | null): boolean {
    this.ring.remove(from)
    queue?.enter(from)
    try {
      return this.switch(from, this.ring.current)
    } catch (error) {
      queue?.leave(from)
      this.#putBack(from)
      throw error
    }
  }

  /** Performs `tasklet.run`, or `tasklet.switch` if `from` leaves the ring. */
  run(from: Runnable, to: Runnable, replacing: boolean): boolean {
    const inserted = !to.scheduled
    this.assertOwn(to)
    to.insert()
    if (replacing) this.ring.remove(from)
    try {
      return this.switch(from, to)
    } catch (error) {
      if (replacing) this.#putBack(from)
      if (inserted) this.ring.remove(to)
      throw error
    }
  }

  /** Hands `error` to a tasklet: it is thrown there when it next runs. */
  deliver(to: Runnable, error: unknown): void {
    if (to.away) to.seat?.interrupt(error)
    else to.tempval = new bomb(error)
  }

  /** Hands over an error without a switch: the pending throw. */
  interrupt(to: Runnable, error: unknown): void {
    this.deliver(to, error)
    this.makeRunnable(to)
    this.onChange()
  }

  /** Throws an error for the driver in main, which runs next. */
  interruptMain(error: unknown): void {
    if (this.main === null) return
    this.interrupt(this.main, error)
    this.ring.current = this.main
  }

  /** Puts a tasklet that floats or is blocked at the end of the ring. */
  makeRunnable(t: Runnable): void {
    if (t.waitsOn !== null) t.waitsOn.leave(t)
    if (t.away) {
      t.away = false
      this.away.delete(t)
    }
    if (!t.inRing) this.ring.insert(t)
  }

  /** Called when the operation of the core that a tasklet waits for has happened. */
  returned(t: Runnable): void {
    if (!t.away) return
    this.makeRunnable(t)
    this.onChange()
  }

  /** Ends the running tasklet. */
  end(self: Runnable, failure: { readonly error: unknown } | null): void {
    this.started.delete(self)
    this.ring.remove(self)
    this.#switched = true
    if (self === this.main) {
      this.over = true
      return
    }
    const wakeup = this.watchdog
    if (wakeup === null) return
    const left = failure ?? this.#deadlockOf(wakeup)
    if (left !== null) this.deliver(wakeup, left.error)
    const to = left !== null ? wakeup : (this.ring.current ?? (this.#expectant ? null : wakeup))
    if (to === null) {
      this.#last = self
      return
    }
    this.makeRunnable(to)
    this.#jump(self, to)
  }

  assertOwn(t: Runnable): void {
    if (t.world !== null && t.world !== this) throw misuse('the tasklet belongs to another main()')
  }

  /** Whether something outside the ring will make a tasklet runnable. */
  get #expectant(): boolean {
    return this.away.size > 0 || this.alarms > 0
  }

  /** Returns the error for a blocked `wakeup` if nobody is left to unblock it. */
  #deadlockOf(wakeup: Runnable): { readonly error: DeadlockError } | null {
    if (this.ring.current !== null || this.#expectant || wakeup.waitsOn === null) return null
    return { error: new DeadlockError(wakeup.direction < 0 ? 'receiving' : 'sending') }
  }

  /** Called when `from` has left the ring and nothing is runnable. */
  #block(from: Runnable): boolean {
    if (this.#expectant) {
      if (this.switchTrap !== 0) throw switchTrapped()
      this.#last = from
      this.#switched = true
      return true
    }
    const wakeup = this.watchdog
    if (wakeup !== null && !wakeup.scheduled) {
      if (from.tempval instanceof bomb) wakeup.tempval = from.tempval
      return this.switch(from, wakeup)
    }
    from.tempval = new bomb(new DeadlockError('blocked'))
    return this.switch(from, from)
  }

  /** Called when `self` began to wait for an operation of the core: it counts as blocked. */
  #leave(self: Runnable): void {
    const trapped = self.blockTrap ? blockTrapped() : this.switchTrap !== 0 ? switchTrapped() : null
    if (trapped !== null) {
      self.seat?.interrupt(trapped)
      return
    }
    this.ring.remove(self)
    self.away = true
    this.away.add(self)
    if (this.ring.current === null) this.#last = self
    else notifySchedule(self, this.ring.current)
  }

  #jump(from: Runnable, to: Runnable): void {
    notifySchedule(from, to)
    this.ring.current = to
    this.#switched = true
  }

  #putBack(t: Runnable): void {
    this.ring.insert(t)
    this.ring.current = t
  }
}
