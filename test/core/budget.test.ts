/** Loops over operations that are ready at once: they end with the timeout around them, and a rest changes nothing else. */
import fc from 'fast-check'
import { always, type Co, call, channel, go, type Op, schedule, select, sleep, timeout } from '../../src/core/index.js'
import { loop } from '../../src/core/loop/loop.js'
import { nbreader, socketPair } from '../../src/core/nbsocket/index.js'
import { seed } from '../../src/testing/index.js'
import { idle, outcome, rejection, turn } from './support.js'

/** What starves the event loop would hang the test: each loop gives up after far more rounds than it takes. */
const MOST = 2_000_000

function withBudget(budget: number, test: () => Promise<void>): Promise<void> {
  const before = loop.budget
  loop.budget = budget
  return test().finally(() => {
    loop.budget = before
  })
}

describe('a timeout ends a loop over what is ready at once', () => {
  const closed = channel<number>()
  closed.close()
  const room = channel<number>(1)
  const forever: Record<string, (spinning: () => boolean) => Co<void>> = {
    *'at the end of a channel'(spinning) {
      while (spinning()) yield* closed.next()
    },
    *'on a channel with room'(spinning) {
      while (spinning()) {
        yield* room.send(1)
        yield* room.receive()
      }
    },
    *'of selects'(spinning) {
      while (spinning()) yield* select({ value: closed.next(), late: sleep(60_000) })
    },
    *'at the end of a socket'(spinning) {
      const [left, right] = yield* socketPair()
      yield* right.shutdown()
      try {
        while (spinning()) yield* left.recv()
      } finally {
        left.close()
        right.close()
      }
    },
    // A read of it has no end by itself.
    *'inside one operation, of a source that always has bytes'(spinning) {
      const source = { recv: () => always(Buffer.from(spinning() ? 'bytes' : '')) }
      yield* nbreader(source, { limit: 1e9 }).readUntil('|')
    },
    *'of an async function'(spinning) {
      yield* call(async signal => {
        while (spinning() && !signal.aborted) await closed.next()
        signal.throwIfAborted()
      })
    },
  }
  test.each(Object.entries(forever))('%s', async (_name, body) => {
    let left = MOST
    const spinning = () => --left > 0
    const error = await rejection(timeout(5, () => body(spinning)))
    expect(error).toMatchObject({ code: 'TIMEOUT' })
    expect(left).toBeGreaterThan(0)
  })
})

test('a value that had committed before a rest is handed over, though a kill comes in it', () =>
  withBudget(5, async () => {
    const room = channel<number>(100)
    for (let n = 0; n < 100; n++) room.trySend(n)
    const got: number[] = []
    const t = go(function* () {
      for (;;) got.push(yield* room.receive())
    })
    await turn()
    await turn()
    expect(t.state).toBe('ready')
    t.kill()
    await idle()
    expect(t.state).toBe('killed')
    expect(got.length + room.buffered).toBe(100)
  }))

describe('an operation that resolves with itself rejects as a promise would', () => {
  const cycle = expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^Chaining cycle/) })

  test('a tasklet', async () => {
    const t: Op<unknown> = go(() => [t]).map(([op]) => op)
    expect(await outcome(t)).toEqual(cycle)
    const { current } = await import('../../src/core/index.js')
    expect(
      await outcome(
        go(function* () {
          return current()
        }),
      ),
    ).toEqual(cycle)
  })

  test('one that is received on a channel', async () => {
    const ch = channel<unknown>(1)
    const op = ch.receive()
    ch.trySend(op)
    expect(await outcome(op)).toEqual(cycle)
  })
})

/** What the tasklets of a random program do, one after the other. */
const step = fc.constantFrom('send', 'receive', 'put', 'get', 'poll', 'end', 'schedule', 'call', 'select')
const programs = fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 5 })

/** Runs a program, and gives the order of its steps, with what each got. */
async function traceOf(program: string[][], value: number, budget: number): Promise<string[]> {
  using _seeded = seed(value)
  const trace: string[] = []
  await withBudget(budget, async () => {
    const [meeting, buffer, closed] = [channel<number>(), channel<number>(2), channel<number>()]
    closed.close()
    const steps: Record<string, (n: number) => Op<unknown>> = {
      send: n => meeting.send(n),
      receive: () => meeting.receive(),
      put: n => buffer.send(n),
      get: () => buffer.receive(),
      poll: n => select({ get: buffer.receive(), put: buffer.send(n) }, { orElse: null }),
      end: () => closed.next(),
      schedule: () => schedule(),
      call: () =>
        call(
          (function* () {
            yield* closed.next()
          })(),
        ),
      select: n => select({ meet: meeting.send(n), get: buffer.receive(), end: closed.next() }),
    }
    const tasklets = program.map((list, t) =>
      go(function* () {
        for (const [i, name] of list.entries()) {
          const got = yield* steps[name]!(t * 100 + i)
          trace.push(`${t} ${i} ${name} ${JSON.stringify(got)}`)
        }
      }),
    )
    for (let quiet = 0, seen = -1; quiet < 3; seen = trace.length) {
      await idle()
      quiet = trace.length === seen ? quiet + 1 : 0
    }
    for (const t of tasklets) t.kill()
    await idle()
  })
  return trace
}

test('where the loop rests changes nothing in the order of random programs, under any seed', () =>
  fc.assert(
    fc.asyncProperty(programs, fc.integer(), fc.integer({ min: 1, max: 7 }), async (program, value, budget) => {
      expect(await traceOf(program, value, budget)).toEqual(await traceOf(program, value, 1_000_000))
    }),
    { numRuns: Number(process.env.SYNCLESS_RUNS ?? 150) },
  ))

test('no turn takes more than its budget, whatever random tasklets and async functions repeat', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.boolean(), fc.constantFrom('room', 'end', 'select')), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 50 }),
      (bodies, budget) =>
        withBudget(budget, async () => {
          const closed = channel<number>()
          closed.close()
          let spins = 0
          let stop = false
          const spinning = () => !stop && ++spins < 100_000
          for (const [asTasklet, kind] of bodies) {
            const room = channel<number>(1)
            const op = (n: number): Op<unknown> =>
              kind === 'end'
                ? closed.next()
                : kind === 'select'
                  ? select({ end: closed.next() })
                  : n % 2 === 0
                    ? room.send(n)
                    : room.receive()
            if (asTasklet) {
              go(function* () {
                for (let n = 0; spinning(); n++) yield* op(n)
              })
            } else {
              void (async () => {
                for (let n = 0; spinning(); n++) await op(n)
              })()
            }
          }
          await turn()
          for (let i = 0; i < 5; i++) {
            const before = spins
            await turn()
            // One that was let go on after the rest takes its step too.
            expect(spins - before).toBeLessThanOrEqual(budget + bodies.length)
          }
          stop = true
          await idle()
        }),
    ),
    { numRuns: 50 },
  ))
