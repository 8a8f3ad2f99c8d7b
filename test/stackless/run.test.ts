/** After TestNewWatchdog of Stackless' test_watchdog.py: run() from anywhere, nested. */
import { channel, getcurrent, getmain, run, schedule, scheduleRemove, tasklet } from '../../src/stackless/index.js'
import { everywhere, onMain, raises } from './support.js'

function worker(count: { done: number }): tasklet {
  return new tasklet(function* () {
    yield* schedule()
    count.done++
  }).setup()
}

describe('TestNewWatchdog', () => {
  onMain('test_run_from_worker: run() does not return while main is runnable', function* () {
    const count = { done: 0 }
    worker(count)
    const t = new tasklet(function* () {
      yield* run()
      count.done++
    }).setup()
    while (count.done === 0) yield* schedule()
    expect([count.done, t.paused]).toEqual([1, true])
    yield* t.run()
    expect([count.done, t.alive]).toEqual([2, false])
  })

  onMain('test_run_from_worker_main_blocked', function* () {
    const count = { done: 0 }
    const ch = new channel()
    worker(count)
    new tasklet(function* () {
      yield* run()
      count.done++
      yield* ch.send(null)
    }).setup()
    yield* ch.receive()
    expect(count.done).toBe(2)
    yield* run()
  })

  everywhere('test_run_from_worker_main_running', function* () {
    const count = { done: 0 }
    worker(count)
    new tasklet(function* () {
      yield* run()
      expect(count.done).toBe(1)
      count.done++
    }).setup()
    yield* run()
    expect(count.done).toBe(2)
  })

  everywhere('test_inner_run_completes_first', function* () {
    const outer = getcurrent()
    const log: unknown[] = []
    worker({ done: 0 })
    new tasklet(function* () {
      yield* run()
      log.push(outer.paused)
    }).setup()
    yield* run()
    expect(log).toEqual([true])
  })

  everywhere('test_inner_run_gets_error', function* () {
    const count = { done: 0 }
    worker(count)
    new tasklet(function* () {
      new tasklet(() => {
        throw new RangeError('foo')
      }).setup()
      yield* raises(run(), RangeError, 'foo')
      count.done++
    }).setup()
    yield* run()
    expect(count.done).toBe(2)
  })

  everywhere('test_manual_wakeup: waking an outer one ends the inner', function* () {
    const count = { done: 0 }
    const outer = getcurrent()
    worker(count)
    new tasklet(function* () {
      new tasklet(function* () {
        yield* outer.run()
        count.done++
      }).setup()
      yield* run()
      count.done++
    }).setup()
    yield* run()
    expect(count.done).toBe(1)
    yield* run()
    expect(count.done).toBe(3)
  })

  onMain('test_main_exiting: the run() of a tasklet lasts as long as main is runnable', function* () {
    const count = { done: 0 }
    worker(count)
    const t = new tasklet(function* () {
      yield* run()
      count.done++
    }).setup()
    while (count.done === 0) yield* schedule()
    yield* run()
    yield* run()
    yield* schedule()
    expect([count.done, t.alive]).toEqual([1, true])
    yield* t.kill()
    expect(t.alive).toBe(false)
  })
})

describe('run', () => {
  everywhere('returns nothing, at once where nobody else is runnable', function* () {
    getcurrent().tempval = 'old'
    expect(yield* run()).toBeUndefined()
    expect(getcurrent().tempval).toBeUndefined()
  })

  everywhere('the caller floats meanwhile', function* () {
    const caller = getcurrent()
    const seen: unknown[] = []
    new tasklet(() => seen.push(caller.paused, caller.scheduled)).setup()
    yield* run()
    expect(seen).toEqual([true, false])
  })

  everywhere('the error of a tasklet is thrown there, and the rest stays runnable', function* () {
    const log: string[] = []
    new tasklet(() => {
      throw new RangeError('first')
    }).setup()
    new tasklet(() => log.push('second')).setup()
    yield* raises(run(), RangeError, 'first')
    expect(log).toEqual([])
    yield* run()
    expect(log).toEqual(['second'])
  })

  everywhere('a killed caller is no watchdog any more', function* () {
    const inner = new tasklet(() => run()).setup()
    new tasklet(() => scheduleRemove()).setup()
    yield* schedule()
    if (inner.alive) yield* inner.kill()
    new tasklet(() => {
      throw new RangeError('to me')
    }).setup()
    yield* raises(run(), RangeError, 'to me')
  })

  onMain('getmain is the same everywhere', function* () {
    const mains = new Set([getmain()])
    new tasklet(() => mains.add(getmain())).setup()
    yield* run()
    expect([...mains]).toEqual([getcurrent()])
  })
})

everywhere('testFairSchedulingWithoutFile', function* () {
  const log: string[] = []
  function* work(name: string, count: number) {
    for (let left = count; left > 0; left--) {
      log.push(name)
      yield* schedule()
    }
  }
  new tasklet(work).setup('A', 5)
  new tasklet(work).setup('B', 9)
  new tasklet(work).setup('C', 7)
  for (let i = 0; i < 10; i++) yield* schedule()
  expect(log.join('')).toBe('ABCABCABCABCABCBCBCBB')
})
