import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { assertOverflow, type Overflow } from '../../core/channel/overflow.js'
import { registered } from '../../core/loop/callback.js'
import { whenSettled } from '../../core/loop/latched.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { assertCapacity } from '../shared/bridge/demand-channel.js'
import { Listeners } from '../shared/bridge/listeners.js'
import { listenShared } from '../shared/bridge/shared-listeners.js'
import { asFailure } from '../shared/bridge/source-error.js'
import { type Acknowledge, AcknowledgingChannel } from './acknowledging-channel.js'
import { listen, SocketDisconnected, whenDisconnected } from './disconnected.js'
import {
  type AnySocket,
  assertEmitted,
  assertEvent,
  isSocket,
  type NamespaceLike,
  namespaceOf,
  type SocketLike,
} from './sockets.js'

/** Options of `toChannel`. */
export interface ToChannelOptions<T> {
  /** How many values are kept for a receiver that is not there yet. */
  capacity: number
  /**
   * What happens to an event for which there is no room, since Socket.IO cannot be paused. With `ack` it is for peers
   * that do not wait for acknowledgements, and is `'error'` by default; else it has to be said.
   */
  overflow?: Overflow
  /**
   * When an event is acknowledged that was emitted with an acknowledgement: with `true`, when a receiver takes the
   * value, so that a peer may have `capacity` events outstanding; with `'buffered'`, when it is among the first
   * `capacity`, behind which `window` more may wait. An event that is dropped is acknowledged with `'dropped'`. Default
   * false: never.
   */
  ack?: boolean | 'buffered'
  /** For `ack: 'buffered'`: how many events that are not acknowledged may wait beyond `capacity`. Default 1. */
  window?: number
  /** Makes a value of the arguments of an event. What it throws ends the channel. Default: the first argument. */
  map?: (...args: never[]) => T
  /** The event by which the peer says that this was all. Default: none, a disconnect is the end. */
  end?: string
  /** The event by which the peer says that it has failed; its first argument is the message. Default: none. */
  error?: string
  /**
   * The event that tells the peer, once, that nothing more is wanted: the channel was cancelled or has overflowed, its
   * scope has ended, or `map` threw. Default: none.
   */
  leave?: string
  /** On the client: whether the channel outlives a loss of the connection after which it connects again. Default false. */
  reconnects?: boolean
  /** A name for descriptions and dumps. */
  name?: string
}

/** For a namespace, which has no end of its own. */
export interface NamespaceToChannelOptions<T>
  extends Omit<ToChannelOptions<T>, 'end' | 'error' | 'leave' | 'reconnects'> {
  /** Takes only events of sockets that are in this room when they come. */
  room?: string
}

/** An event of one of the sockets of a namespace. */
export interface SocketValue<S, T> {
  readonly socket: S
  readonly value: T
}

/**
 * Gives the events of a name as a channel: of a socket, on the server or the client, or of all sockets of a
 * namespace, a server or a room, together with the socket. Several bridges of one event get everything each; the
 * first of them that takes a value acknowledges it.
 *
 * A disconnect that one of the two sides asked for closes the channel, and so does the event `end`; every other
 * reason (`transport close`, `ping timeout`, ...) closes it with a `SocketDisconnected` error, as does a connection
 * that a middleware refuses (`connect_error`), and the event `error` with one of the code `SOURCE_FAILED`. All of it
 * comes after what was received before. Cancelling the channel removes the listeners, and leaves the socket
 * connected.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, receivers get `SCOPE_CLOSED`.
 * Throws `INVALID_ARGUMENT` for anything except a socket or a namespace and for wrong options, `SCOPE_CLOSED` if the
 * scope has ended.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import type { AddressInfo } from 'node:net'
 * import { Server } from 'socket.io'
 * import { io } from 'socket.io-client'
 * import * as sio from 'syncless/socket.io'
 *
 * const http = createServer().listen(0)
 * const server = new Server(http)
 * const seen: string[] = []
 * server.on('connection', async socket => {
 *   const moves = sio.toChannel<string>(socket, 'move', { capacity: 8, ack: true })
 *   for await (const move of moves) seen.push(move)
 *   server.close()
 * })
 * await once(http, 'listening')
 *
 * const client = io(`http://localhost:${(http.address() as AddressInfo).port}`, { transports: ['websocket'] })
 * for (const move of ['e4', 'e5']) await client.emitWithAck('move', move)
 * assert.deepEqual(seen, ['e4', 'e5'])
 * client.disconnect()
 * ```
 */
export function toChannel<T>(socket: SocketLike, event: string, options: ToChannelOptions<T>): Receiver<T>
export function toChannel<T, S = SocketLike>(
  namespace: NamespaceLike<S>,
  event: string,
  options: NamespaceToChannelOptions<T>,
): Receiver<SocketValue<S, T>>
export function toChannel<T>(
  source: unknown,
  event: string,
  options: ToChannelOptions<T> & NamespaceToChannelOptions<T>,
): Receiver<unknown> {
  assertOptions('toChannel()', options)
  const namespace = isSocket(source) ? null : namespaceOf(source)
  if (namespace === null && !isSocket(source)) {
    throw new SynclessError('INVALID_ARGUMENT', 'toChannel() takes a socket, a namespace or a server of Socket.IO')
  }
  assertEvent(event, 'toChannel()')
  const inbox = new Inbox<T>(event, options)
  if (namespace === null) inbox.readSocket(source as AnySocket)
  else inbox.readNamespace(namespace, options.room)
  return inbox.values
}

class Inbox<T> {
  readonly values: AcknowledgingChannel<unknown>
  readonly #event: string
  readonly #options: ToChannelOptions<T>
  readonly #listeners = new Listeners()

  constructor(event: string, options: ToChannelOptions<T>) {
    this.#event = event
    this.#options = options
    this.values = channelFor(event, options)
    const { values } = this
    const release = bondToScope(`the bridge "${values.name}"`, error => values.close(error))
    whenSettled(values.ended, () => {
      release()
      this.#listeners.clear()
    })
  }

  readSocket(socket: AnySocket): void {
    const { end, error, leave, reconnects = false } = this.#options
    let told = false
    const close = (failure?: unknown) => {
      told = true
      this.values.close(failure)
    }
    listen(
      this.#listeners,
      socket,
      this.#event,
      this.#take(socket, value => value),
    )
    if (end !== undefined) listen(this.#listeners, socket, end, () => close())
    if (error !== undefined)
      listen(this.#listeners, socket, error, (message: unknown) => close(failureOf(message, error)))
    whenDisconnected(socket, this.#listeners, reconnects, (why, wished) => close(wished ? undefined : why))
    // On the client, a socket may be bridged before it connects.
    if (socket.io === undefined && !socket.connected) close(new SocketDisconnected('was not connected'))
    if (leave === undefined) return
    whenSettled(this.values.ended, () => {
      if (!told && socket.connected) socket.emit(leave)
    })
  }

  readNamespace(namespace: NonNullable<ReturnType<typeof namespaceOf>>, room: string | undefined): void {
    const readers = new Map<AnySocket, Listeners>()
    const read = (socket: AnySocket) => {
      // It may be there before it is told of; and the children of a dynamic namespace go on telling for ever.
      if (readers.has(socket) || this.values.closed) return
      const own = new Listeners()
      readers.set(socket, own)
      const take = this.#take(socket, value => ({ socket, value }))
      const takeInRoom = (...args: unknown[]) => {
        if (room === undefined || socket.rooms?.has(room)) take(...args)
      }
      const gone = () => {
        own.clear()
        readers.delete(socket)
      }
      listen(own, socket, this.#event, takeInRoom)
      listenShared(own, socket, 'disconnect', gone)
    }
    for (const socket of namespace.sockets.values()) read(socket)
    listenShared(this.#listeners, namespace, 'connection', read)
    whenSettled(this.values.ended, () => {
      for (const own of readers.values()) own.clear()
    })
  }

  /** What takes the arguments of an event. */
  #take(socket: AnySocket, wrap: (value: T) => unknown): (...args: unknown[]) => void {
    const { ack = false } = this.#options
    const map = this.#options.map === undefined ? first : registered(this.#options.map)
    return (...args) => {
      // An event that is being emitted still reaches listeners that were removed meanwhile.
      if (this.values.closed) return
      const answer = typeof args.at(-1) === 'function' ? (args.pop() as (dropped?: string) => void) : null
      const acknowledge: Acknowledge = dropped => {
        if (ack === false || answer === null || !socket.connected) return
        if (dropped === undefined) answer()
        else answer(dropped)
      }
      try {
        this.values.offer(wrap(map(...(args as never[])) as T), acknowledge)
      } catch (error) {
        this.values.close(asFailure(error, `map of "${this.values.name}"`))
      }
    }
  }
}

const acks: readonly unknown[] = [true, 'buffered', false]

function channelFor<T>(event: string, options: ToChannelOptions<T>): AcknowledgingChannel<unknown> {
  if (typeof options !== 'object' || options === null) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      'toChannel() takes options: { capacity, overflow } or { capacity, ack }',
    )
  }
  const { capacity, ack = false, window = 1, name = event, end, error, leave } = options
  for (const listened of [end, error]) if (listened !== undefined) assertEvent(listened, 'toChannel()')
  if (leave !== undefined) assertEmitted(leave, 'toChannel()')
  if (!acks.includes(ack)) {
    throw new SynclessError('INVALID_ARGUMENT', `ack is true, 'buffered' or false; got ${String(ack)}`)
  }
  const overflow = options.overflow === undefined && ack !== false ? 'error' : options.overflow
  assertCapacity(capacity)
  assertOverflow(overflow, capacity)
  if (ack !== 'buffered') return new AcknowledgingChannel(capacity, 0, name, overflow)
  assertWindow(window)
  return new AcknowledgingChannel(capacity + window, capacity, name, overflow)
}

/** Throws `INVALID_ARGUMENT` unless it is a positive whole number. */
export function assertWindow(window: unknown): void {
  if (Number.isSafeInteger(window) && Number(window) > 0) return
  throw new SynclessError('INVALID_ARGUMENT', `window is a positive whole number; got ${String(window)}`)
}

const first = <T>(value: T): T => value

function failureOf(message: unknown, event: string): SynclessError {
  const text = typeof message === 'string' ? message : `the peer emitted "${event}"`
  return new SynclessError('SOURCE_FAILED', text, message === undefined ? undefined : { cause: message })
}
