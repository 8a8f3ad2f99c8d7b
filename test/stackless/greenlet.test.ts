/** After Syncless' greenlet_test.py and greenlet's own test_greenlet.py. */
import { sleep } from '../../src/core/index.js'
import {
  channel,
  GreenletExit,
  getcurrent,
  getruncount,
  greenlet,
  main,
  run,
  schedule,
  TaskletExit,
  tasklet,
} from '../../src/stackless/index.js'
import { everywhere, raises, thrownBy, throws, trapped } from './support.js'

const current = () => greenlet.getcurrent()
const state = (...all: greenlet[]) => all.map(g => (g.dead ? 'dead' : g.active ? 'active' : 'new'))

function fail(): never {
  throw new RangeError('failed')
}

everywhere('testGreenlet', function* () {
  const events: unknown[] = []
  const m = current()
  expect([m.parent, m.active, m.dead]).toEqual([null, true, false])
  const g = new greenlet(function* (x: number, y: number, z: number) {
    events.push(`${x}/${y}/${z}`)
    events.push(yield* m.switch('C'))
  })
  expect(state(g)).toEqual(['new'])
  events.push(yield* g.switch(3, 4, 5))
  expect([current(), ...state(g)]).toEqual([m, 'active'])
  events.push(yield* g.switch('D'))
  expect([events, state(g)]).toEqual([['3/4/5', 'C', 'D', undefined], ['dead']])

  const failing = new greenlet(fail)
  expect(failing.parent).toBe(m)
  yield* raises(failing.switch(), RangeError, 'failed')
  expect([current(), failing.dead]).toEqual([m, true])
})

everywhere(
  'testGreenlet: an error thrown in one that has not started goes to its parent, the greenlet that made it',
  function* () {
    const events: unknown[] = []
    const m = current()
    let child: greenlet | undefined
    const g = new greenlet(function* () {
      child = new greenlet(() => events.push('not reached'))
      yield* raises(m.switch('made'), RangeError, 'for the child')
      events.push('caught in the parent')
    })
    expect(yield* g.switch()).toBe('made')
    expect(child?.parent).toBe(g)
    yield* child?.throw(new RangeError('for the child')) ?? schedule()
    expect([events, g.dead, child?.dead]).toEqual([['caught in the parent'], true, true])
  },
)

everywhere('testSwitchValue', function* () {
  const m = current()
  expect([yield* m.switch('self0'), yield* m.switch(), yield* m.switch(1, 2)]).toEqual(['self0', [], [1, 2]])
  const items: unknown[] = []
  const next: Record<string, greenlet> = {}
  function* switcher(name: string) {
    const value = name === 'g2' ? yield* m.switch() : yield* m.switch(name)
    items.push(value)
    const passed = yield* next[name]?.switch(`+${name}`) ?? schedule()
    items.push(passed)
  }
  const [g1, g2, g3] = ['g1', 'g2', 'g3'].map(name => new greenlet(() => switcher(name))) as [
    greenlet,
    greenlet,
    greenlet,
  ]
  next.g1 = g2
  next.g2 = g3
  next.g3 = m
  expect(state(g1, g2, g3)).toEqual(['new', 'new', 'new'])
  expect([yield* g1.switch(), yield* g2.switch(), yield* g3.switch(), items]).toEqual(['g1', [], 'g3', []])
  expect([yield* g1.switch('base'), items]).toEqual(['+g3', ['base', '+g1', '+g2']])
  expect(state(g1, g2, g3)).toEqual(['active', 'active', 'active'])
  expect([yield* g3.switch('d3'), yield* g2.switch('d2'), yield* g1.switch('d1')]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  expect([items.slice(3), state(g1, g2, g3)]).toEqual([
    ['d3', 'd2', 'd1'],
    ['dead', 'dead', 'dead'],
  ])
})

function* testThrow() {
  yield* raises(current().throw(RangeError), RangeError)
  const items: unknown[] = []
  const m = current()
  function* catcher(really: boolean) {
    expect(really).toBe(true)
    try {
      yield* m.switch('catcher')
      items.push('ok')
    } catch (error) {
      items.push(error)
    }
  }
  // A parent that runs catches what was thrown in its child.
  const catching = new greenlet(catcher)
  expect(yield* catching.switch(true)).toBe('catcher')
  const error = new RangeError('thrown')
  yield* new greenlet(fail, catching).throw(error)
  expect(items.splice(0)).toEqual([error])

  // One that has not started cannot, and ends with it.
  const idle = new greenlet(catcher)
  const child = new greenlet(fail, idle)
  yield* raises(child.throw(RangeError), RangeError)
  expect([state(idle, child), items]).toEqual([['dead', 'dead'], []])

  // The end of a child is a switch to its parent.
  const parent = new greenlet(catcher)
  expect(yield* parent.switch(true)).toBe('catcher')
  const ending = new greenlet(() => 42, parent)
  expect(yield* ending.switch()).toBeUndefined()
  expect([state(parent, ending), items]).toEqual([['dead', 'dead'], ['ok']])
}

everywhere('testThrow', testThrow)

everywhere('testThrowWithDummyTasklet', function* () {
  const dummy = new tasklet(function* () {
    for (;;) yield* schedule()
  }).setup()
  yield* testThrow()
  dummy.remove()
  yield* dummy.kill()
})

describe('testSwitchToParent', () => {
  everywhere('a value goes to a parent that has not started as its argument', function* () {
    const parent = new greenlet((x: unknown) => `P:${x}`)
    const child = new greenlet((x: number) => x * 10, parent)
    expect(yield* child.switch(21)).toBe('P:210')
  })

  everywhere('an exit is a value', function* () {
    const g = new greenlet((x: number) => {
      throw new GreenletExit(`${x}`)
    })
    expect(yield* g.switch(42)).toMatchObject({ message: '42', code: 'TASKLET_EXIT' })
  })

  everywhere('an error passes a parent that has not started', function* () {
    const parent = new greenlet(() => 42)
    yield* raises(new greenlet(fail, parent).switch(0), RangeError)
    expect(parent.dead).toBe(true)
  })

  everywhere('in place of a dead one, its parent gets the value', function* () {
    const g = new greenlet(() => 'once')
    expect(yield* g.switch()).toBe('once')
    expect([yield* g.switch(), yield* g.switch(25)]).toEqual([[], 25])
  })
})

describe('testParentOnKill', () => {
  class MyExit extends GreenletExit {}
  for (const [name, thrown, type] of [
    ['testParentOnKill', undefined, GreenletExit],
    ['testParentOnKillWithGreenletExit', greenlet.GreenletExit, GreenletExit],
    ['testParentOnKillWithGreenletExitSubclass', MyExit, MyExit],
  ] as const) {
    everywhere(`${name}: the parent gets it as a value`, function* () {
      const seen: unknown[] = []
      yield* new greenlet(function* () {
        const parent = new greenlet((value: unknown) => seen.push(value))
        const child = new greenlet(fail, parent)
        yield* child.throw(thrown)
        seen.push(...state(parent, child))
      }).switch()
      expect(seen).toEqual([expect.any(type), 'dead', 'dead'])
    })
  }

  everywhere('testParentOnKillWithOtherError', function* () {
    yield* new greenlet(function* () {
      const parent = new greenlet(fail)
      yield* raises(new greenlet(fail, parent).throw(new TypeError('42')), TypeError, '42')
      expect(parent.dead).toBe(true)
    }).switch()
  })

  everywhere('testParentCatchOnKill', function* () {
    const seen: unknown[] = []
    yield* new greenlet(function* () {
      const outer = current()
      const parent = new greenlet((value: unknown) => seen.push(value instanceof GreenletExit))
      const child = new greenlet(function* () {
        try {
          seen.push(current().parent === parent)
          yield* outer.switch()
        } catch (error) {
          seen.push('caught', current().parent === parent)
          throw error
        }
      }, parent)
      yield* child.switch()
      yield* child.throw()
      seen.push(...state(parent, child))
    }).switch()
    expect(seen).toEqual([true, 'caught', true, true, 'dead', 'dead'])
  })

  everywhere('test_throw_GreenletExit_not_started and _already_finished: the very exit is the value', function* () {
    const exit = new GreenletExit()
    const g = new greenlet(fail)
    expect([yield* g.throw(exit), yield* g.throw(exit)]).toEqual([exit, exit])
  })
})

describe('test_greenlet', () => {
  everywhere('test_simple', function* () {
    const log: number[] = []
    const g = new greenlet(function* () {
      log.push(1)
      yield* current().parent?.switch() ?? schedule()
      log.push(3)
    })
    log.push(0)
    yield* g.switch()
    log.push(2)
    yield* g.switch()
    log.push(4)
    expect(log).toEqual([0, 1, 2, 3, 4])
  })

  everywhere('test_two_recursive_children', function* () {
    const log: string[] = []
    yield* new greenlet(function* () {
      log.push('a')
      yield* new greenlet(function* () {
        log.push('b')
        yield* current().parent?.switch() ?? schedule()
      }).switch()
      log.push('c')
    }).switch()
    expect(log).toEqual(['a', 'b', 'c'])
  })

  everywhere('test_exception: an error climbs the parents that are set when it is thrown', function* () {
    const seen: unknown[] = []
    const m = current()
    function* waiting() {
      try {
        yield* m.switch()
      } catch (error) {
        seen.push(error)
        throw error
      }
      throw new RangeError('mine')
    }
    const [g1, g2] = [new greenlet(waiting), new greenlet(waiting)]
    yield* g1.switch()
    yield* g2.switch()
    g2.parent = g1
    yield* raises(g2.switch(), RangeError, 'mine')
    expect([seen, state(g1, g2)]).toEqual([[expect.any(RangeError)], ['dead', 'dead']])
    expect(yield* g2.switch(25)).toBe(25)
  })

  everywhere('the parents may not form a cycle, nor the root have one', function* () {
    const g1 = new greenlet(fail)
    const g2 = new greenlet(fail, g1)
    const set = (g: greenlet, parent: greenlet) => () => {
      g.parent = parent
    }
    yield* throws(set(g1, g2), 'INVALID_ARGUMENT', 'cyclic parent chain')
    yield* throws(set(g1, g1), 'INVALID_ARGUMENT', 'cyclic parent chain')
    yield* throws(set(current(), g1), 'INVALID_ARGUMENT', 'cannot set the parent of a main greenlet')
  })

  everywhere('test_switch_no_run', function* () {
    yield* throws(new greenlet().switch(), 'MISUSE', 'the greenlet has no run function')
  })

  everywhere('a subclass may bring its own run', function* () {
    class Doubler extends greenlet {
      override run(n: number): number {
        return n * 2
      }
    }
    expect(yield* new Doubler().switch(21)).toBe(42)
  })

  everywhere('a greenlet and the ring do not mix up: the caller keeps its place', function* () {
    const log: string[] = []
    const m = current()
    const bystander = new tasklet(() => log.push('bystander')).setup()
    const g = new greenlet(function* () {
      for (let i = 0; i < 3; i++) yield* m.switch(i)
    })
    expect([yield* g.switch(), yield* g.switch(), yield* g.switch(), yield* g.switch()]).toEqual([0, 1, 2, undefined])
    expect([log, getruncount(), getcurrent().next]).toEqual([[], 2, bystander])
    yield* run()
  })

  everywhere('each tasklet has a root of its own', function* () {
    const roots = new Set([current()])
    new tasklet(() => roots.add(current())).setup()
    yield* run()
    expect(roots.size).toBe(2)
    expect(current()).toBe(current())
  })

  everywhere('a switch is trapped, to oneself it is not', function* () {
    const g = new greenlet(() => 1)
    yield* trapped(function* () {
      yield* throws(g.switch(), 'SWITCH_TRAP')
      expect(yield* current().switch(1)).toBe(1)
    })
    expect(state(g)).toEqual(['new'])
    expect(yield* g.switch()).toBe(1)
  })

  everywhere('one that waits in a channel cannot be switched to', function* () {
    const ch = new channel()
    const m = current()
    const g = new greenlet(() => ch.receive())
    new tasklet(function* () {
      yield* schedule()
      yield* ch.send('value')
    }).setup()
    expect(yield* g.switch()).toBe('value')
    expect([g.dead, current()]).toEqual([true, m])
    yield* run()
  })
})

everywhere('where the root has ended, so has everything that a greenlet could end in', function* () {
  let orphan: greenlet | undefined
  const maker = new tasklet(() => {
    orphan = new greenlet(() => 'lost')
  }).setup()
  yield* run()
  expect(maker.alive).toBe(false)
  const ended: unknown[] = []
  new tasklet(function* () {
    yield* orphan?.switch() ?? schedule()
    ended.push('not reached')
  }).setup()
  yield* throws(run(), 'MISUSE', 'the greenlet and all its parents have ended')
  expect(ended).toEqual([])
})

everywhere('where the parent has blocked, the end of a greenlet is an error', function* () {
  const ch = new channel()
  let child: greenlet | undefined
  const parent = new tasklet(function* () {
    child = new greenlet(() => 'lost')
    yield* ch.receive()
  }).setup()
  yield* parent.run()
  new tasklet(() => child?.switch()).setup()
  yield* throws(run(), 'TASKLET_STATE', 'You cannot run a blocked tasklet')
  yield* parent.kill()
})

test('a greenlet may wait for the core', async () => {
  const got = await main(function* () {
    return yield* new greenlet(function* () {
      yield* sleep(1)
      return 'slept'
    }).switch()
  })
  expect(got).toBe('slept')
})

test('greenlets that are left when main ends get an exit', async () => {
  const log: unknown[] = []
  await main(function* () {
    const m = current()
    yield* new greenlet(function* () {
      log.push(yield* thrownBy(m.switch()))
    }).switch()
  })
  expect(log).toEqual([expect.any(TaskletExit)])
})

everywhere('a parent that is no greenlet is refused at once', function* () {
  const g = new greenlet(() => 1)
  const before = g.parent
  for (const parent of [null, undefined, 1, {}]) {
    yield* throws(
      () => {
        g.parent = parent as never
      },
      'INVALID_ARGUMENT',
      'parent must be a greenlet',
    )
    expect(g.parent).toBe(before)
  }
  yield* throws(() => new greenlet(() => 1, {} as never), 'INVALID_ARGUMENT', 'parent must be a greenlet')
})
