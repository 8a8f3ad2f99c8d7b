import { types } from 'node:util'
import { SynclessError, TimeoutError } from '../../core/base/errors.js'
import { Latch } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { action } from '../../core/ops/action.js'
import { select } from '../../core/ops/select.js'
import { timerDelay } from '../../core/ops/sleep.js'
import { Listeners } from '../shared/bridge/listeners.js'
import { listenShared } from '../shared/bridge/shared-listeners.js'
import { listen, whenDisconnected } from './disconnected.js'
import { type AnySocket, type EmitTarget, isSocket } from './sockets.js'

/** When one waits for the acknowledgements of a peer. */
export interface Awaited {
  /** Within how many milliseconds each event has to be acknowledged. */
  timeout: number
  /** How many events may be outstanding. Default 1. */
  window?: number
}

export interface OutletOptions {
  readonly ack: Awaited | undefined
  readonly volatile: boolean
  readonly until: string | undefined
  readonly reconnects: boolean
}

/** What is emitted to, with operations for what one has to wait for. */
export class Outlet {
  readonly #target: EmitTarget
  readonly #socket: AnySocket | null
  readonly #event: string
  readonly #ack: Awaited | null
  readonly #volatile: boolean
  readonly #listeners = new Listeners()
  readonly #over = new Latch<void>('end of a socket')
  readonly #onOver: (reason: unknown) => void
  /** The timers of the events that are not acknowledged. */
  readonly #outstanding = new Map<object, NodeJS.Timeout | null>()
  /** Whether the connection has not handed on what was written last. */
  #held = false
  #changed: () => void = () => {}
  #reason: unknown

  /** Calls `onOver` in the turn in which nothing more is wanted, with the error if there is one. */
  constructor(target: EmitTarget, event: string, options: OutletOptions, onOver: (reason: unknown) => void) {
    this.#target = target
    this.#socket = isSocket(target) ? target : null
    this.#event = event
    this.#ack = options.ack ?? null
    this.#volatile = options.volatile
    this.#onOver = onOver
    if (this.#socket !== null) this.#watch(this.#socket, options)
  }

  /** Whether nothing more is wanted. */
  get over(): boolean {
    return this.#over.settled
  }

  /** Waits until an event may be emitted, or nothing more is wanted. */
  *room(): Co<void> {
    const window = this.#ack?.window ?? 1
    while (!this.over && (this.#held || this.#connecting() || this.#outstanding.size >= window)) yield* this.#change()
  }

  /** Waits until everything is acknowledged. */
  *acknowledged(): Co<void> {
    while (!this.over && this.#outstanding.size > 0) yield* this.#change()
  }

  /** Throws the error because of which nothing more is wanted, if there is one. */
  check(): void {
    if (this.#reason instanceof SynclessError) throw this.#reason
  }

  /** Emits the event; false if it was volatile and could not be. */
  emit(args: readonly unknown[]): boolean {
    if (this.#volatile) return this.#emitVolatile(args)
    if (this.#ack === null) {
      // The connection may tell from within that it has handed it on.
      this.#held = this.#socket?.conn !== undefined
      this.#target.emit(this.#event, ...args)
      return true
    }
    if (this.#socket === null) this.#emitToRoom(args, this.#ack.timeout)
    else this.#emitAwaited(this.#socket, args, this.#ack.timeout)
    return true
  }

  /** Emits another event, such as that of the end. */
  tell(event: string | undefined, ...args: readonly unknown[]): void {
    if (event !== undefined && this.#socket?.connected !== false) this.#target.emit(event, ...args)
  }

  /** Removes the listeners and the timers. */
  clear(): void {
    this.#listeners.clear()
    for (const timer of this.#outstanding.values()) if (timer !== null) clearTimeout(timer)
    this.#outstanding.clear()
  }

  #watch(socket: AnySocket, { until, reconnects }: OutletOptions): void {
    const { conn } = socket
    whenDisconnected(socket, this.#listeners, reconnects, (why, wished) => this.#leave(wished ? undefined : why))
    if (until !== undefined) listen(this.#listeners, socket, until, (reason?: unknown) => this.#leave(reason))
    if (conn === undefined) listenShared(this.#listeners, socket, 'connect', () => this.#changed())
    else if (!socket.connected) this.#leave(undefined)
    else {
      listenShared(this.#listeners, conn, 'drain', () => {
        this.#held = false
        this.#changed()
      })
    }
  }

  #leave(reason: unknown): void {
    if (this.over) return
    this.#reason = reason ?? undefined
    this.#over.resolve()
    this.#onOver(this.#reason)
  }

  #connecting(): boolean {
    return this.#socket !== null && !this.#socket.connected
  }

  #emitVolatile(args: readonly unknown[]): boolean {
    const socket = this.#socket
    if (socket === null) {
      ;(this.#target as AnySocket).volatile.emit(this.#event, ...args)
      return true
    }
    // The same that Socket.IO looks at.
    const transport = socket.conn?.transport ?? socket.io?.engine?.transport
    if (transport?.writable !== true || !socket.connected) return false
    socket.volatile.emit(this.#event, ...args)
    return true
  }

  /** With a timer of its own: Socket.IO does not clear that of a socket which is disconnected. */
  #emitAwaited(socket: AnySocket, args: readonly unknown[], timeout: number): void {
    const timer = setTimeout(() => this.#late(timeout), timerDelay(timeout))
    this.#outstanding.set(timer, timer)
    socket.emit(this.#event, ...args, (refused?: unknown) => {
      // A client with `ackTimeout` or `retries` has given up: nobody has acknowledged anything.
      if (types.isNativeError(refused)) return
      clearTimeout(timer)
      this.#outstanding.delete(timer)
      this.#changed()
    })
  }

  #emitToRoom(args: readonly unknown[], timeout: number): void {
    const room = this.#target as unknown as { timeout(ms: number): EmitTarget }
    const emitted = {}
    this.#outstanding.set(emitted, null)
    room.timeout(timerDelay(timeout)).emit(this.#event, ...args, (error: Error | null) => {
      this.#outstanding.delete(emitted)
      if (error) this.#late(timeout)
      this.#changed()
    })
  }

  #late(timeout: number): void {
    this.#leave(new TimeoutError(timeout, `the acknowledgement of "${this.#event}"`))
  }

  *#change(): Co<void> {
    const changed = action<void>(resolve => {
      this.#changed = resolve
      return () => {
        this.#changed = () => {}
      }
    }, `room for "${this.#event}"`)
    yield* select({ changed, over: this.#over })
  }
}
