import { EventEmitter } from 'node:events'
import * as emitter from '../../../src/adapters/emitter/index.js'
import * as eventTarget from '../../../src/adapters/event-target/index.js'
import { channel } from '../../../src/core/index.js'
import { outcome, TestScope, turns } from '../support.js'

const failure = new Error('failure')

test('emits a value as the argument, or what map makes of it', async () => {
  const bus = new EventEmitter<{ move: [x: number, y: number]; over: [] }>()
  const seen: unknown[] = []
  bus.on('move', (...args) => seen.push(args)).on('over', (...args) => seen.push(['over', ...args]))
  const points = channel<{ x: number; y: number }>(2)
  const drained = emitter.drainTo(points, bus, 'move', { map: ({ x, y }) => [x, y], end: 'over' })
  points.trySend({ x: 1, y: 2 })
  points.close()
  expect(await drained).toBe('ended')
  expect(seen).toEqual([[1, 2], ['over']])
})

test('emits neither an end nor an error that it was not told to', async () => {
  const bus = new EventEmitter()
  const emitted: unknown[] = []
  for (const name of ['end', 'error', 'close']) bus.on(name, () => emitted.push(name))
  for (const how of ['end', 'error', 'kill']) {
    const ch = channel()
    const drained = emitter.drainTo(ch, bus, 'data')
    if (how === 'end') ch.close()
    else if (how === 'error') ch.close(failure)
    else drained.kill()
    await outcome(drained)
  }
  expect(emitted).toEqual([])
})

test('the error event of an emitter that nobody listens to is not emitted: the tasklet has the error', async () => {
  const bus = new EventEmitter()
  const ch = channel()
  const drained = emitter.drainTo(ch, bus, 'data', { error: 'error' })
  ch.close(failure)
  expect(await outcome(drained)).toBe(failure)
  const other = channel()
  const killed = emitter.drainTo(other, bus, 'data', { error: 'error' })
  await turns()
  killed.kill()
  expect(await outcome(killed)).toMatchObject({ code: 'TASKLET_KILLED' })
})

test('a listener that throws fails the tasklet, and the producer learns why', async () => {
  const bus = new EventEmitter().on('data', () => {
    throw failure
  })
  const ch = channel()
  const drained = emitter.drainTo(ch, bus, 'data')
  await ch.send(1)
  expect(await outcome(drained)).toBe(failure)
  expect(await outcome(ch.send(2))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
})

test('a listener that kills the drain shows the producer nothing of the exit', async () => {
  const bus = new EventEmitter().on('data', () => drained.kill())
  const ch = channel()
  const drained = emitter.drainTo(ch, bus, 'data')
  await ch.send(1)
  expect(await outcome(drained)).toMatchObject({ code: 'TASKLET_KILLED' })
  expect(await ch.ended).toEqual({ by: 'cancel', reason: undefined })
})

test('what does not let itself be listened to leaves no tasklet, and the channel free', async () => {
  const bus = new EventEmitter().on('newListener', name => {
    if (name === 'gone') throw failure
  })
  const request = new TestScope()
  const ch = channel()
  const until = ['finish', 'gone']
  expect(() => request.run(() => emitter.drainTo(ch, bus, 'data', { until }))).toThrow(failure)
  expect([request.scope.size, bus.listenerCount('finish')]).toEqual([0, 0])
  const drained = emitter.drainTo(ch, bus, 'data')
  ch.close()
  expect(await drained).toBe('ended')
})

test('refuses options that are none', () => {
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  for (const options of [{ until: 5 }, { end: null }, { error: true }, { signal: {} }] as never[]) {
    expect(() => emitter.drainTo(channel(), new EventEmitter(), 'data', options)).toThrow(invalid)
    expect(() => eventTarget.drainTo(channel(), new EventTarget(), 'data', options)).toThrow(invalid)
  }
})

test.each(['until', 'signal'])('leaves the channel, idle or not, and says why: %s', async how => {
  for (const idle of [true, false]) {
    const bus = new EventEmitter()
    const controller = new AbortController()
    const ch = channel(4)
    const drained = emitter.drainTo(ch, bus, 'data', { until: ['finish', 'gone'], signal: controller.signal })
    if (idle) await turns()
    else ch.trySend(1)
    if (how === 'until') bus.emit('gone', failure)
    else controller.abort(failure)
    expect(await ch.ended).toEqual({ by: 'cancel', reason: failure })
    expect(await drained).toBe('left')
    expect([bus.listenerCount('finish'), bus.listenerCount('gone')]).toEqual([0, 0])
  }
})

test('is not made with a signal that has aborted, and leaves the channel free', async () => {
  const ch = channel()
  const bus = new EventEmitter()
  expect(() => emitter.drainTo(ch, bus, 'data', { signal: AbortSignal.abort(failure) })).toThrow(failure)
  const drained = emitter.drainTo(ch, bus, 'data')
  ch.close()
  expect(await drained).toBe('ended')
})
