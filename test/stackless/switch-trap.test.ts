/** After TestSwitchTrap of Stackless' test_miscell.py: no switch happens, and what was to switch changes nothing. */
import { sleep } from '../../src/core/index.js'
import {
  channel,
  getcurrent,
  getruncount,
  run,
  schedule,
  scheduleRemove,
  switch_trap,
  switchTrap,
  tasklet,
} from '../../src/stackless/index.js'
import { everywhere, raises, throws, trapped } from './support.js'

const trap = (work: Parameters<typeof throws>[0]) => trapped(() => throws(work, 'SWITCH_TRAP', 'switch_trap'))

describe('TestSwitchTrap', () => {
  everywhere('test_schedule', function* () {
    new tasklet(() => {}).setup()
    yield* trap(schedule())
    expect(getruncount()).toBe(2)
    yield* run()
  })

  everywhere('test_schedule_remove', function* () {
    const me = getcurrent()
    new tasklet(() => me.insert()).setup()
    yield* trap(scheduleRemove())
    expect([me.scheduled, me.isCurrent]).toEqual([true, true])
    yield* scheduleRemove()
  })

  everywhere('test_run', function* () {
    new tasklet(() => {}).setup()
    yield* trap(run())
    yield* run()
    expect(getruncount()).toBe(1)
  })

  everywhere('test_run_specific', function* () {
    const t = new tasklet(() => {}).setup()
    yield* trap(t.run())
    yield* t.run()
  })

  everywhere('test_run_paused', function* () {
    const t = new tasklet(() => {}, [])
    yield* trap(t.run())
    expect(t.paused).toBe(true)
    yield* t.run()
  })

  everywhere('test_send', function* () {
    const ch = new channel()
    const t = new tasklet(() => ch.receive()).setup()
    yield* trap(ch.send(null)) // would block
    expect([ch.balance, getcurrent().blocked]).toEqual([0, false])
    yield* t.run()
    yield* trap(ch.send(null)) // would switch to the receiver
    expect([ch.balance, ch.queue]).toEqual([-1, t])
    yield* ch.send(null)
  })

  everywhere('test_send_throw', function* () {
    const ch = new channel()
    new tasklet(() => raises(ch.receive(), SyntaxError)).setup()
    yield* trap(ch.sendThrow(SyntaxError))
    yield* ch.sendThrow(SyntaxError)
    yield* run()
  })

  everywhere('test_receive', function* () {
    const ch = new channel()
    new tasklet(() => ch.send(1)).setup()
    yield* trap(ch.receive())
    expect(yield* ch.receive()).toBe(1)
    yield* run()
  })

  everywhere('test_receive_throw', function* () {
    const ch = new channel()
    new tasklet(() => ch.sendThrow(SyntaxError)).setup()
    yield* trap(ch.receive())
    yield* raises(ch.receive(), SyntaxError)
    yield* run()
  })

  everywhere('a meeting that does not switch is allowed', function* () {
    const ch = new channel()
    yield* new tasklet(() => ch.send(1)).setup().run()
    yield* trapped(function* () {
      expect(yield* ch.receive()).toBe(1)
    })
    yield* run()
  })

  everywhere('test_raise_exception', function* () {
    const ch = new channel()
    const t = new tasklet(() => raises(ch.receive(), RangeError)).setup()
    yield* t.run()
    yield* trap(t.raiseException(SyntaxError))
    expect([t.blocked, ch.balance]).toEqual([true, -1])
    yield* t.raiseException(RangeError)
    expect(t.alive).toBe(false)
  })

  everywhere('test_kill', function* () {
    const ch = new channel()
    const t = new tasklet(() => ch.receive()).setup()
    yield* t.run()
    yield* trap(t.kill())
    expect([t.blocked, ch.balance]).toEqual([true, -1])
    yield* t.kill()
    expect(t.alive).toBe(false)
  })

  everywhere('a pending throw is no switch', function* () {
    const t = new tasklet(() => new channel().receive()).setup()
    yield* t.run()
    yield* trapped(function* () {
      yield* t.kill({ pending: true })
    })
    yield* run()
  })

  everywhere('to go on by oneself is no switch', function* () {
    yield* trapped(function* () {
      expect(yield* schedule(1)).toBe(1)
      expect(yield* getcurrent().run()).toBeUndefined()
    })
  })

  everywhere('a wait for an operation of the core is one', function* () {
    yield* trap(sleep(1))
    expect(getcurrent().blocked).toBe(false)
  })

  everywhere('switch_trap counts, and returns the level before', function* () {
    expect([switchTrap(1), switch_trap(1), switchTrap(), switchTrap(-2), switchTrap()]).toEqual([0, 1, 2, 2, 0])
    yield* schedule()
  })
})
