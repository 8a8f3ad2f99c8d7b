import { go, never, Scope, scope, shield, sleep, timeout } from '../../../src/core/index.js'
import { runUntilIdle, virtualClock } from '../../../src/testing/index.js'

const clock = virtualClock()
afterAll(() => clock.restore())

test('a kill waits until the shielded body is over, and is thrown then', async () => {
  const log: string[] = []
  const t = go(function* () {
    log.push(
      yield* shield(1000, function* () {
        yield* sleep(100)
        log.push('done')
        return 'LEAK'
      }),
    )
  })
  await runUntilIdle()
  const gone = t.kill()
  await clock.advance(99)
  expect(log).toEqual([])
  await clock.advance(1)
  await gone
  expect(log).toEqual(['done'])
  expect(t.state).toBe('killed')
  expect(clock.pending).toBe(0)
})

test('after its time the body is ended like any other', async () => {
  const log: string[] = []
  const t = go(() =>
    shield(10, function* () {
      try {
        yield* never
      } finally {
        log.push('ended')
      }
    }),
  )
  await runUntilIdle()
  const gone = t.kill()
  await clock.advance(9)
  t.kill()
  expect(log).toEqual([])
  await clock.advance(1)
  await gone
  expect(log).toEqual(['ended'])
  expect(clock.pending).toBe(0)
})

test('in cleanup it extends the grace period', async () => {
  const log: string[] = []
  const t = go(function* () {
    try {
      yield* never
    } finally {
      yield* shield(60_000, function* () {
        yield* sleep(30_000)
        log.push('cleaned up')
      })
    }
  })
  await runUntilIdle()
  const gone = t.kill()
  await clock.advance(30_000)
  await gone
  expect(log).toEqual(['cleaned up'])
  expect(t.state).toBe('killed')
})

test('a cancelled scope and a timeout wait for it too', async () => {
  const log: string[] = []
  const careful = function* () {
    yield* shield(1000, function* () {
      yield* sleep(20)
      log.push('done')
    })
  }
  const owner = new Scope()
  owner.go(careful)
  const timed = go(() => timeout(5, careful, { else: 'late' }))
  await runUntilIdle()
  owner.cancel()
  const closed = owner.close().then()
  await clock.advance(20)
  await closed
  expect(await timed).toBe('late')
  expect(log).toEqual(['done', 'done'])
})

test('without an interruption it is just its body', async () => {
  const error = new Error('own')
  const value = go(() =>
    shield(10, function* () {
      yield* sleep(50)
      return 1
    }),
  )
  const failed = go(() =>
    scope(function* () {
      yield* shield(10, function* () {
        yield* sleep(1)
        throw error
      })
    }),
  ).then(null, caught => caught)
  await clock.advance(50)
  expect(await value).toBe(1)
  expect(await failed).toBe(error)
  expect(() => shield(Number.NaN, function* () {})).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
