import type { WebSocket } from 'ws'
import { Latch } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { action } from '../../core/ops/action.js'
import { select } from '../../core/ops/select.js'
import { Listeners } from '../shared/bridge/listeners.js'
import { listenShared } from '../shared/bridge/shared-listeners.js'
import type { WebSocketClosed } from './closed.js'
import { close, isClosed, isConnecting, isOpen, whenClosed } from './peer.js'

/** A message that `ws` can send unchanged: a string as text, the rest as binary. */
export type Message = string | Buffer | ArrayBuffer | ArrayBufferView

/** The sending side of a WebSocket, with operations for what one has to wait for. */
export class Outlet {
  readonly #ws: WebSocket
  readonly #highWaterMark: number
  readonly #over = new Latch<WebSocketClosed | null>('end of a WebSocket')
  readonly #unwatch: () => void
  /** How many messages `ws` has not handed to the system yet. */
  #inFlight = 0
  /** Whether one of them could not be. */
  #lost = false
  #written: () => void = () => {}

  /** Calls `onClosed` in the turn in which the WebSocket is closed. */
  constructor(ws: WebSocket, highWaterMark: number, onClosed: (error: WebSocketClosed | null) => void) {
    this.#ws = ws
    this.#highWaterMark = highWaterMark
    const closed = (error: WebSocketClosed | null) => {
      this.#over.resolve(error)
      onClosed(error)
    }
    this.#unwatch = whenClosed(ws, closed)
    if (isClosed(ws)) closed(null)
  }

  /** Whether nothing can be sent any more; the end may still have to come. */
  get over(): boolean {
    return !isOpen(this.#ws)
  }

  *opened(): Co<void> {
    if (!isConnecting(this.#ws)) return
    const opened = action<void>(resolve => {
      const listeners = new Listeners()
      listenShared(listeners, this.#ws, 'open', () => {
        listeners.clear()
        resolve()
      })
      return () => listeners.clear()
    }, 'connection of a WebSocket')
    yield* select({ opened, over: this.#over })
  }

  /** Waits until the WebSocket buffers no more than `highWaterMark` bytes, or is closed. */
  *room(): Co<void> {
    // Without a message of ours there is nothing that would tell when the others are gone.
    while (this.#inFlight > 0 && this.#ws.bufferedAmount > this.#highWaterMark && !this.over) yield* this.#oneWritten()
  }

  /** Waits until everything has been handed to the system, or the WebSocket is closed; says whether everything was. */
  *flushed(): Co<boolean> {
    while (this.#inFlight > 0 && !this.#over.settled) yield* this.#oneWritten()
    return this.#inFlight === 0 && !this.#lost
  }

  send(message: Message): void {
    this.#inFlight++
    // An error here is followed by the end of the WebSocket, which tells of it.
    this.#ws.send(message, error => {
      // One that was destroyed calls back without an error.
      if (error || this.over) this.#lost = true
      this.#inFlight--
      this.#written()
    })
  }

  /** Closes it normally, and waits until the peer has answered. */
  *close(): Co<void> {
    close(this.#ws, { code: 1000 })
    yield* this.closed()
  }

  /** Waits until it is closed; throws where that was no normal end. */
  *closed(): Co<void> {
    const error = yield* this.#over
    if (error !== null) throw error
  }

  /** Removes the listeners. */
  unwatch(): void {
    this.#unwatch()
  }

  *#oneWritten(): Co<void> {
    const written = action<void>(resolve => {
      this.#written = resolve
      return () => {
        this.#written = () => {}
      }
    }, 'room in a WebSocket')
    yield* select({ written, over: this.#over })
  }
}
