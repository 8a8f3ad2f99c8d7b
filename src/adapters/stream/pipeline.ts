import type { Readable, Writable } from 'node:stream'
import { pipeline as pipe } from 'node:stream/promises'
import { types } from 'node:util'
import { call } from '../../core/action.js'
import type { Receiver } from '../../core/channel.js'
import { SynclessError } from '../../core/errors.js'
import { go } from '../../core/go.js'
import type { Co } from '../../core/op.js'
import type { Tasklet } from '../../core/tasklet.js'
import { isPrematureClose } from '../destroy.js'
import { fromChannel } from './from-channel.js'
import { TaskletTransform, type TransformBody } from './transform.js'

/** What may stand between the source and the sink of a pipeline: a Duplex, or the body of a `transform`. */
export type Stage = NodeJS.ReadWriteStream | TransformBody<never, unknown>

/**
 * Connects streams, as Node's own `pipeline` does, and waits until the last one has finished. Generator functions between them
 * are the bodies of transforms (see `transform`), and the source may be a channel. A failure anywhere destroys all of them and is
 * thrown, the very object; so does a kill. A body that returns before its input has ended stops the source, and that is no
 * failure.
 *
 * It is a tasklet of the scope it is called in. Throws `INVALID_ARGUMENT` for fewer than two stages, `ALREADY_CONSUMED` for a
 * channel that is bridged.
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
  const sink = rest.at(-1) as Writable
  const left = () => sink.writableFinished && streams.some(one => one instanceof TaskletTransform && one.left)
  return go(function* pipeline(): Co<void> {
    yield* call(async signal => {
      try {
        await pipe(streams, { signal })
      } catch (error) {
        if (!isPrematureClose(error) || !left()) throw error
      }
    })
  })
}

function sourceOf(source: Readable | Receiver<unknown>): NodeJS.ReadableStream {
  return 'tryReceive' in source ? fromChannel(source) : source
}

function stageOf(stage: Stage | Writable): NodeJS.WritableStream {
  if (typeof stage !== 'function') return stage
  if (!types.isGeneratorFunction(stage) || types.isAsyncFunction(stage))
    return stage as unknown as NodeJS.WritableStream
  return new TaskletTransform(stage as TransformBody<never, unknown>, {}) as unknown as NodeJS.WritableStream
}
