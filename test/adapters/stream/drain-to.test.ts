import { Duplex, PassThrough, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import * as stream from '../../../src/adapters/stream/index.js'
import { channel } from '../../../src/core/index.js'
import { inScope, outcome, producer, TestScope, turns, watch } from '../support.js'
import { listeners, SlowSink } from './support.js'

const failure = new Error('failure')

test('everything is written in order, then the writable is ended', async () => {
  const ch = channel<number>(2)
  producer(ch, 20)
  const sink = new SlowSink(2)
  const drained = watch(stream.drainTo(ch, sink))
  await turns()
  expect(drained.outcome).toBe('pending')
  sink.flow()
  await turns()
  expect(drained.outcome).toBe('ended')
  expect(sink.written).toEqual(Array.from({ length: 20 }, (_, i) => i))
  expect(sink.writableFinished).toBe(true)
  expect(listeners(sink)).toEqual({})
})

test('it is encoded', async () => {
  const ch = channel<object>(2)
  ch.trySend({ a: 1 })
  ch.trySend({ b: 2 })
  ch.close()
  const sink = new PassThrough()
  const drained = stream.drainTo(ch, sink, { encode: stream.ndjson })
  expect(await text(sink)).toBe('{"a":1}\n{"b":2}\n')
  expect(await drained).toBe('ended')
})

test('a sink that stalls holds the producer at highWaterMark + capacity, exactly (property)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      fc.nat({ max: 8 }),
      async (capacity, highWaterMark, steps) => {
        const ch = channel<number>(capacity)
        const state = producer(ch)
        const sink = new SlowSink(highWaterMark)
        const drained = inScope(() => stream.drainTo(ch, sink))
        await turns()
        expect(state.sent).toBe(highWaterMark + capacity)
        for (let i = 0; i < steps; i++) {
          sink.step()
          await turns()
          expect(sink.writableLength).toBeLessThanOrEqual(highWaterMark)
          expect(state.sent).toBe(sink.written.length - 1 + sink.writableLength + capacity)
        }
        await drained.kill()
        await turns()
        expect(listeners(sink)).toEqual({})
      },
    ),
    { numRuns: 30 },
  )
})

test('it waits before the first value where the writable is full already', async () => {
  const sink = new SlowSink(1)
  sink.write('other')
  const ch = channel<number>()
  const state = producer(ch)
  const drained = inScope(() => stream.drainTo(ch, sink))
  await turns()
  expect(state.sent).toBe(0)
  sink.step()
  await turns()
  expect(state.sent).toBe(1)
  await drained.kill()
})

describe('an error of the channel', () => {
  test('destroys the writable and fails the tasklet, as the same object, without an unhandled error', async () => {
    for (const pending of [false, true]) {
      const ch = channel<number>()
      const sink = new SlowSink(1)
      const drained = inScope(() => stream.drainTo(ch, sink))
      if (pending) await turns()
      ch.close(failure)
      expect(await outcome(drained)).toBe(failure)
      expect(sink.errored).toBe(failure)
      expect(sink.writableFinished).toBe(false)
      expect(listeners(sink)).toEqual({})
    }
  })

  test('that is no Error is the cause of the one that the writable gets', async () => {
    const ch = channel<number>()
    const sink = new SlowSink(1)
    const drained = inScope(() => stream.drainTo(ch, sink))
    ch.close('reason')
    expect(await outcome(drained)).toBe('reason')
    expect(sink.errored).toMatchObject({ code: 'CHANNEL_CLOSED', cause: 'reason' })
  })

  test('and one of the encoder cancels the channel', async () => {
    const ch = channel<number>()
    const sink = new SlowSink(1)
    const encode = () => {
      throw failure
    }
    const drained = inScope(() => stream.drainTo(ch, sink, { encode }))
    await ch.send(1)
    expect(await outcome(drained)).toBe(failure)
    expect(sink.errored).toBe(failure)
    expect(await outcome(ch.send(2))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
  })
})

test('the readable side of a duplex is left alone', async () => {
  const written: unknown[] = []
  const duplex = new Duplex({
    objectMode: true,
    read() {},
    write(chunk, _encoding, callback) {
      written.push(chunk)
      callback()
    },
  })
  const ch = channel<number>()
  producer(ch, 2)
  expect(await outcome(stream.drainTo(ch, duplex))).toBe('ended')
  expect([written, duplex.destroyed, duplex.readable]).toEqual([[0, 1], false, true])
  duplex.destroy()
})

describe('a writable that is over early', () => {
  test('cancels the channel in the turn that says so, while it has nothing', async () => {
    const ch = channel<number>()
    const sink = new SlowSink(1)
    const drained = watch(stream.drainTo(ch, sink))
    await turns()
    let atClose: unknown
    sink.on('close', () => {
      atClose = [ch.closed, ch.balance]
    })
    sink.destroy()
    await turns()
    expect(atClose).toEqual([true, 0])
    expect(drained.outcome).toBe('left')
    expect(listeners(sink)).toEqual({ close: 1 })
  })

  test('cancels the channel while it waits for room, and for the end', async () => {
    for (const count of [Number.POSITIVE_INFINITY, 1]) {
      const ch = channel<number>()
      const state = producer(ch, count)
      const sink = new SlowSink(1)
      const drained = watch(stream.drainTo(ch, sink))
      await turns()
      expect(sink.written).toEqual([0])
      sink.destroy()
      await turns()
      expect(drained.outcome).toBe('left')
      if (count !== 1) expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED' })
      expect(listeners(sink)).toEqual({})
    }
  })

  test('with an error fails the tasklet with it, and the producer sees it as the cause', async () => {
    const ch = channel<number>()
    const state = producer(ch)
    const sink = new SlowSink(1)
    const drained = inScope(() => stream.drainTo(ch, sink))
    await turns()
    sink.destroy(failure)
    expect(await outcome(drained)).toBe(failure)
    expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
    expect(listeners(sink)).toEqual({})
  })

  test('that somebody else has ended cancels the channel', async () => {
    const ch = channel<number>()
    const sink = new SlowSink(1)
    sink.flow()
    const drained = watch(stream.drainTo(ch, sink))
    await turns()
    sink.end()
    await turns()
    expect([ch.closed, ch.balance, drained.outcome]).toEqual([true, 0, 'left'])
    const late = channel<number>()
    expect(await outcome(inScope(() => stream.drainTo(late, sink)))).toBe('left')
    expect(late.closed).toBe(true)
  })
})

describe('end: false', () => {
  test('leaves the writable open, with no listener, whatever happens', async () => {
    for (const how of ['close', 'error', 'kill'] as const) {
      const ch = channel<number>()
      const sink = new SlowSink(2)
      sink.flow()
      const drained = inScope(() => stream.drainTo(ch, sink, { end: false }))
      await ch.send(1)
      if (how === 'kill') drained.kill()
      else ch.close(how === 'error' ? failure : undefined)
      const expected = { close: 'ended', error: failure, kill: expect.objectContaining({ code: 'TASKLET_KILLED' }) }
      expect(await outcome(drained)).toEqual(expected[how])
      expect([sink.destroyed, sink.writableEnded]).toEqual([false, false])
      expect(listeners(sink)).toEqual({})
    }
  })
})

describe('a kill', () => {
  test('cancels the channel and destroys the writable, also before the first turn', async () => {
    for (const started of [false, true]) {
      const ch = channel<number>()
      const sink = new SlowSink(1)
      const drained = inScope(() => stream.drainTo(ch, sink))
      if (started) await turns()
      await drained.kill()
      expect([ch.closed, ch.balance, sink.destroyed, sink.errored]).toEqual([true, 0, true, null])
      await turns()
      expect(listeners(sink)).toEqual({})
    }
  })

  test('of its scope does so too, and leaves no tasklet', async () => {
    const request = new TestScope()
    const ch = channel<number>()
    const sink = new SlowSink(1)
    const drained = request.run(() => stream.drainTo(ch, sink))
    await turns()
    expect(request.scope.size).toBe(1)
    request.scope.cancel()
    await turns()
    expect([drained.state, request.scope.size, ch.closed, sink.destroyed]).toEqual(['killed', 0, true, true])
    expect(request.failures).toEqual([])
  })

  test('at a random moment leaves nothing (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.constantFrom('step', 'turn', 'tick', 'kill', 'destroy', 'fail', 'close')),
        async (capacity, highWaterMark, steps) => {
          const ch = channel<number>(capacity)
          const state = producer(ch, 5)
          const sink = new SlowSink(highWaterMark)
          const drained = inScope(() => stream.drainTo(ch, sink))
          const seen = watch(drained)
          for (const step of [...steps, 'kill']) {
            if (step === 'step') sink.step()
            else if (step === 'turn') await turns(1)
            else if (step === 'tick') await null
            else if (step === 'destroy') sink.destroy()
            else if (step === 'fail') sink.destroy(failure)
            else if (step === 'close') ch.close()
            else drained.kill()
          }
          await turns()
          expect(seen.outcome).not.toBe('pending')
          expect(sink.written).toEqual(Array.from({ length: sink.written.length }, (_, i) => i))
          expect(listeners(sink)).toEqual({})
          expect(ch.statistics()).toMatchObject({ buffered: 0, waitingReceivers: 0, waitingSenders: 0 })
          expect(state.sent === 5 || state.stopped !== undefined).toBe(true)
        },
      ),
      { numRuns: 80 },
    )
  })
})

test('a writable that somebody else ends keeps what it had accepted', async () => {
  const written: string[] = []
  const slow = new Writable({
    write(chunk, _encoding, callback) {
      setImmediate(() => {
        written.push(String(chunk))
        callback()
      })
    },
  })
  const ch = channel<string>()
  const drain = stream.drainTo(ch, slow)
  await ch.send('a')
  slow.end('last')
  const late = ch.send('b').then(null, (error: unknown) => error)
  expect(await drain).toBe('left')
  expect(written).toEqual(['a', 'last'])
  await late
})
