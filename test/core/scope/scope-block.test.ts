/** A scope that spans a block of code. */
import {
  type Cancelled,
  type Co,
  channel,
  current,
  go,
  never,
  type Op,
  perform,
  Scope,
  schedule,
  scope,
  select,
  sleep,
  type Tasklet,
  timeout,
} from '../../../src/core/index.js'
import { loop } from '../../../src/core/loop/loop.js'
import { idle, outcome, rejection, reported, uncaught, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()
const failure = new Error('failure')

test('gives the result of its body when every tasklet started in it is gone', async () => {
  const log: string[] = []
  const result = watch(
    scope(function* () {
      go(function* () {
        yield* sleep(5)
        go(function* () {
          yield* sleep(5)
          log.push('grandchild')
        })
        log.push('child')
      })
      yield* schedule()
      log.push('body')
      return 'result'
    }),
  )
  await time.clock.advance(9)
  expect([log, result.outcome]).toEqual([['body', 'child'], 'pending'])
  await time.clock.advance(1)
  expect([log, result.outcome]).toEqual([['body', 'child', 'grandchild'], 'result'])
})

test('does nothing until it is performed, and runs once however often it is', async () => {
  let ran = 0
  const op = scope(function* () {
    ran++
    yield* schedule()
    return ran
  })
  await idle()
  expect(ran).toBe(0)
  expect(await Promise.all([op, go(() => op), op.map(n => n)])).toEqual([1, 1, 1])
  expect(await op).toBe(1)
  expect(ran).toBe(1)
})

test.each([
  ['the body', (fails: () => Co<void>) => scope(fails)],
  [
    'a child',
    (fails: () => Co<void>) =>
      scope(function* () {
        go(fails)
        yield* never
      }),
  ],
  [
    'a child, when the body is over',
    (fails: () => Co<void>) =>
      scope(function* () {
        go(fails)
      }),
  ],
  [
    'a grandchild in a nested scope',
    (fails: () => Co<void>) =>
      scope(function* () {
        yield* scope(function* () {
          go(fails)
        })
      }),
  ],
  [
    'a child that somebody joins',
    (fails: () => Co<void>) =>
      scope(function* () {
        const t = go(fails)
        try {
          yield* t
        } catch {}
      }),
  ],
])('the failure of %s is thrown itself, when the rest is gone', async (_name, make) => {
  const log: string[] = []
  const result = watch(
    scope(function* () {
      go(function* () {
        try {
          yield* never
        } finally {
          yield* sleep(5)
          log.push('cleaned up')
        }
      })
      yield* make(function* () {
        yield* sleep(1)
        throw failure
      })
    }),
  )
  await time.clock.advance(1)
  expect(result.outcome).toBe('pending')
  await time.clock.advance(5)
  expect(result.outcome).toBe(failure)
  expect(log).toEqual(['cleaned up'])
})

test('later failures are in scope.errors and reported, and the first one is thrown', async () => {
  let inner: Scope | null = null
  const warnings = await reported(async () => {
    const result = watch(
      scope(function* (s) {
        inner = s
        for (const name of ['a', 'b', 'c']) {
          go(function* () {
            try {
              yield* never
            } finally {
              // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
              throw new Error(name)
            }
          })
        }
        yield* schedule()
        throw failure
      }),
    )
    await idle()
    expect(result.outcome).toBe(failure)
  })
  expect(inner!.errors.map(error => (error as Error).message)).toEqual(['a', 'b', 'c'])
  expect(warnings.filter(text => text.includes('another tasklet'))).toHaveLength(3)
})

test('the failure of a child that comes again from its joiner is one failure', async () => {
  let inner: Scope | null = null
  const warnings = await reported(async () => {
    const result = watch(
      scope(function* (s) {
        inner = s
        const child = go(function* () {
          yield* schedule()
          throw failure
        })
        go(function* () {
          yield* child
        })
        yield* child
      }),
    )
    await idle()
    expect(result.outcome).toBe(failure)
  })
  expect([inner!.errors, warnings]).toEqual([[], []])
})

describe('tells every tasklet in it why it ends', () => {
  interface Cause {
    /** A scope in which `inside` runs. */
    work(inside: () => Co<void>): Op<unknown>
    /** What is done to the tasklet that waits for it. */
    end?(waiter: Tasklet<unknown>): void
    why: { source: string; reason: unknown }
  }
  const plain = (inside: () => Co<void>) => scope(inside)
  const causes: Record<string, Cause> = {
    'a kill of the one that waits': {
      work: plain,
      end: waiter => void waiter.kill('why'),
      why: { source: 'kill', reason: 'why' },
    },
    'an error raised in the one that waits': {
      work: plain,
      end: waiter => waiter.raise(failure),
      why: { source: 'cancel', reason: failure },
    },
    'its cancel': {
      work: inside =>
        scope(function* (s) {
          go(() => sleep(1).map(() => s.cancel('why')))
          yield* inside()
        }),
      why: { source: 'cancel', reason: 'why' },
    },
    'the cancel of the scope around it': {
      work: inside =>
        scope(function* (s) {
          go(() => sleep(1).map(() => s.cancel('why')))
          yield* scope(inside)
        }),
      why: { source: 'cancel', reason: 'why' },
    },
    'a failure': {
      work: inside =>
        scope(function* () {
          go(function* () {
            yield* sleep(1)
            throw failure
          })
          yield* inside()
        }),
      why: { source: 'failure', reason: failure },
    },
    'a timeout': { work: inside => timeout(1, inside), why: { source: 'timeout', reason: undefined } },
    'a timeout on a scope': {
      work: inside => timeout(1, scope(inside)),
      why: { source: 'timeout', reason: undefined },
    },
  }
  test.each(Object.entries(causes))('%s', async (_name, { work, end, why }) => {
    const exits: Cancelled[] = []
    function* noting(): Co<void> {
      try {
        yield* never
      } catch (exit) {
        exits.push(exit as Cancelled)
        throw exit
      }
    }
    let child: Tasklet<void> | null = null
    const waiter = go(() =>
      work(function* () {
        child = go(noting)
        yield* noting()
      }),
    )
    waiter.then(null, () => {})
    await idle()
    end?.(waiter)
    await time.clock.advance(1)
    const seen = exits.map(({ source, reason, cause, scope }) => ({
      source,
      reason,
      cause,
      scope: scope instanceof Scope,
    }))
    const expected = { ...why, cause: why.reason, scope: true }
    expect(seen).toEqual([expected, expected])
    expect(exits).toContain(child!.signal.reason)
    expect(waiter.state).not.toBe('waiting')
  })
})

test('a failure can be caught around it', async () => {
  const t = go(function* () {
    try {
      yield* scope(function* () {
        throw failure
      })
    } catch (error) {
      yield* schedule()
      return error
    }
  })
  expect(await t).toBe(failure)
})

test('a kill of the one that waits ends the scope first, body and children', async () => {
  const log: string[] = []
  const t = go(function* () {
    try {
      yield* scope(function* () {
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
      })
      log.push('LEAK')
    } finally {
      log.push('waiter')
    }
  })
  await idle()
  const gone = watch(t.kill())
  await time.clock.advance(2)
  expect([log, gone.outcome]).toEqual([['body'], 'pending'])
  await time.clock.advance(1)
  expect([log, gone.outcome]).toEqual([['body', 'child', 'waiter'], undefined])
  expect(t.state).toBe('killed')
})

test('an error raised in the one that waits ends the scope first, and can be caught', async () => {
  const log: unknown[] = []
  const t = go(function* () {
    try {
      yield* scope(function* () {
        try {
          yield* never
        } finally {
          yield* sleep(1)
          log.push('body')
        }
      })
    } catch (error) {
      log.push(error)
    }
    yield* sleep(1)
    return 'went on'
  })
  const joined = watch(t)
  await idle()
  t.raise(failure)
  await time.clock.advance(2)
  expect(log).toEqual(['body', failure])
  expect(joined.outcome).toBe('went on')
})

test('a cleanup that fails while the scope is killed from outside is reported, and the exit goes on', async () => {
  const t = go(function* () {
    yield* scope(function* () {
      try {
        yield* never
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
        throw failure
      }
    })
  })
  await idle()
  const warnings = await reported(async () => t.kill())
  expect(t.state).toBe('killed')
  expect(warnings.join()).toContain('failure')
})

test('a scope that fails between the kill of its waiter and the turn of that one is not silent', async () => {
  const gate = channel<number>()
  const warnings = await reported(async () => {
    const t = go(function* () {
      yield* scope(function* () {
        yield* gate.receive()
        throw failure
      })
    })
    await idle()
    gate.trySend(1)
    t.kill()
    await idle()
    expect(t.state).toBe('killed')
  })
  expect(warnings.join()).toContain('failure')
})

test('a scope that fails just when its waiter is killed is never uncaught, even where the loop rests in between', async () => {
  const { budget } = loop
  try {
    for (loop.budget = 1; loop.budget < 8; loop.budget++) {
      const gate = channel<number>()
      const warnings = await reported(async () => {
        const errors = await uncaught(async () => {
          const t = go(function* () {
            yield* scope(function* () {
              yield* gate.receive()
              throw failure
            })
          })
          await idle()
          gate.trySend(1)
          t.kill()
          await idle()
          expect(t.state).toBe('killed')
        })
        expect(errors).toEqual([])
      })
      expect(warnings.filter(text => text.includes('failure'))).toHaveLength(1)
    }
  } finally {
    loop.budget = budget
  }
})

describe('cancel inside', () => {
  test('ends body and children, and the scope gives undefined', async () => {
    const log: string[] = []
    const result = watch(
      scope(function* (s) {
        go(function* () {
          try {
            yield* never
          } finally {
            log.push('child')
          }
        })
        yield* sleep(1)
        s.cancel()
        yield* schedule()
        log.push('LEAK')
        return 'result'
      }),
    )
    await time.clock.advance(1)
    expect(log).toEqual(['child'])
    expect(result.outcome).toBe(undefined)
  })

  test('a body that is over by then has its result kept', async () => {
    const result = watch(
      scope(function* (s) {
        go(function* () {
          yield* sleep(1)
          s.cancel()
          yield* never
        })
        return 'result'
      }),
    )
    await time.clock.advance(1)
    expect(result.outcome).toBe('result')
  })

  test('does not touch the scope around it', async () => {
    const result = await scope(function* () {
      const sibling = go(function* () {
        yield* schedule()
        yield* schedule()
        return 'sibling'
      })
      const inner = yield* scope(function* (s) {
        s.cancel()
        yield* schedule()
      })
      return [inner, yield* sibling]
    })
    expect(result).toEqual([undefined, 'sibling'])
  })

  test('of the scope around it is not swallowed by the inner one: each has an exit of its own', async () => {
    const log: unknown[] = []
    function* noting(work: Op<unknown>, own: Scope): Co<void> {
      try {
        yield* work
        log.push('LEAK')
      } catch (exit) {
        log.push((exit as Cancelled).scope === own)
        throw exit
      }
    }
    const result = watch(
      scope(function* (outer) {
        go(() => schedule().map(() => outer.cancel()))
        yield* noting(
          scope(inner => noting(never, inner)),
          outer,
        )
      }),
    )
    await idle()
    expect(log).toEqual([true, true])
    expect(result.outcome).toBe(undefined)
  })
})

test('from await, an abort ends it and waits for nobody', async () => {
  const log: string[] = []
  const controller = new AbortController()
  const result = watch(
    perform(
      scope(function* () {
        try {
          yield* never
        } finally {
          log.push('cleaned up')
        }
      }),
      { signal: controller.signal },
    ),
  )
  await idle()
  controller.abort('enough')
  await idle()
  expect(result.outcome).toBe('enough')
  expect(log).toEqual(['cleaned up'])
})

describe('as a branch of a select that is lost', () => {
  const lost = (end: () => Co<unknown>) =>
    select({
      work: scope(function* () {
        yield* sleep(10)
        return yield* end()
      }),
      tick: sleep(5),
    })

  test('it runs on, owned by the scope around it', async () => {
    const log: string[] = []
    const result = watch(
      scope(function* () {
        yield* lost(function* () {
          log.push('ran on')
        })
        return 'over'
      }),
    )
    await time.clock.advance(5)
    expect(result.outcome).toBe('pending')
    await time.clock.advance(5)
    expect(log).toEqual(['ran on'])
    expect(result.outcome).toBe('over')
  })

  test('its failure fails the scope around it', async () => {
    const result = watch(
      scope(function* () {
        yield* lost(function* () {
          throw failure
        })
        yield* never
      }),
    )
    await time.clock.advance(10)
    await idle()
    expect(result.outcome).toBe(failure)
  })

  test('its failure is uncaught where there is no scope around it', async () => {
    const errors = await uncaught(async () => {
      const chosen = watch(
        lost(function* () {
          throw failure
        }),
      )
      await time.clock.advance(10)
      expect(chosen.outcome).toMatchObject({ key: 'tick' })
    })
    expect(errors).toEqual([failure])
  })

  test('its failure goes to one who waits again', async () => {
    const op = scope(function* () {
      yield* sleep(10)
      throw failure
    })
    const errors = await uncaught(async () => {
      const chosen = watch(select({ op, tick: sleep(5) }))
      await time.clock.advance(5)
      expect(chosen.outcome).toMatchObject({ key: 'tick' })
      const again = watch(op)
      await time.clock.advance(5)
      expect(again.outcome).toBe(failure)
      expect(await rejection(op)).toBe(failure)
    })
    expect(errors).toEqual([])
  })
})

test('a tasklet that outlives its handle is waited for all the same', async () => {
  let child: Tasklet<unknown> | null = null
  await scope(function* () {
    yield* scope(function* () {
      child = go(function* () {
        yield* schedule()
        yield* schedule()
      })
    })
    expect(child!.state).toBe('done')
  })
})

test('timeout and scope nest in either order, and only the one that ended swallows its exit', async () => {
  const result = watch(
    scope(function* () {
      const inner = yield* timeout(
        5,
        function* () {
          yield* scope(function* () {
            yield* timeout(100, never)
          })
          return 'LEAK'
        },
        { else: 'late' },
      )
      yield* sleep(1)
      return inner
    }),
  )
  await time.clock.advance(6)
  expect(result.outcome).toBe('late')
  expect(time.clock.pending).toBe(0)
})

test('takes a generator function and nothing else', () => {
  expect(() => scope(5 as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

describe('whose time runs out', () => {
  function* stubborn(): Co<string> {
    try {
      yield* never
    } catch {
      yield* sleep(1)
    }
    return 'value'
  }
  const works: Record<string, [work: () => Co<string>, late: boolean]> = {
    'keeps the value of a body that ended with one all the same': [stubborn, false],
    'is late where the body was ended': [
      function* () {
        yield* never
        return 'value'
      },
      true,
    ],
    'is late where something that the body had started was ended': [
      function* () {
        go(() => never)
        return 'value'
      },
      true,
    ],
    'keeps the value where nothing that it had started was ended': [
      function* () {
        go(stubborn)
        return 'value'
      },
      false,
    ],
  }
  test.each(Object.entries(works))('%s', async (_name, [work, late]) => {
    const [thrown, given] = [watch(timeout(5, work)), watch(timeout(5, work, { else: 'late' }))]
    await time.clock.advance(4)
    expect([thrown.outcome, given.outcome]).toEqual(['pending', 'pending'])
    await time.clock.advance(2)
    expect(thrown.outcome).toEqual(late ? expect.objectContaining({ code: 'TIMEOUT', ms: 5 }) : 'value')
    expect(given.outcome).toBe(late ? 'late' : 'value')
  })
})

test('the tasklet that waits for it is the one that runs in its body', async () => {
  const t: Tasklet<unknown> = go(function* () {
    return yield* scope(function* () {
      yield* schedule()
      return [current() === t, t.state]
    })
  })
  expect(await t).toEqual([true, 'running'])
})

test('a deep nest of scopes ends from a single kill', async () => {
  let depth = 0
  function* nest(n: number): Co<void> {
    depth = Math.max(depth, n)
    if (n < 50) yield* scope(() => nest(n + 1))
    else yield* never
  }
  const t = go(() => nest(0))
  await idle()
  const gone = await outcome(t.kill())
  expect([depth, gone, t.state]).toEqual([50, undefined, 'killed'])
})
