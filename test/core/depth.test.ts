/** Whatever users nest, join or chain goes 20 000 deep: far more than the stack of a process would take. */
import {
  action,
  broadcast,
  channel,
  detach,
  dump,
  enterScope,
  go,
  never,
  type Op,
  perform,
  Scope,
  scope,
  select,
  shield,
  sleep,
  type Tasklet,
  timeout,
  until,
} from '../../src/core/index.js'
import { idle, outcome, rejection, watch } from './support.js'

const DEEP = 20_000

function nested<T>(innermost: T, around: (inner: T, level: number) => T): T {
  let op = innermost
  for (let level = 0; level < DEEP; level++) op = around(op, level)
  return op
}

describe('scopes', () => {
  /** A tasklet in so many scopes, which waits in the innermost. */
  function nest(log: { cleaned: number }, open: (inside: () => Generator) => Op<unknown>): Tasklet<unknown> {
    let left = DEEP
    return go(function* inside(): Generator {
      if (left-- === 0) yield* never
      try {
        yield* open(inside)
      } finally {
        log.cleaned++
      }
    } as never)
  }

  test.each<[string, (inside: () => Generator) => Op<unknown>]>([
    ['scope', inside => scope(inside as never)],
    [
      'alternating with timeouts',
      inside =>
        timeout(
          60_000,
          scope(inside as never).map(value => value),
        ),
    ],
  ])('%s: end from a kill', async (_name, open) => {
    const log = { cleaned: 0 }
    const t = nest(log, open)
    await idle()
    expect(String(dump())).toContain('never')
    await t.kill()
    expect([t.state, log.cleaned]).toEqual(['killed', DEEP])
  })

  test('end with the scope around them, by its cancel and by its failure', async () => {
    for (const end of [(s: Scope) => s.cancel(), (s: Scope) => void s.go(() => Promise.reject(new Error('failed')))]) {
      const log = { cleaned: 0 }
      const outer = new Scope({ onFailure: () => {} })
      const t = enterScope(outer, () => nest(log, inside => scope(inside as never)))
      await idle()
      end(outer)
      await outer.close()
      expect([t.state, log.cleaned]).toEqual(['killed', DEEP])
    }
  })

  test('that nobody waits for end when the innermost does', async () => {
    let left = DEEP
    const stop = channel<string>()
    const outer = scope(function* inside(): Generator {
      if (left-- > 0) scope(inside as never).then(null)
      else yield* stop.receive()
    } as never)
    const ended = watch(outer)
    while (left >= 0) await idle()
    expect(ended.outcome).toBe('pending')
    stop.trySend('stop')
    expect(await outer).toBeUndefined()
  })
})

describe('operations', () => {
  const around: [string, (inner: Op<unknown>, level: number) => Op<unknown>][] = [
    ['select', inner => select({ inner })],
    ['select of several', (inner, level) => select({ [level % 2 ? 'never' : 'a']: never, inner })],
    ['biased select', inner => select({ inner, never }, { biased: true })],
    ['map', inner => inner.map(value => value)],
    ['timeout', inner => timeout(60_000, inner)],
    [
      'all of them',
      (inner, level) =>
        [
          () => select({ inner, never }),
          () => inner.map(value => value),
          () => timeout(60_000, inner),
          () => select({ never, inner }, { biased: true }),
        ][level % 4]!(),
    ],
  ]
  describe.each(around)('%s', (_name, wrap) => {
    test('commits at once', async () => {
      const ch = channel<number>(1)
      ch.trySend(1)
      expect(await outcome(nested<Op<unknown>>(ch.receive(), wrap))).toBeDefined()
      expect(ch.buffered).toBe(0)
    })

    test('waits, in a tasklet, tells what for, and commits', async () => {
      const ch = channel<number>()
      const op = nested<Op<unknown>>(ch.receive(), wrap)
      expect(op.describe().length).toBeLessThan(1000)
      const t = go(() => op)
      await idle()
      expect([t.state, ch.balance]).toEqual(['waiting', -1])
      expect(String(dump()).length).toBeLessThan(100_000)
      ch.trySend(1)
      await idle()
      expect(t.state).toBe('done')
    })

    test('fails', async () => {
      const ch = channel<number>()
      const failed = rejection(nested<Op<unknown>>(ch.receive(), wrap))
      await idle()
      ch.close(new Error('the end'))
      expect(await failed).toMatchObject({ message: 'the end' })
    })

    test('is withdrawn by a kill and by an abort, and may be performed again', async () => {
      const ch = channel<number>()
      const op = nested<Op<unknown>>(ch.receive(), wrap)
      const t = go(() => op)
      await idle()
      await t.kill()
      expect(ch.balance).toBe(0)
      const controller = new AbortController()
      const performed = rejection(perform(op, { signal: controller.signal }))
      await idle()
      expect(ch.balance).toBe(-1)
      controller.abort(new Error('aborted'))
      expect(await performed).toMatchObject({ message: 'aborted' })
      expect(ch.balance).toBe(0)
    })

    test('loses', async () => {
      const ch = channel<number>()
      expect(await select({ deep: nested<Op<unknown>>(ch.receive(), wrap), soon: sleep(1) })).toMatchObject({
        key: 'soon',
      })
      expect(ch.balance).toBe(0)
    })

    test('ends a scope inside', async () => {
      let ended = 0
      const op = nested<Op<unknown>>(
        scope(function* () {
          try {
            yield* never
          } finally {
            ended++
          }
        }),
        wrap,
      )
      const t = go(() => op)
      await idle()
      await t.kill()
      expect([t.state, ended]).toEqual(['killed', 1])
    })
  })

  test('a chain of maps over a tasklet', async () => {
    const op = nested<Op<number>>(
      go(() => 0),
      inner => inner.map(n => n + 1),
    )
    expect(await outcome(op)).toBe(DEEP)
  })

  test('an operation that stands twice, far apart, is refused', async () => {
    const twice = channel().receive()
    const op = nested<Op<unknown>>(twice, inner => select({ inner, never }))
    const wide = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [i, sleep(1)]))
    expect(await rejection(select({ ...wide, op, twice }))).toMatchObject({ code: 'OP_REUSED' })
  })
})

test('tasklets that join one another', async () => {
  const last = go(() => never)
  let t: Tasklet<unknown> = last
  for (let i = 0; i < DEEP; i++) {
    const joined = t
    t = go(() => joined)
  }
  await idle()
  last.kill()
  await idle()
  expect(await rejection(t)).toMatchObject({ code: 'TASKLET_KILLED' })
})

test('promises that are waited for through one another', async () => {
  let resolve = (_: number) => {}
  const promise = new Promise<number>(settle => {
    resolve = settle
  })
  const op = nested<PromiseLike<number>>(promise, inner => until(inner))
  const mixed = nested<PromiseLike<number>>(promise, inner => until(until(inner).map(n => n)))
  const both = Promise.all([until(op), mixed])
  resolve(1)
  expect(await both).toEqual([1, 1])
})

test('withdrawals that cause one another', async () => {
  const channels = Array.from({ length: DEEP + 1 }, () => channel<number>())
  let cancelled = 0
  const chosen = channels.slice(0, -1).map((ch, i) =>
    select({
      told: ch.receive(),
      work: action(() => () => {
        cancelled++
        channels[i + 1]?.trySend(i)
      }),
    }).then(null),
  )
  channels[0]?.trySend(0)
  expect(await Promise.all(chosen)).toHaveLength(DEEP)
  expect(cancelled).toBe(DEEP)
})

test('broadcasts that feed one another', async () => {
  const stages = Array.from({ length: DEEP }, () => broadcast<number>())
  const end = stages.at(-1)!.subscribe({ capacity: 1 })
  for (const [i, stage] of stages.slice(0, -1).entries()) {
    const source = stage.subscribe({ capacity: 1 })
    detach(function* () {
      yield* source.each(n => stages[i + 1]!.publish(n))
    })
  }
  await stages[0]!.publish(1)
  expect(await end.receive()).toBe(1)
  stages[0]!.close()
})

test('shields', async () => {
  let left = 1000
  const t = go(function* inside(): Generator {
    if (left-- > 0) yield* shield(1, inside as never)
    else yield* never
  } as never)
  await idle()
  await t.kill()
  expect(t.state).toBe('killed')
})
