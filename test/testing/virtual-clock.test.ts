import { systemClock } from '../../src/core/clock.js'
import { go, schedule, sleep, timeout } from '../../src/core/index.js'
import { loop } from '../../src/core/loop.js'
import { runUntilIdle, virtualClock } from '../../src/testing/index.js'

test('time passes only when told to', async () => {
  const clock = virtualClock()
  let woke = false
  go(function* () {
    yield* sleep(1000)
    woke = true
  })
  await runUntilIdle()
  expect([woke, clock.now(), clock.pending]).toEqual([false, 0, 1])
  await clock.advance(999)
  expect([woke, clock.now()]).toEqual([false, 999])
  await clock.advance(1)
  expect([woke, clock.now(), clock.pending]).toEqual([true, 1000, 0])
  clock.restore()
})

test('timers fire in the order of their times, and what they wake runs before the next one', async () => {
  const clock = virtualClock()
  const log: string[] = []
  for (const [name, ms] of [
    ['c', 3],
    ['a', 1],
    ['b', 2],
  ] as const) {
    go(function* () {
      yield* sleep(ms)
      log.push(`${name} at ${clock.now()}`)
      yield* schedule()
      log.push(`${name} again at ${clock.now()}`)
    })
  }
  await clock.advance(10)
  expect(log).toEqual(['a at 1', 'a again at 1', 'b at 2', 'b again at 2', 'c at 3', 'c again at 3'])
  expect(clock.now()).toBe(10)
  clock.restore()
})

test('advance fires what is set while it goes on', async () => {
  const clock = virtualClock()
  const ticks: number[] = []
  const t = go(function* () {
    for (;;) {
      yield* sleep(10)
      ticks.push(clock.now())
    }
  })
  await clock.advance(35)
  expect(ticks).toEqual([10, 20, 30])
  await t.kill()
  expect(clock.pending).toBe(0)
  clock.restore()
})

test('runAll goes on until nothing is left, and leaves the timers of grace periods', async () => {
  const clock = virtualClock()
  const log: number[] = []
  go(function* () {
    for (let i = 0; i < 5; i++) {
      yield* sleep(1000)
      log.push(clock.now())
    }
  })
  const t = go(function* () {
    try {
      yield* sleep(1)
    } finally {
      yield* timeout(Number.POSITIVE_INFINITY, sleep(Number.POSITIVE_INFINITY))
    }
  })
  await runUntilIdle()
  t.kill()
  await clock.runAll()
  expect(log).toEqual([1000, 2000, 3000, 4000, 5000])
  expect([t.state, clock.pending]).toEqual(['waiting', 1])
  await clock.advance(5000)
  expect([t.state, clock.pending]).toEqual(['killed', 0])
  clock.restore()
})

test('restore, and the end of a using block, put the clock back that was there before', () => {
  expect(loop.clock).toBe(systemClock)
  {
    using outer = virtualClock()
    expect(loop.clock).toBe(outer)
    {
      using inner = virtualClock()
      expect(loop.clock).toBe(inner)
    }
    expect(loop.clock).toBe(outer)
  }
  expect(loop.clock).toBe(systemClock)
})

test('runUntilIdle waits for tasklets that go on and on, turn after turn', async () => {
  let left = 5000
  go(function* () {
    while (left > 0) {
      left--
      yield* schedule()
    }
  })
  await runUntilIdle()
  expect(left).toBe(0)
})
