/** After testTempval, testRun and testRaiseException of Syncless' stackless_test.py: what a switch gives. */
import { bomb, getcurrent, getruncount, run, schedule, scheduleRemove, tasklet } from '../../src/stackless/index.js'
import { everywhere, onMain, raises, throws } from './support.js'

function set(t: tasklet, value: unknown): tasklet {
  return new tasklet(() => {
    t.tempval = value
  }).setup()
}

everywhere('testTempval', function* () {
  const me = getcurrent()
  const items: unknown[] = []
  const t = new tasklet(function* () {
    items.push(yield* schedule())
    items.push(yield* schedule(null))
    items.push(yield* schedule('foo'))
    items.push(yield* schedule(42))
  }).setup()
  expect(t.tempval).toBeUndefined()
  me.tempval = 5
  expect([yield* schedule(), me.tempval, t.tempval, items]).toEqual([me, undefined, t, []])
  yield* schedule()
  expect([t.tempval, items]).toEqual([null, [t]])
  yield* schedule()
  expect([t.tempval, items]).toEqual(['foo', [t, null]])
  t.tempval = false
  yield* schedule()
  expect([t.tempval, items]).toEqual([42, [t, null, false]])
  yield* schedule()
  expect([t.tempval, t.alive, items]).toEqual([undefined, false, [t, null, false, 42]])
  expect([yield* schedule(), me.tempval, yield* schedule(43), me.tempval]).toEqual([me, undefined, 43, undefined])
})

onMain('schedule_remove gives its value to main, which is put back', function* () {
  const me = getcurrent()
  expect([yield* scheduleRemove(54), me.tempval]).toEqual([54, undefined])
  const items: unknown[] = []
  new tasklet(function* () {
    items.push(getcurrent().tempval, yield* schedule(44), getcurrent().tempval)
    me.insert()
  }).setup()
  expect([yield* scheduleRemove(55), me.tempval, items]).toEqual([55, undefined, [undefined, 44, undefined]])
})

everywhere('a bomb is thrown', function* () {
  yield* raises(schedule(new bomb(TypeError)), TypeError, '')
  yield* raises(schedule(new bomb(TypeError, 'foo')), TypeError, 'foo')
  yield* raises(schedule(new bomb(new TypeError('bar'))), TypeError, 'bar')
  yield* throws(schedule(new bomb({ code: 'OWN' })), 'OWN')
})

onMain('testRun: the last value set wins, and a run gives it', function* () {
  const me = getcurrent()
  new tasklet(() => schedule(42)).setup()
  const middle = new tasklet(() => schedule(43)).setup()
  new tasklet(() => schedule(44)).setup()
  expect([getruncount(), yield* middle.run(), getruncount()]).toEqual([4, undefined, 4])
  expect([yield* schedule(50), getruncount()]).toEqual([50, 2])
  expect([yield* schedule(51), getruncount()]).toEqual([51, 1])

  set(me, new bomb(TypeError, 'foo'))
  set(me, new bomb(TypeError, 'bar'))
  yield* raises(schedule(), TypeError, 'bar')
  set(me, 'food')
  set(me, 'bard')
  expect(yield* schedule()).toBe('bard')

  set(me, 'fooe')
  const bare = set(me, 'bare')
  set(me, 'baze')
  me.tempval = 'tv'
  expect(yield* me.run()).toBe('tv')
  expect(yield* bare.run()).toBe('baze')
  expect(yield* schedule()).toBe('fooe')

  me.tempval = 50
  const t = new tasklet(() => {}).setup()
  expect([yield* t.run(), me.tempval, getruncount()]).toEqual([50, undefined, 1])
})

everywhere('testRaiseException: what a kill or a throw gives', function* () {
  const me = getcurrent()
  const killed = new tasklet(() => {}).setup()
  set(me, 'back')
  expect(yield* killed.kill()).toBe('back')

  const ignorer = new tasklet(function* () {
    yield* raises(schedule(), TypeError, 'ae')
  }).setup()
  yield* schedule()
  set(me, 'back2')
  expect([yield* ignorer.raiseException(TypeError, 'ae'), getruncount()]).toEqual(['back2', 1])
})

everywhere('map is applied by the one that performed the operation', function* () {
  const me = getcurrent()
  let mappedIn: tasklet | null = null
  const op = schedule('value').map(value => {
    mappedIn = getcurrent()
    return `${value}!`
  })
  new tasklet(() => {}).setup()
  expect([yield* op, mappedIn]).toEqual(['value!', me])
  yield* throws(op, 'OP_REUSED')
  yield* run()
})
