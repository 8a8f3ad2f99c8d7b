import { getEventListeners } from 'node:events'
import {
  action,
  always,
  broadcast,
  type Channel,
  type Co,
  call,
  channel,
  deferred,
  event,
  go,
  never,
  type Op,
  perform,
  Scope,
  type SynclessError,
  schedule,
  scope,
  select,
  semaphore,
  sleep,
  timeout,
  until,
} from '../../../src/core/index.js'
import { idle, outcome, rejection, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()
const misuse = (text: string) => expect.objectContaining({ code: 'MISUSE', message: expect.stringContaining(text) })

test('an operation does nothing until it is performed', async () => {
  const ch = channel<number>(1)
  ch.trySend(1)
  ch.receive()
  ch.receive().map(n => n)
  select({ a: ch.receive() })
  timeout(5, ch.receive())
  await idle()
  expect(ch.statistics()).toMatchObject({ buffered: 1, waitingReceivers: 0 })
  expect(time.clock.pending).toBe(0)
})

describe('map', () => {
  test('runs after the commit, in whoever performed the operation', async () => {
    const ch = channel<number>()
    const log: string[] = []
    const t = go(function* receiver() {
      return yield* ch.receive().map(n => {
        log.push('map')
        return n + 1
      })
    })
    await idle()
    ch.trySend(1)
    log.push('committed')
    expect(await t).toBe(2)
    expect(log).toEqual(['committed', 'map'])
  })

  test('runs once, however often the outcome is read', async () => {
    let runs = 0
    const op = always(1).map(() => ++runs)
    const oneShot = channel<number>(1)
    oneShot.trySend(1)
    const shared = oneShot.receive().map(() => ++runs)
    expect([await shared, await shared]).toEqual([1, 1])
    expect([await op, await op]).toEqual([2, 3])
  })

  test('what it throws is the outcome, and the value was taken', async () => {
    const ch = channel<number>(1)
    ch.trySend(1)
    const failure = new Error('failure')
    const mapped = () =>
      ch.receive().map(() => {
        throw failure
      })
    expect(await rejection(mapped())).toBe(failure)
    expect(ch.statistics().buffered).toBe(0)
    ch.trySend(2)
    const t = go(function* () {
      yield* mapped()
    })
    expect(await rejection(t)).toBe(failure)
  })

  test('does not run for an error', async () => {
    const ch = channel<number>()
    ch.close()
    let ran = false
    expect(
      await rejection(
        ch.receive().map(n => {
          ran = true
          return n
        }),
      ),
    ).toMatchObject({ code: 'CHANNEL_CLOSED' })
    expect(ran).toBe(false)
  })

  test('of a latched operation is latched', async () => {
    const t = go(() => 1)
    const mapped = t.map(n => n + 1).map(n => n * 10)
    expect([await mapped, await mapped]).toEqual([20, 20])
    await go(function* () {
      expect(yield* mapped).toBe(20)
      expect(yield* mapped).toBe(20)
    })
  })

  test('keeps the description', () => {
    const ch = channel<number>(0, { name: 'orders' })
    expect(
      ch
        .receive()
        .map(n => n)
        .describe(),
    ).toBe('receive on "orders"')
  })
})

describe('describe', () => {
  const named = <T>(name: string) => channel<T>(0, { name })
  function* work(): Co<void> {
    yield* never
  }
  test.each<[string, () => Op<unknown>]>([
    ['receive on "orders"', () => named('orders').receive()],
    ['next on "orders"', () => named('orders').next()],
    ['send on "orders"', () => named<number>('orders').send(1)],
    ['send on a channel', () => channel<number>().send(1)],
    ['end of "orders"', () => named('orders').ended],
    ['publish on "news"', () => broadcast<number>({ name: 'news' }).publish(1)],
    ['publish on a broadcast', () => broadcast<number>().publish(1)],
    ['receive on "news"', () => broadcast({ name: 'news' }).subscribe().receive()],
    ['receive on "mine"', () => broadcast({ name: 'news' }).subscribe({ name: 'mine' }).receive()],
    ['sleep 5 ms', () => sleep(5)],
    ['schedule', () => schedule()],
    ['always', () => always(1)],
    ['never', () => never],
    ['select { a: receive on "a", b: never }', () => select({ a: named('a').receive(), b: never })],
    ['receive on "orders", for 5 ms', () => timeout(5, named('orders').receive())],
    ['scope "work", for 5 ms', () => timeout(5, work)],
    ['scope "work"', () => scope(work)],
    ['scope "scope"', () => scope(function* () {})],
    ['join "work"', () => scopeless(work)],
    ['end of "work"', () => scopeless(work).kill()],
    ['end of request', () => new Scope({ name: 'request' }).close()],
    ['end of scope', () => new Scope().close()],
    ['acquire 2 of the pool', () => semaphore(3, 'the pool').acquire(2)],
    ['acquire 1 of a semaphore', () => semaphore(3).acquire()],
    ['wait for the start', () => event('the start').wait()],
    ['wait for an event', () => event().wait()],
    ['the answer', () => deferred('the answer')],
    ['a deferred', () => deferred()],
    ['until a promise settles', () => until(Promise.resolve())],
    ['call "fetch"', () => call(async function fetch() {})],
    ['call "async function"', () => call((() => async () => {})())],
    ['call of a coroutine', () => call(work())],
    ['opening', () => action(() => {}, 'opening')],
    ['action', () => action(() => {})],
    [
      'receive on "orders"',
      () =>
        named('orders')
          .receive()
          .map(n => n),
    ],
    ['join "work"', () => scopeless(work).map(n => n)],
  ])('says in one line: %s', (line, op) => {
    expect(op().describe()).toBe(line)
  })

  function scopeless(fn: () => Co<void>) {
    const t = go(fn)
    t.kill()
    return t
  }
})

describe('an operation that can commit at once does so, and lets nobody run before', () => {
  const full = () => {
    const ch = channel<number>(1)
    ch.trySend(1)
    return ch
  }
  const ended = (settle: (ch: Channel<number>) => void) => {
    const ch = channel<number>()
    settle(ch)
    return ch
  }
  const settledTasklet = go(() => 1)
  const settledScope = scope(function* () {
    return 1
  })
  const settledPromise = until(Promise.resolve(1))
  const resolved = deferred<number>()
  resolved.resolve(1)
  const raised = event()
  raised.set()
  beforeAll(() => Promise.all([settledTasklet, settledScope, settledPromise]))

  const ready: Record<string, () => Op<unknown>> = {
    'a receive from the buffer': () => full().receive(),
    'a next at the end': () => ended(ch => ch.close()).next(),
    'a send into the buffer': () => channel<number>(1).send(1),
    'a publish without subscribers': () => broadcast<number>().publish(1),
    'the end of a channel': () => ended(ch => ch.close()).ended,
    always: () => always(1),
    'a join': () => settledTasklet,
    'the end of a tasklet': () => settledTasklet.kill(),
    'a scope that is over': () => settledScope,
    'a promise that has settled': () => settledPromise,
    acquire: () => semaphore(1).acquire(),
    'an event': () => raised.wait(),
    'a deferred': () => resolved,
    select: () => select({ n: never, a: always(1) }),
    'a poll': () => select({ n: never }, { orElse: 1 }),
    map: () => always(1).map(n => n),
    'a timeout': () => timeout(5, always(1)),
  }
  test.each(Object.entries(ready))('%s', async (_name, op) => {
    const log: string[] = []
    const first = go(function* () {
      yield* op()
      log.push('first')
    })
    go(() => log.push('second'))
    await first
    expect(log).toEqual(['first', 'second'])
    await op()
    expect(time.clock.pending).toBe(0)
  })

  test('and one that fails at once throws', async () => {
    const log: unknown[] = []
    const t = go(function* () {
      for (const ch of [ended(ch => ch.close()), ended(ch => ch.cancel())]) {
        for (const op of [ch.receive(), ch.send(1), ch.sendError(1)]) {
          try {
            yield* op
          } catch (error) {
            log.push((error as SynclessError).code)
          }
        }
      }
    })
    go(() => log.push('second'))
    await t
    const [closed, cancelled] = ['CHANNEL_CLOSED', 'CHANNEL_CANCELLED']
    expect(log).toEqual([closed, closed, closed, closed, cancelled, cancelled, 'second'])
  })
})

test('always is ready at once, never never', async () => {
  const log: unknown[] = []
  await go(function* () {
    log.push(yield* always('v'), yield* select({ never, a: always(1) }))
  })
  expect(log).toEqual(['v', { key: 'a', value: 1 }])
  expect(await outcome(never)).toBe('pending')
})

describe('await', () => {
  test('performs once and shares the outcome', async () => {
    const ch = channel<number>(2)
    ch.trySend(1)
    ch.trySend(2)
    const op = ch.receive()
    expect(await Promise.all([op, op, op.then(n => n * 10)])).toEqual([1, 1, 10])
    expect(await op).toBe(1)
    expect(ch.statistics().buffered).toBe(1)
  })

  test('of one that a tasklet performs is OP_REUSED, and the tasklet waits on', async () => {
    const ch = channel<number>()
    const op = ch.receive()
    const t = go(function* () {
      return yield* op
    })
    await idle()
    expect(await rejection(op)).toMatchObject({ code: 'OP_REUSED' })
    ch.trySend(1)
    expect(await t).toBe(1)
  })
})

describe('OP_REUSED', () => {
  test('yield* on an operation that waits elsewhere, or has happened', async () => {
    const ch = channel<number>(0, { name: 'orders' })
    const op = ch.receive()
    const first = go(function* () {
      return yield* op
    })
    const use = () =>
      rejection(
        go(function* () {
          yield* op
        }),
      )
    const reused = (how: string) =>
      expect.objectContaining({ code: 'OP_REUSED', message: expect.stringMatching(`"receive on "orders"" ${how}`) })
    await idle()
    expect(await use()).toEqual(reused('waits already'))
    ch.trySend(1)
    expect(await first).toBe(1)
    expect(await use()).toEqual(reused('has happened already'))
    expect(ch.balance).toBe(0)
  })

  test('the inner operation of a map or a timeout that is in use', async () => {
    const ch = channel<number>()
    const op = ch.receive()
    const t = watch(op)
    await idle()
    for (const wrapped of [op.map(n => n), timeout(5, op), op.map(n => n).map(n => n)]) {
      expect(await rejection(wrapped)).toMatchObject({ code: 'OP_REUSED' })
      expect(
        await rejection(
          go(function* () {
            yield* wrapped
          }),
        ),
      ).toMatchObject({ code: 'OP_REUSED' })
    }
    expect([ch.balance, time.clock.pending]).toEqual([-1, 0])
    ch.trySend(1)
    await idle()
    expect(t.outcome).toBe(1)
  })

  test('one that ended without its inner operation', async () => {
    const [ch, clock] = [channel<number>(), time.clock]
    const inner = ch.receive()
    const op = timeout(5, inner, { else: 'late' })
    const first = watch(op)
    await clock.advance(5)
    expect(first.outcome).toBe('late')
    expect(await rejection(go(() => op))).toMatchObject({ code: 'OP_REUSED' })
    expect(await rejection(perform(op))).toMatchObject({ code: 'OP_REUSED' })
    expect([ch.balance, clock.pending]).toEqual([0, 0])
    ch.send(1).then()
    expect(await inner).toBe(1)
  })

  test('a latched operation is never reused', async () => {
    const t = go(() => 'v')
    await go(function* () {
      for (let i = 0; i < 3; i++) expect(yield* t).toBe('v')
    })
  })
})

describe('misuse', () => {
  const inTasklet = (body: () => Co<unknown>) => rejection(go(body))

  test('a plain yield of a value', async () => {
    expect(
      await inTasklet(function* () {
        yield 1 as never
      }),
    ).toEqual(misuse('yield*'))
  })

  test('a yield of an operation, without the star, which is not performed', async () => {
    const ch = channel<number>(1, { name: 'orders' })
    ch.trySend(1)
    expect(
      await inTasklet(function* () {
        yield ch.receive() as never
      }),
    ).toEqual(misuse('receive on "orders"'))
    expect(ch.statistics().buffered).toBe(1)
  })

  test('a yield of a latched operation, without the star', async () => {
    const other = go(() => 1)
    expect(
      await inTasklet(function* () {
        yield other as never
      }),
    ).toEqual(misuse('star'))
  })

  test('can be caught, and the tasklet goes on', async () => {
    const t = go(function* () {
      const caught: string[] = []
      for (let i = 0; i < 3; i++) {
        try {
          yield i as never
        } catch (error) {
          caught.push((error as SynclessError).code)
          yield* schedule()
        }
      }
      return caught
    })
    expect(await t).toEqual(['MISUSE', 'MISUSE', 'MISUSE'])
  })

  test.each<[string, (op: Op<unknown>) => unknown]>([
    ['a spread', op => [...(op as Iterable<unknown>)]],
    ['Array.from', op => Array.from(op as Iterable<unknown>)],
    [
      'a for-of',
      op => {
        for (const _ of op as Iterable<unknown>);
      },
    ],
    [
      'destructuring',
      op => {
        const [a, b] = op as Iterable<unknown>
        return [a, b]
      },
    ],
  ])('%s of an operation that waits, which is unlinked', async (_name, use) => {
    const ch = channel<number>()
    expect(
      await inTasklet(function* () {
        use(ch.receive())
      }),
    ).toEqual(misuse('yield*'))
    expect(ch.balance).toBe(0)
  })

  test('an operation started by hand and left waiting is unlinked at the next one', async () => {
    const ch = channel<number>(0, { name: 'orders' })
    const log: unknown[] = []
    const t = go(function* () {
      ch.receive()[Symbol.iterator]().next()
      try {
        yield* sleep(1)
      } catch (error) {
        log.push(error, ch.balance)
      }
      yield* sleep(1)
      return 'went on'
    })
    const joined = watch(t)
    await time.clock.advance(1)
    expect(log).toEqual([misuse('receive on "orders"'), 0])
    expect(joined.outcome).toBe('went on')
  })

  test('an operation started by hand and left waiting is unlinked at a plain yield', async () => {
    const ch = channel<number>()
    const t = go(function* () {
      ch.receive()[Symbol.iterator]().next()
      try {
        yield 1 as never
      } catch (error) {
        return [(error as SynclessError).code, ch.balance]
      }
    })
    expect(await t).toEqual(['MISUSE', 0])
  })

  test('an operation started by hand and left waiting is unlinked at the end', async () => {
    const ch = channel<number>()
    await go(function* () {
      ch.receive()[Symbol.iterator]().next()
    })
    expect(ch.balance).toBe(0)
    await rejection(
      go(function* () {
        ch.receive()[Symbol.iterator]().next()
        throw new Error()
      }),
    )
    expect(ch.balance).toBe(0)
  })

  test('performing where no tasklet runs', () => {
    const ch = channel<number>(1, { name: 'orders' })
    ch.trySend(1)
    expect(() => [...(ch.receive() as Iterable<unknown>)]).toThrow(misuse('receive on "orders"'))
    function* helper() {
      yield* ch.receive()
    }
    expect(() => helper().next()).toThrow(misuse('no tasklet'))
    expect(ch.statistics().buffered).toBe(1)
  })

  test('a coroutine that is driven by hand inside a tasklet', async () => {
    const ch = channel<number>()
    function* helper() {
      yield* ch.receive()
    }
    expect(
      await inTasklet(function* () {
        const co = helper()
        co.next()
        co.next()
      }),
    ).toEqual(misuse('yield*'))
    expect(ch.balance).toBe(0)
  })

  test('a self-driven loop does not re-enter the generator: go in a tasklet only enqueues', async () => {
    const log: string[] = []
    await go(function* () {
      log.push('outer')
      const inner = go(function* () {
        log.push('inner')
      })
      log.push('outer again')
      yield* inner
    })
    expect(log).toEqual(['outer', 'outer again', 'inner'])
  })
})

const oneShot = (): Op<unknown>[] => {
  const ch = channel<number>()
  return [
    ch.receive(),
    ch.send(1),
    ch.next(),
    sleep(1),
    schedule(),
    select({ n: never }),
    timeout(1, never),
    semaphore(1).acquire(),
    event().wait(),
    broadcast<number>().publish(1),
  ]
}

test('every operation has an iterator with next, throw and return', () => {
  for (const op of [...oneShot(), never, channel().ended, go(() => {}), until(Promise.resolve())]) {
    const iterator = op[Symbol.iterator]()
    expect([typeof iterator.next, typeof iterator.throw, typeof iterator.return]).toEqual(Array(3).fill('function'))
  }
})

test('a one-shot operation is its own iterator and its own result: a wait allocates nothing beyond it', async () => {
  for (const op of oneShot()) expect(op[Symbol.iterator]()).toBe(op)
  const ch = channel<number>(1)
  const send = ch.send(1)
  expect(await go(() => Object.is(send[Symbol.iterator]().next(), send))).toBe(true)
})

test('a generator that is returned from, not thrown into, unlinks its operation', async () => {
  const ch = channel<number>()
  let finished = false
  function* helper(): Co<number> {
    try {
      return yield* ch.receive()
    } finally {
      finished = true
    }
  }
  await go(function* () {
    const co = helper()
    co.next()
    expect(ch.balance).toBe(-1)
    expect(co.return(5)).toEqual({ done: true, value: 5 })
    expect(ch.balance).toBe(0)
    yield* schedule()
  })
  expect(finished).toBe(true)
})

describe('perform', () => {
  test('gives a real promise of the outcome', async () => {
    expect(perform(always(1))).toBeInstanceOf(Promise)
    expect(await perform(always(1))).toBe(1)
    const ch = channel<number>()
    ch.close()
    expect(await rejection(perform(ch.receive(), { signal: new AbortController().signal }))).toMatchObject({
      code: 'CHANNEL_CLOSED',
    })
  })

  test('with a signal that is aborted already performs nothing', async () => {
    const ch = channel<number>(1)
    ch.trySend(1)
    expect(await rejection(perform(ch.receive(), { signal: AbortSignal.abort('early') }))).toBe('early')
    expect(ch.statistics().buffered).toBe(1)
  })

  test('an abort by what the operation begins takes nothing away: what commits is given, what waits is withdrawn', async () => {
    const failure = new Error('failure')
    const begun = () => {
      const controller = new AbortController()
      const aborts = until({ then: () => controller.abort(failure) } as unknown as PromiseLike<never>)
      const ch = channel<number>(1)
      const op = select({ aborts, value: ch.receive() }, { biased: true })
      return { aborts, ch, op, signal: controller.signal }
    }
    const full = begun()
    full.ch.trySend(1)
    expect(await perform(full.op, { signal: full.signal })).toEqual({ key: 'value', value: 1 })
    const empty = begun()
    expect(await rejection(perform(empty.op, { signal: empty.signal }))).toBe(failure)
    expect(empty.aborts.waiters?.length).toBe(0)
    empty.ch.trySend(2)
    expect(empty.ch.tryReceive()).toEqual({ ok: true, value: 2 })
  })

  test('lets go of the signal when the operation has committed', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const listeners = () => getEventListeners(signal, 'abort').length
    const ch = channel<number>()
    const pending = perform(ch.receive(), { signal })
    await idle()
    expect(listeners()).toBe(1)
    ch.trySend(1)
    expect(await pending).toBe(1)
    expect(listeners()).toBe(0)
    await rejection(perform(failing(), { signal }))
    expect(listeners()).toBe(0)
  })

  test('of an operation that was performed before is OP_REUSED', async () => {
    const ch = channel<number>(1)
    ch.trySend(1)
    const op = ch.receive()
    expect(await go(() => op)).toBe(1)
    const awaited = always(1).map(n => n)
    const shared = channel<number>(1)
    shared.trySend(1)
    const oneShot = shared.receive()
    expect([await awaited, await oneShot]).toEqual([1, 1])
    expect(await rejection(perform(oneShot))).toMatchObject({ code: 'OP_REUSED' })
    for (const options of [{}, { signal: new AbortController().signal }]) {
      expect(await rejection(perform(op, options))).toMatchObject({ code: 'OP_REUSED' })
    }
  })
})

function failing(): Op<number> {
  const ch = channel<number>()
  ch.close()
  return ch.receive()
}
