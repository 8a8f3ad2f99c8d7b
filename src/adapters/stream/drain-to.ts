import type { Writable } from 'node:stream'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { go } from '../../core/scope/go.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { countLost } from '../shared/bridge/lost.js'
import { assertReceiver, claiming } from '../shared/bridge/receiver.js'
import { asError, asReason, destroyQuietly } from '../shared/bridge/stream-errors.js'
import { Sink } from '../shared/bridge/writable-sink.js'
import type { Encoder } from '../shared/bytes/encoders.js'
import { endWithHost, isResponse } from '../shared/http/closing-answer.js'
import { goneReason } from '../shared/http/request-error.js'

/** Options of `drainTo`. */
export interface DrainToOptions<T> {
  /** Turns each value into bytes or text, such as `ndjson` or `lines`. Without it, values are written as they are. */
  encode?: Encoder<T>
  /**
   * Whether the writable is ended when the channel ends, and destroyed when it fails. Default true. With false it stays
   * as it is.
   */
  end?: boolean
}

/**
 * Writes the values of a channel to an existing writable: a file, a socket, the response of a request. It receives
 * only while the writable has room, so that a slow client slows down the producer.
 *
 * The tasklet returns `'ended'` when the channel has ended and the writable has finished (with `end: false`: when the
 * writable was given everything). It returns `'left'` if the writable was closed before, without an error, for
 * example because a client went away: the channel is then cancelled in the same turn, even while it is empty.
 *
 * The tasklet fails with the error of the channel, with which the writable is destroyed, or with the error of the
 * writable, with which the channel is cancelled. Both are the same object. Join it, or let its scope handle the
 * error: no `error` listener is needed on the writable. A kill cancels the channel and destroys the writable. Throws
 * `ALREADY_CONSUMED` if another bridge reads the channel, `INVALID_ARGUMENT` for anything except a writable.
 * Semantics: Node's `stream.pipeline`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { PassThrough } from 'node:stream'
 * import { text } from 'node:stream/consumers'
 * import { channel } from 'syncless'
 * import * as stream from 'syncless/stream'
 *
 * const log = channel<string>(2)
 * const file = new PassThrough()
 * const drained = stream.drainTo(log, file, { encode: stream.lines })
 * await log.send('started')
 * log.close()
 * assert.equal(await text(file), 'started\n')
 * assert.equal(await drained, 'ended')
 * ```
 */
export function drainTo<T>(
  receiver: Receiver<T>,
  writable: Writable,
  options: DrainToOptions<T> = {},
): Tasklet<'ended' | 'left'> {
  assertOptions('stream.drainTo()', options)
  assertReceiver(receiver, 'stream.drainTo()')
  assertWritable(writable, 'stream.drainTo() takes a Writable to write to')
  const { encode, end = true } = options
  let done = false
  let failure: unknown
  const drain = function* drain(): Co<'ended' | 'left'> {
    try {
      const ended = (yield* writeAll(receiver, sink, encode, () => answer?.touched())) && !broken
      if (ended && end) writable.end()
      const complete = ended && !end ? true : (yield* sink.finish()) && ended
      done = true
      return complete ? 'ended' : 'left'
    } catch (error) {
      // The scope of a request may hear of a client that leaves before the response does.
      if (isResponse(writable) && goneReason(error) !== undefined) return 'left'
      failure = error
      throw error
    }
  }
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, () => go(drain))
  const sink = new Sink(writable, error => receiver.cancel(error))
  let broken = false
  const answer = isResponse(writable)
    ? endWithHost(writable, {
        end: () => receiver.cancel(),
        cut: reason => {
          broken = true
          receiver.cancel(reason)
        },
      })
    : null
  tasklet.name = `drain "${receiver.name}" into a writable`
  // Not in the generator: a tasklet that is killed before its first turn never runs.
  whenSettled(tasklet.gone, () => {
    receiver.cancel(asReason(failure))
    if (end && !done) destroyQuietly(writable, tasklet.state === 'failed' ? asError(failure) : undefined)
    sink.unwatch()
    answer?.forget()
  })
  return tasklet
}

/** Throws `INVALID_ARGUMENT` for anything except a writable. */
export function assertWritable(value: unknown, message: string): void {
  const { write, writableLength }: { write?: unknown; writableLength?: unknown } = Object(value)
  if (typeof write === 'function' && typeof writableLength === 'number') return
  throw new SynclessError('INVALID_ARGUMENT', message)
}

/** Writes until the channel has ended; false if the writable was over before. */
function* writeAll<T>(
  receiver: Receiver<T>,
  sink: Sink,
  encode: Encoder<T> | undefined,
  written: () => void,
): Co<boolean> {
  for (;;) {
    yield* sink.room()
    const step = yield* receiver.next()
    if (sink.over && !step.done) countLost(receiver)
    if (sink.over) return false
    if (step.done) return true
    sink.write(encode === undefined ? step.value : encode(step.value))
    written()
  }
}
