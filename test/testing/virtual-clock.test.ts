import { AsyncLocalStorage } from 'node:async_hooks'
import { action, go, never, perform, schedule, sleep, type Tasklet } from '../../src/core/index.js'
import { systemClock } from '../../src/core/loop/clock.js'
import { loop } from '../../src/core/loop/loop.js'
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

test('what a timer wakes runs to its next wait before the next one fires, if that takes many turns', async () => {
  using clock = virtualClock()
  const log: string[] = []
  for (const ms of [1, 2, 3]) {
    go(function* () {
      yield* sleep(ms)
      for (let i = 0; i < 3000; i++) yield* schedule()
      log.push(`${ms} at ${clock.now()}`)
    })
  }
  await clock.advance(2)
  expect(log).toEqual(['1 at 1', '2 at 2'])
  await clock.runAll()
  expect(log).toEqual(['1 at 1', '2 at 2', '3 at 3'])
})

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, '5', undefined])('advance(%p) is refused', async ms => {
  using clock = virtualClock()
  await expect(clock.advance(ms as number)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(clock.now()).toBe(0)
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

/** A tasklet that was killed and waits in its cleanup for what never comes. */
async function hanging(): Promise<{ t: Tasklet<void> }> {
  const t = go(function* () {
    try {
      yield* never
    } finally {
      yield* never
    }
  })
  await runUntilIdle()
  t.kill()
  await runUntilIdle()
  return { t }
}

test('runAll goes on until nothing is left but grace periods, and ends those that run out meanwhile', async () => {
  using clock = virtualClock()
  const log: number[] = []
  const { t } = await hanging()
  go(function* () {
    for (let i = 0; i < 4; i++) {
      yield* sleep(1000)
      log.push(clock.now())
    }
  })
  await clock.runAll()
  expect(log).toEqual([1000, 2000, 3000, 4000])
  expect([t.state, clock.pending]).toEqual(['waiting', 1])
  go(() => sleep(2000))
  await clock.runAll()
  expect([t.state, clock.pending]).toEqual(['killed', 0])
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

test('a clock that is restored twice restores once', () => {
  const first = virtualClock()
  first.restore()
  using second = virtualClock()
  first.restore()
  expect(loop.clock).toBe(second)
})

test('a timer calls with the async context in which it was set', async () => {
  using clock = virtualClock()
  const context = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  context.run('here', () => {
    perform(action(resolve => loop.clock.setTimer(() => resolve(seen.push(context.getStore())), 5) as never))
  })
  await clock.advance(5)
  expect(seen).toEqual(['here'])
})

test('its dates begin in the year 2000 or where told, and pass with its time', async () => {
  {
    using clock = virtualClock()
    expect(new Date(clock.date()).toISOString()).toBe('2000-01-01T00:00:00.000Z')
  }
  {
    using clock = virtualClock({ epoch: new Date('2026-05-04') })
    await clock.advance(1500)
    expect(new Date(clock.date()).toISOString()).toBe('2026-05-04T00:00:01.500Z')
  }
  using clock = virtualClock({ epoch: 7 })
  expect([clock.date(), clock.now()]).toEqual([7, 0])
})

test('fakeDate gives its dates to everybody, until it is restored', async () => {
  const real = Date
  {
    using clock = virtualClock({ epoch: 1000, fakeDate: true })
    await clock.advance(500)
    expect([Date.now(), new Date().toJSON(), Number(new Date(5)), Date.length]).toEqual([
      1500,
      '1970-01-01T00:00:01.500Z',
      5,
      7,
    ])
    expect(Date()).toBe(new real(1500).toString())
    expect([new Date() instanceof Date, new Date() instanceof real, Date.UTC(1970, 0)]).toEqual([true, true, 0])
    class Own extends Date {}
    expect([new Own().toJSON(), new Own() instanceof Own]).toEqual(['1970-01-01T00:00:01.500Z', true])
  }
  expect(Date).toBe(real)
  {
    using _clock = virtualClock({ epoch: 1000 })
    expect(Date).toBe(real)
  }
})

test.each([
  { turns: 0 },
  { turns: Number.NaN },
  { turns: 1.5 },
  { epoch: 1e20 },
  { patience: -1 },
  { patience: Number.POSITIVE_INFINITY },
  { epoch: new Date(Number.NaN) },
])('%p is refused, and changes nothing', options => {
  expect(() => virtualClock({ ...options, fakeDate: true })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
  expect(loop.clock).toBe(systemClock)
  expect(Date.now()).toBeGreaterThan(Date.UTC(2020, 0))
})

test('a clock begins a budget: where the loop rests does not depend on what ran before', async () => {
  const { budget } = loop
  loop.budget = 10
  try {
    const ran: number[] = []
    for (const before of [3, 7]) {
      go(function* () {
        for (let i = 0; i < before; i++) yield* schedule()
      })
      for (let i = 0; i < 50; i++) await Promise.resolve()
      using _clock = virtualClock()
      let switches = 0
      const t = go(function* () {
        for (; switches < 100; switches++) yield* schedule()
      })
      for (let i = 0; i < 200; i++) await Promise.resolve()
      ran.push(switches)
      await t
    }
    expect(ran).toEqual([9, 9])
  } finally {
    loop.budget = budget
  }
})
