import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import * as stream from '../../../src/adapters/stream/index.js'
import { channel, go } from '../../../src/core/index.js'
import { all, once, outcome, producer, TestScope, turns, watch } from '../support.js'
import { SlowSink } from './support.js'

const failure = new Error('failure')

/** Records what a stream says, without reading from it. */
function record(readable: Readable): unknown[] {
  const seen: unknown[] = []
  readable.on('error', error => seen.push(error))
  readable.on('end', () => seen.push('end'))
  readable.on('close', () => seen.push('close'))
  return seen
}

describe('values', () => {
  test('arrive in order, falsy ones too, then the end', async () => {
    const ch = channel<unknown>(8)
    for (const value of [1, 0, '', false, undefined, 2]) ch.trySend(value)
    ch.close()
    const readable = stream.fromChannel(ch)
    const seen: unknown[] = []
    readable.on('data', value => seen.push(value))
    await once(readable, 'close')
    expect(seen).toEqual([1, 0, '', false, undefined, 2])
    expect(readable.readableEnded).toBe(true)
  })

  test('are encoded', async () => {
    const ch = channel<object>()
    go(function* () {
      yield* ch.send({ a: 1 })
      yield* ch.send([2])
      ch.close()
    })
    expect(await text(stream.fromChannel(ch, { encode: stream.ndjson }))).toBe('{"a":1}\n[2]\n')
  })

  test('that are bytes pass as they are with objectMode: false', async () => {
    const ch = channel<string | Buffer>(3)
    for (const chunk of ['a', Buffer.from('b'), 'c']) ch.trySend(chunk)
    ch.close()
    expect(await text(stream.fromChannel(ch, { objectMode: false }))).toBe('abc')
  })

  test('that encode to nothing do not stop the stream, whether they wait or not', async () => {
    for (const capacity of [0, 10]) {
      const ch = channel<number>(capacity)
      producer(ch, 10)
      await turns()
      const readable = stream.fromChannel(ch, { encode: n => (n === 9 ? 'end' : n % 2 === 0 ? '' : Buffer.alloc(0)) })
      expect(await outcome(text(readable))).toBe('end')
    }
  })

  test('are all delivered, once, whatever the sizes (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 40 }),
        fc.boolean(),
        async (capacity, highWaterMark, count, bytes) => {
          const ch = channel<number>(capacity)
          producer(ch, count)
          const numbers = Array.from({ length: count }, (_, i) => i)
          if (bytes) {
            const readable = stream.fromChannel(ch, { highWaterMark, encode: stream.lines })
            expect(await text(readable)).toBe(numbers.map(n => `${n}\n`).join(''))
          } else {
            expect(await all(stream.fromChannel(ch, { highWaterMark }))).toEqual(numbers)
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('backpressure', () => {
  test('nothing is received before it is read', async () => {
    const ch = channel<number>()
    const state = producer(ch)
    stream.fromChannel(ch)
    await turns()
    expect(state.sent).toBe(0)
  })

  test('a reader that stalls holds the producer at highWaterMark + capacity, exactly (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 8 }),
        async (capacity, highWaterMark, taken) => {
          const ch = channel<number>(capacity)
          const state = producer(ch)
          const readable = stream.fromChannel(ch, { highWaterMark })
          readable.on('readable', () => {})
          await turns()
          for (let n = 0; n < taken; n++) {
            expect(readable.read()).toBe(n)
            await turns()
          }
          expect(state.sent).toBe(taken + highWaterMark + capacity)
          readable.destroy()
        },
      ),
      { numRuns: 40 },
    )
  })

  test('a slow sink behind a pipeline holds the producer', async () => {
    const ch = channel<number>()
    const state = producer(ch, 20)
    const sink = new SlowSink(2)
    const done = pipeline(stream.fromChannel(ch, { highWaterMark: 3 }), sink)
    await turns()
    expect(state.sent).toBe(5)
    sink.flow()
    await done
    expect(sink.written).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })
})

describe('the end', () => {
  test('by an error destroys the stream with the very object', async () => {
    for (const pending of [false, true]) {
      const ch = channel<number>()
      const readable = stream.fromChannel(ch)
      const seen = record(readable)
      readable.resume()
      if (pending) await turns()
      ch.close(failure)
      await turns()
      expect(seen).toEqual([failure, 'close'])
    }
  })

  test('by something that is no error has it as the cause', async () => {
    const ch = channel<number>()
    const readable = stream.fromChannel(ch)
    const seen = record(readable)
    ch.close('reason')
    readable.resume()
    await turns()
    expect(seen).toEqual([expect.objectContaining({ code: 'CHANNEL_CLOSED', cause: 'reason' }), 'close'])
  })

  test('by what a stream cannot carry says so, and cancels the channel', async () => {
    const bad: [unknown, stream.FromChannelOptions<unknown>][] = [
      [null, {}],
      [undefined, { objectMode: false }],
      [1, { encode: () => undefined as never }],
    ]
    for (const [value, options] of bad) {
      const ch = channel<unknown>(2)
      ch.trySend(value)
      const readable = stream.fromChannel(ch, options)
      const seen = record(readable)
      readable.resume()
      await turns()
      expect(seen).toEqual([expect.objectContaining({ code: 'INVALID_ARGUMENT' }), 'close'])
      expect(ch.closed).toBe(true)
    }
    const objects = channel<unknown>(1)
    objects.trySend(undefined)
    objects.close()
    expect(await all(stream.fromChannel(objects))).toEqual([undefined])
  })

  test('by an error in band, or an encoder that throws, cancels the channel with it', async () => {
    const inBand = channel<number>()
    const encoded = channel<number>()
    const throws = () => {
      throw failure
    }
    const streams = [stream.fromChannel(inBand), stream.fromChannel(encoded, { encode: throws })]
    const seen = streams.map(record)
    for (const readable of streams) readable.resume()
    await inBand.sendError(failure)
    await encoded.send(1)
    await turns()
    expect(seen).toEqual([
      [failure, 'close'],
      [failure, 'close'],
    ])
    for (const ch of [inBand, encoded])
      expect(await outcome(ch.send(2))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
  })

  test('is not mistaken for a null value', async () => {
    const ch = channel<null>(1)
    ch.trySend(null)
    const readable = stream.fromChannel(ch)
    const seen = record(readable)
    readable.resume()
    await turns()
    expect(seen).toEqual([expect.objectContaining({ code: 'INVALID_ARGUMENT' }), 'close'])
  })

  test('comes also where Node refuses a chunk', async () => {
    const ch = channel<number>(1)
    ch.trySend(1)
    const readable = stream.fromChannel(ch, { objectMode: false })
    const seen = record(readable)
    readable.resume()
    await turns()
    expect(seen).toEqual([expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }), 'close'])
    expect(ch.closed).toBe(true)
  })
})

describe('destroying', () => {
  test('cancels the channel in the same turn, while a receive is pending', async () => {
    for (const error of [undefined, failure]) {
      const ch = channel<number>()
      const readable = stream.fromChannel(ch)
      const seen = record(readable)
      readable.resume()
      await turns()
      expect(ch.balance).toBe(-1)
      readable.destroy(error)
      expect([ch.closed, ch.balance]).toEqual([true, 0])
      await turns()
      expect(seen).toEqual(error === undefined ? ['close'] : [failure, 'close'])
      expect(await outcome(ch.send(1))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: error })
    }
  })

  test('a thousand idle streams leaves no receiver', async () => {
    const channels = Array.from({ length: 1000 }, () => channel<number>())
    for (const ch of channels) stream.fromChannel(ch).resume().destroy()
    await turns()
    expect(channels.filter(ch => !ch.closed || ch.balance !== 0)).toEqual([])
  })

  test('at a random moment cancels and lets the producer go (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 0, max: 3 }),
        fc.nat({ max: 6 }),
        fc.nat({ max: 6 }),
        async (capacity, highWaterMark, after, ticks) => {
          const ch = channel<number>(capacity)
          const state = producer(ch)
          const readable = stream.fromChannel(ch, { highWaterMark })
          const seen: unknown[] = []
          readable.on('data', value => {
            seen.push(value)
            if (seen.length > after) readable.pause()
          })
          for (let i = 0; i < ticks; i++) await null
          readable.destroy()
          await turns()
          expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i))
          if (state.sent > 0 || ch.balance === 0) expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED' })
          expect(ch.statistics()).toMatchObject({ buffered: 0, waitingReceivers: 0, waitingSenders: 0 })
        },
      ),
      { numRuns: 60 },
    )
  })
})

test('it is unicast', () => {
  const consumed = expect.objectContaining({
    code: 'ALREADY_CONSUMED',
    message: expect.stringContaining('broadcast()'),
  })
  const ch = channel<number>()
  stream.fromChannel(ch)
  expect(() => stream.fromChannel(ch)).toThrow(consumed)
  expect(() => stream.drainTo(ch, new SlowSink(1))).toThrow(consumed)
})

describe('the scope it is made in', () => {
  test('destroys it when it is cancelled, with no error event and no end', async () => {
    const request = new TestScope()
    const ch = channel<number>()
    const readable = request.run(() => stream.fromChannel(ch))
    const seen: unknown[] = []
    readable.on('end', () => seen.push('end')).on('close', () => seen.push('close'))
    const read = watch(text(readable))
    await turns()
    request.scope.cancel()
    await turns()
    expect(seen).toEqual(['close'])
    expect(read.outcome).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    expect([ch.closed, ch.balance, request.bonds]).toEqual([true, 0, 0])
  })

  test('forgets it when it has ended', async () => {
    const request = new TestScope()
    const ch = channel<number>()
    const readable = request.run(() => stream.fromChannel(ch))
    expect([request.bonds, request.scope.size]).toEqual([1, 0])
    ch.close()
    await all(readable)
    await turns()
    expect(request.bonds).toBe(0)
  })
})

test('a bridge that refused its options leaves the channel to the next one', () => {
  const ch = channel<string>()
  expect(() => stream.fromChannel(ch, { highWaterMark: -1 })).toThrow()
  stream.fromChannel(ch).destroy()
})
