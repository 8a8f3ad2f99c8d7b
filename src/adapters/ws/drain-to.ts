import type { WebSocket } from 'ws'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { registered } from '../../core/loop/callback.js'
import { whenSettled } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { go } from '../../core/scope/go.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { countLost } from '../shared/bridge/lost.js'
import { assertReceiver, claiming } from '../shared/bridge/receiver.js'
import { type Message, Outlet } from './outlet.js'
import { assertWebSocket, type CloseWith, closeFor, terminate } from './peer.js'

/** Options of `drainTo`. */
export interface DrainToOptions<T> {
  /** Makes a message of a value: a string is sent as text, bytes as binary. Without it, values are sent as they are. */
  encode?: (value: T) => Message
  /**
   * How many bytes the WebSocket may buffer (its `bufferedAmount`, with what others send) when the next value is
   * received. Default 65536.
   */
  highWaterMark?: number
  /** The status to close with when the channel fails. Default: 1011, and the message of the error. */
  closeWith?: CloseWith
  /**
   * Whether the WebSocket is closed when the channel ends or fails, and terminated when the tasklet is killed. Default
   * true. With false it stays open.
   */
  end?: boolean
}

/**
 * Sends the values of a channel to a WebSocket, client or server side, and first waits until a connecting WebSocket
 * is open. It receives only while the WebSocket buffers at most `highWaterMark` bytes, so that a slow peer slows down
 * the producer.
 *
 * The tasklet returns `'ended'` when the channel has ended, the WebSocket was closed with 1000 and the peer has
 * answered that (with `end: false`: when everything was handed to the system). It returns `'left'` if the peer closed
 * the WebSocket before with 1000, 1001 or no code, or if it was closed already: the channel is then cancelled, even
 * while it is empty.
 *
 * The tasklet fails with the error of the channel or of `encode`; `closeWith` then decides how the WebSocket is
 * closed. It fails with a `WebSocketClosed` error for every other close code and for a broken connection; the channel
 * is cancelled with that error. Join it, or let its scope handle the error. A kill cancels the channel and terminates
 * the WebSocket. Throws `ALREADY_CONSUMED` if another bridge reads the channel, `INVALID_ARGUMENT` for anything
 * except a WebSocket of `ws`. Semantics: `ws` 8, RFC 6455.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import type { AddressInfo } from 'node:net'
 * import { channel } from 'syncless'
 * import * as ws from 'syncless/ws'
 * import { WebSocket, WebSocketServer } from 'ws'
 *
 * const prices = channel<{ price: number }>(1)
 * const server = new WebSocketServer({ port: 0 })
 * server.on('connection', socket => ws.drainTo(prices, socket, { encode: JSON.stringify }))
 * await once(server, 'listening')
 *
 * const { port } = server.address() as AddressInfo
 * const client = new WebSocket(`ws://localhost:${port}`)
 * client.on('message', data => assert.equal(String(data), '{"price":10}'))
 * await prices.send({ price: 10 })
 * prices.close()
 * const [code] = await once(client, 'close')
 * assert.equal(code, 1000)
 * server.close()
 * ```
 */
export function drainTo<T>(
  receiver: Receiver<T>,
  ws: WebSocket,
  options: DrainToOptions<T> = {},
): Tasklet<'ended' | 'left'> {
  assertOptions('ws.drainTo()', options)
  assertReceiver(receiver, 'ws.drainTo()')
  assertWebSocket(ws, 'drainTo')
  const { encode, end = true, highWaterMark = 65_536, closeWith } = options
  const closing = closeWith === undefined ? undefined : registered(closeWith)
  assertHighWaterMark(highWaterMark)
  let done = false
  let failure: unknown
  const drain = function* drain(): Co<'ended' | 'left'> {
    try {
      const sent = yield* sendAll(receiver, outlet, encode)
      if (sent && end) yield* outlet.close()
      const ended = sent && (end || (yield* outlet.flushed()))
      if (!ended) yield* outlet.closed()
      done = true
      return ended ? 'ended' : 'left'
    } catch (error) {
      failure = error
      throw error
    }
  }
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, () => go(drain))
  const outlet = new Outlet(ws, highWaterMark, error => receiver.cancel(error ?? undefined))
  tasklet.name = `drain "${receiver.name}" into a WebSocket`
  // Not in the generator: a tasklet that is killed before its first turn never runs.
  whenSettled(tasklet.gone, () => {
    const killed = tasklet.state === 'killed'
    receiver.cancel(killed ? undefined : failure)
    if (end && killed) terminate(ws)
    else if (end && !done) closeFor(ws, failure, closing)
    outlet.unwatch()
  })
  return tasklet
}

/** Sends until the channel has ended; false if the WebSocket was over before. */
function* sendAll<T>(receiver: Receiver<T>, outlet: Outlet, encode: ((value: T) => Message) | undefined): Co<boolean> {
  yield* outlet.opened()
  for (;;) {
    yield* outlet.room()
    if (outlet.over) return false
    const step = yield* receiver.next()
    if (outlet.over && !step.done) countLost(receiver)
    if (outlet.over) return false
    if (step.done) return true
    outlet.send(encode === undefined ? (step.value as Message) : encode(step.value))
  }
}

/** Throws `INVALID_ARGUMENT` unless it is a number of bytes. */
export function assertHighWaterMark(value: unknown): void {
  if (typeof value === 'number' && value >= 0) return
  throw new SynclessError('INVALID_ARGUMENT', `highWaterMark is a number of bytes, 0 or more; got ${String(value)}`)
}
