import { EventEmitter } from 'node:events'
import * as emitter from '../../../src/adapters/emitter/index.js'
import { go, perform, select, sleep, timeout } from '../../../src/core/index.js'
import { useVirtualClock } from '../../core/support.js'
import { outcome, turns, watch } from '../support.js'

const time = useVirtualClock()

const failure = new Error('failure')
const count = (emitter: EventEmitter) =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)

test('gives the first argument, or what map makes of all', async () => {
  const bus = new EventEmitter<{ exit: [code: number, signal: string] }>()
  const first = watch(emitter.once(bus, 'exit'))
  const all = watch(emitter.once(bus, 'exit', { map: ([code, signal]) => `${code} ${signal}` }))
  await turns()
  bus.emit('exit', 1, 'SIGTERM')
  bus.emit('exit', 2, 'SIGKILL')
  await turns()
  expect([first.outcome, all.outcome]).toEqual([1, '1 SIGTERM'])
  expect(count(bus as EventEmitter)).toBe(0)
})

test('throws the error event that comes before, and gives it where it is waited for', async () => {
  const bus = new EventEmitter()
  const ready = watch(emitter.once(bus, 'ready'))
  const error = watch(emitter.once<Error>(bus, 'error'))
  const brave = watch(emitter.once(bus, 'ready', { error: false }))
  await turns()
  bus.emit('error', failure)
  await turns()
  expect([ready.outcome, error.outcome, brave.outcome]).toEqual([failure, failure, 'pending'])
  bus.emit('ready', 1)
  await turns()
  expect([brave.outcome, count(bus)]).toEqual([1, 0])
})

test('listens while it is performed only: lost, killed, timed out and aborted ones leave nothing', async () => {
  const bus = new EventEmitter()
  const op = emitter.once<string>(bus, 'ready')
  expect(count(bus)).toBe(0)
  const lost = watch(select({ ready: op, late: sleep(10) }))
  const killed = go(function* () {
    yield* emitter.once(bus, 'ready')
  })
  const late = watch(timeout(5, emitter.once(bus, 'ready'), { else: 'late' }))
  const controller = new AbortController()
  const aborted = watch(perform(emitter.once(bus, 'ready'), { signal: controller.signal }))
  await turns()
  expect(count(bus)).toBe(8)
  await time.clock.advance(10)
  killed.kill()
  controller.abort(failure)
  await turns()
  expect([lost.outcome, late.outcome, aborted.outcome]).toEqual([{ key: 'late', value: undefined }, 'late', failure])
  expect(count(bus)).toBe(0)
  // What has lost may be performed again.
  const again = watch(op)
  await turns()
  bus.emit('ready', 'now')
  await turns()
  expect([again.outcome, count(bus)]).toEqual(['now', 0])
})

test('an event that comes from within the listening counts', async () => {
  const bus = new EventEmitter()
  bus.on('newListener', name => {
    if (name === 'error') bus.emit('ready', 'at once')
  })
  expect(await outcome(emitter.once(bus, 'ready'))).toBe('at once')
  expect(count(bus)).toBe(1)
})

test('refuses what is no emitter', () => {
  for (const bad of [undefined, null, 5, {}, { on() {} }] as never[]) {
    expect(() => emitter.once(bad, 'ready')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  }
})
