/** After TestDeadlock of Stackless' test_watchdog.py, Schedule and Channel of test_defects.py, and testLastChannel of Syncless. */
import {
  channel,
  DeadlockError,
  getcurrent,
  getruncount,
  run,
  schedule,
  scheduleRemove,
  tasklet,
} from '../../src/stackless/index.js'
import { everywhere, onMain, raises, thrownBy, throws } from './support.js'

const blocked = 'Deadlock: the last runnable tasklet cannot be blocked.'
const receiving = 'the main tasklet is receiving without a sender available.'
const sending = 'the main tasklet is sending without a receiver available.'

describe('TestDeadlock', () => {
  onMain('testReceiveOnMain', function* () {
    const ch = new channel()
    yield* throws(ch.receive(), 'DEADLOCK', blocked)
    yield* throws(ch.send(55), 'DEADLOCK', blocked)
    expect([ch.balance, getcurrent().scheduled, getcurrent().blocked]).toEqual([0, true, false])
  })

  onMain('test_main_receiving_endttasklet', function* () {
    const ch = new channel()
    new tasklet(() => {}).setup()
    yield* throws(ch.receive(), 'DEADLOCK', receiving)
    expect(ch.balance).toBe(0)
  })

  onMain('test_main_sending_enddtasklet', function* () {
    const ch = new channel()
    new tasklet(() => {}).setup()
    yield* throws(ch.send(null), 'DEADLOCK', sending)
    expect(ch.balance).toBe(0)
  })

  onMain('the kinds of a deadlock', function* () {
    const kinds: unknown[] = []
    for (const work of [new channel().receive(), new channel().send(0)]) {
      new tasklet(() => {}).setup()
      const error = yield* thrownBy(work)
      kinds.push(error instanceof DeadlockError && error.kind)
    }
    const error = yield* thrownBy(new channel().receive())
    expect([...kinds, error instanceof DeadlockError && error.kind]).toEqual(['receiving', 'sending', 'blocked'])
  })

  onMain('test_main_gets_exception', function* () {
    new tasklet(() => {
      throw new RangeError('mumbai')
    }).setup()
    const ch = new channel()
    yield* raises(ch.receive(), RangeError, 'mumbai')
    expect(ch.balance).toBe(0)
  })

  onMain('test_tasklet_deadlock: the tasklet gets it, not main', function* () {
    const ch = new channel()
    new tasklet(function* () {
      yield* throws(new channel().receive(), 'DEADLOCK', blocked)
      yield* ch.send(null)
    }).setup()
    yield* ch.receive()
    yield* run()
  })

  onMain("test_tasklet_and_main_receive: main gets the tasklet's", function* () {
    new tasklet(() => new channel().receive()).setup()
    yield* throws(new channel().receive(), 'DEADLOCK', blocked)
  })

  onMain('test_error_propagation_when_not_deadlock', function* () {
    new tasklet(() => schedule()).setup()
    new tasklet(() => {
      throw new RangeError('bar')
    }).setup()
    yield* raises(run(), RangeError, 'bar')
    yield* run()
  })

  everywhere('where somebody sits in run(), it returns, and the blocked remain', function* () {
    const ch = new channel()
    const t = new tasklet(() => ch.receive()).setup()
    yield* run()
    expect([t.blocked, ch.balance]).toEqual([true, -1])
    yield* t.kill()
  })
})

describe('testLastChannel', () => {
  onMain('main floats: blocking the last tasklet puts main back', function* () {
    const ch = new channel()
    const t = new tasklet(() => ch.receive()).setup()
    yield* scheduleRemove()
    expect([t.blocked, ch.balance]).toEqual([true, -1])
    yield* t.kill()
    expect([t.blocked, ch.balance, getruncount()]).toEqual([false, 0, 1])
  })

  onMain('the error of an earlier one is thrown in main, the later one stays runnable', function* () {
    const ch = new channel()
    const fail = (error: Error) =>
      new tasklet(function* () {
        yield* schedule()
        throw error
      }).setup()
    const first = fail(new RangeError('first'))
    const second = fail(new TypeError('second'))
    yield* schedule()
    expect(getruncount()).toBe(3)
    yield* raises(ch.receive(), RangeError, 'first')
    expect([first.alive, second.alive, getruncount()]).toEqual([false, true, 2])
    yield* raises(ch.send(55), TypeError, 'second')
  })
})

describe('Schedule', () => {
  everywhere('testScheduleRemove: under run()', function* () {
    let back = false
    const t = new tasklet(function* () {
      yield* scheduleRemove()
      back = true
    }).setup()
    yield* run()
    yield* t.kill()
    expect([back, t.alive]).toEqual([false, false])
  })

  onMain('testScheduleRemove2: with main blocked', function* () {
    const ch = new channel()
    new tasklet(function* () {
      yield* throws(scheduleRemove(), 'DEADLOCK', blocked)
      expect(getcurrent().scheduled).toBe(true)
      yield* ch.send(null)
    }).setup()
    yield* ch.receive()
    yield* run()
  })

  onMain('testScheduleRemoveLast: main is put back when the last one leaves', function* () {
    const left = [1, 2].map(() => new tasklet(() => scheduleRemove()).setup())
    yield* scheduleRemove()
    expect([left.map(t => t.paused), getruncount()]).toEqual([[true, true], 1])
  })

  onMain('testHandleExceptionInMainTasklet: main is put back by an error, before the rest', function* () {
    new tasklet(() => {
      throw new RangeError()
    }).setup()
    new tasklet(() => {}).setup()
    yield* raises(scheduleRemove(), RangeError)
    expect(getruncount()).toBe(2)
    yield* schedule()
  })

  everywhere('testTemporaryChannel', function* () {
    const t = new tasklet(() => new channel().receive()).setup()
    new tasklet(() => {}).setup()
    yield* run()
    expect(t.blocked).toBe(true)
    yield* t.kill()
  })
})

describe('testSendInsert', () => {
  onMain(
    'a send that prefers the receiver runs what stood behind the sender, and its error comes to main',
    function* () {
      const ch = new channel()
      new tasklet(() => {
        throw new RangeError()
      }).setup()
      const t = new tasklet(() => ch.receive()).setup()
      yield* t.run()
      yield* raises(ch.send(0), RangeError)
      expect([getruncount(), ch.queue]).toEqual([1, null])
    },
  )
})
