import * as web from '../../../src/adapters/web/index.js'
import { channel } from '../../../src/core/index.js'
import { inScope, outcome, producer, reported, turns, watch } from '../support.js'

const failure = new Error('failure')

test('a slow sink holds the producer at its queue', async () => {
  for (const highWaterMark of [1, 3]) {
    const ch = channel<number>()
    const state = producer(ch)
    const stalled = new WritableStream<number>({ write: () => new Promise(() => {}) }, { highWaterMark })
    const drained = inScope(() => web.drainTo(ch, stalled))
    await turns()
    expect(state.sent).toBe(highWaterMark)
    await drained.kill()
  }
})

test('text is encoded', async () => {
  const ch = channel<number>(2)
  ch.trySend(1)
  ch.close()
  const seen: unknown[] = []
  const sink = new WritableStream<Uint8Array>({ write: chunk => void seen.push(chunk) })
  expect(await web.drainTo(ch, sink, { encode: web.lines })).toBe('ended')
  expect(seen).toEqual([Uint8Array.from([0x31, 0x0a])])
})

test('the other side of a transform that leaves, with a reason and without', async () => {
  for (const reason of [undefined, failure]) {
    const { readable, writable } = new TransformStream<number>()
    const ch = channel<number>()
    const drained = watch(inScope(() => web.drainTo(ch, writable)))
    await turns()
    readable.cancel(reason)
    await turns()
    expect([ch.closed, drained.outcome]).toEqual([true, reason ?? 'left'])
    expect(await ch.ended).toEqual({ by: 'cancel', reason })
    expect(writable.locked).toBe(false)
  }
})

test('a stream that has closed before', async () => {
  const writable = new WritableStream<number>()
  await writable.close()
  const ch = channel<number>()
  expect(await web.drainTo(ch, writable)).toBe('left')
  expect(ch.closed).toBe(true)
})

test('a stream that fails while a write goes on cancels the channel then, not when that is over', async () => {
  let fail: (error: unknown) => void = () => {}
  const writable = new WritableStream<number>({
    start: controller => {
      fail = error => controller.error(error)
    },
    write: () => new Promise(() => {}),
  })
  const ch = channel<number>()
  const state = producer(ch)
  const drained = watch(inScope(() => web.drainTo(ch, writable)))
  await turns()
  fail(failure)
  await turns()
  expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
  expect(drained.outcome).toBe(failure)
})

test('a kill aborts the stream', async () => {
  const reasons: unknown[] = []
  const writable = new WritableStream<number>({ abort: reason => void reasons.push(reason) })
  const drained = inScope(() => web.drainTo(channel<number>(), writable))
  await turns()
  await drained.kill()
  expect(reasons).toEqual([expect.objectContaining({ code: 'TASKLET_KILLED' })])
})

test('an abort() of the sink that fails is reported', async () => {
  const writable = new WritableStream<number>({ abort: () => Promise.reject(failure) })
  const ch = channel<number>()
  const drained = inScope(() => web.drainTo(ch, writable))
  const warnings = await reported(async () => {
    ch.close(new Error('another'))
    await outcome(drained)
  })
  expect(warnings).toEqual([expect.stringContaining('aborting a web stream failed: failure')])
})

test('with end: false the stream is left open and unlocked, whatever happens', async () => {
  for (const how of ['close', 'error', 'kill'] as const) {
    const log: unknown[] = []
    const writable = new WritableStream<number>({
      write: chunk => void log.push(chunk),
      close: () => void log.push('close'),
      abort: () => void log.push('abort'),
    })
    const ch = channel<number>()
    const drained = inScope(() => web.drainTo(ch, writable, { end: false }))
    await ch.send(1)
    if (how === 'kill') drained.kill()
    else ch.close(how === 'error' ? failure : undefined)
    const expected = { close: 'ended', error: failure, kill: expect.objectContaining({ code: 'TASKLET_KILLED' }) }
    expect(await outcome(drained)).toEqual(expected[how])
    expect([writable.locked, log]).toEqual([false, [1]])
  }
})

test('a locked stream is refused, and the channel stays free', async () => {
  const writable = new WritableStream<number>()
  const writer = writable.getWriter()
  const ch = channel<number>()
  expect(() => web.drainTo(ch, writable)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  writer.releaseLock()
  ch.close()
  expect(await web.drainTo(ch, writable)).toBe('ended')
})
