import {
  type Co,
  channel,
  current,
  detach,
  go,
  never,
  perform,
  Scope,
  schedule,
  scope,
  sleep,
  type Tasklet,
  timeout,
} from '../../../src/core/index.js'
import { loop } from '../../../src/core/loop/loop.js'
import { idle, outcome, rejection, reported, uncaught, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()

test('what refuses to be looked into is thrown as anything else', async () => {
  const refusing = new Proxy(new Error('failure'), {
    getPrototypeOf() {
      throw new Error('refused')
    },
  })
  const t = go(function* () {
    throw refusing
  })
  expect(await rejection(t)).toBe(refusing)
  const late = timeout(
    1,
    scope(function* () {
      try {
        yield* never
      } finally {
        yield* throwing(refusing)
      }
    }),
    { else: 'late' },
  )
  const ended = watch(late)
  const warnings = await reported(() => time.clock.advance(1))
  expect(ended.outcome).toBe('late')
  expect(warnings).toHaveLength(1)
})

function* throwing(error: unknown): Co<void> {
  yield* schedule()
  throw error
}

test('go calls a generator function with its arguments and joins to its result', async () => {
  const t = go(
    function* (a: number, b: number) {
      yield* schedule()
      return a + b
    },
    2,
    3,
  )
  expect(await t).toBe(5)
})

test('go takes an async function and a plain one', async () => {
  expect(await go(async (n: number) => n + 1, 1)).toBe(2)
  expect(await go((n: number) => n + 1, 2)).toBe(3)
})

test('go does not call the function before its turn', async () => {
  const log: string[] = []
  const t = go(() => log.push('body'))
  log.push('after go')
  await t
  expect(log).toEqual(['after go', 'body'])
})

test('go takes no generator object and nothing that is not a function', () => {
  function* body() {
    yield* schedule()
  }
  expect(() => go(body() as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('generator object') }),
  )
  expect(() => go(5 as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  expect(() => detach(undefined as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test('every joiner gets the result, the late ones too', async () => {
  const t = go(function* () {
    yield* schedule()
    return { n: 1 }
  })
  const joiners = [0, 1].map(() =>
    go(function* () {
      return yield* t
    }),
  )
  const [a, b] = await Promise.all(joiners)
  expect(a).toBe(b)
  expect(await t).toBe(a)
})

test('a join throws the very error object, untouched', async () => {
  const error = Object.freeze(new Error('mine'))
  const t = go(function* () {
    yield* schedule()
    throw error
  })
  const joiner = go(function* () {
    try {
      yield* t
    } catch (caught) {
      return caught
    }
  })
  expect(await joiner).toBe(error)
  expect(await rejection(t)).toBe(error)
})

test('a value that is not an error is thrown as it is', async () => {
  expect(
    await rejection(
      go(() => {
        throw undefined
      }),
    ),
  ).toBe(undefined)
})

test('the join of a killed tasklet throws an ordinary error, which does not kill the joiner', async () => {
  const t = go(function* () {
    yield* never
  })
  const joiner = go(function* () {
    try {
      yield* t
    } catch (error) {
      yield* schedule()
      return error
    }
  })
  await idle()
  t.kill('why')
  const killed = { name: 'TaskletKilled', code: 'TASKLET_KILLED', cause: { reason: 'why', source: 'kill' } }
  expect(await joiner).toMatchObject(killed)
  // Whoever comes later gets the same.
  expect(await rejection(t)).toMatchObject(killed)
  expect(await rejection(go(() => t))).toMatchObject(killed)
  expect(t.waiters?.length).toBe(0)
})

test('a tasklet that throws the exit of another fails with it', async () => {
  const other = go(function* () {
    yield* never
  })
  const t = go(function* () {
    yield* other
  })
  const joined = rejection(t)
  await idle()
  other.kill()
  await joined
  expect(t.state).toBe('failed')
  const thief = go(() => {
    throw other.signal.reason
  })
  expect(await rejection(thief)).toBe(other.signal.reason)
  expect(thief.state).toBe('failed')
})

test.each([null, undefined, 0, '', { then: 5 }, { next() {} }, { throw() {} }, [1], () => {}])(
  'what only looks like a coroutine or a promise is the result: %p',
  async value => {
    const t = go(() => value)
    await idle()
    expect([t.state, (await perform(t)) === value]).toEqual(['done', true])
  },
)

test('the join of itself is a misuse, and leaves the tasklet able to go on', async () => {
  const t: Tasklet<unknown> = go(function* () {
    try {
      yield* t
    } catch (error) {
      yield* schedule()
      return error
    }
  })
  expect(await t).toMatchObject({ code: 'MISUSE' })
})

test('the state tells where a tasklet is in its life', async () => {
  const ch = channel<number>()
  const states: string[] = []
  const t: Tasklet<void> = go(function* () {
    states.push(t.state)
    yield* ch.receive()
  })
  states.push(t.state)
  await idle()
  states.push(t.state)
  ch.trySend(1)
  states.push(t.state)
  await t
  states.push(t.state)
  const failed = go(() => {
    throw new Error()
  })
  await rejection(failed)
  const killed = go(() => {})
  killed.kill()
  expect([...states, failed.state, killed.state]).toEqual([
    'ready',
    'running',
    'waiting',
    'ready',
    'done',
    'failed',
    'killed',
  ])
})

test('the name is the one given, else that of the function, else the id', async () => {
  const named = go(function* worker() {
    yield* schedule()
  })
  const anonymous = go((() => () => {})())
  const given = go(() => {})
  given.name = 'given'
  expect([named.name, anonymous.name, given.name]).toEqual(['worker', `tasklet#${anonymous.id}`, 'given'])
  await idle()
  expect([named.name, given.name, named.describe()]).toEqual(['worker', 'given', 'join "worker"'])
  expect(go(() => {}).id).toBeGreaterThan(given.id)
})

test('the signal is aborted, with the exit as its reason, when the kill is asked for', async () => {
  const t = go(function* () {
    try {
      yield* never
    } finally {
      yield* sleep(1)
    }
  })
  const before = t.signal
  await idle()
  expect(before.aborted).toBe(false)
  t.kill('why')
  expect(before.aborted).toBe(true)
  expect(before.reason).toMatchObject({ code: 'TASKLET_EXIT', reason: 'why', source: 'kill' })
  await time.clock.runAll()
  expect(t.signal).toBe(before)
})

test('a signal first asked for after the kill is aborted', async () => {
  const t = go(() => {})
  t.kill('why')
  expect(t.signal.reason).toMatchObject({ reason: 'why' })
})

test('the signal of a tasklet that ends by itself is not aborted', async () => {
  const t = go(() => {})
  const { signal } = t
  await t
  expect(signal.aborted).toBe(false)
})

test('await using kills the tasklet and waits until it is gone', async () => {
  const log: string[] = []
  {
    await using t = go(function* () {
      try {
        yield* never
      } finally {
        yield* schedule()
        log.push('cleaned up')
      }
    })
    await idle()
    expect(t.state).toBe('waiting')
  }
  expect(log).toEqual(['cleaned up'])
})

describe('raise', () => {
  test('throws the error where the tasklet waits, and withdraws the operation', async () => {
    const ch = channel<number>()
    const error = new Error('raised')
    const t = go(function* () {
      try {
        yield* ch.receive()
      } catch (caught) {
        yield* schedule()
        return caught
      }
    })
    await idle()
    t.raise(error)
    expect(ch.balance).toBe(0)
    expect(await t).toBe(error)
  })

  test('in itself throws in place', async () => {
    const error = new Error('raised')
    const log: string[] = []
    const t = go(function* () {
      yield* schedule()
      current().raise(error)
      log.push('LEAK')
    })
    expect(await outcome(t)).toBe(error)
    expect(log).toEqual([])
  })

  test('in a tasklet that has not run fails it, and its body never runs', async () => {
    let ran = false
    const error = new Error('raised')
    const t = go(() => {
      ran = true
    })
    t.raise(error)
    expect(await outcome(t)).toBe(error)
    expect(ran).toBe(false)
  })

  test('in a tasklet that has ended is a misuse, with the error as its cause', async () => {
    const t = go(() => {})
    await t
    const error = new Error('raised')
    expect(() => t.raise(error)).toThrow(expect.objectContaining({ code: 'MISUSE', cause: error }))
  })

  test('after a commit is thrown at the next operation', async () => {
    const ch = channel<number>()
    const log: unknown[] = []
    const t = go(function* () {
      log.push(yield* ch.receive())
      try {
        yield* schedule()
      } catch (error) {
        log.push((error as Error).message)
      }
    })
    await idle()
    ch.trySend(1)
    t.raise(new Error('raised'))
    await t
    expect(log).toEqual([1, 'raised'])
  })

  test('twice throws both, in their order', async () => {
    const log: unknown[] = []
    const t = go(function* () {
      for (let i = 0; i < 2; i++) {
        try {
          yield* never
        } catch (error) {
          log.push((error as Error).message)
        }
      }
      yield* schedule()
    })
    await idle()
    t.raise(new Error('one'))
    t.raise(new Error('two'))
    await t
    expect(log).toEqual(['one', 'two'])
  })

  test('of an error that the tasklet catches is not repeated, and leaves no timer', async () => {
    const t = go(function* () {
      try {
        yield* never
      } catch {}
      yield* sleep(10_000)
      return 'done'
    })
    const joined = watch(t)
    await idle()
    t.raise(new Error('raised'))
    await time.clock.advance(10_000)
    expect(joined.outcome).toBe('done')
    expect(time.clock.pending).toBe(0)
  })
})

describe('an error outside a scope', () => {
  const failure = new Error('failure')

  test('that nobody joins is uncaught', async () => {
    const errors = await uncaught(() => {
      go(() => {
        throw failure
      })
    })
    expect(errors).toEqual([failure])
  })

  test('that was joined before is not', async () => {
    const errors = await uncaught(() => {
      const t = go(function* () {
        yield* schedule()
        throw failure
      })
      t.then(null, () => {})
    })
    expect(errors).toEqual([])
  })

  test('that is joined by the end of the next setImmediate is not', async () => {
    const errors = await uncaught(() => {
      const t = go(() => {
        throw failure
      })
      setImmediate(() => t.then(null, () => {}))
    })
    expect(errors).toEqual([])
  })

  test('that is joined by one who is ready to is not, even where the loop rests in between', async () => {
    const { budget } = loop
    try {
      for (loop.budget = 1; loop.budget < 6; loop.budget++) {
        const seen: unknown[] = []
        const errors = await uncaught(() => {
          go(function* () {
            const t = go(() => {
              throw failure
            })
            yield* schedule()
            try {
              yield* t
            } catch (error) {
              seen.push(error)
            }
          })
        })
        expect({ budget: loop.budget, errors, seen }).toEqual({ budget: loop.budget, errors: [], seen: [failure] })
      }
    } finally {
      loop.budget = budget
    }
  })

  test('that lost its joiner is', async () => {
    const errors = await uncaught(async () => {
      const ch = channel<number>()
      const t = go(function* () {
        yield* ch.receive()
        throw failure
      })
      const joiner = go(function* () {
        yield* t
      })
      await idle()
      joiner.kill()
      await idle()
      ch.trySend(1)
    })
    expect(errors).toEqual([failure])
  })

  test('thrown by the cleanup of a killed tasklet is uncaught, and its kill settles', async () => {
    const errors = await uncaught(async () => {
      const t = go(function* () {
        try {
          yield* never
        } finally {
          yield* schedule()
          // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
          throw failure
        }
      })
      await idle()
      expect(await outcome(t.kill())).toBe(undefined)
      expect(t.state).toBe('failed')
    })
    expect(errors).toEqual([failure])
  })

  test('of a detached tasklet does not touch the scope it was started in', async () => {
    const owner = new Scope({ onFailure: () => {} })
    const errors = await uncaught(async () => {
      await owner.go(function* () {
        detach(() => {
          throw failure
        })
        yield* schedule()
      })
    })
    expect(errors).toEqual([failure])
    expect(owner.cancelled).toBe(false)
  })

  test('is none where the tasklet was killed', async () => {
    const errors = await uncaught(async () => {
      const t = go(function* () {
        yield* never
      })
      await idle()
      t.kill()
    })
    expect(errors).toEqual([])
  })
})

describe('current', () => {
  test('is the tasklet that runs', async () => {
    const t: Tasklet<boolean> = go(() => current() === t)
    expect(await t).toBe(true)
  })

  test('is a misuse where none does', () => {
    expect(() => current()).toThrow(expect.objectContaining({ code: 'MISUSE' }))
  })
})
