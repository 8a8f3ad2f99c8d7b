import { PassThrough, Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline as pipe } from 'node:stream/promises'
import * as stream from '../../../src/adapters/stream/index.js'
import { type Co, channel, go, never, type Receiver, type Sender, sleep } from '../../../src/core/index.js'
import { assertNoLeaks } from '../../../src/testing/index.js'
import { outcome, reported, TestScope, turns, watch } from '../support.js'
import { SlowSink, Source } from './support.js'

const failure = new Error('failure')

function* double(input: Receiver<number>, output: Sender<number>): Co<void> {
  yield* input.each(n => output.send(n * 2))
}

/** Takes two, and wants no more. */
function* two(input: Receiver<number>, output: Sender<number>): Co<void> {
  for (let i = 0; i < 2; i++) yield* output.send(yield* input.receive())
}

describe('transform', () => {
  test('goes where a Transform goes', async () => {
    expect(await Readable.from([1, 2, 3]).pipe(stream.transform(double)).toArray()).toEqual([2, 4, 6])
    const sink = new SlowSink(1)
    sink.flow()
    await pipe(new Source(2, 20), stream.transform(double), stream.transform(double), sink)
    expect(sink.written).toEqual(Array.from({ length: 20 }, (_, i) => i * 4))
  })

  test('may send more or less than it receives, and go on after the end of its input', async () => {
    const summing = stream.transform<number, string>(function* (input, output) {
      let sum = 0
      yield* input.each(n => {
        sum += n
      })
      yield* sleep(0)
      yield* output.send(`${sum}`)
      yield* output.send('over')
    })
    expect(await Readable.from([1, 2, 3]).pipe(summing).toArray()).toEqual(['6', 'over'])
  })

  test('decodes and encodes: bytes in, bytes out', async () => {
    const numbering = stream.transform<string, object>(
      function* (input, output) {
        let line = 0
        yield* input.each(text => output.send({ line: ++line, text }))
      },
      { decode: stream.decodeLines(), encode: stream.ndjson },
    )
    expect([numbering.writableObjectMode, numbering.readableObjectMode]).toEqual([false, false])
    Readable.from([Buffer.from('a\nb'), Buffer.from('c\nd')]).pipe(numbering)
    expect(await text(numbering)).toBe('{"line":1,"text":"a"}\n{"line":2,"text":"bc"}\n{"line":3,"text":"d"}\n')
  })

  test('a chunk that cannot be decoded destroys it, after the values before', async () => {
    const seen: unknown[] = []
    const parsing = stream.transform(
      function* (input) {
        yield* input.each(value => seen.push(value))
      },
      { decode: stream.decodeNdjson() },
    )
    parsing.on('error', error => seen.push(error))
    parsing.write('1\n2\nno\n3\n')
    await turns()
    expect(seen).toEqual([1, 2, expect.objectContaining({ code: 'FRAME_INVALID' })])
  })

  test('a slow reader holds back the writer, by highWaterMark', async () => {
    for (const highWaterMark of [1, 4]) {
      const source = new Source(1)
      const sink = new SlowSink(1)
      const through = stream.transform(double, { highWaterMark })
      const piped = watch(pipe(source, through, sink))
      await turns(30)
      const { made } = source
      expect(made).toBeLessThanOrEqual(2 * highWaterMark + 6)
      await turns(30)
      expect(source.made).toBe(made)
      source.destroy(failure)
      await turns()
      expect(piped.outcome).toBe(failure)
    }
  })

  test('an error of the body destroys everything, as the very object, and fails no scope', async () => {
    const request = new TestScope()
    const failing = request.run(() =>
      stream.transform(function* (input) {
        yield* input.receive()
        throw failure
      }),
    )
    const source = new Source(1)
    expect(await outcome(pipe(source, failing, new SlowSink(1)))).toBe(failure)
    expect([source.destroyed, request.failures, request.bonds]).toEqual([true, [], 0])
  })

  test('destroying it kills the body, with what it has started, after its cleanup', () =>
    assertNoLeaks(async () => {
      const log: string[] = []
      const through = stream.transform(function* () {
        go(function* () {
          try {
            yield* never
          } finally {
            log.push('child')
          }
        })
        try {
          yield* never
        } finally {
          yield* sleep(0)
          log.push('body')
        }
      })
      await turns()
      through.on('error', () => {})
      through.destroy(failure)
      while (log.length < 2) await turns(1)
      expect(log).toEqual(['child', 'body'])
    }))

  test('a body that returned early takes no more, while what it has sent is still to be read', async () => {
    const source = new Source(1)
    const left = stream.transform(two, { highWaterMark: 4 })
    source.pipe(left).on('readable', () => {})
    await turns()
    const { made } = source
    expect([made <= 8, left.destroyed]).toEqual([true, false])
    expect([left.read(), left.read(), left.read()]).toEqual([0, 1, null])
    await turns()
    expect([left.destroyed, source.made]).toEqual([true, made])
  })

  test('a body that returns early stops the source; what it has sent is read', async () => {
    const source = new Source(1)
    const sink = new SlowSink(1)
    sink.flow()
    expect(await outcome(pipe(source, stream.transform(two), sink))).toMatchObject({
      code: 'ERR_STREAM_PREMATURE_CLOSE',
    })
    expect([sink.written, sink.writableFinished, source.destroyed]).toEqual([[0, 1], true, true])
  })

  test('belongs to its scope', async () => {
    const request = new TestScope()
    let killed = false
    const through = request.run(() =>
      stream.transform(function* () {
        try {
          yield* never
        } finally {
          killed = true
        }
      }),
    )
    await turns()
    expect(request.scope.size).toBe(0)
    request.scope.cancel()
    await turns()
    expect([through.destroyed, through.errored, killed, request.bonds]).toEqual([true, null, true, 0])
  })

  test('is made of a function', () => {
    expect(() => stream.transform({} as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

describe('pipeline', () => {
  test('puts tasklets between streams, and takes a channel as its source', async () => {
    const ch = channel<number>()
    go(function* () {
      for (let n = 1; n <= 3; n++) yield* ch.send(n)
      ch.close()
    })
    const sink = new SlowSink(1)
    sink.flow()
    await stream.pipeline(ch, double, new PassThrough({ objectMode: true }), double, sink)
    expect(sink.written).toEqual([4, 8, 12])
  })

  test('a body that wants no more stops the source, and that is no failure', async () => {
    const source = new Source(1)
    const sink = new SlowSink(1)
    sink.flow()
    expect(await outcome(stream.pipeline(source, double, two, sink))).toBeUndefined()
    expect([sink.written, source.destroyed]).toEqual([[0, 2], true])
  })

  test('a body that wants no more stops the source, also as the last stage, whose output nobody reads', async () => {
    const source = new Source(1)
    const taken: number[] = []
    const last = function* (input: Receiver<number>): Co<void> {
      taken.push(yield* input.receive())
    }
    expect(await outcome(stream.pipeline(source, last as never))).toBeUndefined()
    expect([taken, source.destroyed]).toEqual([[0], true])
  })

  test('fails with the very error of any stage, and destroys all', async () => {
    const failing = function* (input: Receiver<number>): Co<void> {
      yield* input.receive()
      throw failure
    }
    const refusing = new Writable({ objectMode: true, write: (_value, _encoding, done) => done(failure) })
    for (const [stage, sink] of [
      [failing, new SlowSink(1)],
      [double, refusing],
    ] as const) {
      const source = new Source(1)
      const request = new TestScope()
      expect(await outcome(request.run(() => stream.pipeline(source, stage, sink)))).toBe(failure)
      expect([source.destroyed, sink.destroyed, request.failures]).toEqual([true, true, [failure]])
    }
  })

  test('a source that is closed before its end is a failure', async () => {
    const source = new PassThrough()
    const piping = watch(new TestScope().run(() => stream.pipeline(source, double, new SlowSink(1))))
    await turns()
    source.destroy()
    await turns()
    expect(piping.outcome).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
  })

  test('a kill destroys all, and leaves nothing', () =>
    assertNoLeaks(async () => {
      const source = new Source(1)
      const sink = new SlowSink(1)
      const warnings = await reported(async () => {
        const piping = stream.pipeline(source, double, sink)
        await turns()
        await piping.kill()
      })
      await turns()
      expect([warnings, source.destroyed, sink.destroyed]).toEqual([[], true, true])
    }))

  test('a kill before its first turn destroys all, too', async () => {
    const source = new Source(1)
    const sink = new SlowSink(1)
    await stream.pipeline(source, double, sink).kill()
    expect([source.destroyed, sink.destroyed]).toEqual([true, true])
    const ch = channel<number>()
    await stream.pipeline(ch, new SlowSink(1)).kill()
    expect(ch.closed).toBe(true)
  })

  test('what is no stage leaves nothing of those before it', () =>
    assertNoLeaks(async () => {
      const ch = channel<number>()
      const piping = new TestScope().run(() => stream.pipeline(ch, double, 5 as never))
      const error = await outcome(piping)
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
      expect(await outcome(ch.send(1))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: error })
    }))

  test('takes a source and a sink', () => {
    const bad = () => (stream.pipeline as unknown as (source: Readable) => unknown)(Readable.from([]))
    expect(bad).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    for (const source of [null, undefined, 'text'] as never[]) {
      expect(() => stream.pipeline(source, new SlowSink(1))).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      )
    }
  })
})
