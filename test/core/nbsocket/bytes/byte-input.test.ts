import { PassThrough, Readable } from 'node:stream'
import { go, perform, select, sleep, timeout } from '../../../../src/core/index.js'
import { ByteInput, byteSource, explainStream } from '../../../../src/core/nbsocket/bytes/byte-input.js'
import { idle, outcome, rejection, useVirtualClock, watch } from '../../support.js'

const time = useVirtualClock()

function input(readable: Readable): ByteInput {
  return new ByteInput(readable, 'the pipe', explainStream)
}

/** A readable that makes bytes without end, and counts them. */
class Endless extends Readable {
  made = 0

  override _read(): void {
    this.made += 1000
    setImmediate(() => this.push(Buffer.alloc(1000)))
  }
}

test('recv gives what is there, at most as much as asked for, and an empty buffer at the end, again and again', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  pipe.write('hello')
  expect(String(await bytes.recv(2))).toBe('he')
  expect(String(await bytes.recv())).toBe('llo')
  const waiting = watch(bytes.recv().map(String))
  await idle()
  expect(waiting.outcome).toBe('pending')
  pipe.end('!')
  await idle()
  expect(waiting.outcome).toBe('!')
  expect((await bytes.recv()).length).toBe(0)
  expect((await bytes.recv()).length).toBe(0)
})

test('recv that waits is woken by the end', async () => {
  const pipe = new PassThrough()
  const waiting = watch(input(pipe).recv())
  await idle()
  pipe.end()
  await idle()
  expect(waiting.outcome).toEqual(Buffer.alloc(0))
})

test('a readable that was over before has ended for its source, too', async () => {
  const destroyed = new PassThrough()
  destroyed.destroy()
  expect(await rejection(input(destroyed).recv())).toMatchObject({ code: 'SOCKET_BROKEN' })
  const drained = new PassThrough()
  drained.end()
  for await (const _ of drained);
  expect((await input(drained).recv()).length).toBe(0)
})

test('nothing is read before the first recv, and then no more than highWaterMark ahead', async () => {
  const endless = new Endless({ highWaterMark: 5000 })
  const bytes = input(endless)
  await idle()
  expect(endless.made).toBe(0)
  expect((await bytes.recv(1)).length).toBe(1)
  for (let i = 0; i < 20; i++) await idle()
  expect(endless.made).toBeLessThanOrEqual(7000)
  const made = endless.made
  await bytes.recv()
  for (let i = 0; i < 20; i++) await idle()
  expect(endless.made).toBeLessThanOrEqual(made + 7000)
  expect(endless.readableHighWaterMark).toBe(5000)
  endless.destroy()
})

test('recv gives no more than asked for, though the stream makes more while it is read', async () => {
  let made = 0
  const eager = new Readable({
    highWaterMark: 100,
    read() {
      this.push(Buffer.alloc(7, `${made++ % 10}`))
    },
  })
  const bytes = input(eager)
  let text = ''
  for (let size = 1; text.length < 700; size = (size % 23) + 1) {
    const got = await bytes.recv(size)
    expect(got.length).toBeLessThanOrEqual(size)
    text += got
  }
  expect(text).toBe('0123456789'.repeat(20).replace(/./g, '$&$&$&$&$&$&$&').slice(0, text.length))
  eager.destroy()
})

test('a recv of what lies beyond highWaterMark does not raise it', async () => {
  const pipe = new PassThrough({ highWaterMark: 10 })
  const bytes = input(pipe)
  pipe.write(Buffer.alloc(35, 'a'))
  pipe.write(Buffer.alloc(15, 'b'))
  expect(String(await bytes.recv(25))).toBe('a'.repeat(25))
  expect(String(await bytes.recv())).toMatch(/^a{10}b*$/)
  expect(pipe.readableHighWaterMark).toBe(10)
})

test('recvExactly waits for all of it, also beyond highWaterMark and one byte at a time', async () => {
  const pipe = new PassThrough({ highWaterMark: 4 })
  const got = watch(input(pipe).recvExactly(20).map(String))
  for (const letter of 'abcdefghijklmnopqrst') {
    expect(got.outcome).toBe('pending')
    pipe.write(letter)
    await idle()
  }
  expect(got.outcome).toBe('abcdefghijklmnopqrst')
})

test('recvExactly(0) is there at once', async () => {
  expect((await input(new PassThrough()).recvExactly(0)).length).toBe(0)
})

test('recvExactly that loses leaves the bytes', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  pipe.write('abc')
  const lost = go(() => select({ bytes: bytes.recvExactly(5), late: sleep(10) }))
  await idle()
  await time.clock.advance(10)
  expect(await lost).toEqual({ key: 'late', value: undefined })
  const killed = go(() => bytes.recvExactly(4))
  await idle()
  await killed.kill()
  const aborted = new AbortController()
  const performed = rejection(perform(bytes.recvExactly(9), { signal: aborted.signal }))
  await idle()
  aborted.abort(new Error('no longer'))
  expect(await performed).toMatchObject({ message: 'no longer' })
  expect(String(await bytes.recvExactly(3))).toBe('abc')
})

test('recvExactly at an end that comes too early says how much there is, and leaves it', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  const got = watch(bytes.recvExactly(5))
  pipe.write('abc')
  await idle()
  pipe.end()
  await idle()
  expect(got.outcome).toMatchObject({ code: 'UNEXPECTED_END', message: expect.stringContaining('only 3') })
  expect(await rejection(bytes.recvExactly(4))).toMatchObject({ code: 'UNEXPECTED_END' })
  expect(String(await bytes.recvExactly(2))).toBe('ab')
  expect(String(await bytes.recv())).toBe('c')
  expect((await bytes.recv()).length).toBe(0)
  expect(await rejection(bytes.recvExactly(1))).toMatchObject({ code: 'UNEXPECTED_END' })
})

test('peek gives bytes and leaves them; fewer at the end', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  const first = watch(bytes.peek(3).map(String))
  pipe.write('ab')
  await idle()
  expect(first.outcome).toBe('pending')
  pipe.write('cd')
  await idle()
  expect(first.outcome).toBe('abc')
  expect(String(await bytes.peek(1))).toBe('a')
  expect(String(await bytes.recv())).toBe('abcd')
  pipe.end('e')
  expect(String(await bytes.peek(3))).toBe('e')
  expect(String(await bytes.recv())).toBe('e')
  expect((await bytes.peek(3)).length).toBe(0)
})

test('one that times out took nothing, and its time is cleared', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  const late = watch(timeout(10, bytes.recv()))
  await time.clock.advance(10)
  expect(late.outcome).toMatchObject({ code: 'TIMEOUT' })
  pipe.write('x')
  expect(String(await bytes.recv())).toBe('x')
  expect(time.clock.pending).toBe(0)
})

test('bytes that a recv has committed are handed over though its tasklet is killed', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  const got: string[] = []
  const t = go(function* () {
    got.push(String(yield* bytes.recv()))
    yield* sleep(1000)
  })
  await idle()
  pipe.once('readable', () => t.kill())
  pipe.write('mine')
  await idle()
  expect(got).toEqual(['mine'])
  expect(t.state).toBe('killed')
})

test('two readers at once are an error of the second', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  const first = watch(bytes.recv().map(String))
  await idle()
  for (const second of [bytes.recv(), bytes.recvExactly(1), bytes.peek(1)]) {
    expect(await rejection(second)).toMatchObject({ code: 'BUSY' })
  }
  expect(await rejection(select({ one: bytes.recv(), never: sleep(1e6) }))).toMatchObject({ code: 'BUSY' })
  pipe.write('x')
  await idle()
  expect(first.outcome).toBe('x')
  expect(await rejection(select({ one: bytes.recv(), two: bytes.recv() }))).toMatchObject({ code: 'BUSY' })
  pipe.write('y')
  expect(String(await bytes.recv())).toBe('y')
  expect(time.clock.pending).toBe(0)
})

test('ready says that bytes, an end or an error are there, and takes nothing', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  const waits = [watch(bytes.ready()), watch(bytes.ready())]
  await idle()
  expect(waits.map(({ outcome }) => outcome)).toEqual(['pending', 'pending'])
  pipe.write('x')
  await idle()
  expect(waits.map(({ outcome }) => outcome)).toEqual([undefined, undefined])
  await bytes.ready()
  expect(String(await bytes.recv())).toBe('x')
  const end = watch(bytes.ready())
  pipe.end()
  await idle()
  expect(end.outcome).toBe(undefined)
  const broken = new PassThrough()
  const error = watch(input(broken).ready())
  broken.destroy(new Error('broken'))
  await idle()
  expect(error.outcome).toBe(undefined)
})

test('a reader and a ready of the same bytes: what the reader leaves wakes the other', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  const ready = watch(bytes.ready())
  const first = watch(bytes.recv(2).map(String))
  await idle()
  pipe.write('ab')
  await idle()
  expect([first.outcome, ready.outcome]).toEqual(['ab', 'pending'])
  pipe.write('c')
  await idle()
  expect(ready.outcome).toBe(undefined)
})

test('the error of the stream is given itself, after the bytes before it', async () => {
  const pipe = new PassThrough()
  const bytes = input(pipe)
  pipe.write('last words')
  await bytes.ready()
  const failure = new Error('failure')
  pipe.destroy(failure)
  await idle()
  expect(String(await bytes.recv(4))).toBe('last')
  expect(await rejection(bytes.recvExactly(10))).toBe(failure)
  expect(await rejection(bytes.peek(1))).toBe(failure)
  expect(String(await bytes.recv())).toBe(' words')
  expect(await rejection(bytes.recv())).toBe(failure)
})

test('a stream that is destroyed without an error is broken', async () => {
  const pipe = new PassThrough()
  const waiting = watch(input(pipe).recv())
  await idle()
  pipe.destroy()
  await idle()
  expect(waiting.outcome).toMatchObject({ code: 'SOCKET_BROKEN' })
})

test('byteSource gives one source for a stream, and refuses what gives no bytes', async () => {
  const pipe = new PassThrough()
  expect(byteSource(pipe)).toBe(byteSource(pipe))
  expect(() => byteSource({} as Readable)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  expect(() => byteSource(Readable.from([1]))).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  expect(() => byteSource(new PassThrough({ encoding: 'utf8' }))).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
  for (const count of [0, -1, 1.5, 2 ** 31, Number.NaN]) {
    expect(() => byteSource(pipe).recv(count)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  }
})

test('what waits is described', async () => {
  const bytes = input(new PassThrough())
  expect(bytes.recv().describe()).toBe('recv on the pipe')
  expect(bytes.recvExactly(3).describe()).toBe('recv of exactly 3 bytes on the pipe')
  expect(await outcome(bytes.recv())).toBe('pending')
})
