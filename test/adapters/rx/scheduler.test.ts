import { AsyncLocalStorage } from 'node:async_hooks'
import {
  asapScheduler,
  concatMap,
  debounceTime,
  delay,
  from,
  interval,
  lastValueFrom,
  observeOn,
  of,
  repeat,
  type SchedulerAction,
  Subject,
  take,
  timer,
  timestamp,
  toArray,
} from 'rxjs'
import * as rx from '../../../src/adapters/rx/index.js'
import { go, schedule } from '../../../src/core/index.js'
import { assertNoLeaks, runUntilIdle, virtualClock } from '../../../src/testing/index.js'
import { uncaught } from '../../core/support.js'
import { turns } from '../support.js'

const failure = new Error('failure')

describe('the clock', () => {
  test('moves observables by virtual time, in the order of their times', () =>
    assertNoLeaks(async () => {
      using clock = virtualClock()
      const log: unknown[] = []
      const note = (what: string) => () => log.push([what, clock.now()])
      timer(20, rx.scheduler).subscribe(note('b'))
      timer(10, rx.scheduler).subscribe(note('a'))
      timer(20, rx.scheduler).subscribe(note('c'))
      const ticks = interval(15, rx.scheduler).subscribe(note('tick'))
      await clock.advance(30)
      ticks.unsubscribe()
      expect(log).toEqual([
        ['a', 10],
        ['tick', 15],
        ['b', 20],
        ['c', 20],
        ['tick', 30],
      ])
      expect(clock.pending).toBe(0)
    }))

  test('is what operators measure by', async () => {
    using clock = virtualClock({ epoch: 1000 })
    const source = new Subject<string>()
    const seen: unknown[] = []
    source.pipe(debounceTime(10, rx.scheduler), timestamp(rx.scheduler)).subscribe(value => seen.push(value))
    source.next('a')
    await clock.advance(5)
    source.next('b')
    await clock.advance(9)
    expect(seen).toEqual([])
    await clock.advance(1)
    expect(seen).toEqual([{ value: 'b', timestamp: 1015 }])
  })

  test('goes on by itself where nothing else does', async () => {
    using clock = virtualClock({ autoAdvance: true })
    const spaced = from([1, 2, 3]).pipe(concatMap(n => of(n).pipe(delay(86_400_000 * 30, rx.scheduler))))
    expect(await lastValueFrom(spaced.pipe(toArray()))).toEqual([1, 2, 3])
    expect(clock.now()).toBe(86_400_000 * 90)
  })
})

describe('the loop', () => {
  test('runs work in turn with tasklets', async () => {
    const log: string[] = []
    go(function* () {
      for (let i = 0; i < 3; i++) {
        log.push(`tasklet ${i}`)
        yield* schedule()
      }
    })
    rx.scheduler.schedule<number>(function (this: SchedulerAction<number>, n = 0) {
      log.push(`work ${n}`)
      if (n < 2) this.schedule(n + 1)
    })
    await runUntilIdle()
    expect(log).toEqual(['tasklet 0', 'work 0', 'tasklet 1', 'work 1', 'tasklet 2', 'work 2'])
  })

  test('does not starve timers by work that repeats without a delay', async () => {
    let count = 0
    const endless = of(1)
      .pipe(observeOn(rx.scheduler), repeat())
      .subscribe(() => count++)
    await new Promise(resolve => setTimeout(resolve, 1))
    endless.unsubscribe()
    expect(count).toBeGreaterThan(0)
    const now = count
    await turns()
    expect(count).toBe(now)
  })

  test('keeps the order of what is observed on it', async () => {
    const seen = await lastValueFrom(from([1, 2, 3, 4]).pipe(observeOn(rx.scheduler), toArray()))
    expect(seen).toEqual([1, 2, 3, 4])
    // As with RxJS's own.
    expect(await lastValueFrom(from([1, 2, 3, 4]).pipe(observeOn(asapScheduler), toArray()))).toEqual(seen)
  })

  test('runs work in the async context in which it was scheduled', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    for (const id of ['a', 'b']) {
      storage.run(id, () => {
        rx.scheduler.schedule(() => seen.push(storage.getStore()))
        rx.scheduler.schedule(() => seen.push(storage.getStore()), 1)
      })
    }
    while (seen.length < 4) await turns(1)
    expect(seen).toEqual(['a', 'b', 'a', 'b'])
  })
})

describe('an action', () => {
  test('that throws is an uncaught exception, and takes no other with it', async () => {
    const ran: string[] = []
    const errors = await uncaught(() => {
      rx.scheduler.schedule(() => {
        throw failure
      })
      rx.scheduler.schedule(() => ran.push('another'))
    })
    expect([errors, ran]).toEqual([[failure], ['another']])
  })

  test('that is unsubscribed does not run, due or not', async () => {
    const ran: string[] = []
    const due = rx.scheduler.schedule(() => ran.push('due'))
    const later = rx.scheduler.schedule(() => ran.push('later'), 1)
    due.unsubscribe()
    later.unsubscribe()
    await new Promise(resolve => setTimeout(resolve, 5))
    expect(ran).toEqual([])
  })

  test('that is scheduled again while it is due runs at its new time only', async () => {
    using clock = virtualClock()
    const ran: number[] = []
    const action = rx.scheduler.schedule(() => ran.push(clock.now())) as SchedulerAction<unknown>
    action.schedule(undefined, 10)
    await clock.advance(5)
    expect(ran).toEqual([])
    await clock.advance(5)
    expect(ran).toEqual([10])
  })

  test('is done after as many times as it asks for', async () => {
    expect(await lastValueFrom(interval(0, rx.scheduler).pipe(take(3), toArray()))).toEqual([0, 1, 2])
  })
})
