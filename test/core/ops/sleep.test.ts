import { go, sleep } from '../../../src/core/index.js'
import { loop } from '../../../src/core/loop/loop.js'
import { idle, ManualClock, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()

test('waits for the time given', async () => {
  const slept = watch(sleep(10))
  await time.clock.advance(9)
  expect(slept.outcome).toBe('pending')
  await time.clock.advance(1)
  expect(slept.outcome).toBe(undefined)
})

test('sleepers wake in the order of their times', async () => {
  const log: number[] = []
  for (const ms of [30, 10, 20, 10]) {
    go(function* () {
      yield* sleep(ms)
      log.push(ms)
    })
  }
  await time.clock.runAll()
  expect(log).toEqual([10, 10, 20, 30])
})

test('a time beyond 2^31-1 ms is kept', async () => {
  const ms = 2 ** 31 + 5
  const slept = watch(sleep(ms))
  await time.clock.advance(2 ** 31 - 1)
  await time.clock.advance(5)
  expect([slept.outcome, time.clock.pending]).toEqual(['pending', 1])
  await time.clock.advance(1)
  expect([slept.outcome, time.clock.pending]).toEqual([undefined, 0])
})

test('no timer is ever set for longer than Node takes', async () => {
  const before = loop.clock
  const clock = new ManualClock()
  try {
    for (const ms of [5, 2 ** 31, 1e15, Number.POSITIVE_INFINITY]) sleep(ms).then()
    await idle()
    for (const { ms } of clock.timers.values()) expect(ms).toBeLessThanOrEqual(2 ** 31 - 1)
    expect(clock.timers.size).toBe(3)
  } finally {
    clock.restore()
  }
  expect(loop.clock).toBe(before)
})

test('Infinity waits for ever, without a timer, and can be killed', async () => {
  const t = go(function* () {
    yield* sleep(Number.POSITIVE_INFINITY)
  })
  await idle()
  expect([t.state, time.clock.pending]).toEqual(['waiting', 0])
  await t.kill()
  expect(t.state).toBe('killed')
})

test.each([0, -1, -1e20])('%d waits for the next turn of the timers', async ms => {
  const log: string[] = []
  const t = go(function* () {
    yield* sleep(ms)
    log.push('woke')
  })
  await idle()
  expect(log).toEqual([])
  await time.clock.advance(0)
  expect(log).toEqual(['woke'])
  await t
})

test('a kill in the second stretch of a long sleep clears its timer', async () => {
  const t = go(function* () {
    yield* sleep(2 ** 32)
  })
  await time.clock.advance(2 ** 31)
  expect(time.clock.pending).toBe(1)
  await t.kill()
  expect(time.clock.pending).toBe(0)
})

test.each([Number.NaN, '5', null, undefined, {}])('%p is refused at once', ms => {
  expect(() => sleep(ms as number)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
