import { PassThrough, Readable } from 'node:stream'
import * as stream from '../../../src/adapters/stream/index.js'
import { all, outcome, turns } from '../support.js'
import { listeners } from './support.js'

const failure = new Error('failure')

test('values come one by one; the next chunk is read when those of the last have been received', async () => {
  for (const capacity of [0, 2]) {
    const chunks = Array.from({ length: 20 }, (_, i) => Buffer.from(`${3 * i}\n${3 * i + 1}\n${3 * i + 2}\n`))
    let read = 0
    const readable = new Readable({
      highWaterMark: 1,
      read() {
        this.push(chunks[read++] ?? null)
      },
    })
    const ch = stream.toChannel(readable, { capacity, decode: stream.decodeLines() })
    expect(await ch.receive()).toBe('0')
    await turns()
    // Node itself gives two at a time, and reads one ahead.
    expect(read).toBeLessThanOrEqual(3)
    expect(await all(ch)).toEqual(Array.from({ length: 59 }, (_, i) => String(i + 1)))
  }
})

test('what was decoded before the end is received before it', async () => {
  const ch = stream.toChannel(Readable.from([Buffer.from('1\n2\n3')]), { decode: stream.decodeLines() })
  expect(await ch.receive()).toBe('1')
  await turns()
  expect([await ch.receive(), await ch.receive()]).toEqual(['2', '3'])
  expect(await ch.next()).toEqual({ done: true, value: undefined })
})

test('a decoder that refuses fails the channel, destroys the stream and leaves no listener', async () => {
  const source = new PassThrough()
  const ch = stream.toChannel(source, { decode: stream.decodeNdjson() })
  source.write('1\nno\n')
  expect(await ch.receive()).toBe(1)
  expect(await outcome(ch.receive())).toMatchObject({ code: 'FRAME_INVALID' })
  expect([source.destroyed, source.errored, listeners(source)]).toEqual([true, null, {}])
})

test('what was decoded is received before an error of the stream', async () => {
  for (const capacity of [0, 1, 5]) {
    const source = new PassThrough()
    const ch = stream.toChannel(source, { capacity, decode: stream.decodeLines() })
    source.write('1\n2\n3\nincomplete')
    expect(await ch.receive()).toBe('1')
    await turns()
    source.destroy(failure)
    await turns()
    expect([await ch.receive(), await ch.receive(), await outcome(ch.receive())]).toEqual(['2', '3', failure])
    expect(listeners(source)).toEqual({})
  }
})

test('one that refuses the end does so, too', async () => {
  const ch = stream.toChannel(Readable.from([Buffer.from([0, 0])]), { decode: stream.decodeFrames() })
  expect(await outcome(ch.receive())).toMatchObject({ code: 'FRAME_INVALID' })
})

test('text is decoded as bytes, objects are refused', async () => {
  const readable = new PassThrough({ encoding: 'utf8' })
  readable.end('€\n')
  expect(await all(stream.toChannel(readable, { decode: stream.decodeLines() }))).toEqual(['€'])
  const objects = stream.toChannel(Readable.from([{}]), { decode: stream.decodeLines() })
  expect(await outcome(objects.receive())).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('what gives no decoder is refused, and leaves the stream free', () => {
  const invalid = expect.objectContaining({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('decodeLines()'),
  })
  const source = new PassThrough()
  for (const decode of [stream.decodeLines, 'lines', () => null] as never[]) {
    expect(() => stream.toChannel(source, { decode })).toThrow(invalid)
    expect(() => stream.transform(function* () {}, { decode })).toThrow(invalid)
  }
  stream.toChannel(source).cancel()
})

test('a decoder that fails with undefined fails the channel', async () => {
  const decode = () => ({
    push() {
      throw undefined
    },
    end: () => [],
  })
  const source = new PassThrough()
  source.write('a')
  expect(await outcome(stream.toChannel(source, { decode }).next())).toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(source.destroyed).toBe(true)
})
