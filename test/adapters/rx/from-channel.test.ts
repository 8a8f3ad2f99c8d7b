import fc from 'fast-check'
import {
  delay,
  firstValueFrom,
  from,
  lastValueFrom,
  NEVER,
  Observable,
  type ObservableInput,
  of,
  range,
  Subject,
  take,
  throwError,
  toArray,
} from 'rxjs'
import * as rx from '../../../src/adapters/rx/index.js'
import { channel } from '../../../src/core/index.js'
import { outcome, producer, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')

function record<T>(observable: Observable<T>) {
  const seen: unknown[] = []
  const subscription = observable.subscribe({
    next: value => seen.push(value),
    error: error => seen.push(['error', error]),
    complete: () => seen.push('complete'),
  })
  return { seen, subscription }
}

describe('values', () => {
  test('arrive in order, then it completes', async () => {
    const ch = channel<number>()
    producer(ch, 4)
    expect(await lastValueFrom(rx.fromChannel(ch).pipe(toArray()))).toEqual([0, 1, 2, 3])
  })

  test('that are buffered come first, in the order they were sent', async () => {
    const ch = channel<number>(2)
    producer(ch, 5)
    await turns()
    expect(await lastValueFrom(rx.fromChannel(ch).pipe(toArray()))).toEqual([0, 1, 2, 3, 4])
  })

  test('are not received before it is subscribed', async () => {
    const ch = channel<number>()
    const state = producer(ch)
    const observable = rx.fromChannel(ch)
    await turns()
    expect(state.sent).toBe(0)
    expect(await firstValueFrom(observable)).toBe(0)
  })

  test('are all delivered, once, whatever the sizes (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 40 }),
        fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
        fc.boolean(),
        async (capacity, count, concurrency, later) => {
          const ch = channel<number>(capacity)
          producer(ch, count)
          const project = (n: number) => (later ? from(Promise.resolve(n)) : of(n))
          const observable =
            concurrency === undefined ? rx.fromChannel(ch) : rx.fromChannel(ch, { project, concurrency })
          const seen = await lastValueFrom(observable.pipe(toArray()))
          expect(seen).toEqual(Array.from({ length: count }, (_, i) => i))
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('project', () => {
  test('holds the producer at concurrency + capacity, exactly, and goes on as slots are freed (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        async (capacity, concurrency, order) => {
          const ch = channel<number>(capacity)
          const state = producer(ch)
          const working: Subject<number>[] = []
          const project = () => {
            const work = new Subject<number>()
            working.push(work)
            return work
          }
          const { subscription } = record(rx.fromChannel(ch, { project, concurrency }))
          await turns()
          expect(working.length).toBe(concurrency)
          expect(state.sent).toBe(concurrency + capacity)
          let freed = 0
          for (const index of order) {
            const [work] = working.splice(index % working.length, 1)
            work?.complete()
            freed++
            await turns()
            expect(working.length).toBe(concurrency)
            expect(state.sent).toBe(concurrency + capacity + freed)
          }
          subscription.unsubscribe()
          await turns()
          expect(working.filter(work => work.observed)).toEqual([])
          expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED' })
        },
      ),
      { numRuns: 30 },
    )
  })

  test('takes one at a time by default', async () => {
    const ch = channel<number>(10)
    producer(ch, 3)
    let working = 0
    const project = async (n: number) => {
      expect(++working).toBe(1)
      await turns(1)
      working--
      return n
    }
    expect(await lastValueFrom(rx.fromChannel(ch, { project }).pipe(toArray()))).toEqual([0, 1, 2])
  })

  test('may give many results for a value, or none, and completes after the last', async () => {
    const ch = channel<number>()
    producer(ch, 4)
    const { seen } = record(rx.fromChannel(ch, { project: n => range(0, n).pipe(delay(0)), concurrency: 4 }))
    while (!seen.includes('complete')) await turns(1)
    expect(seen).toEqual([0, 0, 1, 0, 1, 2, 'complete'])
  })

  test('takes ten thousand values that are done at once without growing the stack', async () => {
    const ch = channel<number>(10_000)
    for (let i = 0; i < 10_000; i++) ch.trySend(i)
    ch.close()
    expect((await lastValueFrom(rx.fromChannel(ch, { project: n => of(n) }).pipe(toArray()))).length).toBe(10_000)
  })

  test('that throws or fails is the error, as the same object, and the reason of the cancel', async () => {
    const failing: (() => ObservableInput<number>)[] = [
      () => {
        throw failure
      },
      () => throwError(() => failure),
      async () => {
        throw failure
      },
    ]
    for (const project of failing) {
      const ch = channel<number>()
      const state = producer(ch)
      const { seen } = record(rx.fromChannel(ch, { project, concurrency: 2 }))
      await turns()
      expect(seen).toEqual([['error', failure]])
      expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
    }
  })

  test('that fails unsubscribes from the work on other values', async () => {
    const ch = channel<number>()
    producer(ch)
    const bystander = new Subject<number>()
    const { seen } = record(
      rx.fromChannel(ch, { project: n => (n === 0 ? bystander : throwError(() => failure)), concurrency: 2 }),
    )
    await turns()
    expect(seen).toEqual([['error', failure]])
    expect(bystander.observed).toBe(false)
  })
})

describe('the end', () => {
  test('with an error is the very object, after what was sent before', async () => {
    const ch = channel<number>(4)
    ch.trySend(1)
    ch.close(failure)
    expect(record(rx.fromChannel(ch)).seen).toEqual([1, ['error', failure]])
  })

  test('wakes a pending receive, with the end or the error', async () => {
    for (const error of [undefined, failure]) {
      const ch = channel<number>()
      const { seen } = record(rx.fromChannel(ch))
      await turns()
      ch.close(error)
      await turns()
      expect(seen).toEqual([error === undefined ? 'complete' : ['error', failure]])
    }
  })

  test('by an error in band cancels the channel with it', async () => {
    const ch = channel<number>()
    const { seen } = record(rx.fromChannel(ch))
    await ch.sendError(failure)
    await turns()
    expect(seen).toEqual([['error', failure]])
    expect(await outcome(ch.send(1))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
  })
})

describe('unsubscribing', () => {
  test('cancels the channel in the same turn, while a receive is pending', async () => {
    const ch = channel<number>()
    const { seen, subscription } = record(rx.fromChannel(ch))
    await turns()
    expect(ch.balance).toBe(-1)
    subscription.unsubscribe()
    expect(ch.closed).toBe(true)
    expect(ch.balance).toBe(0)
    await turns()
    expect(seen).toEqual([])
  })

  test('a thousand idle channels leaves no receiver', async () => {
    const channels = Array.from({ length: 1000 }, () => channel<number>())
    for (const ch of channels) rx.fromChannel(ch).subscribe().unsubscribe()
    await turns()
    expect(channels.filter(ch => !ch.closed || ch.balance !== 0)).toEqual([])
  })

  test('from within takes no more than was asked for', async () => {
    const ch = channel<number>(10)
    producer(ch, 10)
    await turns()
    const { seen } = record(rx.fromChannel(ch).pipe(take(3)))
    expect(seen).toEqual([0, 1, 2, 'complete'])
    expect(ch.statistics()).toMatchObject({ buffered: 0, dropped: 7 })
  })

  test('ends work that emits from within subscribe', async () => {
    const ch = channel<number>(1)
    ch.trySend(1)
    let emitted = 0
    const endless = new Observable<number>(subscriber => {
      while (!subscriber.closed && emitted < 1000) subscriber.next(emitted++)
    })
    expect(record(rx.fromChannel(ch, { project: () => endless }).pipe(take(3))).seen).toEqual([0, 1, 2, 'complete'])
    expect(emitted).toBe(3)
  })

  test('at a random moment cancels once and lets the producer go (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3 }),
        fc.nat({ max: 12 }),
        fc.nat({ max: 5 }),
        async (capacity, after, wait) => {
          const ch = channel<number>(capacity)
          const state = producer(ch)
          let teardowns = 0
          const project = (n: number) =>
            new Observable<number>(subscriber => {
              subscriber.next(n)
              const timer = setImmediate(() => subscriber.complete())
              return () => {
                clearImmediate(timer)
                teardowns++
              }
            })
          const { seen, subscription } = record(rx.fromChannel(ch, { project, concurrency: 2 }))
          while (seen.length < after) await turns(1)
          for (let i = 0; i < wait; i++) await null
          subscription.unsubscribe()
          const { length } = seen
          await turns()
          expect(seen).toEqual(Array.from({ length }, (_, i) => i))
          expect(teardowns).toBe(length)
          expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED' })
          expect(ch.statistics()).toMatchObject({ waitingSenders: 0, waitingReceivers: 0, buffered: 0 })
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('it is unicast', () => {
  const consumed = expect.objectContaining({
    code: 'ALREADY_CONSUMED',
    message: expect.stringContaining('broadcast()'),
  })

  test('a second subscriber gets an error, while the first is served and after', async () => {
    const ch = channel<number>()
    const observable = rx.fromChannel(ch, { project: n => of(n) })
    const first = record(observable)
    expect(record(observable).seen).toEqual([['error', consumed]])
    await ch.send(1)
    ch.close()
    await turns()
    expect(first.seen).toEqual([1, 'complete'])
    expect(record(observable).seen).toEqual([['error', consumed]])
  })

  test('a second bridge is refused', () => {
    const ch = channel<number>()
    rx.fromChannel(ch)
    expect(() => rx.fromChannel(ch)).toThrow(consumed)
    expect(() => rx.drainTo(ch, new Subject())).toThrow(consumed)
  })
})

describe('the scope it is made in', () => {
  test('ends it with an error when it is cancelled, and the work with it', async () => {
    const request = new TestScope()
    const ch = channel<number>(1)
    ch.trySend(1)
    const work = new Subject<number>()
    const { seen } = request.run(() => record(rx.fromChannel(ch, { project: () => work, concurrency: 2 })))
    await turns()
    request.scope.cancel()
    await turns()
    expect(seen).toEqual([['error', expect.objectContaining({ code: 'SCOPE_CLOSED' })]])
    expect([ch.closed, ch.balance, work.observed, request.bonds]).toEqual([true, 0, false, 0])
  })

  test('cancels a channel that nobody subscribed to yet, and says so to who comes later', async () => {
    const request = new TestScope()
    const ch = channel<number>()
    const state = producer(ch)
    const observable = request.run(() => rx.fromChannel(ch))
    request.scope.cancel()
    await turns()
    expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED' })
    expect(record(observable).seen).toEqual([['error', expect.objectContaining({ code: 'SCOPE_CLOSED' })]])
  })

  test('forgets it when it has ended', async () => {
    for (const leave of [(ch: { close(): void }) => ch.close(), null]) {
      const request = new TestScope()
      const ch = channel<number>()
      const { subscription } = request.run(() => record(rx.fromChannel(ch)))
      expect(request.bonds).toBe(1)
      if (leave === null) subscription.unsubscribe()
      else leave(ch)
      await turns()
      expect([request.bonds, request.scope.size]).toEqual([0, 0])
    }
  })
})

test('wrong options are refused', () => {
  const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  const ch = channel<number>()
  const project = () => NEVER
  for (const concurrency of [0, -1, 1.5, Number.POSITIVE_INFINITY, Number.NaN])
    expect(() => rx.fromChannel(ch, { project, concurrency })).toThrow(refused)
  // @ts-expect-error not a function
  expect(() => rx.fromChannel(ch, { project: 1 })).toThrow(refused)
  expect(watch(ch.next()).outcome).toBe('pending')
})
