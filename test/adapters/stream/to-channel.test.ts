import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex, PassThrough, Readable } from 'node:stream'
import fc from 'fast-check'
import * as stream from '../../../src/adapters/stream/index.js'
import { select, sleep } from '../../../src/core/index.js'
import { all, once, outcome, reported, TestScope, turns, watch } from '../support.js'
import { listeners, Source } from './support.js'

const failure = new Error('failure')
const premature = expect.objectContaining({ code: 'ERR_STREAM_PREMATURE_CLOSE' })

describe('values', () => {
  test('of an object stream arrive in order, falsy ones too, then the end', async () => {
    const readable = Readable.from([1, 0, '', false, 2])
    const ch = stream.toChannel<unknown>(readable)
    expect(await all(ch)).toEqual([1, 0, '', false, 2])
    await turns()
    expect(readable.destroyed).toBe(true)
    expect(listeners(readable)).toEqual({})
  })

  test('of a byte stream are buffers, or strings where it has an encoding', async () => {
    const bytes = new PassThrough()
    const text = new PassThrough({ encoding: 'utf8' })
    const euro = Buffer.from('€')
    for (const readable of [bytes, text]) {
      readable.write(euro.subarray(0, 2))
      readable.end(euro.subarray(2))
    }
    expect(Buffer.concat(await all(stream.toChannel(bytes)))).toEqual(euro)
    expect((await all(stream.toChannel<string>(text))).join('')).toBe('€')
  })

  test('of a file arrive whole', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'syncless-'))
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
    const path = join(folder, 'file')
    await writeFile(path, content)
    const readable = createReadStream(path, { highWaterMark: 1000 })
    expect(Buffer.concat(await all(stream.toChannel(readable, { capacity: 2 }))).equals(content)).toBe(true)
    expect(readable.closed).toBe(true)
    await rm(folder, { recursive: true })
  })

  test('can be selected: a receive that loses takes nothing', async () => {
    const readable = new PassThrough({ objectMode: true })
    const ch = stream.toChannel<number>(readable)
    expect((await select({ got: ch.receive(), late: sleep(1) })).key).toBe('late')
    readable.end(1)
    expect(await all(ch)).toEqual([1])
  })

  test('are all delivered, once, whatever the sizes and chunks (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 12 }),
        fc.boolean(),
        async (capacity, highWaterMark, chunks, later) => {
          let next = 0
          const readable = new Readable({
            highWaterMark,
            read() {
              const chunk = next < chunks.length ? chunks[next++] : null
              const push = () => this.push(chunk?.length === 0 ? Buffer.from([7]) : chunk)
              if (later) setImmediate(push)
              else push()
            },
          })
          const expected = Buffer.concat(chunks.map(chunk => (chunk.length === 0 ? Buffer.from([7]) : chunk)))
          const seen = Buffer.concat(await all(stream.toChannel(readable, { capacity })))
          expect(seen.equals(expected)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('backpressure', () => {
  test('nothing is read before the first receive', async () => {
    const source = new Source(4)
    stream.toChannel(source, { capacity: 4 })
    await turns()
    expect(source.made).toBe(0)
  })

  test('a receiver that stalls holds the source at highWaterMark + capacity, exactly (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 10 }),
        async (capacity, highWaterMark, taken) => {
          const source = new Source(highWaterMark)
          const ch = stream.toChannel<number>(source, { capacity })
          for (let n = 0; n < taken; n++) expect(await ch.receive()).toBe(n)
          await turns()
          expect(source.made).toBe(taken + capacity + highWaterMark)
          ch.cancel()
        },
      ),
      { numRuns: 60 },
    )
  })

  test('bytes are held as well', async () => {
    let made = 0
    const readable = new Readable({
      highWaterMark: 100,
      read() {
        made++
        this.push(Buffer.alloc(10))
      },
    })
    const ch = stream.toChannel(readable)
    const first = await ch.receive()
    await turns()
    expect(made * 10 - first.length).toBe(100)
    ch.cancel()
  })
})

describe('the end', () => {
  test('of a stream that ended with nobody receiving is seen at once after the last value', async () => {
    const readable = new PassThrough({ objectMode: true })
    const ch = stream.toChannel<number>(readable)
    const first = watch(ch.receive())
    readable.write(1)
    await turns()
    expect(first.outcome).toBe(1)
    readable.end()
    expect(await outcome(ch.ended)).toEqual({ by: 'close' })
  })

  test('of an empty stream, and of one that is over already', async () => {
    expect(await all(stream.toChannel(Readable.from([])))).toEqual([])
    const over = Readable.from([1])
    over.resume()
    await once(over, 'close')
    expect(await all(stream.toChannel(over))).toEqual([])
    expect(listeners(over)).toEqual({})
  })

  test('with an error is the very object, out of band, before and after the first receive', async () => {
    for (const receives of [false, true]) {
      const source = new Source(1)
      const ch = stream.toChannel<number>(source, { capacity: 2 })
      if (receives) {
        expect(await ch.receive()).toBe(0)
        await turns()
      }
      source.destroy(failure)
      await turns()
      if (receives) expect([await ch.receive(), await ch.receive()]).toEqual([1, 2])
      expect(await outcome(ch.receive())).toBe(failure)
      expect(listeners(source)).toEqual({})
    }
  })

  test('of a stream that is destroyed before its end is an error', async () => {
    const open = new PassThrough()
    const next = watch(stream.toChannel(open).next())
    await turns()
    open.destroy()
    await turns()
    expect(next.outcome).toEqual(premature)
    const destroyed = new Source(1)
    destroyed.destroy()
    expect(await outcome(stream.toChannel(destroyed).next())).toEqual(premature)
    const failed = new Source(1)
    failed.on('error', () => {})
    failed.destroy(failure)
    await turns()
    expect(await outcome(stream.toChannel(failed).next())).toBe(failure)
  })

  test('of the readable side leaves the other side of a duplex open', async () => {
    const written: unknown[] = []
    const duplex = new Duplex({
      objectMode: true,
      read() {
        this.push(null)
      },
      write(chunk, _encoding, callback) {
        written.push(chunk)
        callback()
      },
    })
    expect(await all(stream.toChannel(duplex))).toEqual([])
    await turns()
    expect(duplex.destroyed).toBe(false)
    duplex.end(1)
    await turns()
    expect(written).toEqual([1])
  })

  test('an error that nobody receives is reported', async () => {
    const source = new Source(1)
    const warnings = await reported(async () => {
      const ch = stream.toChannel(source, { name: 'upload' })
      source.destroy(failure)
      await turns()
      ch.cancel()
    })
    expect(warnings).toEqual([expect.stringContaining('"upload" ended with an error that no receiver got: failure')])
  })
})

describe('cancelling', () => {
  test('destroys the stream in the same turn, while a receive is pending, once', async () => {
    const readable = new PassThrough({ objectMode: true })
    const ch = stream.toChannel(readable)
    const next = watch(ch.next())
    await turns()
    ch.cancel()
    expect(readable.destroyed).toBe(true)
    expect(readable.listenerCount('readable')).toBe(0)
    await turns()
    expect(next.outcome).toEqual({ done: true, value: undefined })
    expect(listeners(readable)).toEqual({})
  })

  test('passes on the reason if it is an error, which is not unhandled', async () => {
    for (const reason of [failure, 'enough', undefined]) {
      const source = new Source(1)
      stream.toChannel(source).cancel(reason)
      await turns()
      expect(source.destroyed_).toEqual([reason === failure ? failure : null])
      expect(listeners(source)).toEqual({})
    }
  })

  test('by leaving an iteration destroys the stream, and a killed reader leaves it without an error', async () => {
    const source = new Source(2)
    for await (const value of stream.toChannel<number>(source)) if (value === 3) break
    expect(source.destroyed).toBe(true)
    const killed = new Source(2)
    const ch = stream.toChannel<number>(killed)
    const reader = new TestScope().go(function* () {
      yield* ch.each(function* () {
        yield* sleep(Number.POSITIVE_INFINITY)
      })
    })
    await turns()
    await reader.kill()
    await turns()
    expect(killed.destroyed_).toEqual([null])
  })

  test('a thousand idle streams leaves no listener', async () => {
    const streams = Array.from({ length: 1000 }, () => new PassThrough())
    for (const readable of streams) {
      const ch = stream.toChannel(readable)
      ch.next().then(() => {})
      ch.cancel()
    }
    await turns()
    expect(streams.map(listeners).filter(left => Object.keys(left).length > 0)).toEqual([])
  })

  test('at a random moment destroys once and leaves nothing (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.constantFrom('receive', 'turn', 'tick', 'cancel', 'error', 'destroy')),
        async (capacity, highWaterMark, steps) => {
          const source = new Source(highWaterMark, 5)
          const ch = stream.toChannel<number>(source, { capacity })
          const seen: unknown[] = []
          const keep = (step: IteratorResult<number, undefined>) => {
            if (!step.done) seen.push(step.value)
          }
          await reported(async () => {
            for (const step of [...steps, 'cancel']) {
              if (step === 'receive') ch.next().then(keep, () => {})
              else if (step === 'turn') await turns(1)
              else if (step === 'tick') await null
              else if (step === 'error') source.destroy(failure)
              else if (step === 'destroy') source.destroy()
              else ch.cancel()
            }
          })
          expect(source.destroyed_.length).toBe(1)
          expect(listeners(source)).toEqual({})
          expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i))
          expect(ch.statistics()).toMatchObject({ buffered: 0, waitingReceivers: 0, waitingSenders: 0 })
        },
      ),
      { numRuns: 80 },
    )
  })
})

describe('the scope it is made in', () => {
  test('destroys the stream when it is cancelled; others than its own tasklets get an error', async () => {
    const request = new TestScope()
    const source = new PassThrough({ objectMode: true })
    const ch = request.run(() => stream.toChannel(source))
    const seen: unknown[] = []
    request.go(function* () {
      seen.push(yield* ch.next())
    })
    const outside = watch(ch.next())
    await turns()
    request.scope.cancel()
    await turns()
    expect(seen).toEqual([])
    expect(outside.outcome).toMatchObject({ code: 'SCOPE_CLOSED' })
    expect([source.destroyed, source.errored, request.bonds, request.scope.size]).toEqual([true, null, 0, 0])
    expect(request.failures).toEqual([])
    expect(listeners(source)).toEqual({})
  })

  test('is not kept waiting, and forgets a bridge that has ended', async () => {
    const request = new TestScope()
    const ch = request.run(() => stream.toChannel(Readable.from([1])))
    expect([request.bonds, request.scope.size]).toEqual([1, 0])
    await all(ch)
    expect(request.bonds).toBe(0)
  })
})

test('a stream is bridged once', () => {
  const readable = new PassThrough()
  stream.toChannel(readable)
  expect(() => stream.toChannel(readable)).toThrow(expect.objectContaining({ code: 'ALREADY_CONSUMED' }))
})

test('wrong arguments are refused', () => {
  const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  for (const capacity of [-1, 0.5, Number.NaN])
    expect(() => stream.toChannel(new PassThrough(), { capacity })).toThrow(refused)
  // @ts-expect-error not a stream
  expect(() => stream.toChannel({})).toThrow(refused)
})
