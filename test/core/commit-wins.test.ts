/** Commit wins, for every kind of operation: what has committed is handed over, what has not did not happen. */
import {
  action,
  broadcast,
  call,
  channel,
  deferred,
  event,
  go,
  never,
  type Op,
  type Permit,
  perform,
  schedule,
  select,
  semaphore,
  sleep,
  type TaskletExit,
  timeout,
  until,
} from '../../src/core/index.js'
import { idle, ManualClock, outcome, watch } from './support.js'

interface Subject {
  readonly op: Op<unknown>
  /** Commits it from outside, in the middle of a turn. */
  commit(): void
  readonly value: unknown
  /** Fails if the operation, withdrawn, has left or taken anything. */
  untouched(): void
}

let clock: ManualClock

const subjects: Record<string, () => Subject> = {
  'receive on a rendezvous channel': () => {
    const ch = channel<string>()
    return { op: ch.receive(), commit: () => ch.trySend('v'), value: 'v', untouched: () => expect(ch.balance).toBe(0) }
  },
  'receive on a buffered channel': () => {
    const ch = channel<string>(1)
    return {
      op: ch.receive(),
      commit: () => ch.trySend('v'),
      value: 'v',
      untouched: () => expect(ch.statistics()).toMatchObject({ waitingReceivers: 0, buffered: 0 }),
    }
  },
  'a mapped next': () => {
    const ch = channel<string>()
    const op = ch.next().map(step => step.value)
    return { op, commit: () => ch.trySend('v'), value: 'v', untouched: () => expect(ch.balance).toBe(0) }
  },
  next: () => {
    const ch = channel<string>()
    return {
      op: ch.next(),
      commit: () => ch.close(),
      value: { done: true, value: undefined },
      untouched: () => expect(ch.balance).toBe(0),
    }
  },
  'send on a rendezvous channel': () => {
    const ch = channel<string>()
    return {
      op: ch.send('v'),
      commit: () => expect(ch.tryReceive()).toEqual({ ok: true, value: 'v' }),
      value: undefined,
      untouched: () => {
        expect(ch.balance).toBe(0)
        expect(ch.tryReceive()).toEqual({ ok: false, done: false })
      },
    }
  },
  'send on a full channel': () => {
    const ch = channel<string>(1)
    ch.trySend('old')
    return {
      op: ch.send('v'),
      commit: () => expect(ch.tryReceive()).toEqual({ ok: true, value: 'old' }),
      value: undefined,
      untouched: () => expect(ch.statistics()).toMatchObject({ waitingSenders: 0, buffered: 1 }),
    }
  },
  sleep: () => ({
    op: sleep(5),
    commit: () => clock.fire(),
    value: undefined,
    untouched: () => expect(clock.timers.size).toBe(0),
  }),
  'a sleep longer than a Node timer': () => ({
    op: sleep(2 ** 31 + 5),
    commit: () => {
      clock.fire()
      clock.fire()
    },
    value: undefined,
    untouched: () => expect(clock.timers.size).toBe(0),
  }),
  'an operation under a timeout': () => {
    const ch = channel<string>()
    return {
      op: timeout(1000, ch.receive()),
      commit: () => ch.trySend('v'),
      value: 'v',
      untouched: () => {
        expect(ch.balance).toBe(0)
        expect(clock.timers.size).toBe(0)
      },
    }
  },
  'a timeout that runs out': () => {
    const ch = channel<string>()
    return {
      op: timeout(5, ch.receive(), { else: 'late' }),
      commit: () => clock.fire(),
      value: 'late',
      untouched: () => {
        expect(ch.balance).toBe(0)
        expect(clock.timers.size).toBe(0)
      },
    }
  },
  'a receive branch of a select': () => {
    const a = channel<string>()
    const b = channel<string>()
    return {
      op: select({ a: a.receive(), b: b.send('lost'), c: sleep(5), d: a.receive() }),
      commit: () => a.trySend('v'),
      value: { key: expect.stringMatching(/^[ad]$/), value: 'v' },
      untouched: () => {
        expect([a.balance, b.balance, clock.timers.size]).toEqual([0, 0, 0])
        expect(b.tryReceive()).toEqual({ ok: false, done: false })
      },
    }
  },
  'a send branch of a select': () => {
    const a = channel<string>()
    const b = channel<string>()
    return {
      op: select({ a: a.receive(), b: b.send('v') }),
      commit: () => expect(b.tryReceive()).toEqual({ ok: true, value: 'v' }),
      value: { key: 'b', value: undefined },
      untouched: () => expect([a.balance, b.balance]).toEqual([0, 0]),
    }
  },
  'a sleep branch of a select': () => {
    const ch = channel<string>()
    return {
      op: select({ a: ch.receive(), b: sleep(5) }),
      commit: () => clock.fire(),
      value: { key: 'b', value: undefined },
      untouched: () => expect([ch.balance, clock.timers.size]).toEqual([0, 0]),
    }
  },
  'a branch of a nested select': () => {
    const a = channel<string>()
    const b = channel<string>()
    return {
      op: select({ x: select({ y: a.receive(), z: sleep(7) }).map(chosen => chosen.key), b: b.receive() }),
      commit: () => a.trySend('v'),
      value: { key: 'x', value: 'y' },
      untouched: () => expect([a.balance, b.balance, clock.timers.size]).toEqual([0, 0, 0]),
    }
  },
  'a timeout inside a select': () => {
    const a = channel<string>()
    const b = channel<string>()
    return {
      op: select({ x: timeout(5, a.receive(), { else: 'late' }), b: b.receive() }),
      commit: () => clock.fire(),
      value: { key: 'x', value: 'late' },
      untouched: () => expect([a.balance, b.balance, clock.timers.size]).toEqual([0, 0, 0]),
    }
  },
  'a mapped operation': () => {
    const ch = channel<string>()
    return {
      op: ch.receive().map(value => `${value}!`),
      commit: () => ch.trySend('v'),
      value: 'v!',
      untouched: () => expect(ch.balance).toBe(0),
    }
  },
  action: () => {
    let waiting = 0
    let resolve: (value: string) => void = () => {}
    const op = action<string>(done => {
      waiting++
      resolve = done
      return () => {
        waiting--
      }
    })
    return { op, commit: () => resolve('v'), value: 'v', untouched: () => expect(waiting).toBe(0) }
  },
  call: () => {
    const signals: AbortSignal[] = []
    let resolve: (value: string) => void = () => {}
    const op = call(signal => {
      signals.push(signal)
      return thenable(done => {
        resolve = done
      })
    })
    return {
      op,
      commit: () => resolve('v'),
      value: 'v',
      untouched: () => expect(signals.every(signal => signal.aborted)).toBe(true),
    }
  },
  until: () => {
    let resolve: (value: string) => void = () => {}
    const promise = thenable(done => {
      resolve = done
    })
    return { op: until(promise), commit: () => resolve('v'), value: 'v', untouched: () => {} }
  },
  'publish on a broadcast': () => {
    const news = broadcast<string>()
    const subscriber = news.subscribe()
    return {
      op: news.publish('v'),
      commit: () => expect(subscriber.tryReceive()).toEqual({ ok: true, value: 'v' }),
      value: undefined,
      untouched: () => expect(subscriber.tryReceive()).toEqual({ ok: false, done: false }),
    }
  },
  'acquire of a semaphore': () => {
    const limit = semaphore(2)
    let held: Permit | null = null
    limit.acquire(2).then(permit => {
      held = permit
    })
    return {
      op: limit.acquire().map(permit => permit.count),
      commit: () => held?.release(),
      value: 1,
      untouched: () => expect(limit.free).toBe(0),
    }
  },
  'a wait for an event': () => {
    const ready = event()
    return { op: ready.wait(), commit: () => ready.set(), value: undefined, untouched: () => {} }
  },
  'a deferred': () => {
    const answer = deferred<string>()
    return {
      op: answer,
      commit: () => answer.resolve('v'),
      value: 'v',
      untouched: () => expect(answer.waiters?.length ?? 0).toBe(0),
    }
  },
  'a receive on a subscription': () => {
    const news = broadcast<string>()
    const subscriber = news.subscribe()
    return {
      op: subscriber.receive(),
      commit: () => news.publish('v').then(),
      value: 'v',
      untouched: () => expect(subscriber.statistics().waitingReceivers).toBe(0),
    }
  },
  'a latched operation': () => {
    const ch = channel<string>()
    return { op: ch.ended, commit: () => ch.close(), value: { by: 'close' }, untouched: () => {} }
  },
}

/** A promise that settles at once when told, not in a microtask. */
function thenable(subscribe: (done: (value: string) => void) => void): Promise<string> {
  return { then: subscribe } as unknown as Promise<string>
}

beforeEach(() => {
  clock = new ManualClock()
})
afterEach(() => clock.restore())

describe.each(Object.entries(subjects))('%s', (_name, make) => {
  test('that has committed is handed over in spite of a kill, and the exit is thrown at the next operation', async () => {
    const { op, commit, value } = make()
    const log: unknown[] = []
    const t = go(function* () {
      try {
        log.push(yield* op)
        yield* schedule()
        log.push('went on')
      } catch (error) {
        log.push((error as TaskletExit).code)
        throw error
      }
    })
    await idle()
    commit()
    t.kill()
    await idle()
    expect(log).toEqual([value, 'TASKLET_EXIT'])
    expect(t.state).toBe('killed')
    expect(clock.timers.size).toBe(0)
  })

  test('that was killed before its commit did not happen, and may be performed again', async () => {
    const { op, commit, value, untouched } = make()
    const first = go(function* () {
      yield* op
    })
    await idle()
    first.kill()
    untouched()
    await idle()
    expect(first.state).toBe('killed')
    untouched()
    const second = go(function* () {
      return yield* op
    })
    const joined = watch(second)
    await idle()
    commit()
    await idle()
    expect(joined.outcome).toEqual(value)
  })

  test('that lost a select did not happen, and may be performed again', async () => {
    const { op, commit, value, untouched } = make()
    const gate = channel<string>()
    const chosen = watch(select({ gate: gate.receive(), op }))
    await idle()
    gate.trySend('open')
    untouched()
    await idle()
    expect(chosen.outcome).toEqual({ key: 'gate', value: 'open' })
    const again = watch(op)
    await idle()
    commit()
    await idle()
    expect(again.outcome).toEqual(value)
  })

  test('that was aborted before its commit did not happen; an abort after it changes nothing', async () => {
    const { op, commit, value, untouched } = make()
    const early = new AbortController()
    const aborted = watch(perform(op, { signal: early.signal }))
    await idle()
    early.abort('enough')
    untouched()
    await idle()
    expect(aborted.outcome).toBe('enough')
    const late = new AbortController()
    const kept = watch(perform(op, { signal: late.signal }))
    await idle()
    commit()
    late.abort()
    await idle()
    expect(kept.outcome).toEqual(value)
  })

  test('commits once as a branch of a select, and its sibling did not happen', async () => {
    const { op, commit, value } = make()
    const other = channel<string>()
    const chosen = watch(select({ other: other.receive(), op, never }))
    await idle()
    commit()
    expect(other.balance).toBe(0)
    await idle()
    expect(chosen.outcome).toEqual({ key: 'op', value })
  })
})

test('an operation killed in one tasklet can be performed by another before the first has resumed', async () => {
  const ch = channel<string>()
  const op = ch.receive()
  const log: string[] = []
  const first = go(function* () {
    try {
      log.push(`first: ${yield* op}`)
    } catch (error) {
      log.push(`first: ${(error as TaskletExit).code}`)
      throw error
    }
  })
  await idle()
  go(function* () {
    first.kill()
    log.push(`second: ${yield* op}`)
  })
  await idle()
  expect(ch.trySend('v')).toBe('sent')
  await idle()
  expect(log).toEqual(['first: TASKLET_EXIT', 'second: v'])
})

test('a value that went to another performer of a killed operation is not handed over twice', async () => {
  const ch = channel<string>(1)
  const op = ch.receive()
  const log: string[] = []
  const first = go(function* () {
    log.push(`first: ${yield* op}`)
  })
  await idle()
  go(function* () {
    first.kill()
    ch.trySend('v')
    log.push(`second: ${yield* op}`)
  })
  await idle()
  expect(log).toEqual(['second: v'])
  expect(first.state).toBe('killed')
})

test('an error that has committed is thrown in spite of a kill', async () => {
  const ch = channel<string>()
  const log: unknown[] = []
  const t = go(function* () {
    try {
      yield* ch.receive()
    } catch (error) {
      log.push((error as Error).message)
    }
    yield* schedule()
    log.push('went on')
  })
  await idle()
  const sent = outcome(ch.sendError(new Error('in band')))
  t.kill()
  await sent
  expect(log).toEqual(['in band'])
  expect(t.state).toBe('killed')
})

test('a result that needs no further wait is the result in spite of a kill', async () => {
  const ch = channel<string>()
  const t = go(function* () {
    return yield* ch.receive()
  })
  await idle()
  ch.trySend('v')
  t.kill()
  expect(await outcome(t)).toBe('v')
})
