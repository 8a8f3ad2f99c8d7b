import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError, TaskletKilled } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { go } from '../../core/scope/go.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { countLost } from '../shared/bridge/lost.js'
import { assertReceiver, claiming } from '../shared/bridge/receiver.js'
import type { Encoder } from '../shared/bytes/encoders.js'
import { encoded } from './bytes.js'
import { Sink } from './sink.js'

/** Options of `drainTo`. */
export interface DrainToOptions<T> {
  /** Turns each value into bytes, such as `ndjson`; text becomes UTF-8. Without it, values are written as they are. */
  encode?: Encoder<T>
  /**
   * Whether the stream is closed when the channel ends, and aborted when it fails. Default true. With false it stays as it
   * is, and is unlocked.
   */
  end?: boolean
}

/**
 * Writes what a channel receives to a WritableStream, which is locked meanwhile. It receives only while the stream
 * wants chunks (`writer.ready`), so that a slow sink holds back the producer by the stream's own queue.
 *
 * The tasklet returns `'ended'` when the channel has ended and the stream has closed (with `end: false`: was handed
 * everything), and `'left'` when the stream was closed already, or was aborted without a reason: the channel is then
 * cancelled, even while it is empty.
 *
 * The tasklet fails with the error of the channel, with which the stream is aborted, or with the error of the stream,
 * which is the reason of the channel's cancel; both are the same object. Join it, or let its scope handle the error.
 * A kill cancels the channel and aborts the stream with a `TASKLET_KILLED` error. Throws `ALREADY_CONSUMED` if
 * another bridge reads the channel, `INVALID_ARGUMENT` for anything except an unlocked WritableStream. Semantics:
 * WHATWG Streams, `pipeTo`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel } from 'syncless'
 * import * as web from 'syncless/web'
 *
 * const log = channel<string>(2)
 * const seen: string[] = []
 * const drained = web.drainTo(log, new WritableStream<string>({ write: line => void seen.push(line) }))
 * await log.send('started')
 * log.close()
 * assert.equal(await drained, 'ended')
 * assert.deepEqual(seen, ['started'])
 * ```
 */
export function drainTo<T>(
  receiver: Receiver<T>,
  writable: WritableStream<T>,
  options?: DrainToOptions<T> & { encode?: undefined },
): Tasklet<'ended' | 'left'>
export function drainTo<T>(
  receiver: Receiver<T>,
  writable: WritableStream<Uint8Array>,
  options: DrainToOptions<T>,
): Tasklet<'ended' | 'left'>
export function drainTo<T>(
  receiver: Receiver<T>,
  writable: WritableStream<T> | WritableStream<Uint8Array>,
  options: DrainToOptions<T> = {},
): Tasklet<'ended' | 'left'> {
  assertOptions('web.drainTo()', options)
  assertReceiver(receiver, 'web.drainTo()')
  assertWritable(writable)
  const { encode, end = true } = options
  let sink: Sink
  let failure: unknown
  const drain = function* drain(): Co<'ended' | 'left'> {
    try {
      for (;;) {
        yield* sink.room()
        const step = yield* receiver.next()
        if (sink.gone && !step.done) countLost(receiver)
        if (sink.gone) return yield* sink.left()
        if (step.done) break
        sink.write(encode === undefined ? step.value : encoded(step.value, encode))
      }
      return end ? yield* sink.close() : 'ended'
    } catch (error) {
      failure = error
      throw error
    }
  }
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, () => go(drain))
  tasklet.name = `drain "${receiver.name}" into a web stream`
  sink = new Sink(writable as WritableStream<unknown>, error => receiver.cancel(error))
  // Not in the generator: a tasklet that is killed before its first turn never runs.
  whenSettled(tasklet.gone, () => {
    const { state } = tasklet
    const reason = state === 'killed' ? new TaskletKilled(tasklet.name, tasklet.signal.reason) : failure
    receiver.cancel(state === 'killed' ? undefined : failure)
    sink.release(end && state !== 'done' ? { reason } : null)
  })
  return tasklet
}

/** Throws `INVALID_ARGUMENT` for anything except a stream that could be locked. */
export function assertWritable(value: unknown): void {
  const { getWriter, locked }: { getWriter?: unknown; locked?: unknown } = Object(value)
  if (typeof getWriter === 'function' && locked === false) return
  throw new SynclessError(
    'INVALID_ARGUMENT',
    locked === true
      ? 'web.drainTo(): release the other writer first: it has locked the stream'
      : 'web.drainTo() takes a WritableStream',
  )
}
