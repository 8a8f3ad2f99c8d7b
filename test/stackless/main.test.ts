/** main(): its outcome, what is left behind at its end, kills from outside, and use where no tasklet runs. */
import * as core from '../../src/core/index.js'
import {
  atomic,
  channel,
  getcurrent,
  getmain,
  getruncount,
  greenlet,
  main,
  Queue,
  receiveWithTimeout,
  run,
  schedule,
  scheduleRemove,
  set_schedule_callback,
  switchTrap,
  TaskletExit,
  tasklet,
} from '../../src/stackless/index.js'
import { idle, ManualClock, rejection, reported, turn, useVirtualClock } from '../core/support.js'
import { everywhere, thrownBy, throws } from './support.js'

const time = useVirtualClock()

describe('the outcome', () => {
  test('is the value, or the very error', async () => {
    expect(await main((a: number, b: number) => a + b, 1, 2)).toBe(3)
    expect(await main(async () => 'async')).toBe('async')
    const error = new Error('mine')
    expect(
      await rejection(
        main(() => {
          throw error
        }),
      ),
    ).toBe(error)
  })

  test('an uncaught error of a tasklet is thrown in main, which may catch it', async () => {
    const error = new Error('a worker failed')
    const caught = await main(function* () {
      new tasklet(() => {
        throw error
      }).setup()
      return yield* thrownBy(run())
    })
    expect(caught).toBe(error)
  })

  test('it is a core tasklet, named after the function, of the scope around it', async () => {
    const log: string[] = []
    await core.scope(function* () {
      const t = main(function* program() {
        yield* core.sleep(0)
        log.push('ended')
      })
      expect([t.name, t.state]).toEqual(['program', 'ready'])
      core.go(() => time.clock.advance(1))
      yield* core.always(0)
    })
    expect(log).toEqual(['ended'])
  })

  test('two mains have nothing in common', async () => {
    const log: string[] = []
    const foreign: { t?: tasklet } = {}
    const body = (name: string) =>
      function* () {
        foreign.t ??= new tasklet(() => log.push('foreign')).setup()
        for (let i = 0; i < 2; i++) {
          log.push(`${name}${i} of ${getruncount()}`)
          yield* core.schedule()
        }
        if (name === 'b') yield* throws(foreign.t.run(), 'MISUSE', 'the tasklet belongs to another main()')
      }
    await Promise.all([main(body('a')), main(body('b'))])
    expect(log.filter(line => line.startsWith('b'))).toEqual(['b0 of 1', 'b1 of 1'])
  })
})

describe('what main leaves behind', () => {
  test('runnable, blocked, floating and sleeping tasklets get their exit', async () => {
    const log: string[] = []
    const waits = {
      runnable: () => schedule(),
      floating: () => scheduleRemove(),
      receiving: () => new channel().receive(),
      sleeping: () => core.sleep(1000),
      running: () => run(),
    }
    await main(function* () {
      for (const [name, wait] of Object.entries(waits)) {
        new tasklet(function* () {
          try {
            for (;;) yield* wait()
          } catch (error) {
            log.push(`${name} ${error instanceof TaskletExit}`)
            throw error
          }
        }).setup()
      }
      new tasklet(() => log.push('never started')).setup().remove()
      yield* schedule()
      yield* schedule()
    })
    expect(log.sort()).toEqual(['floating true', 'receiving true', 'runnable true', 'running true', 'sleeping true'])
    expect(time.clock.pending).toBe(0)
  })

  test('one that never started does not run', async () => {
    const log: string[] = []
    await main(() => void new tasklet(() => log.push('ran')).setup())
    expect(log).toEqual([])
  })

  test('cleanup may wait', async () => {
    const log: string[] = []
    const ended = main(function* () {
      const t = new tasklet(function* () {
        try {
          yield* new channel().receive()
        } finally {
          yield* core.sleep(100)
          log.push('closed')
        }
      }).setup()
      yield* t.run()
      return 'value'
    })
    await time.clock.advance(100)
    expect([await ended, log, time.clock.now(), time.clock.pending]).toEqual(['value', ['closed'], 100, 0])
  })

  test('cleanup that blocks for ever is killed again', async () => {
    const log: unknown[] = []
    await main(function* () {
      const ch = new channel()
      const t = new tasklet(function* () {
        try {
          yield* ch.receive()
        } finally {
          log.push(yield* thrownBy(ch.receive()))
        }
      }).setup()
      yield* t.run()
    })
    expect(log).toMatchObject([{ code: 'TASKLET_EXIT' }])
  })

  test.each([
    ['in the ring', () => schedule()],
    ['in the core', () => core.sleep(100)],
  ])('one that catches its exit for ever is given up after its grace, %s', async (_where, wait) => {
    const clock = new ManualClock()
    const warnings = await reported(async () => {
      let rounds = 0
      const ended = main(function* () {
        const t = new tasklet(function* () {
          while (rounds++ < 5_000_000) {
            try {
              yield* wait()
            } catch {}
          }
        }).setup()
        yield* t.run()
      })
      for (let i = 0; i < 3; i++) {
        for (let turns = 0; turns < 10; turns++) await turn()
        clock.fire()
      }
      expect(await ended).toBeUndefined()
      expect(rounds).toBeLessThan(5_000_000)
    })
    clock.restore()
    expect(warnings).toEqual([expect.stringContaining('a tasklet was abandoned')])
  })

  test('an error of the cleanup is reported', async () => {
    const warnings = await reported(() =>
      Promise.resolve(
        main(function* () {
          const t = new tasklet(function* () {
            try {
              yield* new channel().receive()
            } finally {
              // biome-ignore lint/correctness/noUnsafeFinally: that is the case
              throw new Error('while closing')
            }
          }).setup()
          yield* t.run()
        }),
      ),
    )
    expect(warnings).toEqual(['a tasklet that main() left behind failed while it was ended: while closing'])
  })

  test('a switch trap left on does not hold it up', async () => {
    const log: string[] = []
    await main(function* () {
      const t = new tasklet(function* () {
        try {
          yield* new channel().receive()
        } finally {
          log.push('closed')
        }
      }).setup()
      yield* t.run()
      switchTrap(1)
      getcurrent().blockTrap = true
    })
    expect(log).toEqual(['closed'])
  })
})

describe('a kill from outside', () => {
  test('is thrown in main, wherever that waits, and the rest is ended too', async () => {
    const log: string[] = []
    const t = main(function* () {
      new tasklet(function* () {
        try {
          yield* core.sleep(1000)
        } finally {
          log.push('worker')
        }
      }).setup()
      try {
        yield* new channel().receive()
      } catch (error) {
        log.push(`main ${error instanceof TaskletExit}`)
        throw error
      }
    })
    await idle()
    await t.kill()
    expect([log, t.state, time.clock.pending]).toEqual([['main true', 'worker'], 'killed', 0])
  })

  test('reaches a main that is busy', async () => {
    const t = main(function* () {
      for (;;) yield* schedule()
    })
    core.go(() => void t.kill('enough'))
    expect(await rejection(t)).toMatchObject({ code: 'TASKLET_KILLED' })
  })

  test('a scope that is cancelled ends its mains', async () => {
    let closed = false
    await core.scope(function* (scope) {
      main(function* () {
        try {
          yield* core.never
        } finally {
          closed = true
        }
      })
      yield* core.schedule()
      yield* core.schedule()
      scope.cancel()
    })
    expect(closed).toBe(true)
  })

  test('current().kill() in a tasklet ends that tasklet and its main', async () => {
    const log: string[] = []
    const t = main(function* () {
      new tasklet(function* () {
        core.current().kill()
        log.push('not reached')
      }).setup()
      try {
        yield* run()
        yield* core.sleep(10)
      } finally {
        log.push('main')
      }
    })
    expect(await rejection(t)).toMatchObject({ code: 'TASKLET_KILLED' })
    expect(log).toEqual(['main'])
  })
})

describe('where no tasklet of main() runs', () => {
  const plain: [string, () => unknown][] = [
    ['getcurrent', getcurrent],
    ['getmain', getmain],
    ['getruncount', getruncount],
    ['switch_trap', () => switchTrap(1)],
    ['atomic', atomic],
    ['setup of a tasklet', () => new tasklet(() => {}).setup()],
    ['greenlet', () => new greenlet()],
  ]
  test.each(plain)('%s is a mistake that is said', (_name, call) => {
    expect(call).toThrow(expect.objectContaining({ code: 'MISUSE' }))
  })

  test.each([
    ['schedule', () => schedule()],
    ['run', () => run()],
    ['send', () => new channel().send(1)],
    ['run of a tasklet', () => new tasklet().run()],
  ] as [string, () => core.Op<unknown>][])(
    '%s may neither be awaited nor performed in a core tasklet',
    async (_name, op) => {
      expect(await rejection(op())).toMatchObject({ code: 'MISUSE' })
      const t = core.go(function* () {
        yield* op()
      })
      expect(await rejection(t)).toMatchObject({ code: 'MISUSE' })
    },
  )

  test('a queue or a receive with a time limit', async () => {
    expect(await rejection(core.go(() => new Queue().pop()))).toMatchObject({ code: 'MISUSE' })
    expect(await rejection(core.go(() => receiveWithTimeout(1, new channel())))).toMatchObject({ code: 'MISUSE' })
  })

  test('a tasklet that floats may be inserted from a callback', async () => {
    const log: string[] = []
    await main(function* () {
      const t = new tasklet(function* () {
        yield* scheduleRemove()
        log.push('inserted')
      }).setup()
      yield* t.run()
      setImmediate(() => t.insert())
      yield* core.action(resolve => void setImmediate(() => setImmediate(() => resolve(undefined))))
    })
    expect(log).toEqual(['inserted'])
  })
})

describe('operations of the facade', () => {
  everywhere('cannot be a branch of select, nor have a timeout of the core', function* () {
    const ch = new channel()
    yield* throws(core.select({ value: ch.receive() }), 'MISUSE')
    yield* throws(core.timeout(5, ch.receive()), 'MISUSE')
    expect([ch.balance, time.clock.pending]).toEqual([0, 0])
  })

  everywhere('happen once', function* () {
    const op = schedule()
    yield* op
    yield* throws(op, 'OP_REUSED')
  })

  everywhere('the flags of atomic nest', function* () {
    const t = getcurrent()
    expect([t.atomic, t.setAtomic(true), t.set_atomic(false), t.atomic]).toEqual([false, false, true, false])
    const outer = atomic()
    const inner = atomic()
    inner[Symbol.dispose]()
    expect(t.atomic).toBe(true)
    outer[Symbol.dispose]()
    expect(t.atomic).toBe(false)
    yield* schedule()
  })
})

test('a hook left behind does not outlive its test', () => {
  expect(set_schedule_callback(null)).toBeNull()
})
