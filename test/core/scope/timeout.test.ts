import { type Co, channel, go, never, rethrowIfExit, scope, sleep, timeout, until } from '../../../src/core/index.js'
import { idle, outcome, reported, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()

test('on an operation gives its value in time, and clears the timer', async () => {
  const ch = channel<string>()
  const result = watch(timeout(10, ch.receive()))
  await time.clock.advance(9)
  ch.trySend('v')
  expect(time.clock.pending).toBe(0)
  await idle()
  expect(result.outcome).toBe('v')
})

test('on an operation that is ready at once sets no timer', async () => {
  const ch = channel<string>(1)
  ch.trySend('v')
  await go(function* () {
    expect(yield* timeout(10, ch.receive())).toBe('v')
    expect(time.clock.pending).toBe(0)
  })
})

test('on an operation throws TimeoutError when the time is over, and the operation did not happen', async () => {
  const ch = channel<string>(0, { name: 'orders' })
  const result = watch(timeout(10, ch.receive()))
  await time.clock.advance(9)
  expect(result.outcome).toBe('pending')
  await time.clock.advance(1)
  expect(result.outcome).toMatchObject({
    name: 'TimeoutError',
    code: 'TIMEOUT',
    ms: 10,
    message: expect.stringContaining('orders'),
  })
  expect(ch.balance).toBe(0)
})

test('the error of the operation is thrown itself', async () => {
  const failure = new Error('failure')
  expect(await outcome(timeout(10, until(Promise.reject(failure))))).toBe(failure)
  expect(time.clock.pending).toBe(0)
})

test.each([undefined, null, 0, 'late'])('with { else: %p } gives that', async value => {
  const onOp = watch(timeout(10, never, { else: value }))
  const onFunction = watch(
    timeout(
      10,
      function* () {
        yield* never
      },
      { else: value },
    ),
  )
  await time.clock.advance(10)
  expect([onOp.outcome, onFunction.outcome]).toEqual([value, value])
})

test('on a function gives its result in time, and clears the timer', async () => {
  const result = watch(
    timeout(10, function* () {
      yield* sleep(5)
      return 'result'
    }),
  )
  await time.clock.advance(5)
  expect(result.outcome).toBe('result')
  expect(time.clock.pending).toBe(0)
})

test('on a function ends everything it started, waits for the cleanup, and then throws', async () => {
  const log: string[] = []
  const result = watch(
    timeout(10, function* () {
      go(function* () {
        try {
          yield* never
        } finally {
          yield* sleep(3)
          log.push('child')
        }
      })
      try {
        yield* never
      } finally {
        yield* sleep(1)
        log.push('body')
      }
    }),
  )
  await time.clock.advance(12)
  expect([log, result.outcome]).toEqual([['body'], 'pending'])
  await time.clock.advance(1)
  expect(log).toEqual(['body', 'child'])
  expect(result.outcome).toMatchObject({ code: 'TIMEOUT', ms: 10 })
  expect(time.clock.pending).toBe(0)
})

test('the error of the function is thrown itself', async () => {
  const failure = new Error('failure')
  expect(
    await outcome(
      timeout(10, function* () {
        throw failure
      }),
    ),
  ).toBe(failure)
  expect(time.clock.pending).toBe(0)
})

test('an error of the cleanup is thrown in place of the TimeoutError', async () => {
  const failure = new Error('failure')
  const result = watch(
    timeout(10, function* () {
      try {
        yield* never
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
        throw failure
      }
    }),
  )
  await time.clock.advance(10)
  expect(result.outcome).toBe(failure)
})

test('a function whose last operation commits in time keeps its result', async () => {
  const ch = channel<string>()
  const result = watch(timeout(10, () => ch.receive() as unknown as Co<string>))
  const again = watch(
    timeout(10, function* () {
      return yield* ch.receive()
    }),
  )
  await time.clock.advance(9)
  ch.trySend('a')
  ch.trySend('b')
  await time.clock.advance(1)
  expect([result.outcome, again.outcome]).toEqual(['a', 'b'])
})

test('is thrown at its boundary, so that the function itself sees an exit and not a TimeoutError', async () => {
  const seen: unknown[] = []
  const result = watch(
    timeout(10, function* () {
      try {
        yield* never
      } catch (error) {
        seen.push((error as { code: string }).code, (error as { source: string }).source)
        rethrowIfExit(error)
      }
    }),
  )
  await time.clock.advance(10)
  expect(seen).toEqual(['TASKLET_EXIT', 'timeout'])
  expect(result.outcome).toMatchObject({ code: 'TIMEOUT' })
})

test('the shorter of two nested timeouts is the one that is thrown', async () => {
  for (const [outer, inner] of [
    [5, 10],
    [10, 5],
  ] as const) {
    const result = watch(
      timeout(outer, function* () {
        yield* timeout(inner, never)
      }),
    )
    await time.clock.advance(10)
    expect(result.outcome).toMatchObject({ code: 'TIMEOUT', ms: 5 })
    expect(time.clock.pending).toBe(0)
  }
})

test('an inner timeout can be caught, and the outer time goes on', async () => {
  const log: unknown[] = []
  const result = watch(
    timeout(10, function* () {
      for (;;) {
        log.push(time.clock.now())
        yield* timeout(4, never, { else: undefined })
      }
    }),
  )
  await time.clock.advance(10)
  expect(log).toEqual([0, 4, 8])
  expect(result.outcome).toMatchObject({ ms: 10 })
})

test.each([
  ['a scope', (body: () => Co<void>) => timeout(5, scope(body))],
  [
    'a mapped scope',
    (body: () => Co<void>) =>
      timeout(
        5,
        scope(body).map(v => v),
      ),
  ],
  ['another timeout', (body: () => Co<void>) => timeout(5, timeout(100, body))],
  ['two more timeouts', (body: () => Co<void>) => timeout(5, timeout(50, timeout(100, body)))],
])('on %s ends it, and waits for the cleanup', async (_name, make) => {
  const log: string[] = []
  const result = watch(
    make(function* () {
      try {
        yield* never
      } finally {
        yield* sleep(3)
        log.push('cleaned up')
      }
    }),
  )
  await time.clock.advance(7)
  expect(result.outcome).toBe('pending')
  await time.clock.advance(1)
  expect(log).toEqual(['cleaned up'])
  expect(result.outcome).toMatchObject({ code: 'TIMEOUT', ms: 5 })
  expect(time.clock.pending).toBe(0)
})

test('on a scope that fails in its cleanup does not lose the failure', async () => {
  const seen: unknown[] = []
  const warnings = await reported(async () => {
    const result = watch(
      timeout(
        5,
        scope(function* () {
          try {
            yield* never
          } finally {
            // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
            throw new Error('failure')
          }
        }),
      ),
    )
    await time.clock.advance(5)
    seen.push(result.outcome)
  })
  expect([...warnings, ...seen.map(String)].join()).toContain('failure')
})

test('on a tasklet stops waiting for it, and does not kill it', async () => {
  const t = go(function* () {
    yield* sleep(20)
    return 'result'
  })
  const result = watch(timeout(5, t))
  await time.clock.advance(5)
  expect(result.outcome).toMatchObject({ code: 'TIMEOUT' })
  await time.clock.advance(15)
  expect(await t).toBe('result')
})

test('Infinity is no limit, and sets no timer', async () => {
  const ch = channel<string>()
  const result = watch(timeout(Number.POSITIVE_INFINITY, ch.receive()))
  await idle()
  expect(time.clock.pending).toBe(0)
  ch.trySend('v')
  await idle()
  expect(result.outcome).toBe('v')
})

test('zero gives a ready operation its chance, and no other', async () => {
  const ch = channel<string>(1)
  ch.trySend('v')
  expect(await outcome(timeout(0, ch.receive()))).toBe('v')
  const late = watch(timeout(0, ch.receive()))
  await time.clock.advance(0)
  expect(late.outcome).toMatchObject({ code: 'TIMEOUT' })
})

test.each([Number.NaN, '5', undefined])('a time of %p is refused', ms => {
  expect(() => timeout(ms as number, never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test.each([null, 5, 'else'])('options of %p are refused', options => {
  expect(() => timeout(5, never, options as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test('what is neither an operation nor a function is refused', () => {
  expect(() => timeout(5, Promise.resolve() as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
