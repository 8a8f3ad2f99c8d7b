import type { Transferable } from 'node:worker_threads'
import { assertOptions } from '../../core/base/arguments.js'
import type { Receiver, Sender } from '../../core/channel/channel.js'
import { assertCapacity } from '../shared/bridge/demand-channel.js'
import { outgoing } from '../shared/bridge/outgoing-half.js'
import { drainTo } from './drain-to.js'
import type { Port } from './endpoint.js'
import { linkOf } from './link.js'
import { checkedTopic, type TopicOption } from './options.js'
import { toChannel } from './to-channel.js'

/** Options of `connect`. */
export interface ConnectOptions<O> extends TopicOption {
  /** The window of `incoming`, see `toChannel`, default 16; and how many values `outgoing` buffers, default 0. */
  capacity?: number
  /**
   * Returns the parts of a value that are moved to the other thread instead of copied. Not for processes. Default:
   * none.
   */
  transfer?: (value: O) => readonly Transferable[]
  /** A name for descriptions and dumps. */
  name?: string
}

/** The two channels of a port. */
export interface Connection<I, O> {
  /** The values that the other side sends, as from `toChannel`. */
  readonly incoming: Receiver<I>
  /** The sender whose values go to the other side, as by `drainTo`. */
  readonly outgoing: Sender<O>
}

/**
 * Connects to the other side of a port, which must use `connect`, or `toChannel` and `drainTo`, of this package. The
 * two directions end independently, and behave as described at `toChannel` and `drainTo`. If `drainTo` would fail,
 * the sender gets the error as the cause of its `CHANNEL_CANCELLED`.
 *
 * Both belong to the scope in which they are made. The scope does not wait for them. Throws `INVALID_ARGUMENT` for
 * anything except a port and for wrong options, `ALREADY_CONSUMED` if either direction of the topic is in use,
 * `SCOPE_CLOSED` if the scope has ended.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { MessageChannel } from 'node:worker_threads'
 * import { go } from 'syncless'
 * import * as worker from 'syncless/worker'
 *
 * const { port1, port2 } = new MessageChannel()
 * const server = worker.connect<number, number>(port2)
 * go(function* () {
 *   yield* server.incoming.each(n => server.outgoing.send(n * 2))
 *   server.outgoing.close()
 * })
 * const client = worker.connect<number, number>(port1)
 * await client.outgoing.send(21)
 * assert.equal(await client.incoming.receive(), 42)
 * client.outgoing.close()
 * assert.deepEqual(await client.incoming.next(), { done: true, value: undefined })
 * ```
 */
export function connect<I, O>(port: Port, options: ConnectOptions<O> = {}): Connection<I, O> {
  assertOptions('worker.connect()', options)
  const link = linkOf(port, 'worker.connect()')
  const topic = checkedTopic(options, 'worker.connect()')
  const { capacity, transfer, name = topic || 'port' } = options
  if (capacity !== undefined) assertCapacity(capacity)
  link.assertFree('receive', topic)
  link.assertFree('send', topic)
  const incoming = toChannel<I>(port, { topic, name, ...(capacity === undefined ? {} : { capacity }) })
  const send = (receiver: Receiver<O>) =>
    drainTo(receiver, port, { topic, ...(transfer === undefined ? {} : { transfer }) })
  return { incoming, outgoing: outgoing<O>(name, capacity ?? 0, send) }
}
