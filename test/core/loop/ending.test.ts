/** Scopes among the branches of a select end with the one who waits there, and before it. */
import {
  type Co,
  channel,
  go,
  never,
  type Op,
  perform,
  schedule,
  scope,
  select,
  sleep,
  timeout,
} from '../../../src/core/index.js'
import { idle, rejection, reported, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()

const SHAPES: [string, (ended: Op<unknown>) => Op<unknown>][] = [
  ['a branch', ended => select({ ended, never })],
  ['a branch of a branch', ended => select({ never, inner: select({ ended, never }, { biased: true }) })],
  ['mapped', ended => select({ ended: ended.map(() => 1).map(() => 2), never }).map(() => 3)],
  ['with a timeout inside', ended => select({ ended: timeout(60_000, ended), never })],
  ['with a timeout around', ended => timeout(60_000, select({ ended, never }))],
]

/** A scope that writes down its end, which takes a while. */
function logging(log: string[], name = 'scope', until: Op<unknown> = sleep(1)): Op<unknown> {
  return scope(function* () {
    try {
      yield* never
    } finally {
      yield* until
      log.push(`${name} ended`)
    }
  })
}

describe.each(SHAPES)('%s', (_name, shape) => {
  test('a kill ends it, and waits for that', async () => {
    const log: string[] = []
    const t = go(function* () {
      try {
        yield* shape(logging(log))
      } finally {
        log.push('tasklet ended')
      }
    })
    await idle()
    t.kill()
    await time.clock.advance(1)
    expect(log).toEqual(['scope ended', 'tasklet ended'])
    expect(t.state).toBe('killed')
  })

  test('an error raised in the tasklet ends it first, and is thrown once', async () => {
    const log: string[] = []
    const failure = new Error('raised')
    const caught: unknown[] = []
    const t = go(function* () {
      try {
        yield* shape(logging(log))
      } catch (error) {
        caught.push(error)
      }
      yield* sleep(1)
      return 'went on'
    })
    await idle()
    t.raise(failure)
    await time.clock.advance(2)
    expect(await t).toBe('went on')
    expect([log, caught]).toEqual([['scope ended'], [failure]])
  })

  test('an abort ends it first', async () => {
    const log: string[] = []
    const controller = new AbortController()
    const performed = rejection(perform(shape(logging(log)), { signal: controller.signal }))
    await idle()
    controller.abort(new Error('aborted'))
    await time.clock.advance(1)
    expect(await performed).toMatchObject({ message: 'aborted' })
    expect(log).toEqual(['scope ended'])
  })

  test('a timeout ends it first', async () => {
    const log: string[] = []
    const late = watch(timeout(5, shape(logging(log)), { else: 'late' }))
    await time.clock.advance(5)
    expect([late.outcome, log]).toEqual(['pending', []])
    await time.clock.advance(1)
    expect([late.outcome, log]).toEqual(['late', ['scope ended']])
  })

  test('a kill while a timeout ends it is thrown at the next operation', async () => {
    const log: string[] = []
    const t = go(function* () {
      log.push((yield* timeout(5, shape(logging(log)), { else: 'late' })) as string)
      try {
        yield* never
      } finally {
        log.push('killed')
      }
    })
    await time.clock.advance(5)
    t.kill()
    await idle()
    expect(log).toEqual([])
    await time.clock.advance(1)
    expect(log).toEqual(['scope ended', 'late', 'killed'])
  })

  test('what fails meanwhile is reported', async () => {
    const failing = scope(function* () {
      try {
        yield* never
      } finally {
        yield* broken()
      }
    })
    const t = go(() => shape(failing))
    await idle()
    const warnings = await reported(async () => {
      t.kill()
      await idle()
    })
    expect(t.state).toBe('killed')
    expect(warnings).toEqual([expect.stringContaining('broken cleanup')])
  })
})

function* broken(): Co<void> {
  yield* schedule()
  throw new Error('broken cleanup')
}

test('all of them are waited for', async () => {
  const log: string[] = []
  const [first, second] = [channel<void>(), channel<void>()]
  const t = go(() =>
    select({
      a: logging(log, 'a', first.receive()),
      b: select({ b: logging(log, 'b', second.receive()), never }),
      never,
    }),
  )
  await idle()
  t.kill()
  await idle()
  await second.send()
  await idle()
  expect([log, t.state]).toEqual([['b ended'], 'waiting'])
  await first.send()
  await idle()
  expect([log, t.state]).toEqual([['b ended', 'a ended'], 'killed'])
})

test('a scope that loses goes on, as a tasklet would', async () => {
  const log: string[] = []
  const lost = logging(log)
  const around = watch(
    scope(function* () {
      yield* select({ lost, soon: sleep(1) })
      log.push('soon')
      throw new Error('enough')
    }),
  )
  await time.clock.advance(1)
  expect([log, around.outcome]).toEqual([['soon'], 'pending'])
  await time.clock.advance(1)
  expect([log, around.outcome]).toEqual([['soon', 'scope ended'], new Error('enough')])
})
