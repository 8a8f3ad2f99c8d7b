/** Many waiters at what others own: no warning of a leak, and the owner's bound is as it was. */
import { EventEmitter, getEventListeners, getMaxListeners, setMaxListeners } from 'node:events'
import * as emitter from '../../../src/adapters/emitter/index.js'
import * as eventTarget from '../../../src/adapters/event-target/index.js'
import * as iterator from '../../../src/adapters/iterator/index.js'
import { channel, dumpOnSignal, perform, type Receiver } from '../../../src/core/index.js'
import { signals } from '../../../src/core/nbsocket/index.js'
import { createHost } from '../../../src/host/index.js'
import { idle, watch } from '../support.js'

const MANY = 12

/** Begins one wait at the target; what it gives ends it. */
type Begin<T> = (target: T) => () => void

const swallow = (work: PromiseLike<unknown>) => void watch(work)

const atSignals: Record<string, Begin<AbortSignal>> = {
  'perform()': signal => {
    const end = new AbortController()
    const op = channel<number>()
    swallow(perform(op.receive(), { signal }))
    return () => {
      op.close()
      end.abort()
    }
  },
  'eventTarget.aborted()': signal => leaving(ended => perform(eventTarget.aborted(signal), { signal: ended })),
  'eventTarget.once()': signal => leaving(ended => perform(eventTarget.once(signal, 'abort'), { signal: ended })),
  'eventTarget.toChannel()': signal =>
    cancelling(eventTarget.toChannel(signal, 'abort', { capacity: 1, overflow: 'drop-newest' })),
  'a bridge with a signal': signal =>
    cancelling(emitter.toChannel<number>(new EventEmitter(), 'x', { capacity: 1, overflow: 'drop-newest', signal })),
  'iterator.fromChannel()': signal => {
    const ch = channel<number>()
    swallow(iterator.fromChannel(ch, { signal }).next())
    return () => ch.close()
  },
}

const atEmitters: Record<string, Begin<EventEmitter>> = {
  'emitter.once()': target => leaving(ended => perform(emitter.once(target, 'x'), { signal: ended })),
  'emitter.toChannel()': target =>
    cancelling(emitter.toChannel<number>(target, 'x', { capacity: 1, overflow: 'drop-newest' })),
  'emitter.drainTo()': target => {
    const ch = channel<number>()
    swallow(emitter.drainTo(ch, target, 'y', { until: 'x' }))
    return () => ch.close()
  },
}

function leaving(begin: (ended: AbortSignal) => PromiseLike<unknown>): () => void {
  const controller = new AbortController()
  swallow(begin(controller.signal))
  return () => controller.abort()
}

function cancelling(receiver: Receiver<unknown>): () => void {
  return () => receiver.cancel()
}

/** Node takes more listeners of one event than the bound for a leak, and says so. */
function leaks(target: EventEmitter | EventTarget, event: string): boolean {
  const bound = getMaxListeners(target as EventTarget)
  return bound > 0 && getEventListeners(target as EventTarget, event).length > bound
}

async function check<T extends EventEmitter | EventTarget>(target: T, event: string, begin: Begin<T>): Promise<void> {
  const before = getMaxListeners(target as EventTarget)
  const ends = Array.from({ length: MANY }, () => begin(target))
  await idle()
  expect(getEventListeners(target as EventTarget, event).length).toBeGreaterThanOrEqual(MANY)
  expect(leaks(target, event)).toBe(false)
  for (const end of ends) end()
  await idle()
  expect(getEventListeners(target as EventTarget, event)).toEqual([])
  expect(getMaxListeners(target as EventTarget)).toBe(before)
}

test.each(Object.entries(atSignals))('an AbortSignal: %s', async (_name, begin) => {
  // Node 20 warns by itself, later versions where a bound is set.
  const { signal } = new AbortController()
  setMaxListeners(10, signal)
  await check(signal, 'abort', begin)
})

test.each(Object.entries(atEmitters))('an emitter: %s', async (_name, begin) => {
  const target = new EventEmitter()
  await check(target, 'x', begin)
  expect(target.eventNames()).toEqual([])
})

test('an emitter without a bound stays so', async () => {
  const target = new EventEmitter().setMaxListeners(0)
  await check(target, 'x', atEmitters['emitter.toChannel()']!)
})

test('the owner is told of leaks of its own still', () => {
  const target = new EventEmitter()
  const end = atEmitters['emitter.once()']!(target)
  for (let i = 0; i < 2 * MANY; i++) target.on('own', () => {})
  expect(leaks(target, 'own')).toBe(true)
  end()
})

test('the process: signals() and dumpOnSignal()', () =>
  check(process, 'SIGUSR2', () => {
    const reloads = signals('SIGUSR2')
    const stop = dumpOnSignal('SIGUSR2')
    return () => {
      reloads.cancel()
      stop()
    }
  }))

test('host.inject() with a signal', async () => {
  const host = createHost()
  const waiting = channel<{ end(): void }>(MANY)
  host.mount('/', (_req: unknown, res: { end(): void }) => void waiting.trySend(res))
  const { signal } = new AbortController()
  setMaxListeners(10, signal)
  const requests = Array.from({ length: MANY }, () => host.inject({ url: '/', signal }))
  const responses: { end(): void }[] = []
  for (const _ of requests) responses.push(await waiting.receive())
  expect(leaks(signal, 'abort')).toBe(false)
  for (const res of responses) res.end()
  await Promise.all(requests)
  await host.close()
  expect(getMaxListeners(signal)).toBe(10)
})
