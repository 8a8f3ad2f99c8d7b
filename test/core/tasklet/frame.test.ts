import {
  type Co,
  call,
  channel,
  current,
  go,
  isTaskletExit,
  never,
  schedule,
  select,
  sleep,
} from '../../../src/core/index.js'
import { runUntilIdle, virtualClock } from '../../../src/testing/index.js'

const clock = virtualClock()
afterAll(() => clock.restore())

function* depth(n: number, wait: () => Co<unknown>): Co<number> {
  if (n > 0) return 1 + (yield* call(depth(n - 1, wait)))
  yield* wait()
  return 0
}

test('20 000 levels deep work, with a wait at the bottom', async () => {
  expect(
    await go(() =>
      depth(20_000, function* () {
        yield* schedule()
      }),
    ),
  ).toBe(20_000)
})

test('an error passes through every frame, each of which may catch it', async () => {
  const error = new Error('from below')
  function* thrower(): Co<never> {
    yield* schedule()
    throw error
  }
  function* catcher(): Co<unknown> {
    try {
      return yield* call(thrower())
    } catch (caught) {
      return caught
    }
  }
  expect(await go(() => call(catcher()))).toBe(error)
  const failed = go(() => call(thrower()))
  expect(await failed.then(null, caught => caught)).toBe(error)
})

test('a kill is thrown in the innermost frame, and every finally on the way out runs once, and may wait', async () => {
  const log: string[] = []
  function* level(n: number): Co<void> {
    try {
      if (n === 0) yield* never
      else yield* call(level(n - 1))
      log.push('LEAK')
    } catch (error) {
      log.push(`${n}: ${isTaskletExit(error)}`)
      throw error
    } finally {
      yield* sleep(1)
      log.push(`out of ${n}`)
    }
  }
  const t = go(level, 3)
  await runUntilIdle()
  const gone = t.kill()
  await clock.runAll()
  await gone
  expect(log).toEqual(['0: true', 'out of 0', '1: true', 'out of 1', '2: true', 'out of 2', '3: true', 'out of 3'])
  expect(t.state).toBe('killed')
})

test('frames and native delegation mix, and the tasklet is the same in all of them', async () => {
  const ch = channel<number>()
  function* inner(): Co<number> {
    return (yield* ch.receive()) + (yield* call(native()))
  }
  function* native(): Co<number> {
    return yield* ch.receive()
  }
  const t = go(function* () {
    const me = current()
    const sum = yield* call(inner())
    return [sum, me === current()]
  })
  await ch.send(1)
  await ch.send(2)
  expect(await t).toEqual([3, true])
})

test('a frame cannot be awaited, selected or used twice', async () => {
  function* one(): Co<number> {
    yield* schedule()
    return 1
  }
  const misuse = expect.objectContaining({ code: 'MISUSE' })
  await expect(call(one()).then()).rejects.toEqual(misuse)
  await expect(go(() => select({ a: call(one()) })).then()).rejects.toEqual(misuse)
  const op = call(one())
  const twice = go(function* () {
    yield* op
    yield* op
  })
  await expect(twice.then()).rejects.toMatchObject({ code: 'OP_REUSED' })
  expect(() => call(5 as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test('a call is not begun where an exit or an error is due', async () => {
  const log: unknown[] = []
  function* noted(): Co<void> {
    log.push('ran')
  }
  const ch = channel<number>()
  const waiting = () =>
    go(function* () {
      yield* ch.receive()
      yield* call(noted())
    })
  const [killed, raisedIn] = [waiting(), waiting()]
  const error = new Error('raised')
  const failed = raisedIn.then(null, caught => caught)
  await runUntilIdle()
  ch.trySend(1)
  ch.trySend(2)
  killed.kill()
  raisedIn.raise(error)
  expect(await failed).toBe(error)
  expect([killed.state, raisedIn.state, log]).toEqual(['killed', 'failed', []])
})

test('a call of what was left out of a yield* is a misuse', async () => {
  const ch = channel<number>()
  const t = go(function* () {
    ch.receive()[Symbol.iterator]().next()
    yield* call(
      (function* (): Co<void> {
        yield* schedule()
      })(),
    )
  })
  await expect(t.then()).rejects.toMatchObject({ code: 'MISUSE' })
  expect(ch.balance).toBe(0)
})

test('a frame that was started by hand and left is not run', async () => {
  const log: string[] = []
  function* noted(): Co<void> {
    log.push('ran')
    yield* schedule()
  }
  const t = go(function* () {
    call(noted())[Symbol.iterator]().next()
    yield* schedule()
  })
  await expect(t.then()).rejects.toMatchObject({ code: 'MISUSE' })
  expect(log).toEqual([])
})

test('cost of a resume does not grow with the depth', async () => {
  // Counted, not timed: how many generators a resume passes through at the bottom of 1000 frames.
  let resumes = 0
  const counted = (generator: Co<number>): Co<number> => {
    const next = generator.next.bind(generator)
    generator.next = (...args) => {
      resumes++
      return next(...args)
    }
    return generator
  }
  function* deep(n: number): Co<number> {
    if (n > 0) return yield* call(counted(deep(n - 1)))
    const before = resumes
    for (let i = 0; i < 10; i++) yield* schedule()
    return resumes - before
  }
  expect(await go(() => deep(1000))).toBe(10)
})
