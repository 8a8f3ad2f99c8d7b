import fc from 'fast-check'
import {
  action,
  always,
  channel,
  deferred,
  event,
  go,
  never,
  type Op,
  select,
  semaphore,
  sleep,
  timeout,
  until,
} from '../../../src/core/index.js'
import { seed } from '../../../src/testing/index.js'
import { idle, outcome, rejection, reported, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()

test('commits the branch that is ready, and gives its key and value', async () => {
  const ch = channel<string>(1)
  await ch.send('v')
  expect(await select({ job: ch.receive(), tick: sleep(100) })).toEqual({ key: 'job', value: 'v' })
  expect(time.clock.pending).toBe(0)
})

test('waits for the first that becomes ready, and the others did not happen', async () => {
  const [a, b] = [channel<string>(), channel<string>()]
  const chosen = watch(select({ a: a.receive(), b: b.send('lost'), tick: sleep(100) }))
  await idle()
  expect(a.trySend('v')).toBe('sent')
  expect([a.balance, b.balance, time.clock.pending]).toEqual([0, 0, 0])
  await idle()
  expect(chosen.outcome).toEqual({ key: 'a', value: 'v' })
  expect(b.tryReceive()).toEqual({ ok: false, done: false })
})

test('exactly one of many ready branches commits', async () => {
  const channels = Array.from({ length: 5 }, () => channel<number>(1))
  for (const ch of channels) ch.trySend(1)
  await select(Object.fromEntries(channels.map((ch, i) => [`k${i}`, ch.receive()])))
  expect(channels.filter(ch => ch.statistics().buffered === 0)).toHaveLength(1)
})

test('exactly one commits where two become ready in one turn', async () => {
  const [a, b] = [channel<number>(), channel<number>()]
  const chosen = watch(select({ a: a.receive(), b: b.receive() }))
  await idle()
  expect([a.trySend(1), b.trySend(2)]).toEqual(['sent', 'full'])
  await idle()
  expect(chosen.outcome).toEqual({ key: 'a', value: 1 })
})

test('an error of the branch that commits is thrown', async () => {
  const ch = channel<number>()
  ch.close()
  expect(await rejection(select({ a: ch.receive(), b: never }))).toMatchObject({ code: 'CHANNEL_CLOSED' })
})

test('two selects meet on a channel, each with one branch', async () => {
  const [a, b] = [channel<string>(), channel<string>()]
  const left = watch(select({ send: a.send('from left'), receive: b.receive() }))
  const right = watch(select({ receive: a.receive(), send: b.send('from right') }))
  await idle()
  const outcomes = [left.outcome, right.outcome]
  expect([
    [
      { key: 'send', value: undefined },
      { key: 'receive', value: 'from left' },
    ],
    [
      { key: 'receive', value: 'from right' },
      { key: 'send', value: undefined },
    ],
  ]).toContainEqual(outcomes)
  expect([a.balance, b.balance]).toEqual([0, 0])
})

test.each([0, 1])('two branches for one channel: the first that has a partner, capacity %d', async capacity => {
  const ch = channel<number>(capacity)
  const chosen = watch(select({ first: ch.receive(), second: ch.receive() }))
  await idle()
  expect(ch.balance).toBe(-2)
  ch.trySend(1)
  expect(ch.balance).toBe(0)
  await idle()
  expect(chosen.outcome).toMatchObject({ value: 1 })
})

describe('never pairs with itself', () => {
  test('on a rendezvous channel', async () => {
    const ch = channel<string>()
    const chosen = watch(select({ send: ch.send('mine'), receive: ch.receive() }))
    await idle()
    expect(chosen.outcome).toBe('pending')
    expect(ch.statistics()).toMatchObject({ waitingSenders: 1, waitingReceivers: 1 })
    expect(await outcome(ch.receive())).toBe('mine')
    expect(chosen.outcome).toEqual({ key: 'send', value: undefined })
    expect(ch.statistics()).toMatchObject({ waitingSenders: 0, waitingReceivers: 0 })
  })

  test('through nested selects, maps and timeouts', async () => {
    const ch = channel<string>()
    const chosen = watch(
      select({
        x: select({ send: ch.send('mine') }),
        y: timeout(
          5,
          ch.receive().map(v => v),
          { else: 'late' },
        ),
      }),
    )
    await idle()
    expect(chosen.outcome).toBe('pending')
    await time.clock.advance(5)
    expect(chosen.outcome).toEqual({ key: 'y', value: 'late' })
    expect(ch.statistics()).toMatchObject({ waitingSenders: 0, waitingReceivers: 0 })
  })

  test('while both its ends wait, a close settles it once', async () => {
    const ch = channel<string>()
    const chosen = watch(select({ send: ch.send('mine'), receive: ch.next() }))
    await idle()
    ch.close()
    await idle()
    expect(chosen.outcome).toEqual({ key: 'receive', value: { done: true, value: undefined } })
    expect(ch.balance).toBe(0)
    expect(await outcome(ch.next())).toEqual({ done: true, value: undefined })
  })

  test('while both its ends wait, a cancel settles it once', async () => {
    const ch = channel<string>()
    const chosen = watch(select({ send: ch.send('mine'), receive: ch.next() }))
    await idle()
    ch.cancel()
    await idle()
    expect(chosen.outcome).toMatchObject({ key: 'receive' })
    expect(ch.balance).toBe(0)
  })
})

describe('fairness', () => {
  async function counts(rounds: number, make: () => PromiseLike<{ key: string }>): Promise<Record<string, number>> {
    using _seeded = seed(7)
    const seen: Record<string, number> = {}
    for (let i = 0; i < rounds; i++) {
      const { key } = await make()
      seen[key] = (seen[key] ?? 0) + 1
    }
    return seen
  }

  test('among ready branches the choice is even', async () => {
    const seen = await counts(2000, () => select({ a: always(1), b: always(2), c: always(3), d: always(4) }))
    expect(Object.keys(seen).sort()).toEqual(['a', 'b', 'c', 'd'])
    for (const count of Object.values(seen)) expect(Math.abs(count - 500)).toBeLessThan(90)
  })

  test('the leaves of nested selects share alike', async () => {
    const seen = await counts(2000, () =>
      select({
        a: always('a'),
        rest: select({ b: always('b'), deep: select({ c: always('c'), d: always('d') }).map(s => s.value) }).map(
          s => s.value,
        ),
      }).map(({ value }) => ({ key: value })),
    )
    expect(Object.keys(seen).sort()).toEqual(['a', 'b', 'c', 'd'])
    for (const count of Object.values(seen)) expect(Math.abs(count - 500)).toBeLessThan(90)
  })

  test('branches that are not ready do not weigh in', async () => {
    const empty = channel<number>()
    const seen = await counts(1000, () =>
      select({ a: always(1), n: never, e: empty.receive(), b: always(2), s: sleep(1) }),
    )
    expect(Object.keys(seen).sort()).toEqual(['a', 'b'])
    expect(Math.abs((seen.a ?? 0) - 500)).toBeLessThan(90)
    expect([empty.balance, time.clock.pending]).toEqual([0, 0])
  })

  test('the same seed gives the same choices, another one others', async () => {
    const run = async (value: number) => {
      using _seeded = seed(value)
      let choices = ''
      for (let i = 0; i < 40; i++) choices += (await select({ a: always(1), b: always(2) })).key
      return choices
    }
    expect(await run(3)).toBe(await run(3))
    expect(await run(3)).not.toBe(await run(4))
  })

  const waiting: [string, () => [Op<unknown>, Op<unknown>, () => void]][] = [
    [
      'receives of one channel',
      () => {
        const ch = channel<number>()
        return [ch.receive(), ch.receive(), () => ch.trySend(1)]
      },
    ],
    [
      'sends on one channel',
      () => {
        const ch = channel<number>()
        return [ch.send(1), ch.send(2), () => ch.tryReceive()]
      },
    ],
    [
      'waits for one flag',
      () => {
        const flag = event()
        return [flag.wait(), flag.wait(), () => flag.set()]
      },
    ],
    [
      'waits for one outcome',
      () => {
        const d = deferred<number>()
        return [d.map(n => n), d, () => d.resolve(1)]
      },
    ],
    [
      'permits',
      () => {
        const s = semaphore(1)
        s.acquire().then(permit => setImmediate(() => permit.release()))
        return [s.acquire(), s.acquire(), () => {}]
      },
    ],
    ['sleeps of one length', () => [sleep(1), sleep(1), () => void time.clock.advance(1)]],
  ]
  test.each(waiting)('among branches that wait, %s, the choice is even', async (_what, make) => {
    const seen = await counts(400, () => {
      const [a, b, commit] = make()
      setImmediate(commit)
      return select({ a, b }).then(value => value)
    })
    expect(Math.abs((seen.a ?? 0) - 200)).toBeLessThan(60)
  })

  test('a biased select that waits takes the first listed, also inside a fair one', async () => {
    for (let i = 0; i < 50; i++) {
      const ch = channel<string>()
      const inner = select({ a: ch.receive(), b: ch.receive() }, { biased: true }).map(s => s.key)
      const chosen = watch(select({ inner, never }))
      await idle()
      ch.trySend('value')
      await idle()
      expect(chosen.outcome).toEqual({ key: 'inner', value: 'a' })
    }
  })

  test('whatever the seed and the nesting, no place among those that wait is left out', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.nat({ max: 3 }), { minLength: 2, maxLength: 6 }),
        async (value, depths) => {
          using _seeded = seed(value)
          const seen = new Set<string>()
          const rounds = depths.length * 40
          for (let i = 0; i < rounds; i++) {
            const ch = channel<number>()
            const branches = depths.map((depth, n) => {
              let op: Op<unknown> = ch.receive().map(() => `${n}`)
              for (let d = 0; d < depth; d++) op = select({ op, never }).map(s => s.value)
              return [`b${n}`, op] as const
            })
            const chosen = watch(select(Object.fromEntries(branches)).map(s => s.key))
            await Promise.resolve()
            ch.trySend(1)
            await idle()
            seen.add(String(chosen.outcome))
            expect(ch.balance).toBe(0)
          }
          expect([...seen].sort()).toEqual(depths.map((_, n) => `b${n}`))
        },
      ),
      { numRuns: 8 },
    ))

  test('biased takes the first listed that is ready', async () => {
    for (let i = 0; i < 50; i++) {
      const chosen = await select({ n: never, a: always(1), b: always(2) }, { biased: true })
      expect(chosen.key).toBe('a')
    }
  })

  test('a biased select inside a fair one keeps its bias', async () => {
    for (let i = 0; i < 50; i++) {
      const chosen = await select({
        n: never,
        inner: select({ a: always('a'), b: always('b') }, { biased: true }).map(s => s.value),
      })
      expect(chosen.value).toBe('a')
    }
  })
})

describe('orElse', () => {
  test('is taken at once where no branch is ready, and nothing is left behind', async () => {
    const ch = channel<number>()
    const op = ch.receive()
    const log: unknown[] = []
    const polling = go(function* () {
      log.push(yield* select({ a: op, b: sleep(5), c: action(() => {}) }, { orElse: 'none' }))
    })
    go(() => log.push('next turn'))
    await polling
    expect(log).toEqual([{ key: 'orElse', value: 'none' }, 'next turn'])
    expect([ch.balance, time.clock.pending]).toEqual([0, 0])
    ch.send(3).then()
    expect(await op).toBe(3)
  })

  test('is not taken where a branch is ready', async () => {
    const ch = channel<number>(1)
    ch.trySend(1)
    expect(await select({ a: ch.receive() }, { orElse: 'none' })).toEqual({ key: 'a', value: 1 })
  })

  test('may be undefined', async () => {
    expect(await select({ n: never }, { orElse: undefined })).toEqual({ key: 'orElse', value: undefined })
  })

  test('as a branch of another select is ready at once', async () => {
    const chosen = await select({ poll: select({ n: never }, { orElse: 'none' }), n: never })
    expect(chosen).toEqual({ key: 'poll', value: { key: 'orElse', value: 'none' } })
  })
})

test('falsy branches are skipped', async () => {
  const enabled = false as boolean
  const chosen = await select({
    a: enabled && always(1),
    b: null,
    c: undefined,
    d: 0 as const,
    e: '' as const,
    f: always(2),
  })
  expect(chosen).toEqual({ key: 'f', value: 2 })
})

test('without a branch it never happens, and can be killed', async () => {
  const t = go(function* () {
    yield* select({ a: null })
  })
  await idle()
  expect(t.state).toBe('waiting')
  await t.kill()
  expect(t.state).toBe('killed')
})

test('a branch that is not an operation is refused', () => {
  expect(() => select({ a: Promise.resolve() as never })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('until') }),
  )
})

describe('one operation under two keys is OP_REUSED', () => {
  const shapes: Record<string, (op: Op<number>) => Op<unknown>> = {
    plain: op => select({ a: op, b: op }),
    mapped: op => select({ a: op, b: op.map(n => n) }),
    'mapped twice': op => select({ a: op.map(n => n), b: op.map(n => n) }),
    nested: op => select({ a: op, b: select({ c: op }) }),
    'under a timeout': op => select({ a: timeout(5, op), b: op }),
    'in a biased nested one': op => select({ a: op, b: select({ c: op, d: never }, { biased: true }) }),
    'in a nested poll': op => select({ a: op, b: select({ c: op, d: never }, { orElse: 1 }) }),
  }
  test.each(Object.entries(shapes))('%s', async (_name, shape) => {
    const ch = channel<number>()
    const op = ch.receive()
    const performed = watch({
      then: (...handlers) =>
        Promise.resolve()
          .then(() => shape(op))
          .then(...handlers),
    })
    await idle()
    expect(performed.outcome).toMatchObject({ code: 'OP_REUSED' })
    expect([ch.balance, time.clock.pending]).toEqual([0, 0])
    ch.send(1).then()
    expect(await op).toBe(1)
  })
})

test('an operation that waits elsewhere, or has happened, is OP_REUSED, and the others stay usable', async () => {
  const ch = channel<number>(1)
  const other = channel<number>(1)
  const busy = ch.receive()
  const waiting = watch(busy)
  await idle()
  const fresh = other.receive()
  expect(await rejection(select({ fresh, busy }))).toMatchObject({ code: 'OP_REUSED' })
  ch.trySend(1)
  await idle()
  expect(waiting.outcome).toBe(1)
  expect(await rejection(select({ fresh, busy }))).toMatchObject({ code: 'OP_REUSED' })
  other.trySend(2)
  expect(await fresh).toBe(2)
})

test('a select is one-shot itself', async () => {
  const op = select({ a: always(1) })
  await go(function* () {
    yield* op
  })
  expect(
    await rejection(
      go(function* () {
        yield* op
      }),
    ),
  ).toMatchObject({ code: 'OP_REUSED' })
})

test('losers may be performed again, round after round', async () => {
  const [fast, slow] = [channel<number>(), channel<string>()]
  const op = slow.receive()
  for (let n = 0; n < 20; n++) {
    const chosen = watch(select({ fast: fast.receive(), op, tick: sleep(10) }))
    await idle()
    fast.trySend(n)
    await idle()
    expect(chosen.outcome).toEqual({ key: 'fast', value: n })
    expect([slow.balance, time.clock.pending]).toEqual([0, 0])
  }
  slow.send('at last').then()
  expect(await op).toBe('at last')
})

test('twenty thousand lost branches leave nothing in the queue', async () => {
  const [fast, slow] = [channel<number>(1), channel<number>()]
  await go(function* () {
    for (let n = 0; n < 20_000; n++) {
      fast.trySend(n)
      yield* select({ slow: slow.receive(), fast: fast.receive() })
    }
  })
  expect(slow.balance).toBe(0)
})

test('a latched operation may be selected again and again; selecting stops waiting and cancels nothing', async () => {
  const t = go(function* () {
    yield* sleep(100)
    return 'result'
  })
  for (let i = 0; i < 3; i++) {
    const chosen = watch(select({ t, tick: sleep(10) }))
    await time.clock.advance(10)
    expect(chosen.outcome).toEqual({ key: 'tick', value: undefined })
    expect(t.state).toBe('waiting')
  }
  await time.clock.advance(70)
  expect(await select({ t, n: never })).toEqual({ key: 't', value: 'result' })
  expect(await select({ a: t, n: never })).toEqual({ key: 'a', value: 'result' })
})

test('a promise may be selected through until', async () => {
  const promise = Promise.resolve('v')
  expect(await select({ p: until(promise), n: never })).toEqual({ key: 'p', value: 'v' })
})

test('map functions run for the branch that was chosen, after the commit', async () => {
  const [a, b] = [channel<number>(1), channel<number>(1)]
  a.trySend(1)
  b.trySend(2)
  const ran: string[] = []
  const chosen = await select(
    { a: a.receive().map(n => ran.push(`a${n}`)), b: b.receive().map(n => ran.push(`b${n}`)) },
    { biased: true },
  )
  expect(chosen).toEqual({ key: 'a', value: 1 })
  expect(ran).toEqual(['a1'])
})

test.each([true, false])(
  'an executor that commits another branch loses; it may be cancelled: %p',
  async cancellable => {
    const [ch, after] = [channel<number>(), channel<number>()]
    const log: string[] = []
    const cancel = () => void log.push('cancelled')
    const warnings = await reported(async () => {
      const chosen = watch(
        select(
          {
            a: ch.receive(),
            b: action(() => {
              ch.trySend(1)
              if (cancellable) return cancel
            }),
            c: after.receive(),
          },
          { biased: true },
        ),
      )
      await idle()
      expect(chosen.outcome).toEqual({ key: 'a', value: 1 })
    })
    expect(log).toEqual(cancellable ? ['cancelled'] : [])
    expect([ch.balance, after.balance, warnings]).toEqual([0, 0, []])
  },
)

test('a loser whose cancel would commit another branch cannot', async () => {
  const [a, b] = [channel<number>(), channel<number>()]
  let sent = ''
  const chosen = watch(
    select({
      a: a.receive(),
      x: action(() => () => {
        sent = b.trySend(2)
      }),
      b: b.receive(),
    }),
  )
  await idle()
  expect(a.trySend(1)).toBe('sent')
  await idle()
  expect(chosen.outcome).toEqual({ key: 'a', value: 1 })
  expect(sent).toBe('full')
})

test('is described by its branches', () => {
  const ch = channel<number>(0, { name: 'jobs' })
  expect(select({ job: ch.receive(), tick: sleep(5) }).describe()).toBe(
    'select { job: receive on "jobs", tick: sleep 5 ms }',
  )
})
