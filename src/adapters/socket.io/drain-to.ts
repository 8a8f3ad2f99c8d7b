import { assertOptions } from '../../core/base/arguments.js'
import { messageOf } from '../../core/base/error-text.js'
import { isTaskletExit, SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { go } from '../../core/scope/go.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { countLost } from '../shared/bridge/lost.js'
import { assertReceiver, claiming } from '../shared/bridge/receiver.js'
import { type Awaited, Outlet } from './outlet.js'
import { assertEmitted, assertEvent, type EmitTarget, isSocket } from './sockets.js'
import { assertWindow } from './to-channel.js'

/** Options of `drainTo`. */
export interface DrainToOptions<T> {
  /** The arguments to emit for a value. Default: the value. */
  map?: (value: T) => readonly unknown[]
  /**
   * Emits with an acknowledgement, and receives the next value when fewer than `window` events are outstanding. A room
   * has acknowledged when all its sockets have.
   */
  ack?: Awaited
  /**
   * Drops what the connection cannot take now; on a socket, this is counted in the statistics of the channel. Not
   * together with `ack`. Default false.
   */
  volatile?: boolean
  /** The event to emit at the end of the channel. Default: none. */
  end?: string
  /** The event to emit, with the message, when the channel fails or the tasklet is killed. Default: none. */
  error?: string
  /** The event by which the peer says that it wants nothing more; its first argument is the reason. Only of a socket. */
  until?: string
  /** On the client: whether it goes on after a loss of the connection when the client connects again. Default false. */
  reconnects?: boolean
}

/**
 * Emits what a channel receives: to a socket, on the server or the client, to a room (`io.to('room')`), a namespace
 * or a server. A socket of the server is held back by its connection: the next value is received when it has taken
 * over the one before. With `ack`, the peers hold it back. Without, a client and a room cannot; nor is anything held
 * back that is `volatile`. A client that is not connected yet is waited for.
 *
 * The tasklet returns `'ended'` when the channel has, and everything was acknowledged, if that was asked for; and
 * `'left'` when the peer has emitted `until`, or one of the two sides disconnected the socket: the channel is then
 * cancelled, even while it is empty. The socket stays connected.
 *
 * The tasklet fails with the error of the channel, with what `map` throws, with a `SocketDisconnected` error if the
 * connection was lost, and with `TIMEOUT` if an acknowledgement did not come in time; the latter are the reason of
 * the channel's cancel. Join it, or let its scope handle the error. Throws `ALREADY_CONSUMED` if another bridge reads
 * the channel, `INVALID_ARGUMENT` for what cannot be emitted to, and for wrong options. Semantics: Socket.IO 4,
 * `emit`, `volatile`, acknowledgements.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import type { AddressInfo } from 'node:net'
 * import { Server } from 'socket.io'
 * import { io } from 'socket.io-client'
 * import { channel } from 'syncless'
 * import * as sio from 'syncless/socket.io'
 *
 * const http = createServer().listen(0)
 * const server = new Server(http)
 * const jobs = channel<number>()
 * server.on('connection', async socket => {
 *   assert.equal(await sio.drainTo(jobs, socket, 'job', { ack: { timeout: 5000 }, end: 'done' }), 'ended')
 *   server.close()
 * })
 * await once(http, 'listening')
 *
 * const seen: number[] = []
 * const client = io(`http://localhost:${(http.address() as AddressInfo).port}`, { transports: ['websocket'] })
 * client.on('job', (job: number, done: () => void) => {
 *   seen.push(job)
 *   done()
 * })
 * client.on('done', () => client.disconnect())
 * for (const job of [1, 2]) await jobs.send(job)
 * jobs.close()
 * await new Promise<void>(resolve => client.on('disconnect', () => resolve()))
 * assert.deepEqual(seen, [1, 2])
 * ```
 */
export function drainTo<T>(
  receiver: Receiver<T>,
  target: EmitTarget,
  event: string,
  options: DrainToOptions<T> = {},
): Tasklet<'ended' | 'left'> {
  assertOptions('drainTo()', options)
  assertReceiver(receiver, 'drainTo()')
  assertTarget(target)
  assertEmitted(event, 'drainTo()')
  assertDrainOptions(target, options)
  const { map = asItIs, ack, volatile = false, end, error, until, reconnects = false } = options
  let failure: unknown
  const drain = function* drain(): Co<'ended' | 'left'> {
    try {
      for (;;) {
        yield* outlet.room()
        const step = yield* receiver.next()
        if (step.done) break
        // One that was taken in the turn in which the socket went is as lost as one that is volatile and finds no room.
        if (outlet.over || !outlet.emit(map(step.value))) countLost(receiver)
        if (outlet.over) break
      }
      yield* outlet.acknowledged()
      if (outlet.over) outlet.check()
      else outlet.tell(end)
      return outlet.over ? 'left' : 'ended'
    } catch (thrown) {
      failure = thrown
      throw thrown
    }
  }
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, () => go(drain))
  tasklet.name = `drain "${receiver.name}" into the event "${event}"`
  const outlet = new Outlet(target, event, { ack, volatile, until, reconnects }, reason => receiver.cancel(reason))
  // Not in the generator: a tasklet that is killed before its first turn never runs.
  whenSettled(tasklet.gone, () => {
    const killed = tasklet.state === 'killed'
    receiver.cancel(isTaskletExit(failure) ? undefined : failure)
    outlet.clear()
    if (outlet.over) return
    if (killed) outlet.tell(error, `${tasklet.name} was killed`)
    else if (failure !== undefined) outlet.tell(error, messageOf(failure))
  })
  return tasklet
}

function assertTarget(value: unknown): void {
  const target: Partial<EmitTarget> = Object(value)
  // It is not read: to read `volatile` of a socket makes its next event, whoever's that is, a volatile one.
  if ('volatile' in target && typeof target.emit === 'function') return
  throw new SynclessError('INVALID_ARGUMENT', 'drainTo() takes a socket, a room or a namespace of Socket.IO')
}

function assertDrainOptions<T>(target: EmitTarget, options: DrainToOptions<T>): void {
  const { ack, volatile, until, end, error } = options
  for (const name of [end, error]) if (name !== undefined) assertEmitted(name, 'drainTo()')
  if (until !== undefined) assertEvent(until, 'drainTo()')
  if (ack !== undefined) {
    const { timeout, window = 1 }: Partial<Awaited> = Object(ack)
    assertWindow(window)
    if (!(typeof timeout === 'number' && timeout > 0)) {
      throw new SynclessError('INVALID_ARGUMENT', 'ack takes a timeout in milliseconds: { timeout: 5000 }')
    }
    if (volatile === true)
      throw new SynclessError('INVALID_ARGUMENT', 'leave out volatile or ack: peers do not acknowledge volatile events')
  }
  if (until !== undefined && !isSocket(target)) {
    throw new SynclessError('INVALID_ARGUMENT', 'use until only with a socket: a room cannot leave')
  }
}

const asItIs = <T>(value: T): readonly unknown[] => [value]
