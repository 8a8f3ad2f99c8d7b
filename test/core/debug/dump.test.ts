import { inspect } from 'node:util'
import {
  type Co,
  channel,
  dump,
  go,
  never,
  type Op,
  perform,
  Scope,
  schedule,
  scope,
  semaphore,
  sleep,
} from '../../../src/core/index.js'
import { seed } from '../../../src/testing/index.js'
import { type Scripts, scripts } from '../process.js'
import { idle, useVirtualClock } from '../support.js'

const time = useVirtualClock()
jest.setTimeout(30_000)

let script: Scripts
beforeAll(() => {
  script = scripts()
})
afterAll(() => script.remove())

test('names, states, scopes, operations, whom each waits on and for how long', async () => {
  using _seeded = seed(7)
  const lock = semaphore(1, 'lock')
  const program = go(function* program() {
    yield* scope(function* work() {
      go(function* holder() {
        yield* lock.acquire()
        yield* never
      })
      go(function* waiter() {
        yield* lock.acquire()
      })
      yield* sleep(60_000)
    })
  })
  await time.clock.advance(1500)
  const ready = go(function* ready() {})
  const seen = dump()
  const { id } = program
  expect(String(seen)).toBe(
    [
      'syncless: 5 tasklets, 1 of them ready; seed 7',
      `  #${id} "program" waiting: scope "work" (on #${id + 1}, #${id + 2}, #${id + 3}), for 1.5 s`,
      `  #${ready.id} "ready" ready`,
      '  in scope "work":',
      `    #${id + 1} "work" waiting: sleep 60000 ms, for 1.5 s`,
      `    #${id + 2} "holder" waiting: never, for 1.5 s`,
      `    #${id + 3} "waiter" waiting: acquire 1 of lock (on #${id + 2}), for 1.5 s`,
      '',
    ].join('\n'),
  )
  expect(inspect(seen)).toBe(String(seen))
  const data = JSON.parse(JSON.stringify(seen))
  expect(data.ready).toEqual([ready.id])
  expect(data.scopes).toEqual([{ id: 1, name: 'scope "work"', parent: null, cancelled: false }])
  expect(data.tasklets.at(-2)).toEqual({
    id: id + 3,
    name: 'waiter',
    state: 'waiting',
    waitsFor: 'acquire 1 of lock',
    waitsOn: [id + 2],
    since: 1500,
    scope: 1,
    daemon: false,
    killed: false,
    startedAt: null,
    waitsAt: null,
  })
  await program.kill()
  await idle()
  expect(dump().tasklets).toEqual([])
})

test('one that was asked to end and cleans up is marked, and a daemon', async () => {
  const t = go(function* cleaning() {
    try {
      yield* never
    } finally {
      yield* channel(0, { name: 'bye' }).receive()
    }
  })
  t.daemon = true
  await idle()
  t.kill()
  await idle()
  expect(String(dump())).toContain(`"cleaning" [killed, daemon] waiting: receive on "bye"`)
  await time.clock.advance(5000)
  await idle()
})

test('the running tasklet, and nested and cancelled scopes', async () => {
  let text = ''
  await scope(function* outer() {
    yield* scope(function* inner(s) {
      go(function* stays() {
        yield* never
      })
      yield* schedule()
      s.cancel()
      text = String(dump())
    })
  })
  expect(text).toMatch(/in scope "outer":\n.*\n {4}in scope "inner" \[cancelled\]:\n.*"inner" \[killed\] running/)
})

test('dumpOnSignal writes it to the standard error, until it is stopped', async () => {
  const { stderr, stdout } = await script.run(`
    go(function* sleeper() { yield* sleep(20) })
    const stop = dumpOnSignal()
    process.kill(process.pid, 'SIGUSR2')
    await sleep(10)
    stop()
    console.log(process.listenerCount('SIGUSR2'))
  `)
  expect(stderr).toContain('"sleeper" waiting: sleep 20 ms')
  expect(stdout).toBe('0')
})

test.each(['SIGKILL', 'SIGFOO', 'exit', 'toString'])('the signal %s is refused', async signal => {
  const { stdout } = await script.run(`try { dumpOnSignal('${signal}') } catch (error) { console.log(error.code) }`)
  expect(stdout).toBe('INVALID_ARGUMENT')
})

test('the text of many scopes looks at each tasklet once', async () => {
  const scopes = Array.from({ length: 300 }, (_, n) => new Scope({ name: `request ${n}` }))
  for (const scope of scopes) scope.go(() => never)
  await idle()
  const seen = dump()
  let reads = 0
  const counted = new Proxy(seen.tasklets, {
    get: (list, key) => {
      if (typeof key === 'string' && /^[0-9]+$/.test(key)) reads++
      return Reflect.get(list, key, list)
    },
  })
  Object.defineProperty(seen, 'tasklets', { value: counted })
  expect(String(seen)).toMatch(/in request 299:\n {4}#/)
  expect(reads).toBe(seen.tasklets.length)
  for (const scope of scopes) scope.cancel()
  await idle()
})

test('scopes that are nested deeper than the stack goes', async () => {
  const DEPTH = 8_000
  const gate = channel<void>()
  const nest = (depth: number): Op<void> =>
    scope(function* nested(): Co<void> {
      if (depth > 1) yield* nest(depth - 1)
      else yield* gate.receive()
    })
  const outer = go(function* outer() {
    yield* nest(DEPTH)
  })
  for (let depth = 0; depth < DEPTH; depth++) await schedule()
  await idle()
  const seen = dump()
  expect(seen.scopes).toHaveLength(DEPTH)
  expect(seen.scopes.at(-1)?.parent).toBe(DEPTH - 1)
  const text = String(seen)
  expect(text.match(/in scope "nested":/g)).toHaveLength(DEPTH)
  // Not as many spaces as there are scopes.
  expect(text.length).toBeLessThan(DEPTH * 500)
  expect(seen.tasklets.find(({ id }) => id === outer.id)?.waitsOn).toHaveLength(100)
  await gate.send()
  await outer
})

test('awaits of async code stand in it while they last', async () => {
  const before = dump().awaits.length
  const ch = channel<number>(0, { name: 'awaited' })
  const waits = [
    ch.receive().then(),
    ch.values().next(),
    perform(ch.receive(), { signal: new AbortController().signal }),
  ]
  await null
  const { awaits } = dump()
  expect(
    awaits
      .slice(before)
      .map(({ waitsFor }) => waitsFor)
      .sort(),
  ).toEqual(['next on "awaited"', 'receive on "awaited"', 'receive on "awaited"'])
  expect(String(dump())).toContain('await: next on "awaited", for ')
  for (let i = 0; i < 3; i++) ch.trySend(i)
  await Promise.all(waits)
  expect(dump().awaits.length).toBe(before)
})
