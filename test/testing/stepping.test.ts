import { channel, go, schedule, sleep, until } from '../../src/core/index.js'
import { loop } from '../../src/core/loop/loop.js'
import { runUntilIdle, seed, stepping, virtualClock } from '../../src/testing/index.js'

function* chatty(name: string, log: string[]) {
  for (let i = 0; i < 3; i++) {
    log.push(`${name}${i}`)
    yield* schedule()
  }
}

test('a step runs one tasklet to its next wait, gives it, and then null', async () => {
  using stepper = stepping()
  const log: string[] = []
  const a = go(chatty, 'a', log)
  const b = go(chatty, 'b', log)
  for (const [t, said] of [
    [a, 'a0'],
    [b, 'b0'],
    [a, 'a1'],
    [b, 'b1'],
    [a, 'a2'],
    [b, 'b2'],
  ] as const) {
    expect(stepper.step()).toBe(t)
    expect(log.at(-1)).toBe(said)
  }
  for (const t of [a, b, null]) expect(stepper.step()).toBe(t)
  expect([a.state, b.state, log.length]).toEqual(['done', 'done', 6])
})

test('meanwhile nothing runs by itself, whatever wakes it', async () => {
  using stepper = stepping()
  const ch = channel<number>()
  const woken = [go(() => ch.receive()), go(() => until(Promise.resolve())), go(() => sleep(0))]
  for (const t of woken) expect(stepper.step()).toBe(t)
  ch.trySend(1)
  await new Promise(resolve => setTimeout(resolve, 5))
  await runUntilIdle()
  expect(woken.map(t => t.state)).toEqual(['ready', 'ready', 'ready'])
  while (stepper.step() !== null);
  expect(woken.map(t => t.state)).toEqual(['done', 'done', 'done'])
})

test('what was ready before, with a drain under way, waits for a step too', async () => {
  const t = go(() => 'ran')
  using stepper = stepping()
  await runUntilIdle()
  expect(t.state).toBe('ready')
  expect(stepper.step()).toBe(t)
})

test('after it the loop runs by itself what was left', async () => {
  const log: string[] = []
  {
    using stepper = stepping()
    go(chatty, 'a', log)
    stepper.step()
  }
  expect(log).toEqual(['a0'])
  await runUntilIdle()
  expect(log).toEqual(['a0', 'a1', 'a2'])
  expect(loop.chooser).toBeNull()
})

test('the loop is let go by the last of two, each of which ends once', async () => {
  const outer = stepping()
  const inner = stepping()
  const t = go(() => 'ran')
  inner.restore()
  inner.restore()
  await runUntilIdle()
  expect(t.state).toBe('ready')
  outer.restore()
  await runUntilIdle()
  expect(t.state).toBe('done')
})

test('a tasklet that lets the loop go leaves none behind', async () => {
  const stepper = stepping()
  const log: string[] = []
  go(() => {
    stepper.restore()
    go(chatty, 'b', log)
  })
  go(chatty, 'a', log)
  await runUntilIdle()
  stepper.step()
  await runUntilIdle()
  expect(log).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2'])
})

test('steps follow a seeded order', () => {
  const run = (value: number) => {
    using stepper = stepping()
    using _seeded = seed(value, { shuffle: true })
    const log: string[] = []
    go(chatty, 'a', log)
    go(chatty, 'b', log)
    go(chatty, 'c', log)
    while (stepper.step() !== null);
    return log.join()
  }
  expect(run(1)).toBe(run(1))
  expect(new Set(Array.from({ length: 20 }, (_, i) => run(i))).size).toBeGreaterThan(5)
})

test('a virtual clock that advances fires its timers, and what they wake waits for its step', async () => {
  using clock = virtualClock()
  using stepper = stepping()
  const t = go(() => sleep(10))
  stepper.step()
  await clock.advance(10)
  expect([t.state, clock.now()]).toEqual(['ready', 10])
  stepper.step()
  expect(t.state).toBe('done')
})

test('a clock that advances by itself stands while a step is due', async () => {
  using clock = virtualClock({ autoAdvance: true })
  using stepper = stepping()
  const sleeper = go(() => sleep(10))
  const idler = go(() => 'ran')
  expect(stepper.step()).toBe(sleeper)
  for (let i = 0; i < 20; i++) await runUntilIdle()
  await new Promise(resolve => setTimeout(resolve, 5))
  expect(clock.now()).toBe(0)
  expect(stepper.step()).toBe(idler)
  while (sleeper.state !== 'ready') await runUntilIdle()
  expect(clock.now()).toBe(10)
  stepper.step()
})

test('a step in a tasklet, and stepping that begins in one, are refused', async () => {
  const begun = go(() => stepping())
  await expect(begun.then()).rejects.toMatchObject({ code: 'MISUSE' })
  using stepper = stepping()
  const nested = go(() => stepper.step())
  nested.then(null, () => {})
  stepper.step()
  await expect(nested.then()).rejects.toMatchObject({ code: 'MISUSE' })
})
