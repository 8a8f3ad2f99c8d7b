import { always, channel, deadline, go, never, type Op, schedule, sleep, timeout } from '../../../src/core/index.js'
import { loop } from '../../../src/core/loop/loop.js'
import { virtualClock } from '../../../src/testing/index.js'
import { idle, outcome, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()
const EPOCH = Date.UTC(2000, 0, 1)
const at = (ms: number) => EPOCH + ms
const text = (op: Op<unknown>) => op.describe()

test('on an operation gives its value in time, and clears the timer', async () => {
  const ch = channel<string>()
  const result = watch(deadline(at(10), ch.receive()))
  await time.clock.advance(9)
  ch.trySend('v')
  expect(time.clock.pending).toBe(0)
  await idle()
  expect(result.outcome).toBe('v')
})

test('on an operation throws TimeoutError when the instant comes, and the operation did not happen', async () => {
  const ch = channel<string>(0, { name: 'orders' })
  await time.clock.advance(3)
  const result = watch(deadline(at(10), ch.receive()))
  await time.clock.advance(6)
  expect(result.outcome).toBe('pending')
  await time.clock.advance(1)
  expect(result.outcome).toMatchObject({
    name: 'TimeoutError',
    code: 'TIMEOUT',
    ms: 7,
    at: at(10),
    message: '"receive on "orders"" was not over by 2000-01-01T00:00:00.010Z',
  })
  expect(ch.balance).toBe(0)
})

test('on a function ends everything it started, waits for the cleanup, and then throws', async () => {
  const log: string[] = []
  const result = watch(
    deadline(new Date(at(10)), function* work() {
      go(function* () {
        try {
          yield* never
        } finally {
          yield* sleep(3)
          log.push('child')
        }
      })
      yield* never
    }),
  )
  await time.clock.advance(12)
  expect([log, result.outcome]).toEqual([[], 'pending'])
  await time.clock.advance(1)
  expect(log).toEqual(['child'])
  expect(result.outcome).toMatchObject({ code: 'TIMEOUT', ms: 10, at: at(10) })
  expect(String(result.outcome)).toContain('"work" was not over by 2000-01-01T00:00:00.010Z')
  expect(time.clock.pending).toBe(0)
})

test('a TimeoutError of timeout() has no instant', async () => {
  const result = watch(timeout(10, never))
  await time.clock.advance(10)
  expect(result.outcome).toMatchObject({ ms: 10, at: null })
})

test.each([undefined, null, 0, 'late'])('with { else: %p } gives that', async value => {
  const onOp = watch(deadline(at(10), never, { else: value }))
  const onFunction = watch(
    deadline(
      at(10),
      function* () {
        yield* never
      },
      { else: value },
    ),
  )
  await time.clock.advance(10)
  expect([onOp.outcome, onFunction.outcome]).toEqual([value, value])
})

test('the instant counts, and not when the work begins: one bounds several pieces of work', async () => {
  const log: unknown[] = []
  const done = go(function* () {
    const by = at(25)
    for (let i = 0; i < 5; i++) {
      log.push(
        yield* deadline(
          by,
          sleep(10).map(() => time.clock.now()),
          { else: 'late' },
        ),
      )
    }
  })
  await time.clock.advance(25)
  expect(log).toEqual([10, 20, 'late', 'late', 'late'])
  expect([time.clock.now(), done.state]).toEqual([25, 'done'])
})

test('the work begins when it is first waited for, and may wait anew', async () => {
  const op = deadline(at(20), never, { else: 'late' })
  await time.clock.advance(15)
  expect(time.clock.pending).toBe(0)
  const first = watch(timeout(2, op, { else: 'withdrawn' }))
  await time.clock.advance(2)
  expect(first.outcome).toBe('withdrawn')
  const second = watch(op)
  await time.clock.advance(2)
  expect(second.outcome).toBe('pending')
  await time.clock.advance(1)
  expect(second.outcome).toBe('late')
})

test.each([at(0), at(-5), 0, -1, Number.NEGATIVE_INFINITY, new Date(0)])(
  'an instant that has passed, %p, is like timeout(0)',
  async past => {
    const ch = channel<string>(1)
    ch.trySend('v')
    expect(await outcome(deadline(past, ch.receive()))).toBe('v')
    expect(await outcome(deadline(past, always('now')))).toBe('now')
    const late = watch(deadline(past, ch.receive()))
    const body = watch(
      deadline(past, function* () {
        yield* schedule()
        return 'all that could run has'
      }),
    )
    const stuck = watch(
      deadline(past, function* () {
        yield* never
      }),
    )
    await time.clock.advance(0)
    expect(late.outcome).toMatchObject({ code: 'TIMEOUT', ms: 0, at: Number(past) })
    expect(body.outcome).toBe('all that could run has')
    expect(stuck.outcome).toMatchObject({ code: 'TIMEOUT', ms: 0, at: Number(past) })
    expect(time.clock.now()).toBe(0)
  },
)

test('Infinity is no limit, and sets no timer', async () => {
  expect(deadline(Number.POSITIVE_INFINITY, never).node().external()).toBe(false)
  expect(deadline(at(5), never).node().external()).toBe(true)
  const ch = channel<string>()
  const result = watch(deadline(Number.POSITIVE_INFINITY, ch.receive()))
  await idle()
  expect(time.clock.pending).toBe(0)
  ch.trySend('v')
  await idle()
  expect(result.outcome).toBe('v')
})

test('the earlier one of nested deadlines counts, inside and outside, on operations and on functions', async () => {
  for (const [outer, inner] of [
    [5, 10],
    [10, 5],
  ] as const) {
    using clock = virtualClock()
    const results = [
      watch(deadline(at(outer), deadline(at(inner), never))),
      watch(
        deadline(at(outer), function* () {
          yield* deadline(at(inner), never)
        }),
      ),
      watch(
        deadline(
          at(outer),
          deadline(at(inner), function* () {
            yield* never
          }),
        ),
      ),
    ]
    await clock.advance(4)
    expect(results.map(({ outcome }) => outcome)).toEqual(['pending', 'pending', 'pending'])
    await clock.advance(1)
    for (const { outcome } of results) expect(outcome).toMatchObject({ code: 'TIMEOUT', at: at(5) })
    expect(clock.pending).toBe(0)
  }
})

test('of two that are equal the outer one is thrown; an inner one is caught inside', async () => {
  const log: unknown[] = []
  const result = watch(
    deadline(at(10), function* () {
      log.push(yield* deadline(at(5), never, { else: 'inner' }))
      log.push(yield* deadline(at(10), never, { else: 'inner' }))
    }),
  )
  await time.clock.advance(10)
  expect(log).toEqual(['inner'])
  expect(result.outcome).toMatchObject({ code: 'TIMEOUT', at: at(10) })
})

test('a timeout and a deadline nest', async () => {
  await time.clock.advance(3)
  const shorter = watch(timeout(5, deadline(at(10), never)))
  const earlier = watch(deadline(at(7), timeout(5, never)))
  await time.clock.advance(7)
  expect(shorter.outcome).toMatchObject({ ms: 5, at: null })
  expect(earlier.outcome).toMatchObject({ ms: 4, at: at(7) })
})

test('a kill ends the work at once, and clears the timer', async () => {
  const t = go(() =>
    deadline(at(1000), function* () {
      yield* never
    }),
  )
  await idle()
  expect(time.clock.pending).toBe(1)
  await t.kill()
  expect(time.clock.pending).toBe(0)
})

test('it says until when it waits', () => {
  expect(text(deadline(at(1500), never))).toBe('never, until 2000-01-01T00:00:01.500Z')
  expect(text(deadline(at(1500), function* work() {}))).toBe('scope "work", until 2000-01-01T00:00:01.500Z')
  expect(text(deadline(9e15, never))).toBe('never, until 9000000000000000')
})

test('it goes by the date of the clock, wherever that begins', async () => {
  using clock = virtualClock({ epoch: Date.UTC(2030, 5, 1) })
  const result = watch(deadline(new Date('2030-06-01T00:00:10Z'), never, { else: 'late' }))
  await clock.advance(9999)
  expect(result.outcome).toBe('pending')
  await clock.advance(1)
  expect(result.outcome).toBe('late')
})

test('Date.now() of a clock that fakes dates is its own', async () => {
  using clock = virtualClock({ fakeDate: true })
  await clock.advance(1234)
  const result = watch(deadline(Date.now() + 10, never, { else: 'late' }))
  await clock.advance(10)
  expect(result.outcome).toBe('late')
})

test('under the real clock it is real time', async () => {
  time.clock.restore()
  const by = Date.now() + 20
  expect(await deadline(by, never, { else: 'late' })).toBe('late')
  // Node's timers and the wall clock round in their own ways.
  expect(Date.now()).toBeGreaterThanOrEqual(by - 2)
  expect(loop.clock.date()).toBeGreaterThanOrEqual(by - 2)
})

test.each([Number.NaN, '5', undefined, null, new Date('nonsense'), Object.create(null)])(
  'an instant of %p is refused',
  instant => {
    expect(() => deadline(instant as number, never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  },
)

test('what is neither an operation nor a function is refused', () => {
  expect(() => deadline(5, Promise.resolve() as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('deadline()') }),
  )
})
