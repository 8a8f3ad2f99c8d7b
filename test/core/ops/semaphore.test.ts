import fc from 'fast-check'
import { channel, go, type Permit, schedule, select, semaphore, sleep } from '../../../src/core/index.js'
import { runUntilIdle, virtualClock } from '../../../src/testing/index.js'

const clock = virtualClock()
afterAll(() => clock.restore())

test('never more than the permits are out, and everyone gets in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ want: fc.integer({ min: 1, max: 4 }), hold: fc.integer({ min: 0, max: 3 }) }), {
        maxLength: 12,
      }),
      async (permits, workers) => {
        const limit = semaphore(permits)
        let out = 0
        let served = 0
        for (const { want, hold } of workers) {
          go(function* () {
            const permit = yield* limit.acquire(Math.min(want, permits))
            out += permit.count
            expect(out).toBeLessThanOrEqual(permits)
            for (let i = 0; i < hold; i++) yield* schedule()
            out -= permit.count
            served++
            permit.release()
          })
        }
        await runUntilIdle()
        expect(served).toBe(workers.length)
        expect(limit.free).toBe(permits)
      },
    ),
    { numRuns: 50 },
  )
})

test('first come, first served: one who wants many is not overtaken', async () => {
  const limit = semaphore(2)
  const first = await limit.acquire()
  const log: string[] = []
  const take = (name: string, count: number) =>
    go(function* () {
      const permit = yield* limit.acquire(count)
      log.push(name)
      permit.release()
    })
  take('many', 2)
  take('few', 1)
  await runUntilIdle()
  expect(log).toEqual([])
  first.release()
  await runUntilIdle()
  expect(log).toEqual(['many', 'few'])
})

test('one who leaves the queue takes nothing, and lets the next one in', async () => {
  const limit = semaphore(2)
  const held = await limit.acquire()
  const greedy = go(() => limit.acquire(2))
  const modest = go(() => limit.acquire(1))
  await runUntilIdle()
  expect(modest.state).toBe('waiting')
  await greedy.kill()
  expect((await modest).count).toBe(1)
  held.release()
  expect(limit.free).toBe(1)
  const choice = select({ permit: limit.acquire(2), late: sleep(1) }).then(({ key }) => key)
  await clock.advance(1)
  expect(await choice).toBe('late')
  expect(limit.free).toBe(1)
})

test('a permit is given back once, by release or at the end of a using block', async () => {
  const limit = semaphore(1)
  let kept: Permit | undefined
  {
    using permit = await limit.acquire()
    kept = permit
    expect(limit.free).toBe(0)
  }
  expect(limit.free).toBe(1)
  kept.release()
  expect(limit.free).toBe(1)
})

test.each([0, -1, 1.5, Number.NaN])('%p permits are refused, at the making and at the asking', bad => {
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  expect(() => semaphore(bad)).toThrow(invalid)
  expect(() => semaphore(2).acquire(bad)).toThrow(invalid)
  expect(() => semaphore(2).acquire(3)).toThrow(invalid)
})

test.each([
  ['c', 'a', 'b'],
  ['a', 'b', 'c'],
])('a select on two acquires of one semaphore that loses both takes nothing: %s %s %s', async (...order) => {
  const limit = semaphore(2)
  const [first, second] = [await limit.acquire(), await limit.acquire()]
  const ch = channel<string>()
  const branches = { a: limit.acquire(2), b: limit.acquire(1), c: ch.receive() }
  const listed = Object.fromEntries(order.map(key => [key, branches[key as keyof typeof branches]]))
  // Biased, they wait in the order in which they are listed.
  const chosen = select(listed, { biased: true }).then()
  await runUntilIdle()
  first.release()
  expect(ch.trySend('item')).toBe('sent')
  expect(await chosen).toEqual({ key: 'c', value: 'item' })
  expect(limit.free).toBe(1)
  second.release()
  expect(limit.free).toBe(2)
})
