import {
  action,
  type Co,
  call,
  channel,
  current,
  go,
  isTaskletExit,
  never,
  rethrowIfExit,
  Scope,
  schedule,
  scope,
  select,
  sleep,
  timeout,
  until,
} from '../../../src/core/index.js'
import { GRACE } from '../../../src/core/tasklet/interrupts.js'
import { idle, outcome, reported, turn, uncaught, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()

test('cleanup may wait until the grace period is over, and then takes its exit again', async () => {
  const log: string[] = []
  const t = go(function* () {
    try {
      yield* never
    } finally {
      log.push('cleanup')
      try {
        yield* never
      } finally {
        log.push('exit again')
      }
    }
  })
  await idle()
  t.kill()
  await time.clock.advance(4999)
  expect(log).toEqual(['cleanup'])
  await time.clock.advance(1)
  expect(log).toEqual(['cleanup', 'exit again'])
  expect(t.state).toBe('killed')
})

test('no grace timer is left when the cleanup is over', async () => {
  const t = go(function* () {
    try {
      yield* never
    } finally {
      yield* sleep(1)
    }
  })
  await idle()
  t.kill()
  await time.clock.advance(1)
  expect(t.state).toBe('killed')
  expect(time.clock.pending).toBe(0)
})

test('a tasklet that catches its exit for ever is abandoned, and the event loop keeps turning', async () => {
  let caught = 0
  const t = go(function* stubborn() {
    for (;;) {
      try {
        yield* never
      } catch {
        caught++
      }
    }
  })
  await idle()
  const gone = watch(t.kill())
  const joined = watch(t)
  await time.clock.advance(GRACE - 1)
  expect([caught, gone.outcome]).toEqual([1, 'pending'])
  const warnings = await reported(async () => {
    await time.clock.advance(1)
    const turns: number[] = []
    while (gone.outcome === 'pending' && turns.length < 1000) {
      await turn()
      turns.push(caught)
    }
    // Each exit took a whole turn of the event loop.
    expect(turns.length).toBeGreaterThan(90)
    expect(turns.every((count, i) => i === 0 || count - turns[i - 1]! <= 1)).toBe(true)
  })
  expect(caught).toBe(102)
  expect(gone.outcome).toBe(undefined)
  expect(joined.outcome).toMatchObject({ code: 'UNKILLABLE' })
  expect(warnings).toEqual([expect.stringContaining('stubborn')])
})

test('after the grace period an operation that could commit at once throws the exit all the same', async () => {
  const ch = channel<number>(1)
  let sent = 0
  const t = go(function* () {
    for (;;) {
      try {
        yield* never
      } catch {
        if (time.clock.now() < GRACE) continue
        yield* ch.send(++sent)
      }
    }
  })
  await idle()
  t.kill()
  await time.clock.advance(GRACE)
  await idle()
  expect(t.state).toBe('killed')
  expect(ch.statistics().buffered).toBe(0)
})

/** What a stubborn tasklet tries again and again; `note` is called by what must not happen after the grace period. */
const attempts: Record<string, (note: () => void) => Co<unknown>> = {
  *never() {
    yield* never
  },
  *'a receive'() {
    yield* channel().receive()
  },
  *'a select'() {
    yield* select({ a: channel().receive(), late: sleep(60_000) })
  },
  *'a scope'(note) {
    yield* scope(function* () {
      if (time.clock.now() >= 5000) note()
      yield* never
    })
  },
  *'a timeout on a function'(note) {
    yield* timeout(60_000, function* () {
      if (time.clock.now() >= 5000) note()
      yield* never
    })
  },
  *'a call'(note) {
    yield* call(
      (function* (): Co<void> {
        if (time.clock.now() >= 5000) note()
        yield* never
      })(),
    )
  },
  *'its own kill'() {
    yield* never
    yield* current().kill()
  },
}

describe('a tasklet that catches its exit for ever', () => {
  test.each(Object.entries(attempts))('is abandoned, whatever it does: %s', async (_name, attempt) => {
    let [tried, runs] = [0, 0]
    const t = go(function* stubborn() {
      for (;;) {
        try {
          tried++
          yield* attempt(() => runs++)
        } catch {}
      }
    })
    await idle()
    const warnings = await reported(async () => {
      const gone = watch(t.kill())
      await time.clock.advance(5000)
      const [triedThen, runsThen] = [tried, runs]
      for (let i = 0; i < 110; i++) await turn()
      expect(gone.outcome).toBe(undefined)
      // Each attempt took a turn, and nothing that it asked for happened.
      expect([tried - triedThen, runs - runsThen]).toEqual([100, 0])
    })
    expect(warnings).toEqual([expect.stringContaining('"stubborn" was killed')])
    expect([t.state, time.clock.pending]).toEqual(['failed', 0])
  })

  test('fails no process: it was reported', async () => {
    const errors = await uncaught(async () => {
      const t = go(function* stubborn() {
        for (;;) {
          try {
            yield* never
          } catch {}
        }
      })
      await idle()
      t.kill()
      await reported(async () => {
        await time.clock.advance(5000)
        for (let i = 0; i < 110; i++) await turn()
      })
      expect(t.state).toBe('failed')
    })
    expect(errors).toEqual([])
  })
})

test('an abandoned tasklet fails its scope, which does not wait for it', async () => {
  const result = watch(
    scope(function* (s) {
      go(function* stubborn() {
        for (;;) {
          try {
            yield* never
          } catch {}
        }
      })
      yield* sleep(1)
      s.cancel()
    }),
  )
  await reported(async () => {
    await time.clock.advance(1 + GRACE)
    for (let i = 0; i < 120; i++) await turn()
  })
  expect(result.outcome).toMatchObject({ code: 'UNKILLABLE' })
})

test('rethrowIfExit lets an exit pass and nothing else', async () => {
  const log: unknown[] = []
  const ch = channel<number>()
  const t = go(function* () {
    for (;;) {
      try {
        yield* ch.receive()
      } catch (error) {
        rethrowIfExit(error)
        log.push((error as Error).message)
      }
    }
  })
  await outcome(ch.sendError(new Error('ordinary')))
  t.kill()
  await idle()
  expect(log).toEqual(['ordinary'])
  expect(t.state).toBe('killed')
})

test('isTaskletExit tells an exit from the error of a join', async () => {
  const t = go(function* () {
    yield* never
  })
  await idle()
  t.kill()
  const error = await outcome(t)
  expect(error).toMatchObject({ code: 'TASKLET_KILLED' })
  expect(isTaskletExit(error)).toBe(false)
  expect(isTaskletExit((error as Error).cause)).toBe(true)
})

test('an async function that never settles does not outlive the grace period of its tasklet', async () => {
  const t = go(() => new Promise(() => {}))
  await idle()
  const gone = watch(t.kill())
  await time.clock.advance(GRACE - 1)
  expect(gone.outcome).toBe('pending')
  await time.clock.advance(1)
  expect(gone.outcome).toBe(undefined)
  expect(t.state).toBe('killed')
})

test('an exit that an executor brings about is thrown at the operation that it starts', async () => {
  const log: unknown[] = []
  const owner = new Scope()
  const t = owner.go(function* () {
    try {
      yield* action(() => {
        owner.cancel()
        return () => log.push('withdrawn')
      })
      log.push('LEAK')
    } catch (error) {
      log.push((error as { code: string }).code)
      yield* schedule()
      throw error
    }
  })
  await idle()
  expect(log).toEqual(['withdrawn', 'TASKLET_EXIT'])
  expect(t.state).toBe('killed')
})

test('an exit that a select brings about in an executor is thrown there, and its branches are withdrawn', async () => {
  const owner = new Scope()
  const ch = channel<number>()
  const log: unknown[] = []
  const t = owner.go(function* () {
    try {
      yield* select({ a: ch.receive(), b: action(() => owner.cancel()), c: sleep(5) })
    } catch (error) {
      log.push((error as { code: string }).code)
      throw error
    }
  })
  await idle()
  expect(log).toEqual(['TASKLET_EXIT'])
  expect([t.state, ch.balance, time.clock.pending]).toEqual(['killed', 0, 0])
})

test('an exit that a thenable brings about when it is subscribed to is not lost', async () => {
  const owner = new Scope()
  const t = owner.go(function* () {
    yield* until({ then: () => owner.cancel() } as unknown as Promise<void>)
  })
  await idle()
  expect(t.state).toBe('killed')
})

test('an error that was raised but never thrown, since its tasklet needed no more operation, is reported', async () => {
  const ch = channel<number>()
  const warnings = await reported(async () => {
    const t = go(function* () {
      yield* ch.receive()
    })
    await idle()
    ch.trySend(1)
    t.raise(new Error('never thrown'))
    await t
  })
  expect(warnings.join()).toContain('never thrown')
})

test('an error raised before an exit is thrown first, the exit at the next operation', async () => {
  const log: unknown[] = []
  const t = go(function* () {
    for (let i = 0; i < 3; i++) {
      try {
        yield* never
      } catch (error) {
        log.push((error as Error).message)
        rethrowIfExit(error)
      }
    }
  })
  await idle()
  t.raise(new Error('raised'))
  t.kill()
  await idle()
  expect(log).toEqual(['raised', 'the tasklet was killed'])
  expect(t.state).toBe('killed')
})

test.each([
  [true, false],
  [false, false],
  [true, true],
  [false, true],
])('an error raised before a self-kill is thrown in its cleanup (%p), after a kill too (%p)', async (waits, killed) => {
  const ch = channel<number>()
  const log: unknown[] = []
  const t = go(function* () {
    try {
      yield* ch.receive()
      current().kill()
    } catch (error) {
      log.push((error as { code: string }).code)
      try {
        if (waits) yield* schedule()
      } catch (late) {
        log.push((late as Error).message)
      }
      throw error
    }
  })
  await idle()
  const warnings = await reported(async () => {
    ch.trySend(1)
    if (killed) t.kill()
    t.raise(new Error('raised'))
  })
  expect(log).toEqual(waits ? ['TASKLET_EXIT', 'raised'] : ['TASKLET_EXIT'])
  expect(warnings).toEqual(waits ? [] : [expect.stringContaining('raised')])
  expect(t.state).toBe('killed')
})

test('an exit that came too late to be thrown is not reported', async () => {
  const ch = channel<number>()
  const t = go(() => ch.receive())
  await idle()
  const warnings = await reported(async () => {
    ch.trySend(1)
    t.kill()
  })
  expect([t.state, warnings]).toEqual(['done', []])
})
