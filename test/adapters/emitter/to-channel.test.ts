import { EventEmitter } from 'node:events'
import * as emitter from '../../../src/adapters/emitter/index.js'
import * as eventTarget from '../../../src/adapters/event-target/index.js'
import { outcome, TestScope, turns, watch } from '../support.js'

const keep = { capacity: 8, overflow: 'error' } as const
const count = (emitter: EventEmitter) =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)

test('a value is the first argument, or what map makes of all of them', async () => {
  const bus = new EventEmitter<{ move: [x: number, y: number]; stop: [] }>()
  const first = emitter.toChannel(bus, 'move', keep)
  const all = emitter.toChannel(bus, ['move', 'stop'], { ...keep, map: (args, event) => [event, ...args] })
  bus.emit('move', 1, 2)
  bus.emit('stop')
  expect([await first.receive(), await all.receive(), await all.receive()]).toEqual([1, ['move', 1, 2], ['stop']])
  first.cancel()
  all.cancel()
})

test('symbols are events, and one event can be a value and the end', async () => {
  const bus = new EventEmitter()
  const done = Symbol('done')
  const values = emitter.toChannel<string>(bus, ['data', done], { ...keep, end: [done, 'close'] })
  bus.emit('data', 'a')
  bus.emit(done, 'z')
  bus.emit('data', 'too late')
  expect([await values.receive(), await values.receive(), await values.next()]).toEqual([
    'a',
    'z',
    { done: true, value: undefined },
  ])
  expect(count(bus)).toBe(0)
})

test('what map throws ends the channel, and not the emitter', async () => {
  const bus = new EventEmitter()
  const broken = new Error('broken')
  const values = emitter.toChannel(bus, 'data', {
    ...keep,
    map() {
      throw broken
    },
  })
  expect(bus.emit('data', 1)).toBe(true)
  expect(await outcome(values.receive())).toBe(broken)
  expect(count(bus)).toBe(0)
})

test('what map throws is no clean end, though it is undefined', async () => {
  const bus = new EventEmitter()
  const values = emitter.toChannel(bus, 'data', {
    ...keep,
    map() {
      throw undefined
    },
  })
  bus.emit('data')
  expect(await outcome(values.next())).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('an error is handled while it is bridged, and the own affair of the emitter before and after', async () => {
  const bus = new EventEmitter()
  const [first, second] = [new Error('first'), new Error('second')]
  const values = emitter.toChannel(bus, 'data', keep)
  expect(bus.emit('error', first)).toBe(true)
  expect(() => bus.emit('error', second)).toThrow('second')
  expect(await outcome(values.receive())).toBe(first)
  emitter.toChannel(bus, 'data', keep).cancel()
  expect(() => bus.emit('error', second)).toThrow('second')
})

test('error: false leaves errors to the emitter, other events may be errors, and error may be a value', async () => {
  const bus = new EventEmitter()
  const failure = new Error('failure')
  const deaf = emitter.toChannel(bus, 'data', { ...keep, error: false })
  expect(() => bus.emit('error', failure)).toThrow('failure')
  deaf.cancel()
  const other = emitter.toChannel(bus, 'data', { ...keep, error: ['fault', 'clientError'] })
  bus.emit('fault', failure)
  expect(await outcome(other.receive())).toBe(failure)
  const errors = emitter.toChannel<Error>(bus, 'error', keep)
  bus.emit('error', failure)
  expect(await errors.receive()).toBe(failure)
  errors.cancel()
  expect(count(bus)).toBe(0)
})

test('an error event without an error is SOURCE_FAILED', async () => {
  const bus = new EventEmitter()
  const values = emitter.toChannel(bus, 'data', keep)
  bus.emit('error')
  expect(await outcome(values.receive())).toMatchObject({ code: 'SOURCE_FAILED' })
})

test('a signal ends it with its reason, after what was kept', async () => {
  const bus = new EventEmitter()
  const controller = new AbortController()
  const add = jest.spyOn(controller.signal, 'addEventListener')
  const remove = jest.spyOn(controller.signal, 'removeEventListener')
  const values = emitter.toChannel(bus, 'data', { ...keep, signal: controller.signal })
  bus.emit('data', 1)
  const reason = new Error('enough')
  controller.abort(reason)
  expect([await values.receive(), await outcome(values.receive())]).toEqual([1, reason])
  expect([count(bus), add.mock.calls.length, remove.mock.calls.length]).toEqual([0, 1, 1])
  expect(() => emitter.toChannel(bus, 'data', { ...keep, signal: controller.signal })).toThrow(reason)
  expect(count(bus)).toBe(0)
})

test.each(['end', 'error', 'cancel', 'scope', 'overflow', 'abort'])(
  'all listeners go in the turn in which it ends: %s',
  async how => {
    const bus = new EventEmitter()
    const request = new TestScope()
    const controller = new AbortController()
    const values = request.run(() =>
      emitter.toChannel(bus, ['a', 'b'], {
        capacity: 1,
        overflow: 'error',
        end: 'end',
        signal: controller.signal,
      }),
    )
    expect(count(bus)).toBe(4)
    if (how === 'cancel') values.cancel()
    else if (how === 'scope') request.scope.cancel()
    else if (how === 'overflow') for (const n of [1, 2]) bus.emit('a', n)
    else if (how === 'abort') controller.abort(new Error('abort'))
    else bus.emit(how, new Error('error'))
    if (how === 'scope') await null
    expect(count(bus)).toBe(0)
    watch(values.next())
    watch(values.next())
    await turns()
  },
)

test('an emitter that emits as soon as somebody listens', async () => {
  const bus = new EventEmitter()
  bus.on('newListener', name => {
    if (name === 'end') bus.emit('data', 'at once')
    if (name === 'error') bus.emit('end')
  })
  const own = count(bus)
  const values = emitter.toChannel(bus, 'data', { ...keep, end: 'end' })
  expect(await values.receive()).toBe('at once')
  expect(await values.next()).toEqual({ done: true, value: undefined })
  expect(count(bus)).toBe(own)
})

test('an emitter that does not let itself be listened to leaves nothing', async () => {
  const bus = new EventEmitter()
  const refusal = new Error('no listener here')
  bus.on('newListener', name => {
    if (name === 'end') throw refusal
  })
  const own = count(bus)
  const request = new TestScope()
  expect(() => request.run(() => emitter.toChannel(bus, 'data', { ...keep, end: 'end' }))).toThrow(refusal)
  expect([count(bus), request.bonds]).toEqual([own, 0])
})

test('what is like an emitter will do, and its listeners are called as methods of nothing', async () => {
  const listeners = new Map<unknown, (value: unknown) => void>()
  const tiny = {
    on: (name: string, listener: (value: unknown) => void) => listeners.set(name, listener),
    off: (name: string) => listeners.delete(name),
  }
  const values = emitter.toChannel<number>(tiny, 'tick', { ...keep, error: false })
  listeners.get('tick')?.(7)
  expect(await values.receive()).toBe(7)
  values.cancel()
  expect(listeners.size).toBe(0)
})

test('refuses what names no event', () => {
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  const bus = new EventEmitter()
  for (const names of [[], undefined, 5, ['a', null]] as never[]) {
    expect(() => emitter.toChannel(bus, names, keep)).toThrow(invalid)
  }
  expect(() => emitter.toChannel(bus, 'a', undefined as never)).toThrow(invalid)
  for (const bad of [{ error: true }, { error: null }, { end: 5 }, { end: ['b', 5] }, { signal: null }] as never[]) {
    expect(() => emitter.toChannel(bus, 'a', { ...keep, ...(bad as object) })).toThrow(invalid)
    expect(() => eventTarget.toChannel(new EventTarget(), 'a', { ...keep, ...(bad as object) })).toThrow(invalid)
  }
  for (const bad of [{ error: true }, { error: null }] as never[]) {
    expect(() => emitter.once(bus, 'a', bad)).toThrow(invalid)
    expect(() => eventTarget.once(new EventTarget(), 'a', bad)).toThrow(invalid)
  }
  expect(count(bus)).toBe(0)
})

test('an event that another listener takes for a reason to leave is not mapped any more', () => {
  const bus = new EventEmitter()
  let mapped = 0
  bus.on('data', () => values.cancel())
  const values = emitter.toChannel(bus, 'data', { ...keep, map: () => mapped++ })
  bus.emit('data')
  expect([mapped, values.statistics().dropped]).toEqual([0, 0])
})
