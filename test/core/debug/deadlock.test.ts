/** The deadlock report: each program runs in a process of its own, to its end. */
import { type Scripts, scripts } from '../process.js'

jest.setTimeout(60_000)

let script: Scripts
beforeAll(() => {
  script = scripts()
})
afterAll(() => script.remove())

const header = 'syncless: deadlock: nothing is left that could run'

describe('reported, with a code that is not 0', () => {
  test.each<[string, string, string[]]>([
    [
      'a program that waits for ever',
      'main(function* () { yield* channel(0, { name: "q" }).receive() })',
      ['receive on "q"'],
    ],
    [
      'a joined tasklet',
      'go(function* stuck() { yield* event("never set").wait() }).then(() => {})',
      ['"stuck"', 'wait for'],
    ],
    [
      'a tasklet of an awaited scope',
      'scope(function* () { go(function* child() { yield* event().wait() }) }).then(() => {})',
      ['"child"'],
    ],
    [
      'a tasklet that waits for one that is stuck',
      'go(function* outer() { yield* go(function* inner() { yield* never }) }).then(() => {})',
      ['"outer"', '"inner"', '(on #2)'],
    ],
    [
      'a send that nobody takes',
      'go(function* producer() { yield* channel(0, { name: "out" }).send(1) })',
      ['"producer"', 'send on "out"'],
    ],
    [
      'an acquire',
      'const s = semaphore(1, "lock"); s.acquire().then(() => go(function* late() { yield* s.acquire() }))',
      ['"late"', 'acquire 1 of lock'],
    ],
    [
      'a publish that a subscriber blocks',
      'const b = broadcast({ name: "b" }); const s = b.subscribe({ capacity: 1 }); go(function* () { yield* b.publish(1); yield* b.publish(2) }); globalThis.s = s',
      ['publish on "b"'],
    ],
    [
      'a select of sends',
      'go(function* () { yield* select({ a: channel().send(1), b: channel().send(2) }) })',
      ['select { a: send'],
    ],
    [
      'a perform()',
      'perform(go(function* stuck() { yield* never }), { signal: new AbortController().signal }).then(() => {})',
      ['"stuck"'],
    ],
  ])('%s', async (_what, source, said) => {
    const { code, stderr } = await script.run(source)
    expect(stderr).toContain(header)
    for (const text of said) expect(stderr).toContain(text)
    expect(code).not.toBe(0)
  })

  test.each<[string, string, string]>([
    ['a receive', 'await channel().receive()', 'await: receive on a channel, for'],
    ['a for await', 'for await (const _ of channel(0, { name: "q" }));', 'await: next on "q", for'],
    [
      'a perform()',
      'await perform(event("never set").wait(), { signal: new AbortController().signal })',
      'wait for never set',
    ],
    ['a select', 'await select({ a: channel().receive(), b: event().wait() })', 'await: select { a: receive'],
    [
      'an async function that is awaited',
      'await (async () => { await channel().receive() })()',
      'receive on a channel',
    ],
    ['a send', 'await channel(0, { name: "out" }).send(1)', 'await: send on "out"'],
  ])('a top-level await, without any tasklet: %s', async (_what, source, said) => {
    const { code, stderr } = await script.run(source)
    expect(stderr).toContain(header)
    expect(stderr).toContain(said)
    expect(code).not.toBe(0)
  })

  test('an async function that has something to send, or asked for a permit', async () => {
    const { code, stderr } = await script.run(`
      channel(0, { name: 'out' }).send(1).then(null)
      const s = semaphore(1, 'lock')
      s.acquire().then(() => s.acquire())
    `)
    expect(stderr).toContain('await: send on "out"')
    expect(stderr).toContain('await: acquire 1 of lock')
    expect(code).toBe(1)
  })

  test('the cycle of those who wait for one another is named, once', async () => {
    const { stderr, code } = await script.run(`
      const a = semaphore(1, 'a'), b = semaphore(1, 'b')
      go(function* one() { yield* a.acquire(); yield* schedule(); yield* b.acquire() })
      go(function* two() { yield* b.acquire(); yield* schedule(); yield* a.acquire() })
    `)
    expect(stderr).toContain('cycle: #1 "one" -> #2 "two" -> #1 "one"')
    expect(stderr.split(header)).toHaveLength(2)
    expect(code).toBe(1)
  })

  test('at the end of a chain of any length', async () => {
    const { stderr, code } = await script.run(`
      let last = go(function* bottom() { yield* never })
      for (let i = 0; i < 20000; i++) {
        const before = last
        last = go(function* link() { yield* before })
      }
      last.then(() => {})
    `)
    expect(stderr).toContain('#1 "bottom" waiting: never')
    expect(stderr).toContain('and 19901 more')
    expect(code).toBe(1)
  })

  test('a standard error that nobody reads changes nothing about the code', async () => {
    const { stdout } = await script.run(`
      const { spawn } = await import('node:child_process')
      if (process.env.CHILD) {
        process.exitCode = 3
        go(function* () { yield* sleep(200); yield* channel().send(1) })
      } else {
        const child = spawn(process.execPath, [process.argv[1]], { env: { ...process.env, CHILD: '1' } })
        child.stderr.destroy()
        child.on('exit', code => console.log(code))
      }`)
    expect(stdout).toBe('3')
  })

  test('tasklets that join one another are a cycle', async () => {
    const { stderr } = await script.run(`
      const one = go(function* one() { yield* two })
      const two = go(function* two() { yield* one })
      one.then(() => {})
    `)
    expect(stderr).toContain('cycle: #1 "one" -> #2 "two" -> #1 "one"')
  })
})

describe('no deadlock', () => {
  test.each<[string, string]>([
    [
      'async code that only receives',
      'channel().receive().then(null); (async () => { for await (const _ of channel()); })()',
    ],
    ['an await that is over', 'const ch = channel(); ch.receive().then(null); ch.trySend(1)'],
    ['an idle service', 'go(function* () { yield* channel().receive() })'],
    [
      'an idle service in a scope of its own, that nobody waits for',
      'go(function* () { yield* scope(function* () { yield* channel().receive() }) })',
    ],
    ['a supervisor of an idle service', 'go(function* () { yield* go(function* () { yield* channel().receive() }) })'],
    [
      'a select of a send and a receive that nobody waits for',
      'go(function* () { yield* select({ a: channel().send(1), b: channel().receive() }) })',
    ],
    ['a daemon', 'const t = go(function* () { yield* channel().send(1) }); t.daemon = true; t.then(() => {})'],
    [
      "one that waits for an unref'd handle",
      'go(function* () { yield* action(resolve => void setTimeout(resolve, 1e6).unref()) }).then(() => {})',
    ],
    ['one that waits for a promise', 'go(function* () { yield* until(new Promise(() => {})) }).then(() => {})'],
    [
      'one whose select has such a branch',
      'go(function* () { yield* select({ a: until(new Promise(() => {})), b: channel().receive() }) }).then(() => {})',
    ],
    ['a program that ends', 'main(function* () { yield* sleep(1) })'],
    [
      'a receiver that is fed by a server until that closes',
      `
      const ch = channel()
      go(function* () { for (;;) yield* ch.receive() })
      const { createServer } = await import('node:http')
      const server = createServer().listen(0, () => { ch.trySend(1); server.close() })`,
    ],
    [
      'a loop that a beforeExit listener starts again',
      `
      const ch = channel(); let again = true
      go(function* () { yield* ch.receive() }).then(() => {})
      process.on('beforeExit', () => { if (again) { again = false; setTimeout(() => ch.trySend(1), 1) } })`,
    ],
    [
      'an exit after such a loop',
      `
      go(function* () { yield* never }).then(() => {})
      process.on('beforeExit', () => setTimeout(() => process.exit(), 1))`,
    ],
  ])('%s', async (_what, source) => {
    expect(await script.run(source)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
  })

  test('an explicit exit keeps its code and says nothing', async () => {
    const { code, stderr } = await script.run(`go(function* () { yield* never }).then(() => {}); process.exit(0)`)
    expect([code, stderr]).toEqual([0, ''])
  })

  test.each([0, 7])('an exit(%i) in a beforeExit listener keeps its code', async chosen => {
    const { code } = await script.run(`
      go(function* () { yield* never }).then(() => {})
      process.on('beforeExit', () => process.exit(${chosen}))`)
    expect(code).toBe(chosen)
  })

  test.each([
    ['a binding', "const { exit } = await import('node:process')", 'exit(0)'],
    ['in a program without stacks', 'Error.stackTraceLimit = 0', 'process.exit(0)'],
    ['in a program with stacks of its own', 'Error.prepareStackTrace = (error, sites) => sites', 'process.exit(0)'],
  ])('an exit by name: %s', async (_what, before, exit) => {
    const { code, stderr } = await script.run(`
      ${before}
      go(function* () { yield* never }).then(() => {})
      process.on('beforeExit', () => ${exit})`)
    expect([code, stderr]).toEqual([0, ''])
  })

  test.each([
    ['at once', 'setTimeout(throws, 1)'],
    ['in a loop that had been empty', "process.on('beforeExit', () => setTimeout(throws, 1))"],
  ])('an uncaught exception is all that is said: %s', async (_when, source) => {
    const { code, stderr } = await script.run(`
      go(function* () { yield* never }).then(() => {})
      const throws = () => { throw new Error('mine') }
      ${source}`)
    expect(code).toBe(1)
    expect(stderr).not.toContain(header)
  })
})

test('with SYNCLESS_DEBUG=1 it says where each was started and where it waits', async () => {
  const { stderr } = await script.run(
    `
    function* waits() { yield* never }
    function* stuck() { yield* waits() }
    function begin() { return go(stuck) }
    begin().then(() => {})`,
    { SYNCLESS_DEBUG: '1' },
  )
  expect(stderr).toMatch(/waits\n +at waits \(.*\n +at .*stuck.*\n +started\n +at begin \(/)
  expect(stderr).not.toContain('/core/')
})

test('without it, no stack is taken', async () => {
  const { stderr } = await script.run('go(function* stuck() { yield* never }).then(() => {})', { SYNCLESS_DEBUG: '' })
  expect(stderr).not.toContain(' at ')
})
