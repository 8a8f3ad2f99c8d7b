/** After TestTaskletThrow, TestKill and TestTaskletSwitching of Stackless' test_miscell.py. */
import type { Op } from '../../src/core/index.js'
import { channel, getcurrent, getruncount, run, schedule, TaskletExit, tasklet } from '../../src/stackless/index.js'
import { everywhere, onMain, raises, thrownBy, throws } from './support.js'

const dead = 'You cannot throw to a dead tasklet'

/** A tasklet that has started and waits to receive; `caught` is what it was given instead. */
function receiver(ch = new channel()) {
  const seen: { caught: unknown } = { caught: undefined }
  const t = new tasklet(function* () {
    try {
      yield* ch.receive()
    } catch (error) {
      seen.caught = error
    }
  }).setup()
  return { t, seen, ch }
}

describe.each([false, true])('TestTaskletThrow, pending is %s', pending => {
  const throwIn = (t: tasklet, error: unknown): Op<unknown> => t.throw(error, { pending })

  /** Immediate: it ran already. Pending: it is runnable, and runs now. */
  function* aftercheck(t: tasklet) {
    expect([t.alive, t.blocked]).toEqual([pending, false])
    if (pending) yield* t.run()
    expect(t.alive).toBe(false)
  }

  everywhere('test_throw_noargs: a class of errors', function* () {
    const { t, seen } = receiver()
    yield* t.run()
    yield* throwIn(t, RangeError)
    yield* aftercheck(t)
    expect(seen.caught).toBeInstanceOf(RangeError)
  })

  everywhere('test_throw_inst: an error is thrown as it is', function* () {
    const { t, seen } = receiver()
    const error = new RangeError('1, 2, 3')
    yield* t.run()
    yield* throwIn(t, error)
    yield* aftercheck(t)
    expect(seen.caught).toBe(error)
  })

  everywhere('test_throw_traceback: the stack says where the error was made', function* () {
    const { t, seen } = receiver()
    function errfunc(): never {
      throw new Error('deep')
    }
    yield* t.run()
    yield* throwIn(t, yield* thrownBy(errfunc))
    yield* aftercheck(t)
    expect((seen.caught as Error).stack).toContain('errfunc')
  })

  everywhere('a blocked one is pulled out of its channel', function* () {
    const { t, ch } = receiver()
    const other = receiver(ch)
    yield* schedule()
    expect(ch.balance).toBe(-2)
    yield* throwIn(t, new Error('out'))
    expect([ch.balance, ch.queue]).toEqual([-1, other.t])
    yield* aftercheck(t)
    yield* other.t.kill()
  })

  const whereItGoes = pending ? everywhere : onMain // at once it goes to main, which has to be the caller
  whereItGoes('test_new: one that has not started ends with it, uncaught', function* () {
    const t = new tasklet(() => expect('it ran').toBe('no')).setup()
    expect(t.alive).toBe(true)
    if (pending) {
      yield* throwIn(t, new RangeError('new'))
      yield* raises(run(), RangeError, 'new')
    } else {
      yield* raises(throwIn(t, new RangeError('new')), RangeError, 'new')
    }
  })

  everywhere('test_kill_new', function* () {
    const t = new tasklet(() => expect('it ran').toBe('no')).setup()
    yield* throwIn(t, TaskletExit)
    yield* run()
    expect(t.alive).toBe(false)
    yield* throws(t.run(), 'DEAD_TASKLET', 'You cannot run an unbound(dead) tasklet')
  })

  everywhere('test_dead', function* () {
    const { t, ch } = receiver()
    yield* t.run()
    yield* ch.send(null)
    yield* run()
    expect(t.alive).toBe(false)
    yield* throws(throwIn(t, RangeError), 'DEAD_TASKLET', dead)
    yield* throws(throwIn(new tasklet(), RangeError), 'DEAD_TASKLET', dead)
  })

  everywhere('test_kill_dead', function* () {
    const { t, ch } = receiver()
    yield* t.run()
    yield* ch.send(null)
    yield* run()
    expect(yield* throwIn(t, TaskletExit)).toBeUndefined()
    expect(yield* t.kill({ pending })).toBeUndefined()
  })

  everywhere('in the current tasklet it is thrown in place', function* () {
    const error = new Error('mine')
    expect(yield* thrownBy(throwIn(getcurrent(), error))).toBe(error)
    expect(yield* thrownBy(getcurrent().kill({ pending }))).toBeInstanceOf(TaskletExit)
  })
})

describe('TestTaskletSwitching', () => {
  everywhere('test_raise_exception', function* () {
    const { t, seen } = receiver()
    yield* t.run()
    yield* t.raiseException(RangeError, 'raised')
    expect(seen.caught).toMatchObject({ name: 'RangeError', message: 'raised' })
    expect(t.alive).toBe(false)
  })

  everywhere('raise_exception for one that has ended is raised in the caller', function* () {
    const t = new tasklet(() => {}).setup()
    yield* run()
    yield* raises(t.raise_exception(RangeError, 'back'), RangeError, 'back')
  })
})

describe('TestKill', () => {
  for (const pending of [true, false]) {
    everywhere(`test_kill_pending_${pending}`, function* () {
      const log: unknown[] = []
      const t = new tasklet(function* () {
        try {
          yield* schedule()
        } catch (error) {
          log.push(error instanceof TaskletExit)
          throw error
        }
      }).setup()
      yield* t.run()
      expect(log).toEqual([])
      yield* t.kill({ pending })
      expect(log).toEqual(pending ? [] : [true])
      if (t.alive) yield* t.run()
      expect([log, t.alive]).toEqual([[true], false])
    })
  }

  everywhere('testKillJumpsInRunnablesList: what stands behind a killed one runs', function* () {
    const log: string[] = []
    const killed = new tasklet(() => log.push('dead')).setup()
    new tasklet(() => log.push('worker')).setup()
    log.push('before')
    yield* killed.kill()
    log.push('after')
    expect(log.join()).toBe('before,worker,after')
  })

  everywhere('one that is removed first dies alone', function* () {
    const log: string[] = []
    const killed = new tasklet(() => log.push('dead')).setup()
    new tasklet(() => log.push('worker')).setup()
    killed.remove()
    yield* killed.kill()
    expect([log, killed.alive, getruncount()]).toEqual([[], false, 2])
    yield* run()
  })

  everywhere('testRunnablesOrderAtKill', function* () {
    const log: string[] = []
    const one = new tasklet(() => log.push('one')).setup()
    const safe = new tasklet(function* () {
      try {
        log.push('start')
        yield* schedule()
      } catch {
        log.push('caught')
      }
    }).setup()
    yield* safe.run()
    const three = new tasklet(() => log.push('three')).setup()
    safe.remove().remove()
    yield* safe.raiseException(TypeError)
    expect([log.join(), one.alive, safe.alive, three.alive]).toEqual(['start,caught', true, false, true])
    one.remove()
    yield* one.kill()
    three.remove()
    yield* three.kill()
    yield* safe.kill()
    expect(log.join()).toBe('start,caught')
  })

  everywhere('a tasklet may catch its exit and go on', function* () {
    const log: string[] = []
    const t = new tasklet(function* () {
      try {
        yield* new channel().receive()
      } catch {
        log.push('caught')
        yield* schedule()
        log.push('went on')
      }
    }).setup()
    yield* t.run()
    yield* t.kill()
    expect([log, t.alive]).toEqual([['caught'], true])
    yield* run()
    expect([log, t.alive]).toEqual([['caught', 'went on'], false])
  })

  everywhere('testTaskletExitCode', function* () {
    expect(yield* thrownBy(getcurrent().kill())).toMatchObject({ code: 'TASKLET_EXIT', source: 'kill' })
  })

  onMain('a worker may kill main: that is the failure of main', function* () {
    const me = getcurrent()
    new tasklet(() => me.kill()).setup()
    yield* raises(schedule(), TaskletExit)
    yield* run()
  })
})
