/** Facade tasklets that wait for operations of the core: they count as blocked, and their ring goes on. */
import { AsyncLocalStorage } from 'node:async_hooks'
import * as core from '../../src/core/index.js'
import {
  channel,
  DeadlockError,
  getcurrent,
  getruncount,
  main,
  run,
  schedule,
  tasklet,
} from '../../src/stackless/index.js'
import { useVirtualClock } from '../core/support.js'
import { thrownBy, throws } from './support.js'

const time = useVirtualClock()

/** Runs a program under the virtual clock, to its end. */
async function program<T>(body: () => core.Co<T>): Promise<T> {
  const running = main(body)
  const outcome = running.then(
    value => ({ value }),
    error => ({ error }),
  )
  await time.clock.runAll()
  const ended = await outcome
  if ('error' in ended) throw ended.error
  return ended.value
}

test('a sleeping tasklet is blocked, and the others go on', async () => {
  const log: unknown[] = []
  await program(function* () {
    const sleeper = new tasklet(function* () {
      yield* core.sleep(100)
      log.push('slept')
    }).setup()
    new tasklet(function* () {
      for (let i = 0; i < 3; i++) {
        log.push(i)
        yield* schedule()
      }
    }).setup()
    yield* schedule()
    log.push([sleeper.blocked, sleeper.scheduled, sleeper.paused, sleeper._channel, getruncount()])
    yield* throws(() => sleeper.insert(), 'TASKLET_STATE', 'You cannot run a blocked tasklet')
    yield* throws(() => sleeper.remove(), 'TASKLET_STATE', 'You cannot remove a blocked tasklet.')
    yield* run()
    log.push('end')
  })
  expect(log).toEqual([0, [true, true, false, null, 2], 1, 2, 'slept', 'end'])
  expect(time.clock.now()).toBe(100)
})

test('a ring that waits for the core is not deadlocked, and is when it waits no more', async () => {
  const got = await program(function* () {
    const ch = new channel<string>()
    new tasklet(function* () {
      yield* core.sleep(10)
      yield* ch.send('in time')
    }).setup()
    const value = yield* ch.receive()
    new tasklet(() => core.sleep(10)).setup()
    const error = yield* thrownBy(ch.receive())
    return [value, error instanceof DeadlockError && error.kind, core.current().name]
  })
  expect(got).toEqual(['in time', 'receiving', 'main'])
})

test('main itself may wait', async () => {
  const log: string[] = []
  await program(function* () {
    new tasklet(() => log.push('other')).setup()
    yield* core.sleep(5)
    log.push('main')
  })
  expect(log).toEqual(['other', 'main'])
})

test('sleepers come back in the order of their times, at the end of the ring', async () => {
  const log: string[] = []
  await program(function* () {
    for (const [name, ms] of [
      ['c', 30],
      ['a', 10],
      ['b', 20],
    ] as const) {
      new tasklet(function* () {
        yield* core.sleep(ms)
        log.push(name)
      }).setup()
    }
    yield* run()
  })
  expect(log).toEqual(['a', 'b', 'c'])
})

test('who comes back stands at the end of the ring', async () => {
  const log: string[] = []
  await main(function* () {
    const ch = core.channel<string>()
    const waiting = new tasklet(function* () {
      log.push(yield* ch.receive())
    }).setup()
    yield* waiting.run()
    new tasklet(() => log.push('other')).setup()
    expect(ch.trySend('back')).toBe('sent')
    expect([getcurrent().prev, getcurrent().isCurrent, getruncount()]).toEqual([waiting, true, 3])
    yield* run()
  })
  expect(log).toEqual(['other', 'back'])
})

test('a core channel carries values between a facade tasklet, a core tasklet and a promise', async () => {
  const ch = core.channel<number>()
  const results = core.channel<number>(3)
  const running = main(function* () {
    new tasklet(function* () {
      for (let i = 0; i < 3; i++) yield* results.send(2 * (yield* ch.receive()))
    }).setup()
    yield* run()
  })
  core.go(function* () {
    yield* ch.send(1)
    yield* ch.send(2)
  })
  await ch.send(3)
  await running
  expect([await results.receive(), await results.receive(), await results.receive()].sort()).toEqual([2, 4, 6])
})

test('select, timeout and a scope of the core work in a facade tasklet', async () => {
  const got = await program(function* () {
    const ch = core.channel<number>()
    const chosen = yield* core.select({ value: ch.receive(), tick: core.sleep(5) })
    const late = yield* core.timeout(5, ch.receive(), { else: 'late' })
    const scoped = yield* core.scope(function* () {
      yield* core.sleep(1)
      return 'scoped'
    })
    return [chosen.key, late, scoped]
  })
  expect(got).toEqual(['tick', 'late', 'scoped'])
})

test("the core's schedule lets the core's tasklets run, and the ring too", async () => {
  const log: string[] = []
  await main(function* () {
    core.go(() => void log.push('core'))
    new tasklet(() => log.push('ring')).setup()
    yield* core.schedule()
    log.push('main')
  })
  expect(log.at(-1)).toBe('main')
  expect(log).toHaveLength(3)
})

test('a busy ring lets the core go on', async () => {
  let ticks = 0
  await main(function* () {
    core.go(function* () {
      for (let i = 0; i < 5; i++) {
        yield* core.schedule()
        ticks++
      }
    })
    new tasklet(function* () {
      while (ticks < 5) yield* schedule()
    }).setup()
    while (ticks < 5) yield* schedule()
  })
  expect(ticks).toBe(5)
})

test('a kill ends the wait and leaves no timer', async () => {
  const log: unknown[] = []
  await program(function* () {
    const t = new tasklet(function* () {
      try {
        yield* core.sleep(1000)
      } finally {
        log.push('finally')
      }
    }).setup()
    yield* t.run()
    expect(time.clock.pending).toBe(1)
    yield* t.kill()
    log.push(t.alive, time.clock.pending)
  })
  expect(log).toEqual(['finally', false, 0])
  expect(time.clock.now()).toBe(0)
})

test('a pending throw ends the wait at once, and is thrown when the turn comes', async () => {
  const log: unknown[] = []
  await program(function* () {
    const t = new tasklet(function* () {
      log.push(yield* thrownBy(core.sleep(1000)))
    }).setup()
    yield* t.run()
    const error = new Error('enough')
    yield* t.throw(error, { pending: true })
    expect([t.blocked, t.scheduled, time.clock.pending, log.length]).toEqual([false, true, 0, 0])
    yield* run()
    expect(log).toEqual([error])
  })
})

test('a value of the core that has come is handed over; what was thrown meanwhile is thrown at the next operation', async () => {
  const log: unknown[] = []
  await program(function* () {
    const ch = core.channel<string>()
    const t = new tasklet(function* () {
      log.push(yield* ch.receive())
      log.push(yield* thrownBy(schedule().map(() => 'not interrupted')))
    }).setup()
    yield* t.run()
    expect(ch.trySend('kept')).toBe('sent')
    expect([t.blocked, t.scheduled]).toEqual([false, true])
    const error = new Error('late')
    yield* t.throw(error)
    expect(log).toEqual(['kept', error])
  })
})

test('what was thrown and met no operation is the failure of the tasklet', async () => {
  const error = new Error('late')
  const got = await program(function* () {
    const ch = core.channel<string>()
    const t = new tasklet(() => ch.receive()).setup()
    yield* t.run()
    ch.trySend('kept')
    return yield* thrownBy(t.throw(error))
  })
  expect(got).toBe(error)
})

test('an uncaught error pulls main out of its wait', async () => {
  const error = new Error('from a worker')
  const got = await program(function* () {
    new tasklet(function* () {
      yield* core.sleep(5)
      throw error
    }).setup()
    const caught = yield* thrownBy(core.sleep(1000))
    return [caught, time.clock.now(), time.clock.pending]
  })
  expect(got).toEqual([error, 5, 0])
})

test('block_trap holds for operations of the core', async () => {
  await program(function* () {
    getcurrent().blockTrap = true
    yield* throws(core.sleep(5), 'BLOCK_TRAP', 'this tasklet does not like to be blocked.')
    yield* core.always(1)
    expect([getcurrent().blocked, time.clock.pending]).toEqual([false, 0])
  })
})

test('each tasklet keeps its async context, and hands it to what it starts', async () => {
  const store = new AsyncLocalStorage<string>()
  const log: unknown[] = []
  await program(function* () {
    for (const name of ['a', 'b']) {
      const start = () => new tasklet(work).setup()
      store.run(name, start)
    }
    function* work() {
      yield* schedule()
      log.push(store.getStore())
      new tasklet(() => log.push(`inner ${store.getStore()}`)).setup()
      yield* core.sleep(1)
      log.push(store.getStore())
    }
    yield* run()
    log.push(store.getStore())
  })
  expect(log).toEqual(['a', 'b', 'inner a', 'inner b', 'a', 'b', undefined])
})
