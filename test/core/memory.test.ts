/** What is over is let go, and what waits takes little: the heap after a collection, in a process of its own. */
import { sized } from '../sized.js'
import { type Scripts, scripts } from './process.js'

jest.setTimeout(90_000)

let script: Scripts
beforeAll(() => {
  script = scripts()
})
afterAll(() => script.remove())

/** What a collection may leave lying, in bytes. Any object that each round left behind would take more. */
const LEFT = 1_000_000

const used = 'const used = () => { gc(); gc(); return process.memoryUsage().heapUsed }'

/** How many of the rounds are run: one in so many. */
const share = sized(4, 1)

/** Rounds of what leaves nothing behind, each the source of a body. `bench/memory` has a million of the first, too. */
const rounds: Record<string, readonly [count: number, body: string]> = {
  'spawns and kills': [200_000, 'const s = go(receiver); yield* schedule(); yield* s.kill()'],
  'lost selects': [1_000_000, 'fast.trySend(n); yield* select({ slow: slow.receive(), fast: fast.receive(), never })'],
  'selects that wait before they are lost': [
    50_000,
    'go(sender); yield* select({ fast: fast.receive(), slow: slow.receive(), late: sleep(60_000), t, p: until(promise) })',
  ],
  'timeouts that are not needed': [50_000, 'go(sender); yield* timeout(60_000, fast.receive())'],
  'scopes with a child': [50_000, 'yield* scope(function* () { go(() => schedule()) })'],
  races: [20_000, 'yield* race({ a: slow.receive(), b: schedule() })'],
  'calls on frames': [50_000, 'yield* call((function* () { yield* schedule() })())'],
  'waits that are aborted': [
    20_000,
    'const c = new AbortController(), p = perform(slow.receive(), { signal: c.signal }); c.abort(); yield* until(p.catch(() => 0))',
  ],
  'subscribers that leave': [50_000, 'news.subscribe({ capacity: 1 }).cancel()'],
  'errors that are joined': [50_000, 'try { yield* go(() => { throw failure }) } catch {}'],
  'errors that are raised': [
    50_000,
    'const s = go(receiver); yield* schedule(); s.raise(failure); try { yield* s } catch {}',
  ],
}

test('whatever has ended, lost or been killed leaves nothing behind', async () => {
  const { stdout, stderr } = await script.run(
    `
    ${used}
    const slow = channel(), fast = channel(1), news = broadcast(), failure = new Error(), promise = new Promise(() => {})
    const t = go(() => never)
    function* sender() { yield* fast.send(1) }
    function* receiver() { yield* slow.receive() }
    const kinds = {
      ${Object.entries(rounds).map(
        ([name, [count, body]]) => `
        '${name}': [${count / share}, function* (count) { for (let n = 0; n < count; n++) { ${body} } }]`,
      )}
    }
    const grown = {}
    for (const [name, [count, run]] of Object.entries(kinds)) {
      await go(run, count / 5)
      const before = used()
      await go(run, count)
      grown[name] = used() - before
      if (grown[name] < ${LEFT}) continue
      // Tables of Node (of abort signals, for one) grow by doubling, and stay so. What a round leaves comes again.
      const grownOnce = used()
      await go(run, count)
      grown[name] = used() - grownOnce
    }
    console.log(JSON.stringify({ grown, left: [slow.balance, fast.buffered, news.size, t.waiters?.length] }))
  `,
    {},
    80_000,
  )
  expect(stderr).toBe('')
  const { grown, left } = JSON.parse(stdout)
  expect(left).toEqual([0, 0, 0, 0])
  expect(Object.entries(grown).filter(([, bytes]) => Number(bytes) > LEFT)).toEqual([])
})

test.each(['one for all', 'one each'])(
  'a tasklet that waits in a receive takes at most 800 bytes, channels: %s',
  async channels => {
    const { stdout } = await script.run(`
    ${used}
    const count = 100_000, kept = new Array(count), shared = channel()
    function* receiver(ch) { yield* ch.receive() }
    async function start(count) {
      for (let n = 0; n < count; n++) kept[n] = go(receiver, ${channels === 'one each' ? 'channel()' : 'shared'})
      await go(() => schedule())
    }
    await start(1000)
    const before = used()
    await start(count)
    console.log((used() - before) / count)
    process.exit()
  `)
    expect(Number(stdout)).toBeGreaterThan(100)
    expect(Number(stdout)).toBeLessThanOrEqual(800)
  },
)

test('what has ended holds its outcome and nothing else, however long its handle is kept', async () => {
  const { stdout } = await script.run(`
    const refs = {}, kept = []
    const note = (name, object) => { (refs[name] ??= []).push(new WeakRef(object)); return object }
    const ends = {
      done: t => t,
      failed: t => { t.then(null, () => {}); t.raise(new Error()) },
      killed: t => void t.kill(),
    }
    const ways = {
      started: async (name, end) => { const t = make(name); await go(() => schedule()); end(t); await t.then(null, () => {}) },
      'not started': async (name, end) => { const t = make(name); end(t); await t.then(null, () => {}) },
      async: async (name, end) => { const t = makeAsync(name); await go(() => schedule()); end(t); await t.then(null, () => {}) },
    }
    function make(name) {
      const t = go(note(name, function* (arg) {
        const local = note(name, {})
        yield* sleep(1)
        return local === arg
      }), note(name, {}))
      kept.push(t)
      return t
    }
    function makeAsync(name) {
      const t = go(note(name, async arg => {
        const local = note(name, {})
        await new Promise(resolve => setTimeout(resolve, 1))
        return local === arg
      }), note(name, {}))
      kept.push(t)
      return t
    }
    for (const [way, run] of Object.entries(ways)) {
      for (const [how, end] of Object.entries(ends)) await run(way + ', ' + how, end)
    }
    const items = channel(100)
    kept.push(items)
    for (let n = 0; n < 50; n++) await items.send(note('an item that was received', {}))
    for (let n = 0; n < 50; n++) items.tryReceive()
    const dropped = channel(100)
    kept.push(dropped)
    for (let n = 0; n < 50; n++) await dropped.send(note('an item that was dropped', {}))
    dropped.cancel()
    await new Promise(resolve => setTimeout(resolve, 5))
    gc()
    const left = Object.entries(refs).map(([name, list]) => [name, list.filter(ref => ref.deref() !== undefined).length])
    console.log(JSON.stringify({ kinds: left.length, left: left.filter(([, count]) => count > 0), kept: kept.length }))
  `)
  expect(JSON.parse(stdout)).toEqual({ kinds: 11, left: [], kept: 11 })
})
