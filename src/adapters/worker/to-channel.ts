import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { ChannelEnd, Receiver } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { DemandChannel } from '../shared/bridge/demand-channel.js'
import { asFailure } from '../shared/bridge/source-error.js'
import { decodeError, encodeError } from './encoded-error.js'
import type { Port } from './endpoint.js'
import { type Down, newId, now } from './frames.js'
import { type End, type Link, linkOf } from './link.js'
import { checkedTopic, type TopicOption } from './options.js'

/** Options of `toChannel`. */
export interface ToChannelOptions extends TopicOption {
  /**
   * The window: how many values may be under way or in the buffer while nobody receives. Default 16. With 0 the other
   * side sends a value only when somebody receives, which costs one round trip for each value.
   */
  capacity?: number
  /** A name for descriptions and dumps. */
  name?: string
}

/**
 * Returns the values that the other side of a port drains to it, with `drainTo` or `connect` of this package, as a
 * channel. The other side sends only as many values as this side allows, so that a slow receiver makes the other
 * side's channel wait.
 *
 * The end of the other side's channel closes this one. An error of that channel closes it with a similar error, as
 * far as a copy can be: see docs/bridges/worker.md. If the other side goes without a message (the port is closed, the
 * worker or the process ends, the IPC channel is disconnected), the channel closes with `PEER_GONE`, after the values
 * that have arrived. If a worker died of an error, that error is the cause. Cancelling the channel cancels the other
 * side's channel, with the reason.
 *
 * Other messages on the port are not touched. A port with a listener keeps the process alive, as always, and
 * `port.unref()` works as always. The bridge belongs to the scope in which it is made: when the scope is cancelled,
 * the bridge ends, and receivers get `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for anything except a port and for
 * wrong options, `ALREADY_CONSUMED` if the topic is received from already, `SCOPE_CLOSED` if the scope has ended.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Worker } from 'node:worker_threads'
 * import * as worker from 'syncless/worker'
 *
 * const thread = new Worker(
 *   `import('syncless').then(async ({ channel, go }) => {
 *     const { drainTo } = await import('syncless/worker')
 *     const squares = channel()
 *     drainTo(squares, require('node:worker_threads').parentPort)
 *     go(function* () {
 *       for (const n of [1, 2, 3]) yield* squares.send(n * n)
 *       squares.close()
 *     })
 *   })`,
 *   { eval: true },
 * )
 * const seen: number[] = []
 * for await (const square of worker.toChannel<number>(thread)) seen.push(square)
 * assert.deepEqual(seen, [1, 4, 9])
 * ```
 */
export function toChannel<T>(port: Port, options: ToChannelOptions = {}): Receiver<T> {
  assertOptions('worker.toChannel()', options)
  const link = linkOf(port, 'worker.toChannel()')
  const topic = checkedTopic(options, 'worker.toChannel()')
  const { capacity = 16, name = topic || 'port' } = options
  return new Incoming<T>(link, topic, capacity, name).values
}

/** The receiving end of a bridge. */
class Incoming<T> implements End<Down> {
  readonly values: DemandChannel<T>
  readonly #link: Link
  readonly #topic: string
  readonly #id = newId()
  #sender: number | null = null
  /** How many values the sender may have sent, and how many have come. */
  #allowed = 0
  #arrived = 0
  /** Whether the other side knows that this has ended. */
  #known = false

  constructor(link: Link, topic: string, capacity: number, name: string) {
    this.#link = link
    this.#topic = topic
    link.assertFree('receive', topic)
    this.values = new DemandChannel<T>(capacity, name, () => this.#allow())
    const release = bondToScope(`the bridge "${name}"`, error => this.values.close(error))
    const detach = link.receive(topic, this)
    whenSettled(this.values.ended, end => {
      release()
      if (!this.#known) this.#cancel(end)
      detach()
    })
    link.post(topic, { kind: 'here', receiver: this.#id })
  }

  frame(frame: Down): void {
    if (frame.receiver !== this.#id && frame.receiver !== null) return
    if (frame.kind === 'hello') this.#greet(frame.sender)
    if (frame.sender !== this.#sender) return
    switch (frame.kind) {
      case 'value':
        if (++this.#arrived > this.#allowed) {
          this.values.close(
            new SynclessError('OVERFLOW', `"${this.values.name}" got more values than it had asked for`),
          )
          return
        }
        // Whoever it was allowed for may have left: it is kept then, beyond the capacity, for the next receiver.
        if (this.values.trySend(frame.value as T) === 'full') this.values.force(frame.value as T)
        this.#allow()
        return
      case 'end':
        this.#known = true
        this.#link.post(this.#topic, { kind: 'done', sender: frame.sender, receiver: this.#id })
        this.values.close()
        return
      case 'fail':
        this.#known = true
        this.values.close(asFailure(decodeError(frame.error), `"${this.values.name}"`))
        return
    }
  }

  gone(error: SynclessError): void {
    this.#known = true
    this.values.close(error)
  }

  lost(error: unknown): void {
    this.values.close(error)
  }

  #greet(sender: number): void {
    if (sender !== this.#sender) {
      this.#sender = sender
      this.#allowed = 0
      this.#arrived = 0
    }
    // Also where nothing is wanted yet: it tells the sender that this one is there.
    if (!this.#allow()) this.#tell(sender)
  }

  /** Allows more values, if there is enough room to be worth a message, or the other side may send none. */
  #allow(): boolean {
    const { values } = this
    const underway = this.#allowed - this.#arrived
    const more = values.capacity - values.buffered + values.receivers.length - underway
    if (this.#sender === null || values.closed || more <= 0) return false
    if (underway > 0 && more < values.capacity / 2) return false
    this.#allowed += more
    this.#tell(this.#sender)
    return true
  }

  #tell(sender: number): void {
    this.#link.post(this.#topic, { kind: 'allow', sender, receiver: this.#id, total: this.#allowed })
  }

  #cancel(end: ChannelEnd): void {
    const reason = encodeError(end.by === 'cancel' ? end.reason : undefined)
    const [sender, receiver] = [this.#sender, this.#id]
    this.#link.post(this.#topic, { kind: 'cancel', sender, receiver, at: now(), reason })
  }
}
