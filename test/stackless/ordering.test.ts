/**
 * The ordering oracle of Syncless, after `testStackless` of its stackless_test.py: one channel, four workers, and the
 * exact order of everything that happens. Each part goes on where the one before has stopped, as there.
 */
import {
  bomb,
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
import { raises, thrownBy } from './support.js'

test('testStackless', async () => {
  await main(function* () {
    const me = getcurrent()
    const events: string[] = []
    const take = () => events.splice(0).join(' ') // not a new array: `events.push(yield* ...)` holds on to the one it began with
    function* worker(name: string, c: channel<string>) {
      for (;;) {
        events.push(`${name}.wait`)
        events.push(`${name}/${yield* c.receive()}`)
      }
    }
    function* runAll() {
      for (let before = -1; before !== events.length; ) {
        events.push('schedule')
        before = events.length
        yield* schedule()
      }
      events.push('done')
    }
    const ch = new channel<string>()

    // The ring of main alone, and of main and four more.
    expect([getmain(), me.next, me.prev, getruncount()]).toEqual([me, me, me, 1])
    const ta = new tasklet(worker).setup('A', ch)
    const tb = new tasklet(worker).setup('B', ch)
    const tc = new tasklet(worker).setup('C', ch)
    const td = new tasklet().bind(worker).setup('D', ch)
    expect([getruncount(), me.prev, me.next, td.next, td.prev]).toEqual([5, td, ta, me, tc])

    // Preference -1: main blocks, A takes the message, and the rest of the ring runs before main.
    expect([ch.preference, ch.balance]).toEqual([-1, 0])
    events.push('send')
    expect(yield* ch.send('msg')).toBeUndefined()
    expect(getruncount()).toBe(1)
    yield* runAll()
    expect(take()).toBe('send A.wait A/msg A.wait B.wait C.wait D.wait schedule done')

    // Preference 0, 1 and 2: the sender goes on, the receiver is put at the end.
    expect(ch.balance).toBe(-4)
    for (const [preference, name] of [
      [0, 'A'],
      [1, 'B'],
    ] as const) {
      ch.preference = preference
      events.push('send')
      yield* ch.send('msg')
      expect(getruncount()).toBe(2)
      yield* runAll()
      expect(take()).toBe(`send schedule ${name}/msg ${name}.wait schedule done`)
      expect(ch.balance).toBe(-4)
    }
    ch.preference = 2
    events.push('send')
    yield* ch.send('msg')
    yield* ch.send('msg')
    expect(getruncount()).toBe(3)
    yield* runAll()
    expect(take()).toBe('send schedule C/msg C.wait D/msg D.wait schedule done')

    // One in the ring before, four receivers, and a fifth and sixth message that have to wait.
    events.push('send')
    const t = new tasklet((name: string) => events.push(`${name}.single`))
    expect(getruncount()).toBe(1)
    expect(t.setup('T')).toBe(t)
    expect(t.remove()).toBe(t)
    expect(getruncount()).toBe(1)
    expect(t.insert()).toBe(t)
    expect(getruncount()).toBe(2)
    yield* ch.send('msg1')
    expect(ch.balance).toBe(-3)
    yield* ch.sendSequence(['msg2', 'msg3', 'msg4'])
    expect(getruncount()).toBe(6)
    events.push('a4')
    expect(ch.balance).toBe(0)
    yield* ch.send('msg5')
    expect(getruncount()).toBe(5)
    events.push('a5')
    yield* ch.send('msg6')
    expect(getruncount()).toBe(5)
    yield* runAll()
    expect(take()).toBe(
      'send a4 T.single A/msg1 A.wait a5 B/msg2 B.wait schedule C/msg3 C.wait D/msg4 D.wait A/msg5 A.wait B/msg6 B.wait schedule done',
    )
    expect([me.next, me.prev]).toEqual([me, me])

    // The links, while receivers are put at the end one by one.
    yield* ch.send('msg1')
    expect([ch.balance, me.next, me.prev, tc.prev, tc.next]).toEqual([-3, tc, tc, me, me])
    yield* ch.send('msg2')
    expect([ch.balance, me.next, me.prev, td.next, td.prev]).toEqual([-2, tc, td, me, tc])
    yield* ch.send('msg3')
    expect([ch.balance, me.next, me.prev, ta.next, ta.prev]).toEqual([-1, tc, ta, me, td])
    expect([take(), getruncount()]).toEqual(['', 4])

    // One that floats runs alone; one in the ring takes what stands behind it along.
    const single = new tasklet((name: string) => events.push(`${name}.single`)).setup('T')
    expect([me.prev, single.prev, getruncount()]).toEqual([single, ta, 5])
    single.remove()
    expect([me.prev, single.next, single.alive, getruncount()]).toEqual([ta, null, true, 4])
    yield* single.run()
    expect([take(), single.alive, getruncount()]).toEqual(['T.single', false, 4])
    yield* td.run()
    expect(take()).toBe('D/msg2 D.wait A/msg3 A.wait')
    expect([ch.balance, me.next, me.prev, tc.prev, tc.next]).toEqual([-3, tc, tc, me, me])
    yield* tc.run()
    expect([take(), ch.balance, me.next, me.prev]).toEqual(['C/msg1 C.wait', -4, me, me])

    // schedule and schedule_remove, and a kill that takes along what stands behind.
    function* cooperative(name: string) {
      for (;;) {
        events.push(`${name}.coop`)
        yield* schedule()
      }
    }
    function* removing(name: string) {
      for (;;) {
        events.push(`${name}.corm`)
        yield* scheduleRemove()
      }
    }
    const tt = new tasklet(cooperative).setup('T')
    const tr = new tasklet(removing).setup('R')
    const tu = new tasklet(cooperative).setup('U')
    expect(getruncount()).toBe(4)
    yield* schedule()
    expect([take(), getruncount()]).toEqual(['T.coop R.corm U.coop', 3])
    yield* schedule()
    expect([take(), getruncount()]).toEqual(['T.coop U.coop', 3])
    yield* tt.kill()
    expect([take(), getruncount()]).toEqual(['U.coop', 2])
    yield* tr.kill()
    yield* tr.kill()
    expect(getruncount()).toBe(2)
    yield* tu.kill()
    expect(getruncount()).toBe(1)

    // An error thrown in the current tasklet, by throw and by tempval.
    const error = new RangeError('42')
    expect(yield* thrownBy(me.throw(error))).toBe(error)
    me.tempval = new bomb(error)
    expect(yield* thrownBy(me.run())).toBe(error)

    // Each killed receiver leaves the queue, in whatever order.
    expect(ch.balance).toBe(-4)
    for (const [i, dying] of [ta, td, tc, tb].entries()) {
      yield* dying.kill()
      expect(ch.balance).toBe(i - 3)
    }

    // Errors over the channel, and from another tasklet.
    ch.preference = 1
    new tasklet(() => ch.send(new bomb(error))).setup()
    expect(yield* thrownBy(ch.receive())).toBe(error)
    new tasklet(() => me.raiseException(TypeError, '42')).setup()
    yield* raises(schedule(), TypeError, '42')
    new tasklet(() => ch.sendException(TypeError, '43')).setup()
    yield* raises(ch.receive(), TypeError, '43')
    yield* run()
  })
})

test('the order of switches is the same, however often it is run', async () => {
  const runs: string[] = []
  for (let i = 0; i < 3; i++) {
    const log: string[] = []
    await main(function* () {
      const ch = new channel<string>()
      function* chatter(name: string, to: channel<string>) {
        for (let n = 0; n < 20; n++) {
          if (n % 3 === 0) yield* to.send(`${name}${n}`)
          else yield* schedule()
          log.push(`${name}${n}`)
        }
      }
      for (const name of ['a', 'b', 'c']) new tasklet(chatter).setup(name, ch)
      for (let n = 0; n < 21; n++) log.push(`<${yield* ch.receive()}>`)
      yield* run()
    })
    runs.push(log.join(' '))
  }
  expect(new Set(runs).size).toBe(1)
})
