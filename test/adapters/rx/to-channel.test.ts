import { AsyncLocalStorage } from 'node:async_hooks'
import events from 'node:events'
import fc from 'fast-check'
import { concat, interval, NEVER, Observable, of, range, Subject, throwError } from 'rxjs'
import * as rx from '../../../src/adapters/rx/index.js'
import { channel, select } from '../../../src/core/index.js'
import { all, outcome, reported, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')
const options = { capacity: 4, overflow: 'error' } as const

/** A source that never emits by itself and counts who is subscribed and how often it was torn down. */
function source<T>() {
  const state = { live: 0, subscriptions: 0, teardowns: 0, subject: new Subject<T>() }
  const source$ = new Observable<T>(subscriber => {
    state.live++
    state.subscriptions++
    const inner = state.subject.subscribe(subscriber)
    return () => {
      inner.unsubscribe()
      state.live--
      state.teardowns++
    }
  })
  return { state, source$ }
}

describe('values', () => {
  test('arrive in order, then the end', async () => {
    const { state, source$ } = source<number>()
    const ch = rx.toChannel(source$, options)
    for (const n of [1, 2, 3]) state.subject.next(n)
    state.subject.complete()
    expect(await all(ch)).toEqual([1, 2, 3])
    expect(state).toMatchObject({ live: 0, teardowns: 1 })
  })

  test('that are falsy arrive too', async () => {
    const ch = rx.toChannel(of(undefined, null, 0, ''), options)
    expect(await all(ch)).toEqual([undefined, null, 0, ''])
  })

  test('reach a receiver that waits, at capacity 0', async () => {
    const { state, source$ } = source<number>()
    const ch = rx.toChannel(source$, { capacity: 0, overflow: 'drop-newest' })
    const first = ch.receive()
    const seen = watch(first)
    await turns()
    state.subject.next(1)
    state.subject.next(2)
    await turns()
    expect(seen.outcome).toBe(1)
    expect(ch.statistics()).toMatchObject({ buffered: 0, dropped: 1 })
    ch.cancel()
  })

  test('are bounded and counted under each policy', async () => {
    const kept = { 'drop-oldest': [4, 5, 6], 'drop-newest': [1, 2, 3], latest: [4, 5, 6] } as const
    for (const overflow of ['drop-oldest', 'drop-newest', 'latest'] as const) {
      const ch = rx.toChannel(range(1, 6), { capacity: 3, overflow })
      expect(ch.statistics()).toMatchObject({ buffered: 3, dropped: 3 })
      expect(await all(ch)).toEqual(kept[overflow])
    }
  })

  test("beyond the capacity fail the channel under 'error', and end a source that emits from within subscribe", async () => {
    let emitted = 0
    const endless = new Observable<number>(subscriber => {
      while (!subscriber.closed && emitted < 1000) subscriber.next(emitted++)
    })
    const ch = rx.toChannel(endless, { capacity: 3, overflow: 'error', name: 'endless' })
    expect(emitted).toBe(4)
    expect([await ch.receive(), await ch.receive(), await ch.receive()]).toEqual([0, 1, 2])
    await expect(Promise.resolve(ch.receive())).rejects.toMatchObject({ code: 'OVERFLOW' })
  })

  test('the newest survive, the bound holds and each value is delivered or counted (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom('drop-oldest' as const, 'drop-newest' as const, 'latest' as const),
        fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 12 }),
        async (capacity, overflow, bursts) => {
          const subject = new Subject<number>()
          const ch = rx.toChannel(subject, { capacity, overflow })
          const seen: number[] = []
          let sent = 0
          for (const burst of bursts) {
            for (let i = 0; i < burst; i++) subject.next(sent++)
            expect(ch.statistics().buffered).toBeLessThanOrEqual(capacity)
            const got = ch.tryReceive()
            if (got.ok) seen.push(got.value)
          }
          subject.complete()
          seen.push(...(await all(ch)))
          expect(seen.length + ch.statistics().dropped).toBe(sent)
          expect(seen).toEqual([...seen].sort((a, b) => a - b))
          expect(new Set(seen).size).toBe(seen.length)
          if (overflow !== 'drop-newest' && sent > 0) expect(seen.at(-1)).toBe(sent - 1)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('the end', () => {
  test('of a source that completes within subscribe', async () => {
    expect(await all(rx.toChannel(of(1, 2), options))).toEqual([1, 2])
    expect(await all(rx.toChannel(of(), options))).toEqual([])
  })

  test('with an error, within subscribe and later, is the very object, after the buffer, however full it is', async () => {
    const { state, source$ } = source<number>()
    const late = rx.toChannel(source$, { capacity: 1, overflow: 'drop-oldest' })
    state.subject.next(1)
    state.subject.error(failure)
    const early = rx.toChannel(
      concat(
        of(1),
        throwError(() => failure),
      ),
      { capacity: 1, overflow: 'drop-newest' },
    )
    for (const ch of [late, early]) {
      expect(await ch.receive()).toBe(1)
      expect(await outcome(ch.receive())).toBe(failure)
      expect(await outcome(ch.receive())).toBe(failure)
    }
    expect(state).toMatchObject({ live: 0, teardowns: 1 })
  })

  test('with undefined as the error is still no clean end', async () => {
    const ch = rx.toChannel(
      throwError(() => undefined),
      options,
    )
    await expect(Promise.resolve(ch.next())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('wakes a receiver that waits', async () => {
    const { state, source$ } = source<number>()
    const next = watch(rx.toChannel(source$, options).next())
    await turns()
    state.subject.complete()
    await turns()
    expect(next.outcome).toEqual({ done: true, value: undefined })
  })
})

describe('cancelling', () => {
  test('unsubscribes in the same turn, while nothing is emitted, once', async () => {
    const { state, source$ } = source<number>()
    const ch = rx.toChannel(source$, options)
    const waiting = watch(ch.next())
    await turns()
    expect(state.live).toBe(1)
    ch.cancel()
    expect(state).toMatchObject({ live: 0, teardowns: 1 })
    ch.cancel()
    await turns()
    expect(state.teardowns).toBe(1)
    expect(waiting.outcome).toEqual({ done: true, value: undefined })
    expect(state.subject.observed).toBe(false)
  })

  test('by leaving a for await unsubscribes', async () => {
    const { state, source$ } = source<number>()
    const ch = rx.toChannel(source$, options)
    state.subject.next(1)
    for await (const value of ch) {
      expect(value).toBe(1)
      break
    }
    expect(state).toMatchObject({ live: 0, teardowns: 1 })
  })

  test('a thousand idle sources leaves none subscribed', async () => {
    const { state, source$ } = source<number>()
    for (let i = 0; i < 1000; i++) {
      const ch = rx.toChannel(source$, options)
      const pending = ch.next()
      pending.then(() => {})
      ch.cancel()
    }
    expect(state).toMatchObject({ live: 0, teardowns: 1000 })
  })

  test('stops the timers of the source', async () => {
    const before = process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    const ch = rx.toChannel(interval(10_000), options)
    ch.cancel()
    expect(process.getActiveResourcesInfo().filter(name => name === 'Timeout').length).toBe(before)
  })

  test('reports a source whose teardown throws, and still ends the channel', async () => {
    const ch = rx.toChannel(
      new Observable(() => () => {
        throw failure
      }),
      options,
    )
    const warnings = await reported(async () => ch.cancel())
    expect(warnings).toEqual([expect.stringContaining('unsubscribing from "observable" failed')])
    expect(await ch.next()).toEqual({ done: true, value: undefined })
  })

  test('at a random moment tears the source down once (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('next', 'receive', 'turn', 'cancel', 'complete', 'error')),
        async steps => {
          const { state, source$ } = source<number>()
          const ch = rx.toChannel(source$, { capacity: 1, overflow: 'drop-oldest' })
          const waiting: { outcome: unknown }[] = []
          await reported(async () => {
            for (const step of [...steps, 'cancel']) {
              if (step === 'next') state.subject.next(1)
              else if (step === 'receive') waiting.push(watch(ch.next()))
              else if (step === 'turn') await turns(1)
              else if (step === 'complete') state.subject.complete()
              else if (step === 'error') state.subject.error(failure)
              else ch.cancel()
            }
          })
          expect(state).toMatchObject({ live: 0, teardowns: 1, subscriptions: 1 })
          expect(ch.statistics()).toMatchObject({ waitingReceivers: 0, waitingSenders: 0 })
          expect(waiting.filter(({ outcome }) => outcome === 'pending')).toEqual([])
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe("subscribe: 'on-receive'", () => {
  test('subscribes at the first receive, once', async () => {
    const { state, source$ } = source<number>()
    const ch = rx.toChannel(source$, { ...options, subscribe: 'on-receive' })
    await turns()
    expect(state.subscriptions).toBe(0)
    const first = watch(ch.receive())
    await turns()
    expect(state.subscriptions).toBe(1)
    state.subject.next(1)
    expect(ch.tryReceive()).toEqual({ ok: false, done: false })
    await turns()
    expect(first.outcome).toBe(1)
    expect(state.subscriptions).toBe(1)
    ch.cancel()
    expect(state).toMatchObject({ live: 0, teardowns: 1 })
  })

  test('counts a poll and a select as a receive', async () => {
    const polled = source<number>()
    const selected = source<number>()
    expect(rx.toChannel(polled.source$, { ...options, subscribe: 'on-receive' }).tryReceive().ok).toBe(false)
    const ch = rx.toChannel(selected.source$, { ...options, subscribe: 'on-receive' })
    const other = channel<number>(1)
    await other.send(2)
    await select({ ch: ch.receive(), other: other.receive() }, { biased: true })
    await turns()
    expect([polled.state.subscriptions, selected.state.subscriptions]).toEqual([1, 1])
  })

  test('never subscribes once it was cancelled', async () => {
    const { state, source$ } = source<number>()
    const ch = rx.toChannel(source$, { ...options, subscribe: 'on-receive' })
    const next = ch.next()
    next.then(() => {})
    ch.cancel()
    await turns()
    expect(state.subscriptions).toBe(0)
  })

  test('subscribes in the context that the bridge was made in', async () => {
    const storage = new AsyncLocalStorage<string>()
    let context: string | undefined
    const source$ = new Observable<string>(subscriber => {
      context = storage.getStore()
      subscriber.complete()
    })
    const ch = storage.run('bridge', () => rx.toChannel(source$, { ...options, subscribe: 'on-receive' }))
    await storage.run('receiver', async () => ch.next())
    expect(context).toBe('bridge')
  })
})

describe('the scope it is made in', () => {
  test('ends the subscription when it is cancelled', async () => {
    const request = new TestScope()
    const { state, source$ } = source<number>()
    const ch = request.run(() => rx.toChannel(source$, options))
    expect(request.bonds).toBe(1)
    request.scope.cancel('the client left')
    await turns()
    expect(state).toMatchObject({ live: 0, teardowns: 1 })
    expect(request.bonds).toBe(0)
    await expect(Promise.resolve(ch.next())).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
  })

  test('does not show its own tasklets an end of the data, and shows others that it is none', async () => {
    const request = new TestScope()
    const ch = request.run(() => rx.toChannel(NEVER, { ...options, name: 'feed' }))
    const seen: unknown[] = []
    const inside = request.go(function* () {
      seen.push(yield* ch.next())
    })
    const outside = watch(ch.next())
    await turns()
    request.scope.cancel()
    await turns()
    expect(inside.state).toBe('killed')
    expect(seen).toEqual([])
    expect(request.failures).toEqual([])
    expect(outside.outcome).toMatchObject({ code: 'SCOPE_CLOSED', message: 'the bridge "feed" ended with request' })
  })

  test('still gives what was buffered', async () => {
    const request = new TestScope()
    const ch = request.run(() => rx.toChannel(concat(of(1, 2), NEVER), options))
    request.scope.cancel()
    await turns()
    expect([await ch.receive(), await ch.receive()]).toEqual([1, 2])
    await expect(Promise.resolve(ch.receive())).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
  })

  test('is not kept waiting, and forgets a bridge that has ended', async () => {
    const request = new TestScope()
    const { state, source$ } = source<number>()
    const ch = request.run(() => rx.toChannel(source$, options))
    expect(request.scope.size).toBe(0)
    state.subject.complete()
    expect(request.bonds).toBe(0)
    expect(await ch.next()).toEqual({ done: true, value: undefined })
  })

  test('takes as many bridges as there are, where Node would warn of a leak after ten', () => {
    // The warning goes past the process object of a jest test, and `getMaxListeners` of Node 20 knows no AbortSignal.
    const unlimited = jest.spyOn(events, 'setMaxListeners')
    const request = new TestScope()
    request.run(() => {
      for (let i = 0; i < 20; i++) rx.toChannel(NEVER, options)
    })
    expect(unlimited).toHaveBeenCalledWith(0, request.scope.signal)
    expect(request.bonds).toBe(20)
    unlimited.mockRestore()
  })

  test('says with its own error that nobody has to receive', async () => {
    const request = new TestScope()
    const ch = request.run(() => rx.toChannel(concat(of(1), NEVER), options))
    request.scope.cancel()
    await turns()
    expect(await reported(async () => ch.cancel())).toEqual([])
  })

  test('ends a bridge that is made after the cancel, and refuses one after the end', async () => {
    const request = new TestScope()
    const { state, source$ } = source<number>()
    request.scope.cancel()
    request.run(() => rx.toChannel(source$, options))
    await turns()
    expect(state).toMatchObject({ live: 0, teardowns: 1 })
    await request.scope.close()
    expect(() => request.run(() => rx.toChannel(source$, options))).toThrow(
      expect.objectContaining({ code: 'SCOPE_CLOSED' }),
    )
    expect(state.subscriptions).toBe(1)
  })
})

test('wrong options are refused, and what is no observable, at once', () => {
  const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  for (const bad of [undefined, {}] as never[]) {
    expect(() => rx.toChannel(bad, { ...options, subscribe: 'on-receive' })).toThrow(refused)
  }
  expect(() => rx.toChannel(of(1), undefined as never)).toThrow(refused)
  const subject = new Subject<number>()
  // @ts-expect-error an observable cannot be paused
  expect(() => rx.toChannel(subject, { capacity: 1, overflow: 'block' })).toThrow(refused)
  // @ts-expect-error overflow is required
  expect(() => rx.toChannel(subject, { capacity: 1 })).toThrow(refused)
  // @ts-expect-error capacity is required
  expect(() => rx.toChannel(subject, { overflow: 'error' })).toThrow(refused)
  expect(() => rx.toChannel(subject, { capacity: -1, overflow: 'error' })).toThrow(refused)
  expect(() => rx.toChannel(subject, { capacity: 1.5, overflow: 'error', subscribe: 'on-receive' })).toThrow(refused)
  expect(() => rx.toChannel(subject, { capacity: 0, overflow: 'latest' })).toThrow(refused)
  // @ts-expect-error there are two ways
  expect(() => rx.toChannel(subject, { ...options, subscribe: 'later' })).toThrow(refused)
  expect(subject.observed).toBe(false)
})
