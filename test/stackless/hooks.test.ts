/** After TestErrorHandler of Stackless' test_miscell.py, test_sched_cb.py, test_chan_cb.py and test_defects.py. */
import {
  channel,
  getChannelCallback,
  getcurrent,
  getmain,
  getScheduleCallback,
  main,
  run,
  schedule,
  set_channel_callback,
  set_error_handler,
  set_schedule_callback,
  setChannelCallback,
  setErrorHandler,
  setScheduleCallback,
  tasklet,
} from '../../src/stackless/index.js'
import { reported } from '../core/support.js'
import { everywhere, onMain, raises, throws } from './support.js'

afterEach(() => {
  setScheduleCallback(null)
  setChannelCallback(null)
  setErrorHandler(null)
})

function broken(): never {
  throw new RangeError('I am broken')
}

describe('TestErrorHandler', () => {
  test('test_set', () => {
    const handler = () => {}
    expect([setErrorHandler(handler), set_error_handler(null), setErrorHandler(null)]).toEqual([null, handler, null])
  })

  everywhere('test_handler', function* () {
    const handled: unknown[] = []
    setErrorHandler(error => handled.push(error))
    new tasklet(broken).setup()
    yield* run()
    expect(handled).toMatchObject([{ message: 'I am broken' }])
  })

  everywhere('test_borken_handler', function* () {
    setErrorHandler(() => {
      throw new TypeError('we are the mods')
    })
    new tasklet(broken).setup()
    yield* raises(run(), TypeError, 'we are the mods')
  })

  everywhere('test_early_throw: errors thrown before the function runs', function* () {
    const log: unknown[] = []
    setErrorHandler(() => log.push('handled'))
    const t = new tasklet(() => log.push('ran')).setup()
    yield* t.throw(new RangeError('thrown error'))
    expect(log).toEqual(['handled'])
  })

  everywhere('test_getcurrent: it runs in the context of the tasklet that ends', function* () {
    const handledIn: unknown[] = []
    setErrorHandler(() => handledIn.push(getcurrent(), getcurrent().alive))
    const thrown = new tasklet(broken).setup()
    yield* thrown.throw(RangeError)
    const ran = new tasklet(broken).setup()
    yield* ran.run()
    expect(handledIn).toEqual([thrown, true, ran, true])
  })

  everywhere('test_throw_pending', function* () {
    const handledIn: unknown[] = []
    setErrorHandler(() => handledIn.push(getcurrent()))
    const t = new tasklet(() => schedule()).setup()
    yield* t.run()
    yield* t.throw(RangeError, { pending: true })
    expect(handledIn).toEqual([])
    yield* t.run()
    expect(handledIn).toEqual([t])
  })

  everywhere('an exit is no error', function* () {
    const handled: unknown[] = []
    setErrorHandler(error => handled.push(error))
    const t = new tasklet(() => new channel().receive()).setup()
    yield* t.run()
    yield* t.kill()
    expect(handled).toEqual([])
  })
})

describe('SchedulingCallbackTestCase', () => {
  everywhere('test0: one call a switch', function* () {
    let count = 0
    setScheduleCallback(() => count++)
    function* switches(n: number) {
      for (let i = 0; i < n; i++) yield* schedule()
    }
    new tasklet(switches).setup(3)
    new tasklet(switches).setup(3)
    expect(count).toBe(0)
    yield* run()
    expect(count).toBe(9)
  })

  everywhere('test2currentWithPrevAndNext: the current one is still the previous', function* () {
    const seen: unknown[] = []
    const me = getcurrent()
    const t = new tasklet(() => schedule()).setup()
    setScheduleCallback((previous, next) => seen.push(previous, next, getcurrent()))
    yield* run()
    setScheduleCallback(null)
    expect(seen).toEqual([me, t, me, t, me, t])
  })

  test('testGetCallback', () => {
    const callback = () => {}
    expect(getScheduleCallback()).toBeNull()
    expect([setScheduleCallback(callback), getScheduleCallback()]).toEqual([null, callback])
    expect([set_schedule_callback(null), getScheduleCallback()]).toEqual([callback, null])
  })

  test('testExceptionInScheduleCallback: it is reported, and changes nothing', async () => {
    const warnings = await reported(async () => {
      setScheduleCallback((_, next) => {
        if (next.isMain) throw new Error('in the callback')
      })
      await main(function* () {
        new tasklet(() => {}).setup()
        yield* run()
      })
    })
    expect(new Set(warnings)).toEqual(new Set(['the schedule callback threw: in the callback']))
  })

  test('it is told when main starts', async () => {
    const seen: unknown[] = []
    setScheduleCallback((previous, next) => seen.push(previous, next.isMain))
    await main(() => {})
    expect(seen).toEqual([null, true])
  })
})

describe('ChannelCallbackTestCase', () => {
  onMain('test0: it is called before the transfer', function* () {
    const history: unknown[] = []
    const ch = new channel<number>()
    const receiver = new tasklet(() => ch.receive()).setup()
    setChannelCallback((c, t, sending, willBlock) =>
      history.push([c === ch, t, sending, willBlock, t.tempval, ch.balance]),
    )
    yield* ch.send(42)
    setChannelCallback(null)
    expect(history).toEqual([
      [true, getmain(), true, true, 42, 0],
      [true, receiver, false, false, undefined, 1],
    ])
    yield* run()
  })

  everywhere('it is called before block_trap and the end are checked', function* () {
    const calls: unknown[] = []
    const ch = new channel()
    setChannelCallback((_, __, sending, willBlock) => calls.push([sending, willBlock]))
    getcurrent().blockTrap = true
    yield* throws(ch.receive(), 'BLOCK_TRAP')
    getcurrent().blockTrap = false
    ch.close()
    yield* throws(ch.send(1), 'CHANNEL_CLOSED')
    expect(calls).toEqual([
      [false, true],
      [true, true],
    ])
  })

  everywhere('no channel may be used from it', function* () {
    const ch = new channel()
    let error: unknown
    setChannelCallback(() => {
      try {
        ch.send(1)[Symbol.iterator]().next()
      } catch (thrown) {
        error = thrown
      }
    })
    new tasklet(() => ch.send(0)).setup()
    expect(yield* ch.receive()).toBe(0)
    setChannelCallback(null)
    expect(error).toMatchObject({ code: 'MISUSE', message: 'Recursive channel call due to callbacks!' })
    yield* run()
  })

  test('what it throws is reported, and changes nothing', async () => {
    const warnings = await reported(async () => {
      setChannelCallback(() => {
        throw new Error('in the callback')
      })
      await main(function* () {
        const ch = new channel<number>()
        new tasklet(() => ch.send(7)).setup()
        expect(yield* ch.receive()).toBe(7)
      })
    })
    expect(warnings[0]).toBe('the channel callback threw: in the callback')
  })

  test('testGetCallback', () => {
    const callback = () => {}
    expect([getChannelCallback(), setChannelCallback(callback), getChannelCallback()]).toEqual([null, null, callback])
    expect([set_channel_callback(null), getChannelCallback()]).toEqual([callback, null])
  })
})
