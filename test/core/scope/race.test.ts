import {
  all,
  channel,
  current,
  go,
  never,
  race,
  SynclessError,
  schedule,
  scope,
  sleep,
} from '../../../src/core/index.js'
import { virtualClock } from '../../../src/testing/index.js'
import { reported } from '../support.js'

const clock = virtualClock()
afterAll(() => clock.restore())

function* delayed<T>(ms: number, value: T) {
  yield* sleep(ms)
  return value
}

describe('race', () => {
  test('the first to end decides, and the losers are killed and waited for', async () => {
    const log: string[] = []
    const winner = go(() =>
      race({
        slow: function* () {
          try {
            yield* never
          } finally {
            yield* sleep(5)
            log.push('slow cleaned up')
          }
        },
        fast: () => delayed(1, 'won'),
      }),
    )
    await clock.advance(1)
    expect(winner.state).toBe('waiting')
    await clock.advance(5)
    expect(await winner).toEqual({ key: 'fast', value: 'won' })
    expect(log).toEqual(['slow cleaned up'])
    expect(clock.pending).toBe(0)
  })

  test('a failure that comes first is thrown itself, and the others are gone by then', async () => {
    const error = new Error('lost')
    const ch = channel<number>()
    const racing = go(() =>
      race({
        bad: function* () {
          yield* sleep(1)
          throw error
        },
        waiting: ch.receive(),
      }),
    )
    const outcome = racing.then(null, caught => caught)
    await clock.advance(1)
    expect(await outcome).toBe(error)
    expect(ch.balance).toBe(0)
  })

  test('two that end in one turn: the one that was listed first, and nothing of the other is lost', async () => {
    const winner = go(() => race({ a: () => 1, b: () => 2 }))
    expect(await winner).toEqual({ key: 'a', value: 1 })
  })

  test('killing the one that waits kills every competitor', async () => {
    const log: string[] = []
    const runner = (name: string) =>
      function* () {
        try {
          yield* never
        } finally {
          log.push(name)
        }
      }
    const t = go(() => race({ a: runner('a'), b: runner('b') }))
    await clock.advance(0)
    await t.kill()
    expect(log).toEqual(['a', 'b'])
  })

  test('is lost by all when everyone was killed, and by nobody while one is left', async () => {
    const suicidal = function* () {
      yield* current().kill()
    }
    await expect(race({ a: suicidal, b: suicidal }).then()).rejects.toMatchObject({ code: 'TASKLET_KILLED' })
    expect(await race({ a: suicidal, b: () => 1 })).toEqual({ key: 'b', value: 1 })
  })

  describe('an error of a loser is reported, and the winner stands', () => {
    const losers: Record<string, Record<string, () => unknown>> = {
      'an async function that fails in the same turn': {
        a: async () => 'first',
        b: async () => {
          throw new Error('second')
        },
      },
      'a tasklet that fails in its cleanup': {
        a: function* () {
          yield* schedule()
          return 'first'
        },
        b: function* () {
          try {
            yield* never
          } catch {
            throw new Error('second')
          }
        },
      },
      'a tasklet that fails in the same turn': {
        a: function* () {
          yield* schedule()
          return 'first'
        },
        b: function* () {
          yield* schedule()
          throw new Error('second')
        },
      },
      'what a loser has started, in its cleanup': {
        a: function* () {
          yield* schedule()
          return 'first'
        },
        b: function* () {
          go(function* () {
            try {
              yield* never
            } catch {
              throw new Error('second')
            }
          })
          yield* never
        },
      },
    }
    test.each(Object.entries(losers))('%s', async (_what, competitors) => {
      const warnings = await reported(async () => {
        expect(await race(competitors as Record<string, () => string>)).toEqual({ key: 'a', value: 'first' })
      })
      expect(warnings).toEqual([expect.stringContaining('second')])
    })

    test('the first to fail decides, though another wins in the same turn', async () => {
      const failing = race({
        a: () => {
          throw new Error('first')
        },
        b: () => 'second',
      })
      await expect(failing.then()).rejects.toThrow('first')
    })
  })

  test('the competitors are called by their keys', async () => {
    expect(await race({ one: () => current().name })).toEqual({ key: 'one', value: 'one' })
    expect(await all({ two: () => current().name })).toEqual({ two: 'two' })
  })

  test('takes operations, async and plain functions, and refuses what is neither, and an empty race', async () => {
    expect(await race({ only: async () => 'async' })).toEqual({ key: 'only', value: 'async' })
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
    expect(() => race({ a: 1 as never })).toThrow(invalid)
    expect(() => race({})).toThrow(invalid)
    expect(() => all({ a: null as never })).toThrow(SynclessError)
  })
})

describe('all', () => {
  test('gives results in the shape of what it got, whatever the order they come in', async () => {
    const record = go(() => all({ late: () => delayed(2, 'late'), early: () => delayed(1, 'early') }))
    const tuple = go(() => all([() => delayed(2, 1), async () => 'two', sleep(1).map(() => 3)]))
    await clock.advance(2)
    expect(await record).toEqual({ late: 'late', early: 'early' })
    expect(await tuple).toEqual([1, 'two', 3])
    expect(await all([])).toEqual([])
  })

  test('the first failure kills the others, waits for their cleanup, and is thrown itself', async () => {
    const error = new Error('one failed')
    const log: string[] = []
    const t = go(() =>
      scope(function* () {
        yield* all([
          function* () {
            try {
              yield* never
            } finally {
              yield* sleep(3)
              log.push('cleaned up')
            }
          },
          function* () {
            yield* sleep(1)
            throw error
          },
        ])
      }),
    )
    const outcome = t.then(null, caught => caught)
    await clock.advance(1)
    expect(log).toEqual([])
    await clock.advance(3)
    expect(log).toEqual(['cleaned up'])
    expect(await outcome).toBe(error)
  })
})
