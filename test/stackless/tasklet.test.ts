/** After Stackless' test_miscell.py: binding, running, switching, the flags of a tasklet. */
import {
  channel,
  getcurrent,
  getmain,
  getruncount,
  main,
  run,
  schedule,
  scheduleRemove,
  tasklet,
} from '../../src/stackless/index.js'
import { everywhere, onMain, throws, trapped } from './support.js'

function* pausing(log: string[]) {
  try {
    yield* scheduleRemove(null)
  } finally {
    log.push('finally')
  }
}

describe('TestWatchdog', () => {
  everywhere('test_aliveness1: the flags over a life', function* () {
    const flags = (t: tasklet) => [t.alive, t.scheduled, t.paused, t.blocked, t.isCurrent]
    const t = new tasklet(() => pausing([])).setup()
    expect(flags(t)).toEqual([true, true, false, false, false])
    yield* run()
    expect(flags(t)).toEqual([true, false, true, false, false])
    t.insert()
    expect(flags(t)).toEqual([true, true, false, false, false])
    yield* run()
    expect(flags(t)).toEqual([false, false, false, false, false])
  })
})

describe('TestTaskletSwitching', () => {
  everywhere('test_run', function* () {
    let ran = false
    const t = new tasklet(() => {
      ran = true
    }).setup()
    yield* t.run()
    expect(ran).toBe(true)
  })

  everywhere('run of one that floats runs only that one', function* () {
    const log: string[] = []
    new tasklet(() => log.push('other')).setup()
    const t = new tasklet(() => log.push('t')).setup().remove()
    yield* t.run()
    expect(log).toEqual(['t'])
    yield* run()
  })

  everywhere('run of one in the ring runs what stands behind it too', function* () {
    const log: string[] = []
    const [, b] = ['a', 'b', 'c'].map(name => new tasklet(() => log.push(name)).setup())
    yield* b?.run() ?? schedule()
    expect([log, getruncount()]).toEqual([['b', 'c'], 2])
    yield* run()
  })

  everywhere('run of the current one gives its tempval', function* () {
    getcurrent().tempval = 51
    expect([yield* getcurrent().run(), getcurrent().tempval]).toEqual([51, undefined])
  })
})

describe('TestSchedule', () => {
  everywhere('testSchedule', function* () {
    const me = getcurrent()
    const log: unknown[] = []
    const t = new tasklet((previous: tasklet) => log.push(previous.scheduled)).setup(me)
    expect(t.scheduled).toBe(true)
    expect(yield* schedule()).toBe(me)
    expect(log).toEqual([true])
  })

  everywhere('testScheduleRemoveFail', function* () {
    const log: unknown[] = []
    new tasklet((previous: tasklet) => {
      log.push(previous.scheduled)
      previous.insert()
      log.push(previous.scheduled)
    }).setup(getcurrent())
    yield* scheduleRemove()
    expect(log).toEqual([false, true])
  })
})

describe('TestBind', () => {
  everywhere('test_bind', function* () {
    const log: string[] = []
    const t = new tasklet()
    expect(t.alive).toBe(false)
    t.bind(null)
    expect(t.alive).toBe(false)
    t.bind(pausing).setup(log)
    yield* run()
    expect([t.scheduled, t.alive]).toEqual([false, true])
    t.insert()
    yield* run()
    expect([t.alive, log]).toEqual([false, ['finally']])
  })

  everywhere('test_bind_fail_not_callable', function* () {
    const notCallable = {} as unknown as () => void
    yield* throws(
      () => new tasklet().bind(notCallable),
      'INVALID_ARGUMENT',
      'tasklet function must be a callable or None',
    )
  })

  everywhere('test_unbind_ok: the finally does not run', function* () {
    const log: string[] = []
    const t = new tasklet(pausing).setup(log)
    yield* run()
    expect(t.paused).toBe(true)
    t.bind(null)
    expect([t.alive, t.paused, log]).toEqual([false, false, []])
  })

  test('main cannot be unbound, where it floats either', async () => {
    let thrown: unknown
    await main(function* () {
      const own = getmain()
      const other = new tasklet(function* () {
        for (const args of [[null], [function* () {}], [null, []]] as const) {
          yield* throws(() => own.bind(...(args as [null])), 'TASKLET_STATE', "can't unbind the main tasklet")
        }
        thrown = 'as it should be'
        own.insert()
      }).setup()
      yield* other.switch()
    })
    expect(thrown).toBe('as it should be')
  })

  everywhere('test_unbind_fail_current', function* () {
    yield* throws(() => getcurrent().bind(null), 'TASKLET_STATE', "can't (re)bind the current tasklet")
  })

  everywhere('test_unbind_fail_scheduled', function* () {
    const t = new tasklet(pausing).setup([])
    yield* run()
    t.insert()
    yield* throws(() => t.bind(null), 'TASKLET_STATE', 'tasklet is scheduled')
    yield* run()
  })

  everywhere('a blocked one cannot be bound either', function* () {
    const t = new tasklet(() => new channel().receive()).setup()
    yield* t.run()
    yield* throws(() => t.bind(null), 'TASKLET_STATE', 'tasklet is scheduled')
    yield* t.kill()
  })

  everywhere('test_bind_noargs', function* () {
    const t = new tasklet(pausing).bind(() => {})
    yield* throws(t.run(), 'DEAD_TASKLET', 'You cannot run an unbound(dead) tasklet')
  })

  everywhere('test_bind_args', function* () {
    const seen: string[] = []
    const t = new tasklet(pausing).bind((a: string, b: string) => seen.push(a, b), ['foo', 'bar'])
    expect([t.alive, t.paused]).toEqual([true, true])
    yield* t.run()
    expect(seen).toEqual(['foo', 'bar'])
  })

  everywhere('test_bind_args_nofunc: the function bound before', function* () {
    const seen: string[] = []
    const t = new tasklet((a: string) => seen.push(a))
    expect(t.tempval).toBeInstanceOf(Function)
    t.bind(null, ['foo'])
    expect(t.tempval).toBeUndefined()
    yield* t.run()
    expect(seen).toEqual(['foo'])
  })

  everywhere('test_bind_args_not_runnable', function* () {
    const t = new tasklet(() => {}, [])
    expect([t.scheduled, t.paused]).toEqual([false, true])
    yield* t.run()
    expect(t.alive).toBe(false)
  })

  everywhere('args without a function', function* () {
    yield* throws(() => new tasklet().bind(null, []), 'TASKLET_STATE', 'the tasklet was not bound to a function')
    yield* throws(() => new tasklet().setup(), 'TASKLET_STATE', 'the tasklet was not bound to a function')
  })

  everywhere('testLateCall: setup of one that is alive, and of one that has ended', function* () {
    const t = new tasklet(() => {}).setup()
    yield* throws(() => t.setup(), 'TASKLET_STATE', 'tasklet is alive')
    yield* run()
    yield* throws(() => t.setup(), 'TASKLET_STATE', 'the tasklet was not bound to a function')
  })

  everywhere('testLateBind: one that has ended may be bound again', function* () {
    const log: string[] = []
    const t = new tasklet(() => log.push('first')).setup()
    yield* throws(() => t.bind(() => {}), 'TASKLET_STATE', 'tasklet is scheduled')
    yield* run()
    t.bind(() => log.push('second')).setup()
    yield* run()
    expect(log).toEqual(['first', 'second'])
  })
})

describe('insert and remove', () => {
  everywhere('testInsertTooEarly', function* () {
    const t = new tasklet(() => {})
    expect(t.alive).toBe(false)
    yield* throws(() => t.insert(), 'DEAD_TASKLET', 'You cannot run an unbound(dead) tasklet')
  })

  everywhere('testRunBlockedTasklet', function* () {
    const t = new tasklet(() => new channel().receive()).setup()
    yield* schedule()
    expect([t.blocked, t.scheduled]).toEqual([true, true])
    yield* throws(() => t.insert(), 'TASKLET_STATE', 'You cannot run a blocked tasklet')
    yield* throws(t.run(), 'TASKLET_STATE', 'You cannot run a blocked tasklet')
    yield* throws(() => t.remove(), 'TASKLET_STATE', 'You cannot remove a blocked tasklet.')
    yield* t.kill()
  })

  everywhere('testRemoveCurrent', function* () {
    yield* throws(() => getcurrent().remove(), 'TASKLET_STATE', 'The current tasklet cannot be removed.')
  })

  everywhere('testInsertCurrent: insert of a scheduled one does nothing', function* () {
    const log: number[] = []
    new tasklet(() => log.push(55)).setup()
    new tasklet(() => log.push(66)).setup()
    expect(getcurrent().insert()).toBe(getcurrent())
    expect(getruncount()).toBe(3)
    yield* schedule()
    expect(log).toEqual([55, 66])
  })

  everywhere('remove of one that floats does nothing; both return the tasklet', function* () {
    const t = new tasklet(() => {}).setup()
    expect(t.remove()).toBe(t)
    expect(t.remove()).toBe(t)
    expect([getruncount(), t.next, t.prev]).toEqual([1, null, null])
    expect(t.insert()).toBe(t)
    expect([getruncount(), t.next, t.prev]).toEqual([2, getcurrent(), getcurrent()])
    yield* run()
  })
})

describe('TestSwitch', () => {
  const target = (source: tasklet, log: unknown[]) => () => {
    log.push(source.paused)
    source.insert()
  }

  everywhere('test_switch', function* () {
    const log: unknown[] = []
    const t = new tasklet(target(getcurrent(), log)).setup()
    yield* t.switch()
    expect(log).toEqual([true])
  })

  everywhere('test_switch_self', function* () {
    new tasklet(() => {}).setup()
    yield* getcurrent().switch()
    expect([getruncount(), getcurrent().scheduled]).toEqual([2, true])
    yield* run()
  })

  everywhere('test_switch_blocked', function* () {
    const ch = new channel()
    const t = new tasklet(() => ch.receive()).setup()
    yield* t.run()
    yield* throws(t.switch(), 'TASKLET_STATE', 'You cannot run a blocked tasklet')
    expect([getcurrent().scheduled, t.blocked]).toEqual([true, true])
    yield* ch.send(null)
    expect(t.alive).toBe(false)
  })

  everywhere('test_switch_paused', function* () {
    const log: unknown[] = []
    const t = new tasklet(target(getcurrent(), log), [])
    yield* t.switch()
    expect(log).toEqual([true])
  })

  everywhere('test_switch_trapped', function* () {
    const log: unknown[] = []
    const t = new tasklet(target(getcurrent(), log)).setup()
    yield* trapped(() => throws(t.switch(), 'SWITCH_TRAP', 'switch_trap'))
    expect([t.paused, getcurrent().scheduled, getruncount()]).toEqual([false, true, 2])
    yield* t.switch()
    expect(log).toEqual([true])
  })

  everywhere('test_switch_self_trapped', function* () {
    yield* trapped(function* () {
      yield* getcurrent().switch()
    })
  })

  everywhere('test_switch_blocked_trapped', function* () {
    const ch = new channel()
    const t = new tasklet(() => ch.receive()).setup()
    yield* t.run()
    yield* trapped(() => throws(t.switch(), 'TASKLET_STATE'))
    expect(t.blocked).toBe(true)
    yield* ch.send(null)
  })

  everywhere('test_switch_paused_trapped', function* () {
    const t = new tasklet(target(getcurrent(), []), [])
    yield* trapped(() => throws(t.switch(), 'SWITCH_TRAP'))
    expect([t.paused, getruncount()]).toEqual([true, 1])
    yield* t.switch()
  })
})

describe('attributes', () => {
  onMain('testIsMain', function* () {
    let flags: unknown[] = []
    const t: tasklet = new tasklet(() => {
      flags = [getmain().isCurrent, t.is_current, t.is_main]
    }).setup()
    yield* schedule()
    expect(flags).toEqual([false, true, false])
    expect([getcurrent().isMain, getmain() === getcurrent(), getmain().is_current]).toEqual([true, true, true])
  })

  everywhere('subclasses', function* () {
    class Server extends tasklet {
      count = 0
    }
    const server = new Server(() => {
      const current = getcurrent()
      if (current instanceof Server) current.count++
    }).setup()
    yield* run()
    expect(server.count).toBe(1)
  })

  everywhere('a plain function, an async one and an operation are bodies too', function* () {
    const ch = new channel<unknown>()
    const bodies = [new tasklet(() => 1), new tasklet(async () => 1), new tasklet(() => ch.receive())]
    for (const t of bodies) t.setup()
    yield* ch.send(null)
    yield* run()
    expect(bodies.map(t => t.alive)).toEqual([false, false, false])
  })

  everywhere('a plain yield is a mistake that is said', function* () {
    let error: unknown
    new tasklet(function* () {
      try {
        yield schedule() as never
      } catch (thrown) {
        error = thrown
      }
    }).setup()
    yield* run()
    expect(error).toMatchObject({ code: 'MISUSE' })
  })
})
