/** The tasklets of the process: all of them, and none that is garbage. */
import { go, never, schedule, scope } from '../../../src/core/index.js'
import { liveTasklets } from '../../../src/core/tasklet/tasklet.js'
import { type Scripts, scripts } from '../process.js'
import { idle } from '../support.js'

jest.setTimeout(60_000)

let script: Scripts
beforeAll(() => {
  script = scripts()
})
afterAll(() => script.remove())

const alive = (t: unknown) => [...liveTasklets()].includes(t as never)

test('a tasklet is listed from its start to its end, however it ends', async () => {
  const ends = [
    go(() => 1),
    go(function* () {
      yield* schedule()
    }),
    go(function* () {
      yield* never
    }),
    go(() => {
      throw new Error('fails')
    }),
  ]
  ends[3]?.then(null, () => {})
  expect(ends.map(alive)).toEqual([true, true, true, true])
  await idle()
  expect(ends.map(alive)).toEqual([false, false, true, false])
  await ends[2]?.kill()
  expect(ends.map(alive)).toEqual([false, false, false, false])
})

test('one that is killed before it ran is not listed, nor one started in a cancelled scope', async () => {
  const killed = go(function* () {})
  killed.kill()
  let late: unknown = null
  await scope(function* (s) {
    s.cancel()
    late = go(function* () {})
    yield* schedule()
  })
  expect([alive(killed), alive(late)]).toEqual([false, false])
})

/** Collects the garbage, and lets the sweep that follows a collection end, several times. */
const collect = `
  const collect = async () => {
    for (let i = 0; i < 6; i++) {
      await new Promise(done => setTimeout(done, 2)); gc()
      for (let k = 0; k < 20; k++) await new Promise(done => setImmediate(done))
    }
  }`

describe('garbage', () => {
  test('a blocked tasklet that nothing can wake is collected, and reported', async () => {
    const { stderr, code } = await script.run(`${collect}
      for (let i = 0; i < 3; i++) go(function* lost() { yield* channel(0, { name: 'gone' }).receive() })
      await collect()
      if (dump().tasklets.length > 0) process.exit(9)
    `)
    expect(code).toBe(0)
    expect(stderr.split('tasklet "lost" waited: receive on "gone"')).toHaveLength(1 + 3 * 2)
    expect(stderr).toContain('TASKLET_COLLECTED')
  })

  test('many are reported as a number', async () => {
    const { stderr } = await script.run(`${collect}
      for (let i = 0; i < 1000; i++) go(function* lost() { yield* channel().receive() })
      await collect()
    `)
    expect(stderr).toMatch(/\d+ more tasklets waited/)
  })

  test('a daemon that is collected is no leak', async () => {
    const { stderr, stdout } = await script.run(`${collect}
      go(function* () { yield* channel().receive() }).daemon = true
      await collect()
      console.log(dump().tasklets.length)
    `)
    expect([stdout, stderr]).toEqual(['0', ''])
  })

  test('one that can be woken is kept, is in the dump, and runs on', async () => {
    const { stderr, stdout } = await script.run(`${collect}
      const ch = channel(0, { name: 'kept' })
      go(function* kept() { for (;;) console.log(yield* ch.receive()) })
      for (const value of ['one', 'two']) {
        await collect()
        console.log(dump().tasklets.map(t => t.name + ': ' + t.waitsFor).join())
        await ch.send(value)
      }
      await collect()
      console.log(dump().tasklets.length)
    `)
    expect(stdout.split('\n')).toEqual(['kept: receive on "kept"', 'one', 'kept: receive on "kept"', 'two', '1'])
    expect(stderr).toBe('')
  })

  test('one that was held weakly, ran, and is lost in another wait is reported with that one', async () => {
    const { stderr } = await script.run(`${collect}
      const first = channel(0, { name: 'first' })
      go(function* () { yield* first.receive(); yield* channel(0, { name: 'second' }).receive() })
      await collect()
      await first.send(1)
      await collect()
    `)
    expect(stderr).toContain('receive on "second"')
    expect(stderr).not.toContain('receive on "first"')
  })

  test('one that was held weakly and then ended is not reported', async () => {
    const { stderr, stdout } = await script.run(`${collect}
      const ch = channel()
      go(function* () { yield* ch.receive() })
      await collect()
      await ch.send(1)
      await collect()
      console.log(dump().tasklets.length)
    `)
    expect([stdout, stderr]).toEqual(['0', ''])
  })

  test('a group that waits only for one another is collected whole', async () => {
    const { stderr } = await script.run(`${collect}
      go(function* outer() { yield* scope(function* body() { yield* channel().receive() }) })
      await collect(); await collect()
      console.log(dump().tasklets.length)
    `)
    expect(stderr).toContain('tasklet "outer" waited')
    expect(stderr).toContain('tasklet "body" waited')
  })
})
