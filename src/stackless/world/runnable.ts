/** Tasklets and channels of the facade, as their scheduler sees them: the classes lie above it. */
import type { Op } from '../../core/loop/op.js'
import type { Seat } from './seat.js'

/** A tasklet. */
export interface Runnable {
  tempval: unknown
  blockTrap: boolean
  /** Its neighbour in the ring, or in the queue of a channel. */
  before: Runnable | null
  after: Runnable | null
  inRing: boolean
  waitsOn: WaitQueue | null
  /** 1 if the tasklet waits to send, -1 if it waits to receive. */
  direction: number
  /** Whether the tasklet waits for an operation of the core. */
  away: boolean
  /** The operation with which the tasklet switched away. */
  node: { resume(parcel: unknown): void } | null
  readonly seat: Seat | null
  /** The `World` of the tasklet. */
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

/** A place other than the ring in which a tasklet can wait. */
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
