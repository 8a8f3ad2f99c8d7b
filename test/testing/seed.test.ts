import { always, channel, go, schedule, scope, select, type Tasklet } from '../../src/core/index.js'
import { loop } from '../../src/core/loop/loop.js'
import { runUntilIdle, seed } from '../../src/testing/index.js'
import { uncaught } from '../core/support.js'

/** The order in which six tasklets run that become ready again and again, together with choices of `select`. */
async function order(value: number, shuffle: boolean): Promise<string> {
  using _seeded = seed(value, { shuffle })
  let log = ''
  for (const name of 'abcdef') {
    go(function* () {
      for (let i = 0; i < 3; i++) {
        log += name
        log += (yield* select({ '1': always(1), '2': always(2) })).key
        yield* schedule()
      }
    })
  }
  await runUntilIdle()
  return log
}

const names = (log: string) => log.replace(/\d/g, '')

test('tasklets run in the order in which they became ready unless told otherwise', async () => {
  for (const value of [1, 2, 3]) expect(names(await order(value, false))).toBe('abcdef'.repeat(3))
})

test('shuffled, the order comes from the seed: the same for the same, and every order there is', async () => {
  const seen = new Set<string>()
  for (let value = 0; value < 200; value++) {
    const log = await order(value, true)
    expect(await order(value, true)).toBe(log)
    expect([...names(log)].sort().join('')).toBe('aaabbbcccdddeeefff')
    seen.add(names(log).slice(0, 2))
  }
  // Any of six comes first, any of six second: the first one is ready again.
  expect(seen.size).toBe(36)
})

test('shuffled, the partner that a preference switches to is the next still', async () => {
  for (let value = 0; value < 50; value++) {
    using _seeded = seed(value, { shuffle: true })
    const ch = channel<string>()
    ch.preference = -1
    const log: string[] = []
    const receiver = go(function* () {
      yield* ch.receive()
      log.push('receiver')
    })
    while (receiver.state === 'ready') await Promise.resolve()
    go(function* () {
      yield* ch.send('v')
      log.push('sender')
    })
    for (let i = 0; i < 5; i++) {
      go(function* () {
        yield* schedule()
        log.push('other')
      })
    }
    await runUntilIdle()
    const sent = log.filter(name => name !== 'other')
    expect(sent).toEqual(['receiver', 'sender'])
  }
})

test('shuffled, an error that is received is not taken for an uncaught one', async () => {
  const { budget } = loop
  loop.budget = 3
  try {
    for (let value = 0; value < 100; value++) {
      using _seeded = seed(value, { shuffle: true })
      const errors = await uncaught(async () => {
        const t: Tasklet<void> = go(function* () {
          yield* scope(function* () {
            try {
              yield* t.kill()
            } finally {
              yield* schedule()
            }
          })
        })
        for (let i = 0; i < 3; i++) go(() => schedule())
        await expect(t.then()).rejects.toMatchObject({ code: 'TASKLET_KILLED' })
      })
      expect(errors).toEqual([])
    }
  } finally {
    loop.budget = budget
  }
})

test('shuffled, the loop keeps its budget', async () => {
  const { budget } = loop
  loop.budget = 10
  let switches = 0
  try {
    using _seeded = seed(1, { shuffle: true })
    go(function* () {
      for (; switches < 100; switches++) yield* schedule()
    })
    for (let i = 0; i < 300; i++) await Promise.resolve()
    expect(switches).toBe(9)
    await runUntilIdle()
    expect(switches).toBe(100)
  } finally {
    loop.budget = budget
  }
})

test('where the loop rests does not depend on what ran before', async () => {
  const { budget } = loop
  loop.budget = 10
  const ran: number[] = []
  try {
    for (const before of [3, 7]) {
      go(function* () {
        for (let i = 0; i < before; i++) yield* schedule()
      })
      for (let i = 0; i < 50; i++) await Promise.resolve()
      using _seeded = seed(1)
      let switches = 0
      const t = go(function* () {
        for (; switches < 100; switches++) yield* schedule()
      })
      for (let i = 0; i < 300; i++) await Promise.resolve()
      ran.push(switches)
      await t
    }
  } finally {
    loop.budget = budget
  }
  expect(ran).toEqual([9, 9])
})

test('a rest that is under way is over', async () => {
  const { budget } = loop
  loop.budget = 10
  try {
    let switches = 0
    const t = go(function* () {
      for (; switches < 15; switches++) yield* schedule()
    })
    for (let i = 0; i < 50; i++) await Promise.resolve()
    expect(switches).toBeLessThan(15)
    using _seeded = seed(1)
    for (let i = 0; i < 50; i++) await Promise.resolve()
    expect([switches, t.state]).toEqual([15, 'done'])
  } finally {
    loop.budget = budget
  }
})

test('the seed can be read, a drawn one too, and gives the same run again', async () => {
  using drawn = seed(undefined, { shuffle: true })
  expect(Number.isInteger(drawn.seed)).toBe(true)
  expect(await order(drawn.seed, true)).toBe(await order(drawn.seed, true))
  const seeds = Array.from({ length: 20 }, () => {
    using seeded = seed()
    return seeded.seed
  })
  expect(new Set(seeds).size).toBeGreaterThan(1)
})

test('restore puts back what was there before, once', async () => {
  const { random } = loop
  const outer = seed(1, { shuffle: true })
  const { chooser } = loop
  const inner = seed(2)
  expect(loop.chooser).toBe(chooser)
  inner.restore()
  inner.restore()
  expect([loop.random.seed, loop.chooser]).toEqual([1, chooser])
  outer.restore()
  expect([loop.random, loop.chooser]).toEqual([random, null])
  inner.restore()
  expect(loop.random).toBe(random)
})

test('a run that is restored in a tasklet goes on in turn', async () => {
  const seeded = seed(1, { shuffle: true })
  let log = ''
  for (const name of 'abcdef') {
    go(function* () {
      seeded.restore()
      yield* schedule()
      log += name
    })
  }
  await runUntilIdle()
  expect([...log].sort().join('')).toBe('abcdef')
  expect(await order(1, false)).toBe(await order(1, false))
})

test('shuffle is refused in a tasklet, a bare seed is not', async () => {
  const t = go(() => {
    seed(3).restore()
    seed(3, { shuffle: true })
  })
  await expect(t.then()).rejects.toMatchObject({ code: 'MISUSE' })
  expect(loop.chooser).toBeNull()
})

test.each([Number.NaN, 1.5, '3'])('a seed of %p is refused', value => {
  expect(() => seed(value as number)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
