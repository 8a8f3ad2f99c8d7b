/** Tasklets and channels of the facade, as what schedules them sees them: the classes lie above it. */
import type { Op } from '../../core/loop/op.js'
import type { Seat } from './seat.js'

/** A tasklet. */
export interface Runnable {
  tempval: unknown
  blockTrap: boolean
  /** Where it is linked: the ring, or the queue of a channel. */
  before: Runnable | null
  after: Runnable | null
  inRing: boolean
  waitsOn: WaitQueue | null
  /** 1 where it waits to send, -1 to receive. */
  direction: number
  /** Whether it waits for an operation of the core. */
  away: boolean
  /** What it performed when it switched away. */
  node: { resume(parcel: unknown): void } | null
  readonly seat: Seat | null
  /** Its `World`. */
  readonly world: object | null
  readonly alive: boolean
  readonly next: Runnable | null
  readonly scheduled: boolean
  insert(): unknown
  remove(): unknown
  kill(): Op<unknown>
  bind(): unknown
  resume(): void
  takeTempval(): unknown
}

/** Something that a tasklet can wait in, other than the ring. */
export interface WaitQueue {
  enter(t: Runnable): void
  leave(t: Runnable): void
}

/** A channel. */
export interface AnyChannel extends WaitQueue {
  readonly balance: number
  readonly closing: boolean
  readonly closed: boolean
  readonly queue: Runnable | null
  preference: number
}
