/** What the compiler has to accept and to refuse of the bridges. Compiled, never run. */
import { PassThrough, Readable } from 'node:stream'
import { of, Subject } from 'rxjs'
import * as iterator from '../../src/adapters/iterator/index.js'
import type { FlowPort } from '../../src/adapters/port.js'
import * as rx from '../../src/adapters/rx/index.js'
import * as stream from '../../src/adapters/stream/index.js'
import * as web from '../../src/adapters/web/index.js'
import { type Channel, type Co, channel, type Op, type Receiver, type Sender } from '../../src/core/index.js'

export const ports: FlowPort[] = [iterator, rx, stream, web]

const numbers: Channel<number> = channel<number>()

// A source that cannot be paused has to be given a policy, and none that blocks.
export const kept: Receiver<number> = rx.toChannel(of(1), { capacity: 1, overflow: 'latest' })
// @ts-expect-error without a policy
rx.toChannel(of(1), { capacity: 1 })
// @ts-expect-error an observable does not wait
rx.toChannel(of(1), { capacity: 1, overflow: 'block' })
// @ts-expect-error a subject of something else
rx.drainTo(numbers, new Subject<string>())
export const one: Op<string> = rx.first(of('one'))

export const letters: Receiver<string> = iterator.toChannel('abc')
export const ticks: Receiver<number> = iterator.toChannel(async function* (signal: AbortSignal) {
  while (!signal.aborted) yield 1
})
export const values: AsyncIterable<number> = iterator.fromChannel(numbers)
// @ts-expect-error a number is not iterated over
iterator.toChannel(5)

export const chunks: Receiver<Buffer> = stream.toChannel(Readable.from([]))
export const lines: Receiver<string> = stream.toChannel(Readable.from([]), { decode: stream.decodeLines() })
// @ts-expect-error lines are text
export const wrong: Receiver<number> = stream.toChannel(Readable.from([]), { decode: stream.decodeLines() })
export const events: ReadableStream<Uint8Array> = web.fromChannel(channel<web.ServerSentEvent>(), { encode: web.sse })
// @ts-expect-error a number is no event
stream.fromChannel(numbers, { encode: stream.sse })

export const plain: ReadableStream<number> = web.fromChannel(numbers, { strategy: { highWaterMark: 2, size: n => n } })
export const body: Receiver<Uint8Array> = web.toChannel(new Response('body'))
web.drainTo(numbers, new WritableStream<number>())
web.drainTo(numbers, new WritableStream<Uint8Array>(), { encode: web.ndjson })
// @ts-expect-error numbers are no bytes
web.drainTo(numbers, new WritableStream<Uint8Array>())
export const text: { readonly incoming: Receiver<string> } = web.connect(new TextDecoderStream())

function* double(input: Receiver<number>, output: Sender<number>): Co<void> {
  yield* input.each(n => output.send(n * 2))
}
stream.pipeline(numbers, double, new PassThrough({ objectMode: true }))
stream.transform(double)
// @ts-expect-error without a sink
stream.pipeline(numbers)
