/** Timeout, runInTaskletWithTimeout and receiveWithTimeout, on the virtual clock. */
import * as core from '../../src/core/index.js'
import {
  channel,
  getcurrent,
  getruncount,
  main,
  receive_with_timeout,
  receiveWithTimeout,
  run,
  run_in_tasklet_with_timeout,
  runInTaskletWithTimeout,
  schedule,
  TaskletExit,
  Timeout,
  TimeoutException,
  tasklet,
} from '../../src/stackless/index.js'
import { ManualClock, useVirtualClock } from '../core/support.js'
import { raises, thrownBy, throws } from './support.js'

const time = useVirtualClock()

/** Declares a case that runs under the virtual clock, and may not leave a timer behind. */
function timed(name: string, body: () => core.Co<void>): void {
  test(name, async () => {
    let failure: { error: unknown } | null = null
    main(function* () {
      yield* body()
      expect(getruncount()).toBe(1)
    }).then(null, error => {
      failure = { error }
    })
    await time.clock.runAll()
    if (failure !== null) throw (failure as { error: unknown }).error
    expect(time.clock.pending).toBe(0)
  })
}

const blocked = () => new channel().receive()

describe('Timeout', () => {
  timed('ends a block that waits on a channel, silently', function* () {
    let reached = false
    const value = yield* new Timeout(100).with(function* () {
      yield* blocked()
      reached = true
    })
    expect([value, reached, time.clock.now()]).toEqual([undefined, false, 100])
  })

  timed('gives the value of a block that ends in time', function* () {
    const value = yield* new Timeout(100).with(function* () {
      yield* core.sleep(99)
      return 'value'
    })
    expect([value, time.clock.pending]).toEqual(['value', 0])
  })

  timed('ends a wait for the core, a float and a schedule', function* () {
    for (const wait of [() => core.sleep(1000), () => core.never]) {
      const before = time.clock.now()
      yield* new Timeout(10).with(() => wait() as unknown as core.Co<void>)
      expect(time.clock.now() - before).toBe(10)
    }
  })

  timed('lets other errors pass', function* () {
    yield* raises(
      new Timeout(100).with(function* () {
        yield* schedule()
        throw new RangeError('own')
      }),
      RangeError,
      'own',
    )
  })

  timed('throws a class or an error of the caller, and ends the block with that class', function* () {
    class Late extends Error {}
    for (const thrown of [Late, new Late('once')]) {
      let caught: unknown
      yield* new Timeout(10, thrown).with(function* () {
        try {
          yield* blocked()
        } catch (error) {
          caught = error
          throw error
        }
      })
      expect(caught).toBeInstanceOf(Late)
      if (thrown instanceof Late) expect(caught).toBe(thrown)
    }
  })

  timed('the default is a TimeoutException', function* () {
    let caught: unknown
    yield* new Timeout(10).with(function* () {
      caught = yield* thrownBy(blocked())
    })
    expect(caught).toBeInstanceOf(TimeoutException)
    expect(caught).toMatchObject({ code: 'TIMEOUT', message: 'the time of a Timeout is over' })
  })

  timed('change counts from now, cancel takes the limit away', function* () {
    yield* new Timeout(100).with(function* (limit) {
      yield* core.sleep(50)
      limit.change(100)
      expect(limit.timeout).toBe(100)
      yield* blocked()
    })
    expect(time.clock.now()).toBe(150)
    const value = yield* new Timeout(100).with(function* (limit) {
      limit.cancel()
      expect([limit.timeout, time.clock.pending]).toEqual([null, 0])
      yield* core.sleep(500)
      return 'done'
    })
    expect(value).toBe('done')
  })

  timed('null is no limit, and may be changed into one', function* () {
    const limit = new Timeout(null)
    expect(
      yield* limit.with(function* () {
        yield* core.sleep(1000)
        limit.change(10)
        yield* blocked()
        return 'not reached'
      }),
    ).toBeUndefined()
    expect(time.clock.now()).toBe(1010)
  })

  timed('the innermost of two ends first', function* () {
    const log: unknown[] = []
    yield* new Timeout(100).with(function* () {
      yield* new Timeout(10).with(blocked as unknown as () => core.Co<void>)
      log.push(time.clock.now())
      yield* blocked()
    })
    expect([...log, time.clock.now()]).toEqual([10, 100])
  })

  timed('can be used again, but not twice at a time', function* () {
    const limit = new Timeout(10)
    for (let i = 0; i < 2; i++) {
      yield* limit.with(function* () {
        yield* throws(
          limit.with(function* () {
            yield* schedule()
          }),
          'MISUSE',
          'a Timeout was entered twice at a time',
        )
        yield* blocked()
      })
    }
    expect(time.clock.now()).toBe(20)
  })

  timed('holds for another tasklet than main, while the ring goes on', function* () {
    const log: string[] = []
    new tasklet(function* () {
      yield* new Timeout(10).with(function* () {
        yield* blocked()
      })
      log.push('late')
    }).setup()
    new tasklet(() => log.push('other')).setup()
    yield* run()
    expect(log).toEqual(['other', 'late'])
  })

  test('takes numbers', () => {
    expect(() => new Timeout(Number.NaN)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    expect(() => new Timeout(1).change(Number.NaN)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

describe('runInTaskletWithTimeout', () => {
  timed('gives the value of a function that ends in time, run in a tasklet of its own', function* () {
    const me = getcurrent()
    const value = yield* runInTaskletWithTimeout(
      function* (a: number, b: number) {
        yield* core.sleep(10)
        return [a + b, getcurrent() === me]
      },
      100,
      null,
      1,
      2,
    )
    expect([value, time.clock.now()]).toEqual([[3, false], 10])
  })

  timed('kills it when the time is over, and gives the default value', function* () {
    const log: unknown[] = []
    function* slow() {
      try {
        yield* blocked()
      } catch (error) {
        log.push(error instanceof TaskletExit)
        throw error
      }
    }
    expect(yield* run_in_tasklet_with_timeout(slow, 100, 'late')).toBe('late')
    expect([log, time.clock.now()]).toEqual([[true], 100])
  })

  timed('throws its error, an exit too', function* () {
    const error = new Error('its own')
    const failing = function* () {
      yield* schedule()
      throw error
    }
    expect(yield* thrownBy(runInTaskletWithTimeout(failing, 100, null))).toBe(error)
    yield* raises(
      runInTaskletWithTimeout(() => getcurrent().kill(), 100, null),
      TaskletExit,
    )
  })

  timed('an error thrown in the caller ends it', function* () {
    const log: unknown[] = []
    const caller = new tasklet(function* () {
      log.push(yield* thrownBy(runInTaskletWithTimeout(blocked, 100, null)))
    }).setup()
    yield* schedule()
    yield* schedule()
    yield* caller.raiseException(RangeError)
    expect(log).toEqual([expect.any(RangeError)])
    expect(getruncount()).toBe(1)
  })

  timed('null is no limit', function* () {
    expect(yield* runInTaskletWithTimeout(() => core.sleep(1e6).map(() => 'slept'), null, 'late')).toBe('slept')
  })
})

describe('receiveWithTimeout', () => {
  timed('gives what is sent in time', function* () {
    const ch = new channel<string>()
    new tasklet(function* () {
      yield* core.sleep(10)
      yield* ch.send('value')
    }).setup()
    expect(yield* receiveWithTimeout(100, ch, 'late')).toBe('value')
    new tasklet(() => ch.send('waiting')).setup()
    yield* schedule()
    expect(yield* receive_with_timeout(100, ch)).toBe('waiting')
    yield* run()
  })

  timed('gives the default value when the time is over, and leaves the channel', function* () {
    const ch = new channel<string>()
    expect(yield* receiveWithTimeout(100, ch, 'late')).toBe('late')
    expect(yield* receiveWithTimeout(100, ch)).toBeUndefined()
    expect([ch.balance, time.clock.now()]).toEqual([0, 200])
  })

  test('loses nothing that was sent before the time was over, though the receiver has not run since', async () => {
    const clock = new ManualClock()
    const got: unknown[] = []
    await main(function* () {
      const ch = new channel<string>()
      ch.preference = 0
      const receiver = new tasklet(function* () {
        got.push(yield* receiveWithTimeout(10, ch, 'late'))
      }).setup()
      yield* receiver.run()
      yield* ch.send('kept')
      clock.fire()
      expect(got).toEqual([])
      yield* run()
    })
    clock.restore()
    expect(got).toEqual(['kept'])
  })

  timed('an error that was sent is thrown', function* () {
    const ch = new channel()
    new tasklet(() => ch.sendException(RangeError)).setup()
    yield* raises(receiveWithTimeout(10, ch), RangeError)
    yield* run()
  })

  timed('with no limit, a ring that nobody will wake is deadlocked', function* () {
    yield* throws(receiveWithTimeout(null, new channel()), 'DEADLOCK')
  })
})
