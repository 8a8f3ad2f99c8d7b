import type { WebSocket } from 'ws'
import { assertOptions } from '../../core/base/arguments.js'
import { channel, type Receiver, type Sender } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import { enterScope, Scope } from '../../core/scope/scope.js'
import { assertHighWaterMark, type DrainToOptions, drainTo } from './drain-to.js'
import { assertWebSocket } from './peer.js'
import { type ToChannelOptions, toChannel } from './to-channel.js'

/** Options of `connect`. */
export interface ConnectOptions<I, O> extends ToChannelOptions<I>, Omit<DrainToOptions<O>, 'end'> {}

/** The two channels of a WebSocket. */
export interface Connection<I, O> {
  /** The messages of the peer, as from `toChannel`. */
  readonly incoming: Receiver<I>
  /** The sender whose values go to the peer, as by `drainTo`. */
  readonly outgoing: Sender<O>
}

/**
 * Connects to a WebSocket, client or server side: `incoming` receives the peer's messages, and values sent to
 * `outgoing` go to the peer. Each side has the backpressure described at `toChannel` and `drainTo`. `outgoing`
 * buffers nothing: a send waits until there is room.
 *
 * Closing `outgoing` closes the WebSocket with 1000, or with 1011 for an error. `incoming` goes on until the peer has
 * answered, for which `ws` allows 30 seconds. Cancelling `incoming` closes the WebSocket, too, and cancels
 * `outgoing`, because WebSockets have no half-close. When the peer closes the WebSocket, `incoming` ends and
 * `outgoing` is cancelled; the reason is the `WebSocketClosed` error, if the close is one.
 *
 * Both belong to the scope in which they are made. The scope does not wait for them, and terminates the WebSocket
 * when it is cancelled. Throws as `toChannel` does, and `INVALID_ARGUMENT` for a wrong `highWaterMark`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import type { AddressInfo } from 'node:net'
 * import { go } from 'syncless'
 * import * as ws from 'syncless/ws'
 * import { WebSocket, WebSocketServer } from 'ws'
 *
 * const server = new WebSocketServer({ port: 0 })
 * server.on('connection', socket => {
 *   const { incoming, outgoing } = ws.connect(socket)
 *   go(function* () {
 *     yield* incoming.each(word => outgoing.send(`${word}!`))
 *   })
 * })
 * await once(server, 'listening')
 *
 * const { port } = server.address() as AddressInfo
 * const { incoming, outgoing } = ws.connect<string>(new WebSocket(`ws://localhost:${port}`))
 * await outgoing.send('hello')
 * assert.equal(await incoming.receive(), 'hello!')
 * outgoing.close()
 * assert.equal((await incoming.next()).done, true)
 * server.close()
 * ```
 */
export function connect<I = string | Buffer, O = string | Buffer>(
  ws: WebSocket,
  options: ConnectOptions<I, O> = {},
): Connection<I, O> {
  assertOptions('ws.connect()', options)
  assertWebSocket(ws, 'connect')
  if (options.highWaterMark !== undefined) assertHighWaterMark(options.highWaterMark)
  const incoming = toChannel<I>(ws, options)
  const outgoing = channel<O>(0, { name: `to ${incoming.name}` })
  // In a scope of its own: what the tasklet fails with, both channels tell.
  const drain = new Scope({ name: outgoing.name, onFailure: () => {} })
  enterScope(drain, () => drainTo(outgoing, ws, { ...options, end: true }))
  whenSettled(incoming.ended, end => {
    if (end.by === 'cancel') outgoing.cancel(end.reason)
    else if ('error' in end) outgoing.cancel(end.error)
    else outgoing.cancel()
  })
  return { incoming, outgoing }
}
