/** A scope held by a long-lived owner, and the ambient scope. */
import {
  current,
  detach,
  enterScope,
  go,
  never,
  Scope,
  schedule,
  scope,
  sleep,
  type Tasklet,
} from '../../../src/core/index.js'
import { idle, outcome, reported, turn, uncaught, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()

test('close settles when the last tasklet is gone; until then more may be started', async () => {
  const owner = new Scope()
  owner.go(function* () {
    yield* sleep(1)
    go(function* () {
      yield* sleep(5)
    })
  })
  const closed = watch(owner.close())
  owner.go(function* () {
    yield* sleep(3)
  })
  await time.clock.advance(5)
  expect([closed.outcome, owner.size, owner.ended]).toEqual(['pending', 1, false])
  await time.clock.advance(1)
  expect([closed.outcome, owner.size, owner.ended]).toEqual([undefined, 0, true])
})

test('a scope that is not closed does not end', async () => {
  const owner = new Scope()
  await owner.go(() => {})
  expect(owner.ended).toBe(false)
  await owner.go(() => {})
})

test('cancel after its end does nothing', async () => {
  const owner = new Scope()
  await owner.close()
  owner.cancel()
  expect([owner.cancelled, owner.signal.aborted]).toEqual([false, false])
})

test('a tasklet started in a scope that has ended is refused', async () => {
  const owner = new Scope({ name: 'request' })
  await owner.close()
  const refusal = expect.objectContaining({ code: 'SCOPE_CLOSED', message: expect.stringContaining('request') })
  expect(() => owner.go(() => {})).toThrow(refusal)
  expect(() => enterScope(owner, () => go(() => {}))).toThrow(refusal)
  await enterScope(owner, () => detach(() => {}))
})

test('cancel asks every tasklet to end, and those that it finds not started never run', async () => {
  const owner = new Scope()
  let ran = false
  const waiting = owner.go(function* () {
    yield* never
  })
  await idle()
  const fresh = owner.go(() => {
    ran = true
  })
  owner.cancel('why')
  const late = owner.go(() => {
    ran = true
  })
  await idle()
  owner.cancel('again')
  expect(owner.signal).toBe(owner.signal)
  expect(owner.signal.reason).toMatchObject({ reason: 'why' })
  expect([waiting.state, fresh.state, late.state, ran]).toEqual(['killed', 'killed', 'killed', false])
  expect(await outcome(waiting)).toMatchObject({
    code: 'TASKLET_KILLED',
    cause: { name: 'Cancelled', scope: owner, source: 'cancel', reason: 'why' },
  })
  expect(owner.cancelled).toBe(true)
})

test('the signal is aborted by cancel and by a failure, with the exit as its reason', async () => {
  const cancelled = new Scope()
  const { signal } = cancelled
  cancelled.cancel('why')
  expect(signal.reason).toMatchObject({ source: 'cancel', reason: 'why' })
  const failure = new Error('failure')
  const failed = new Scope({ onFailure: () => {} })
  failed.go(() => {
    throw failure
  })
  await idle()
  expect(failed.signal.reason).toMatchObject({ source: 'failure', reason: failure })
})

test('the first failure ends the rest and is handed over once, when they have been asked', async () => {
  const failures: unknown[] = []
  const owner: Scope = new Scope({ onFailure: error => failures.push([error, owner.cancelled]) })
  const failure = new Error('first')
  const sibling = owner.go(function* () {
    try {
      yield* never
    } finally {
      yield* sleep(1)
      // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
      throw new Error('second')
    }
  })
  await idle()
  owner.go(() => {
    throw failure
  })
  const warnings = await reported(() => time.clock.advance(1))
  expect(failures).toEqual([[failure, true]])
  expect(sibling.state).toBe('failed')
  expect(owner.errors).toMatchObject([{ message: 'second' }])
  expect(warnings).toEqual([expect.stringContaining('second')])
})

test('a failure that nobody handles is uncaught, joined or not', async () => {
  const failure = new Error('failure')
  const errors = await uncaught(async () => {
    const owner = new Scope()
    const t = owner.go(() => {
      throw failure
    })
    expect(await outcome(t)).toBe(failure)
  })
  expect(errors).toEqual([failure])
})

test('what the failure handler itself throws is uncaught', async () => {
  const broken = new Error('broken handler')
  const errors = await uncaught(() => {
    const owner = new Scope({
      onFailure: () => {
        throw broken
      },
    })
    owner.go(() => {
      throw new Error('failure')
    })
  })
  expect(errors).toEqual([broken])
})

test('a kill of one tasklet is no failure of its scope', async () => {
  const owner = new Scope()
  const [one, other] = [0, 1].map(() =>
    owner.go(function* () {
      yield* never
    }),
  )
  await idle()
  await one!.kill()
  expect([one!.state, other!.state, owner.cancelled]).toEqual(['killed', 'waiting', false])
  owner.cancel()
})

test('cancel from inside: the one that cancels goes on to its next operation', async () => {
  const owner = new Scope()
  const log: string[] = []
  const t = owner.go(function* () {
    owner.cancel()
    log.push('after cancel')
    yield* schedule()
    log.push('LEAK')
  })
  await idle()
  expect(log).toEqual(['after cancel'])
  expect(t.state).toBe('killed')
})

describe('the ambient scope', () => {
  test('takes what go() starts, at once and after an await', async () => {
    const owner = new Scope()
    const tasklets: Tasklet<unknown>[] = []
    const started = enterScope(owner, async () => {
      tasklets.push(go(forever))
      await turn()
      tasklets.push(go(forever))
      await new Promise<void>(resolve => process.nextTick(resolve))
      tasklets.push(go(forever))
    })
    await started
    await idle()
    expect(owner.size).toBe(3)
    go(() => {})
    expect(owner.size).toBe(3)
    owner.cancel()
    await owner.close()
    expect(tasklets.map(t => t.state)).toEqual(['killed', 'killed', 'killed'])
  })

  test('is asked of its provider only when it is needed', () => {
    let asked = 0
    const owner = new Scope()
    const provider = {
      get scope() {
        asked++
        return owner
      },
    }
    enterScope(provider, () => {})
    expect(asked).toBe(0)
    enterScope(provider, () => go(() => {}))
    expect(asked).toBeGreaterThan(0)
  })

  test('is inherited by the tasklets of a tasklet, and by async functions in it', async () => {
    const owner = new Scope()
    await enterScope(owner, () =>
      go(function* () {
        go(forever)
        yield* schedule()
        yield* go(async () => {
          await turn()
          go(forever)
        })
      }),
    )
    expect(owner.size).toBe(2)
    owner.cancel()
  })

  test('can be entered inside a tasklet of another scope', async () => {
    const [outer, inner] = [new Scope(), new Scope()]
    await outer.go(function* () {
      enterScope(inner, () => go(forever))
      go(forever)
      yield* schedule()
    })
    expect([outer.size, inner.size]).toEqual([1, 1])
    outer.cancel()
    inner.cancel()
  })

  test('does not take what is detached, nor what that starts', async () => {
    const owner = new Scope()
    const detached = enterScope(owner, () =>
      detach(function* () {
        const child = go(forever)
        yield* schedule()
        return [child]
      }),
    )
    const [child] = await detached
    expect(owner.size).toBe(0)
    owner.cancel()
    await idle()
    expect(child?.state).toBe('waiting')
    await child?.kill()
  })

  test('waits for the scopes that are opened in it', async () => {
    const owner = new Scope()
    const result = enterScope(owner, () =>
      watch(
        scope(function* () {
          try {
            yield* never
          } finally {
            yield* sleep(1)
          }
        }),
      ),
    )
    const closed = watch(owner.close())
    await idle()
    owner.cancel()
    await idle()
    expect(closed.outcome).toBe('pending')
    await time.clock.advance(1)
    expect([closed.outcome, result.outcome]).toEqual([undefined, undefined])
  })

  test('refuses a scope where it has ended, each time', async () => {
    const owner = new Scope()
    await owner.close()
    const op = scope(function* () {
      yield* schedule()
    })
    for (let i = 0; i < 2; i++)
      expect(await enterScope(owner, () => outcome(op))).toMatchObject({ code: 'SCOPE_CLOSED' })
    expect(await outcome(op)).toBe(undefined)
  })
})

test('go in a tasklet joins the scope of that tasklet', async () => {
  const owner = new Scope()
  const t = owner.go(function* () {
    const child = go(forever)
    yield* schedule()
    return [current(), child].map(each => each.name)
  })
  expect(await t).toEqual([t.name, 'forever'])
  expect(owner.size).toBe(1)
  owner.cancel()
})

function* forever() {
  yield* never
}
