import type { Duplex, Readable, Writable } from 'node:stream'
import { pipeline as pipe } from 'node:stream/promises'
import { types } from 'node:util'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { go } from '../../core/scope/go.js'
import { call } from '../../core/tasklet/call.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { asReason, destroyQuietly, isPrematureClose } from '../shared/bridge/stream-errors.js'
import { fromChannel } from './from-channel.js'
import { TaskletTransform, type TransformBody } from './transform.js'

/** A stage between the source and the sink of a pipeline: a Duplex, or the body of a `transform`. */
export type Stage = NodeJS.ReadWriteStream | TransformBody<never, unknown>

/**
 * Connects streams, as Node's own `pipeline` does, and waits until the last one has finished. Generator functions
 * between them are the bodies of transforms (see `transform`), and the source may be a channel. A failure anywhere
 * destroys all streams and is thrown as the same object. A kill destroys them, too. A body that returns before its
 * input has ended stops the source; this is no failure.
 *
 * The pipeline is a tasklet of the scope in which it is called. Throws `INVALID_ARGUMENT` for fewer than two stages
 * and for anything except a source, `ALREADY_CONSUMED` for a channel that is bridged.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { PassThrough, Readable } from 'node:stream'
 * import { text } from 'node:stream/consumers'
 * import type { Receiver, Sender } from 'syncless'
 * import * as stream from 'syncless/stream'
 *
 * function* shout(input: Receiver<Buffer>, output: Sender<string>) {
 *   yield* input.each(chunk => output.send(String(chunk).toUpperCase()))
 * }
 * const sink = new PassThrough()
 * const done = stream.pipeline(Readable.from([Buffer.from('quiet')]), shout, sink)
 * assert.equal(await text(sink), 'QUIET')
 * await done
 * ```
 */
export function pipeline(source: Readable | Receiver<unknown>, ...rest: [...Stage[], Writable]): Tasklet<void> {
  if (rest.length === 0) {
    throw new SynclessError('INVALID_ARGUMENT', 'stream.pipeline() takes a source, stages between, and a sink')
  }
  const streams = [sourceOf(source), ...rest.map(stageOf)] as [NodeJS.ReadableStream, NodeJS.WritableStream]
  const sink = streams.at(-1) as Writable
  const left = () => (sink.writableFinished || hasLeft(sink)) && streams.some(hasLeft)
  let failure: unknown
  const tasklet = go(function* pipeline(): Co<void> {
    yield* call(async signal => {
      try {
        await pipe(streams, { signal })
      } catch (error) {
        failure = error
        if (!isPrematureClose(error) || !left()) throw error
      }
    })
  })
  // Node destroys what it has connected: nothing, where a stage is none, or the tasklet was killed before its first turn.
  whenSettled(tasklet.gone, () => {
    if (tasklet.state !== 'done') for (const stream of streams) destroyUnfinished(stream, asReason(failure))
  })
  return tasklet
}

/** Whether a stage is a body that has returned before its input had ended. */
function hasLeft(stage: unknown): boolean {
  return stage instanceof TaskletTransform && stage.left
}

function destroyUnfinished(stage: unknown, error: Error | undefined): void {
  const stream = stage as Duplex
  const isStream = typeof stream?.destroy === 'function' && typeof stream.on === 'function'
  if (isStream && !stream.destroyed && !stream.readableEnded && !stream.writableFinished) destroyQuietly(stream, error)
}

function sourceOf(source: Readable | Receiver<unknown>): NodeJS.ReadableStream {
  if (typeof source !== 'object' || source === null) {
    throw new SynclessError('INVALID_ARGUMENT', 'stream.pipeline() takes a Readable or a channel as its source')
  }
  return 'tryReceive' in source ? fromChannel(source) : source
}

function stageOf(stage: Stage | Writable): NodeJS.WritableStream {
  if (typeof stage !== 'function') return stage
  if (!types.isGeneratorFunction(stage) || types.isAsyncFunction(stage))
    return stage as unknown as NodeJS.WritableStream
  return new TaskletTransform(stage as TransformBody<never, unknown>, {}) as unknown as NodeJS.WritableStream
}
