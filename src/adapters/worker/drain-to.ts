import type { Transferable } from 'node:worker_threads'
import { assertOptions } from '../../core/base/arguments.js'
import { isTaskletExit, SynclessError, TaskletKilled } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { answerOf } from '../../core/loop/callback.js'
import { whenSettled } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { action } from '../../core/ops/action.js'
import { go } from '../../core/scope/go.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { countLost } from '../shared/bridge/lost.js'
import { assertReceiver, claiming } from '../shared/bridge/receiver.js'
import { decodeError, encodeError, isError } from './encoded-error.js'
import type { Port } from './endpoint.js'
import { newId, now, type Up } from './frames.js'
import { type End, type Link, linkOf } from './link.js'
import { checkedTopic, type TopicOption } from './options.js'

/** Options of `drainTo`. */
export interface DrainToOptions<T> extends TopicOption {
  /**
   * Returns the parts of a value that are moved to the other thread instead of copied. Not for processes. Default:
   * none.
   */
  transfer?: (value: T) => readonly Transferable[]
}

/**
 * Sends what a channel receives to the other side of a port, where `toChannel` or `connect` of this package receives
 * it: as much as is allowed from there, and nothing before somebody is there. Gives `'ended'` when the other side has
 * got everything and the end, and `'left'` when it wanted no more: the channel is then cancelled, even while it is
 * empty.
 *
 * The tasklet fails with the error of the channel, which goes to the other side too; with an error like the one that
 * the other side has cancelled its channel for, with `PEER_GONE` where that has gone without a word, and with what is
 * thrown for a value that cannot be copied (a `DataCloneError`), each of which is the reason of the channel's cancel.
 * Join it, or let its scope handle the error. A kill cancels the channel, and the other side gets a `TASKLET_KILLED`.
 *
 * Throws `ALREADY_CONSUMED` if another bridge reads the channel, or sends on the topic; `INVALID_ARGUMENT` for
 * anything except a port.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { MessageChannel } from 'node:worker_threads'
 * import { channel } from 'syncless'
 * import * as worker from 'syncless/worker'
 *
 * const { port1, port2 } = new MessageChannel()
 * const images = channel<Uint8Array<ArrayBuffer>>()
 * const drained = worker.drainTo(images, port1, { transfer: image => [image.buffer] })
 * const received = worker.toChannel<Uint8Array>(port2)
 * const image = new Uint8Array([1, 2, 3])
 * await images.send(image)
 * images.close()
 * assert.deepEqual(await received.receive(), new Uint8Array([1, 2, 3]))
 * assert.equal(await drained, 'ended')
 * assert.equal(image.byteLength, 0)
 * port1.close()
 * ```
 */
export function drainTo<T>(
  receiver: Receiver<T>,
  port: Port,
  options: DrainToOptions<T> = {},
): Tasklet<'ended' | 'left'> {
  assertOptions('worker.drainTo()', options)
  assertReceiver(receiver, 'worker.drainTo()')
  const link = linkOf(port, 'worker.drainTo()')
  const topic = checkedTopic(options, 'worker.drainTo()')
  link.assertFree('send', topic)
  const { transfer } = options
  const drain = function* drain(): Co<'ended' | 'left'> {
    try {
      for (;;) {
        yield* end.room()
        if (end.over) break
        const step = yield* receiver.next()
        if (end.over && !step.done) countLost(receiver)
        if (end.over) break
        if (step.done) return yield* end.finish()
        end.put(step.value, transfer === undefined ? undefined : moved(transfer, step.value))
      }
    } catch (error) {
      end.fail(error)
      throw error
    }
    return end.left()
  }
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, () => go(drain))
  tasklet.name = `drain "${receiver.name}" into ${topic === '' ? 'a port' : `"${topic}" of a port`}`
  const end = new Outgoing(link, topic, reason => receiver.cancel(reason))
  // Not in the generator: a tasklet that is killed before its first turn never runs.
  whenSettled(tasklet.gone, () => {
    if (tasklet.state === 'killed') end.fail(new TaskletKilled(tasklet.name, undefined))
    end.detach()
    receiver.cancel(end.failure)
  })
  return tasklet
}

/** Throws `INVALID_ARGUMENT`: of what is no list, nothing would be moved, and nobody told. */
function moved<T>(transfer: NonNullable<DrainToOptions<T>['transfer']>, value: T): readonly Transferable[] {
  const list = answerOf<readonly Transferable[] | null>('transfer of worker.drainTo()', null, transfer(value))
  if (Array.isArray(list)) return list
  throw new SynclessError('INVALID_ARGUMENT', 'transfer of worker.drainTo() must return a list of the objects to move')
}

/** The sending end of a bridge. */
class Outgoing implements End<Up> {
  /** Whether the other side wants nothing more, or is not there any more. */
  over = false
  failure: unknown
  readonly detach: () => void
  readonly #link: Link
  readonly #topic: string
  readonly #leave: (reason: unknown) => void
  readonly #id = newId()
  readonly #since = now()
  #receiver: number | null = null
  #allowed = 0
  #sent = 0
  #ended: 'no' | 'told' | 'known' = 'no'
  #wake: (() => void) | null = null

  constructor(link: Link, topic: string, leave: (reason: unknown) => void) {
    this.#link = link
    this.#topic = topic
    this.#leave = leave
    this.detach = link.send(topic, this)
    this.#hello(null)
  }

  /** Waits until a value may be sent, or none is wanted. */
  *room(): Co<void> {
    if (!this.over && this.#sent >= this.#allowed) yield* this.#until(() => this.over || this.#sent < this.#allowed)
  }

  put(value: unknown, transfer?: readonly Transferable[]): void {
    this.#post({ kind: 'value', value }, transfer)
    this.#sent++
  }

  /** Tells the end, and waits until the other side has got it. */
  *finish(): Co<'ended' | 'left'> {
    this.#post({ kind: 'end' })
    this.#ended = 'told'
    yield* this.#until(() => this.over || this.#ended === 'known')
    return this.over ? this.left() : 'ended'
  }

  /** What the tasklet gives when it is over early. */
  left(): 'left' {
    if (this.failure !== undefined) throw this.failure
    return 'left'
  }

  /** Tells the other side of an error on this one, unless it has none to tell. */
  fail(error: unknown): void {
    if (this.over || isTaskletExit(error)) return
    this.over = true
    this.failure = error
    if (this.#ended === 'no')
      this.#link.post(this.#topic, { kind: 'fail', ...this.#session(), error: encodeError(error) })
  }

  frame(frame: Up): void {
    switch (frame.kind) {
      case 'here':
        if (this.#receiver === null) this.#hello(frame.receiver)
        return
      case 'allow':
        if (frame.sender !== this.#id) return
        this.#receiver = frame.receiver
        this.#allowed = frame.total
        break
      case 'cancel':
        if (frame.sender === this.#id || (frame.sender === null && this.#isFor(frame.at))) {
          this.#finished(decodeError(frame.reason))
        }
        break
      case 'done':
        if (frame.sender === this.#id) this.#ended = 'known'
    }
    this.#wake?.()
  }

  /** Whether this one is meant by a receiver that left, at `at`, before it had heard of anybody. */
  #isFor(at: number): boolean {
    return this.#receiver === null && at >= this.#since
  }

  #hello(receiver: number | null): void {
    this.#link.post(this.#topic, { kind: 'hello', sender: this.#id, receiver })
  }

  #session() {
    return { sender: this.#id, receiver: this.#receiver }
  }

  gone(error: SynclessError): void {
    this.#finished(error)
    this.#wake?.()
  }

  lost(): void {}

  #finished(reason: unknown): void {
    if (this.over) return
    this.over = true
    if (isError(reason)) this.failure = reason
    this.#leave(reason)
  }

  #post(frame: { kind: 'value'; value: unknown } | { kind: 'end' }, transfer?: readonly Transferable[]): void {
    const [sender, receiver] = [this.#id, this.#receiver]
    if (receiver !== null) this.#link.post(this.#topic, { ...frame, sender, receiver }, transfer)
  }

  #until(holds: () => boolean) {
    return action<void>(resolve => {
      const settle = () => {
        if (!holds()) return
        this.#wake = null
        resolve()
      }
      this.#wake = settle
      settle()
      return () => {
        this.#wake = null
      }
    }, 'leave to send on a port')
  }
}
