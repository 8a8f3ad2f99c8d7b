/** Many waiters at what others own: no warning of a leak, and the owner's bound is as it was. */
import { EventEmitter, getMaxListeners, setMaxListeners } from 'node:events'
import * as emitter from '../../src/adapters/emitter/index.js'
import * as eventTarget from '../../src/adapters/event-target/index.js'
import * as iterator from '../../src/adapters/iterator/index.js'
import { channel, dumpOnSignal, perform, type Receiver } from '../../src/core/index.js'
import { signals } from '../../src/core/nbsocket/index.js'
import { createHost } from '../../src/host/index.js'
import { idle, watch } from './support.js'

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

/** Node's warnings of leaks while `body` runs. */
async function leakWarnings(body: () => Promise<void>): Promise<string[]> {
  const seen: string[] = []
  const onWarning = ({ name, message }: Error) => {
    if (name === 'MaxListenersExceededWarning') seen.push(message)
  }
  process.on('warning', onWarning)
  try {
    await body()
    await idle()
  } finally {
    process.off('warning', onWarning)
  }
  return seen
}

async function check<T extends object>(target: T, bound: () => number, begin: Begin<T>): Promise<void> {
  const before = bound()
  const warnings = await leakWarnings(async () => {
    const ends = Array.from({ length: MANY }, () => begin(target))
    await idle()
    for (const end of ends) end()
    await idle()
  })
  expect(warnings).toEqual([])
  expect(bound()).toBe(before)
}

test.each(Object.entries(atSignals))('an AbortSignal: %s', async (_name, begin) => {
  // Node 20 warns by itself, later versions where a bound is set.
  const { signal } = new AbortController()
  setMaxListeners(10, signal)
  await check(signal, () => getMaxListeners(signal), begin)
})

test.each(Object.entries(atEmitters))('an emitter: %s', async (_name, begin) => {
  const target = new EventEmitter()
  await check(target, () => target.getMaxListeners(), begin)
  expect(target.eventNames()).toEqual([])
})

test('an emitter without a bound stays so', async () => {
  const target = new EventEmitter().setMaxListeners(0)
  await check(target, () => target.getMaxListeners(), atEmitters['emitter.toChannel()']!)
})

test('the owner is told of leaks of its own still', async () => {
  const target = new EventEmitter()
  const end = atEmitters['emitter.toChannel()']!(target)
  const warnings = await leakWarnings(async () => {
    for (let i = 0; i < 2 * MANY; i++) target.on('own', () => {})
    await idle()
  })
  expect(warnings).toHaveLength(1)
  end()
})

test('the process: signals() and dumpOnSignal()', () =>
  check(
    process,
    () => process.getMaxListeners(),
    () => {
      const reloads = signals('SIGUSR2')
      const stop = dumpOnSignal('SIGUSR2')
      return () => {
        reloads.cancel()
        stop()
      }
    },
  ))

test('host.inject() with a signal', async () => {
  const host = createHost()
  host.mount('/', (_req: unknown, res: { end(): void }) => void res)
  const { signal } = new AbortController()
  setMaxListeners(10, signal)
  const warnings = await leakWarnings(async () => {
    const requests = Array.from({ length: MANY }, () => host.inject({ url: '/', signal }))
    swallow(Promise.all(requests))
    await idle()
    await host.close({ deadline: 1 } as never)
  })
  expect(warnings).toEqual([])
})
