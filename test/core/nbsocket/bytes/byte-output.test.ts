import { PassThrough, Writable } from 'node:stream'
import { go, select, sleep, timeout } from '../../../../src/core/index.js'
import { explainStream } from '../../../../src/core/nbsocket/bytes/byte-input.js'
import { ByteOutput, byteSink } from '../../../../src/core/nbsocket/bytes/byte-output.js'
import { idle, rejection, reported, useVirtualClock, watch } from '../../support.js'

const time = useVirtualClock()

function output(writable: Writable): ByteOutput {
  return new ByteOutput(writable, 'the pipe', explainStream)
}

/** A writable that takes a write only when told. */
class Slow extends Writable {
  written = ''
  #next: (() => void) | null = null

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#next = () => {
      this.written += String(chunk)
      callback()
    }
  }

  async step(): Promise<void> {
    const next = this.#next
    this.#next = null
    next?.()
    await idle()
  }
}

test('send settles when Node has the bytes, and waits where there is no room', async () => {
  const slow = new Slow({ highWaterMark: 4 })
  const bytes = output(slow)
  await bytes.send('ab')
  await bytes.send(Buffer.from('cd'))
  const waiting = [watch(bytes.send('e')), watch(bytes.send('f'))]
  await idle()
  expect(waiting.map(({ outcome }) => outcome)).toEqual(['pending', 'pending'])
  await slow.step()
  expect(waiting.map(({ outcome }) => outcome)).toEqual(['pending', 'pending'])
  await slow.step()
  expect(waiting.map(({ outcome }) => outcome)).toEqual([undefined, undefined])
  await slow.step()
  await slow.step()
  expect(slow.written).toBe('abcdef')
})

test('sends that wait go in order, and none overtakes them', async () => {
  const slow = new Slow({ highWaterMark: 1 })
  const bytes = output(slow)
  await bytes.send('0')
  for (const each of '12345') watch(bytes.send(each))
  for (let i = 0; i < 6; i++) await slow.step()
  expect(slow.written).toBe('012345')
})

test('one that begins when there is room again does not overtake those that wait for it', async () => {
  const slow = new Slow({ highWaterMark: 1 })
  let late: (() => void) | null = () => watch(bytes.send('3'))
  slow.on('drain', () => {
    late?.()
    late = null
  })
  const bytes = output(slow)
  await bytes.send('0')
  for (const each of '12') watch(bytes.send(each))
  for (let i = 0; i < 6; i++) await slow.step()
  expect(slow.written).toBe('0123')
})

test('a send that loses, times out or is killed sent nothing', async () => {
  const slow = new Slow({ highWaterMark: 1 })
  const bytes = output(slow)
  await bytes.send('a')
  const lost = go(() => select({ sent: bytes.send('LOST'), late: sleep(5) }))
  const late = watch(timeout(5, bytes.send('LATE')))
  const killed = go(() => bytes.send('KILLED'))
  await idle()
  await killed.kill()
  await time.clock.advance(5)
  expect((await lost).key).toBe('late')
  expect(late.outcome).toMatchObject({ code: 'TIMEOUT' })
  const sent = watch(bytes.send('b'))
  await slow.step()
  await slow.step()
  expect(sent.outcome).toBe(undefined)
  expect(slow.written).toBe('ab')
})

test('an empty send does nothing', async () => {
  const slow = new Slow({ highWaterMark: 1 })
  const bytes = output(slow)
  await bytes.send('a')
  await bytes.send('')
  await bytes.send(new Uint8Array())
  expect(bytes.given).toBe(1)
})

test('flush waits until the sink has what was sent before, and for no more', async () => {
  const slow = new Slow({ highWaterMark: 100 })
  const bytes = output(slow)
  await bytes.flush()
  await bytes.send('a')
  await bytes.send('b')
  const flushed = watch(bytes.flush())
  await bytes.send('c')
  await slow.step()
  expect(flushed.outcome).toBe('pending')
  expect(bytes.flushed).toBe(1)
  await slow.step()
  expect(flushed.outcome).toBe(undefined)
  expect(slow.written).toBe('ab')
})

test('ready says that there is room', async () => {
  const slow = new Slow({ highWaterMark: 1 })
  const bytes = output(slow)
  await bytes.ready()
  await bytes.send('a')
  const ready = watch(bytes.ready())
  await idle()
  expect(ready.outcome).toBe('pending')
  await slow.step()
  expect(ready.outcome).toBe(undefined)
})

test('shutdown sends what was sent, then the end; later and waiting sends fail', async () => {
  const slow = new Slow({ highWaterMark: 2 })
  const bytes = output(slow)
  await bytes.send('ab')
  const waiting = watch(bytes.send('c'))
  await idle()
  const over = watch(bytes.shutdown())
  await idle()
  expect(over.outcome).toBe('pending')
  expect(waiting.outcome).toMatchObject({ code: 'SOCKET_CLOSED' })
  expect(await rejection(bytes.send('d'))).toMatchObject({ code: 'SOCKET_CLOSED' })
  await slow.step()
  expect(over.outcome).toBe(undefined)
  await bytes.shutdown()
  expect([slow.written, slow.writableFinished]).toEqual(['ab', true])
})

test('the error of the stream is given itself to all that wait, and to all later', async () => {
  const slow = new Slow({ highWaterMark: 1 })
  const bytes = output(slow)
  await bytes.send('a')
  const waiting = [watch(bytes.send('b')), watch(bytes.flush())]
  const ready = watch(bytes.ready())
  await idle()
  const failure = new Error('EPIPE')
  slow.destroy(failure)
  await idle()
  expect(waiting.map(({ outcome }) => outcome)).toEqual([failure, failure])
  expect(ready.outcome).toBe(undefined)
  expect(await rejection(bytes.send('c'))).toBe(failure)
  expect(await rejection(bytes.flush())).toBe(failure)
  expect(await rejection(bytes.shutdown())).toBe(failure)
})

test('a stream that is destroyed without an error, or ended by somebody else', async () => {
  const destroyed = new Slow()
  const bytes = output(destroyed)
  destroyed.destroy()
  await idle()
  expect(await rejection(bytes.send('a'))).toMatchObject({ code: 'SOCKET_BROKEN' })
  const ended = new Slow()
  ended.end()
  expect(await rejection(output(ended).send('a'))).toMatchObject({ code: 'SOCKET_CLOSED' })
})

test('while one holds it, sends of others are refused', async () => {
  const slow = new Slow({ highWaterMark: 1 })
  const bytes = output(slow)
  const holder = {}
  bytes.hold(holder, 'sendAll')
  await bytes.send('a', holder)
  expect(await rejection(bytes.send('b'))).toMatchObject({ code: 'BUSY' })
  expect(() => bytes.hold({}, 'sendAll')).toThrow(expect.objectContaining({ code: 'BUSY' }))
  bytes.letGo()
  const waiting = watch(bytes.send('c'))
  await slow.step()
  expect(waiting.outcome).toBe(undefined)
})

test('byteSink gives one sink for a stream, and refuses what takes no bytes', () => {
  const pipe = new PassThrough()
  expect(byteSink(pipe)).toBe(byteSink(pipe))
  expect(() => byteSink({} as Writable)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  expect(() => byteSink(new PassThrough({ objectMode: true }))).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
  expect(() => byteSink(pipe).send(1 as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

describe('an error that loses bytes', () => {
  const failing = (code?: string) =>
    new Writable({
      write: (_chunk, _encoding, done) => setImmediate(done, Object.assign(new Error('disk full'), { code })),
    })

  test('is reported where no operation gets it', async () => {
    const warnings = await reported(async () => {
      await byteSink(failing()).send('hello')
      await idle()
    })
    expect(warnings).toEqual([expect.stringContaining('5 bytes that were sent to a writable are lost')])
  })

  test('is not where an operation gets it, and not where the reader has left', async () => {
    const warnings = await reported(async () => {
      const sink = byteSink(failing())
      await sink.send('hello')
      expect(await rejection(sink.flush())).toMatchObject({ message: 'disk full' })
      await byteSink(failing('EPIPE')).send('hello')
      await idle()
    })
    expect(warnings).toEqual([])
  })
})
