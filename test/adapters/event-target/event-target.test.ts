import { getEventListeners } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import * as eventTarget from '../../../src/adapters/event-target/index.js'
import { channel, go, select, sleep } from '../../../src/core/index.js'
import { useVirtualClock } from '../../core/support.js'
import { outcome, turns, watch } from '../support.js'

const time = useVirtualClock()

const keep = { capacity: 8, overflow: 'error' } as const
const failure = new Error('failure')
const listeners = (target: EventTarget, ...types: string[]) =>
  types.reduce((sum, type) => sum + getEventListeners(target, type).length, 0)
const fire = (target: EventTarget, type: string, fields: object = {}) =>
  target.dispatchEvent(Object.assign(new Event(type), fields))

test('drainTo tells of an error without a text', async () => {
  const target = new EventTarget()
  const told: unknown[] = []
  target.addEventListener('failed', event => told.push((event as ErrorEvent).error, (event as ErrorEvent).message))
  const ch = channel<number>()
  const odd = Object.create(null)
  const drained = watch(eventTarget.drainTo(ch, target, 'n', { error: 'failed' }))
  ch.close(odd)
  await turns()
  expect(drained.outcome).toBe(odd)
  expect(told).toEqual([odd, expect.any(String)])
})

test('gives the events of all names, and what map makes of them', async () => {
  const target = new EventTarget()
  const events = eventTarget.toChannel(target, ['a', 'b'], { ...keep, end: 'b' })
  const types = eventTarget.toChannel(target, ['a', 'b'], { ...keep, map: event => event.type })
  fire(target, 'a')
  fire(target, 'b')
  const seen: Event[] = []
  for await (const event of events) seen.push(event)
  expect(seen.map(({ type }) => type)).toEqual(['a', 'b'])
  expect([await types.receive(), await types.receive()]).toEqual(['a', 'b'])
  types.cancel()
  expect(listeners(target, 'a', 'b', 'error')).toBe(0)
})

test.each([
  ['its error', { error: failure }, failure],
  ['its reason', { reason: failure }, failure],
  ['its message', { message: 'no route' }, { code: 'SOURCE_FAILED', message: 'no route', cause: { type: 'error' } }],
  ['an empty reason', { reason: '' }, { code: 'SOURCE_FAILED', cause: { type: 'error' } }],
  ['nothing', {}, { code: 'SOURCE_FAILED', cause: { type: 'error' } }],
])('an error event ends it with %s', async (_what, fields, expected) => {
  const target = new EventTarget()
  const values = eventTarget.toChannel(target, 'value', keep)
  const one = watch(eventTarget.once(target, 'value'))
  await turns()
  fire(target, 'error', fields)
  const got = await outcome(values.receive())
  if (expected === failure) expect([got, one.outcome]).toEqual([failure, failure])
  else expect([got, one.outcome]).toMatchObject([expected, expected])
  if (expected === failure) expect(got).toBe(failure)
  expect(listeners(target, 'value', 'error')).toBe(0)
})

test('the abort of a signal can be the source, the end and the error', async () => {
  for (const how of ['value', 'end', 'error'] as const) {
    const controller = new AbortController()
    const { signal } = controller
    const values = eventTarget.toChannel(signal, how === 'value' ? 'abort' : 'other', {
      ...keep,
      ...(how === 'value' ? {} : { [how]: 'abort' }),
    })
    controller.abort(failure)
    const got = await outcome(values.receive())
    if (how === 'value') expect(got).toMatchObject({ type: 'abort' })
    else if (how === 'end') expect(got).toMatchObject({ code: 'CHANNEL_CLOSED' })
    else expect(got).toBe(failure)
    values.cancel()
    expect(listeners(signal, 'abort', 'other', 'error')).toBe(0)
  }
})

test('the option signal ends it with the reason', async () => {
  const target = new EventTarget()
  const controller = new AbortController()
  const values = eventTarget.toChannel(target, 'value', { ...keep, signal: controller.signal })
  controller.abort(failure)
  expect(await outcome(values.receive())).toBe(failure)
  expect(listeners(target, 'value', 'error') + listeners(controller.signal, 'abort')).toBe(0)
  expect(() => eventTarget.toChannel(target, 'value', { ...keep, signal: controller.signal })).toThrow(failure)
})

test('aborted() gives the reason, waits for it, and leaves nothing when it has lost', async () => {
  expect(await eventTarget.aborted(AbortSignal.abort(failure))).toBe(failure)
  const controller = new AbortController()
  const lost = watch(select({ abort: eventTarget.aborted(controller.signal), late: sleep(1) }))
  const killed = go(() => eventTarget.aborted(controller.signal)[Symbol.iterator]() as never)
  await turns()
  killed.kill()
  await time.clock.advance(1)
  await turns()
  expect(lost.outcome).toMatchObject({ key: 'late' })
  expect(listeners(controller.signal, 'abort')).toBe(0)
  const waiting = watch(eventTarget.aborted(controller.signal))
  await turns()
  controller.abort(failure)
  await turns()
  expect([waiting.outcome, listeners(controller.signal, 'abort')]).toEqual([failure, 0])
  expect(() => eventTarget.aborted(new EventTarget() as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
})

test('the ports of Node are targets', async () => {
  const { port1, port2 } = new MessageChannel()
  const messages = eventTarget.toChannel(port2, 'message', {
    ...keep,
    end: 'close',
    map: event => (event as MessageEvent<number>).data,
  })
  port2.start()
  for (const n of [1, 2, 3]) port1.postMessage(n)
  port1.close()
  const seen: number[] = []
  for await (const n of messages) seen.push(n)
  expect(seen).toEqual([1, 2, 3])
})

test('drainTo dispatches events of its own or of yours, and leaves with an event or a signal', async () => {
  const target = new EventTarget()
  const seen: unknown[] = []
  for (const type of ['value', 'own', 'end', 'error']) {
    target.addEventListener(type, event => seen.push([type, (event as CustomEvent).detail]))
  }
  const own = listeners(target, 'value', 'own', 'end', 'error')
  const plain = channel<number>(1)
  const drained = eventTarget.drainTo(plain, target, 'value', { end: 'end' })
  await plain.send(1)
  plain.close()
  expect(await drained).toBe('ended')
  const mapped = channel<number>(1)
  const controller = new AbortController()
  const left = eventTarget.drainTo(mapped, target, 'own', {
    map: value => Object.assign(new Event('own'), { detail: value * 2 }),
    until: 'over',
    signal: controller.signal,
  })
  await mapped.send(2)
  await turns()
  fire(target, 'over', { error: failure })
  expect([await left, await mapped.ended]).toEqual(['left', { by: 'cancel', reason: failure }])
  expect(seen).toEqual([
    ['value', 1],
    ['end', undefined],
    ['own', 4],
  ])
  expect(listeners(target, 'value', 'own', 'end', 'error', 'over') - own).toBe(0)
  expect(listeners(controller.signal, 'abort')).toBe(0)
})
