import type { RawData, WebSocket } from 'ws'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { registered } from '../../core/loop/callback.js'
import { whenSettled } from '../../core/loop/latched.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { DemandChannel } from '../shared/bridge/demand-channel.js'
import { claiming } from '../shared/bridge/receiver.js'
import { asFailure } from '../shared/bridge/source-error.js'
import { assertWebSocket, type CloseWith, close, closeFor, isClosed, readAway, terminate, whenClosed } from './peer.js'

/** Options of `toChannel`. */
export interface ToChannelOptions<T> {
  /** How many messages are kept for a receiver that is not there yet. Default 0. */
  capacity?: number
  /**
   * Makes a value from a message: text comes as a string, binary as a Buffer (or as the `binaryType` of the WebSocket
   * says). An error that it throws ends the channel, and closes the WebSocket with 1007. Default: the message as it
   * is.
   */
  decode?: (message: string | Buffer) => T
  /** The status to close with when the channel is cancelled with an error. Default: 1011, and the message of the error. */
  closeWith?: CloseWith
  /** A name for descriptions and dumps. */
  name?: string
}

/**
 * Returns the messages of a WebSocket as a channel: text as strings, binary as Buffers. If a message comes for which
 * there is no room, the WebSocket is paused until the message has been received; TCP then slows down the peer. The
 * messages of one read of the socket (64 KiB) are kept beyond `capacity`. A paused WebSocket answers no ping and
 * notices no close: both come behind the messages.
 *
 * A WebSocket does not wait for listeners: make the bridge in the place where it is connected, such as the
 * `connection` handler of a server. The codes 1000, 1001 and no code (1005) close the channel. Every other code
 * closes it with a `WebSocketClosed` error, after the messages received before; so does a connection that fails or
 * breaks. Cancelling the channel closes the WebSocket: with 1000; for an error, with the status of `closeWith`. There
 * is no half-close.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, the WebSocket is terminated, and
 * receivers get `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for anything except a WebSocket of `ws` and for a wrong
 * capacity, `ALREADY_CONSUMED` for a WebSocket that has been bridged, `SCOPE_CLOSED` if the scope has ended.
 * Semantics: `ws` 8, RFC 6455.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import type { AddressInfo } from 'node:net'
 * import * as ws from 'syncless/ws'
 * import { WebSocket, WebSocketServer } from 'ws'
 *
 * const server = new WebSocketServer({ port: 0 })
 * server.on('connection', socket => {
 *   socket.send('{"price":10}')
 *   socket.send('{"price":11}')
 *   socket.close()
 * })
 * await once(server, 'listening')
 *
 * const { port } = server.address() as AddressInfo
 * const prices = ws.toChannel(new WebSocket(`ws://localhost:${port}`), {
 *   decode: (text): { price: number } => JSON.parse(String(text)),
 * })
 * const seen: number[] = []
 * for await (const { price } of prices) seen.push(price)
 * assert.deepEqual(seen, [10, 11])
 * server.close()
 * ```
 */
export function toChannel<T = string | Buffer>(ws: WebSocket, options: ToChannelOptions<T> = {}): Receiver<T> {
  assertOptions('ws.toChannel()', options)
  assertWebSocket(ws, 'toChannel')
  const what = options.name ?? 'WebSocket'
  return claiming(ws, `the WebSocket "${what}"`, () => new Inbox(ws, what, options).values)
}

/** The listeners that fill a channel. */
class Inbox<T> {
  readonly values: DemandChannel<T>
  readonly #ws: WebSocket
  readonly #decode: (message: string | Buffer) => T

  constructor(ws: WebSocket, name: string, { capacity = 0, decode = asItIs, closeWith }: ToChannelOptions<T>) {
    this.#ws = ws
    this.#decode = decode === asItIs ? decode : registered(decode)
    const closing = closeWith === undefined ? undefined : registered(closeWith)
    const values = new DemandChannel<T>(capacity, name, () => {
      // Not before all has been received that the last read brought.
      if (ws.isPaused && values.buffered <= capacity) ws.resume()
    })
    this.values = values
    const release = bondToScope(`the bridge "${name}"`, error => {
      values.close(error)
      terminate(ws)
    })
    ws.on('message', this.#onMessage)
    const stop = whenClosed(ws, error => values.close(error ?? undefined))
    whenSettled(values.ended, end => {
      release()
      ws.off('message', this.#onMessage)
      stop()
      if (end.by !== 'cancel') return
      closeFor(ws, end.reason, closing)
      readAway(ws)
    })
    if (isClosed(ws)) {
      values.close(new SynclessError('WEBSOCKET_CLOSED', `the WebSocket "${name}" was closed before it was bridged`))
    }
  }

  readonly #onMessage = (data: RawData, isBinary: boolean): void => {
    const { values } = this
    // A message that is being emitted still reaches listeners that were removed meanwhile.
    if (values.closed) return
    try {
      const value = this.#decode(isBinary ? (data as Buffer) : data.toString())
      if (values.trySend(value) !== 'full') return
      values.force(value)
      this.#ws.pause()
    } catch (error) {
      values.close(asFailure(error, `the WebSocket "${values.name}"`))
      close(this.#ws, { code: 1007, reason: 'a message that cannot be decoded' })
      readAway(this.#ws)
    }
  }
}

const asItIs = <T>(message: string | Buffer): T => message as T
