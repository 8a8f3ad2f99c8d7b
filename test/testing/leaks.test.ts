import { createServer } from 'node:http'
import { connect, createServer as createNetServer, type Server, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import {
  action,
  channel,
  current,
  deadline,
  go,
  never,
  perform,
  schedule,
  sleep,
  type Tasklet,
  timeout,
  until,
} from '../../src/core/index.js'
import { loop } from '../../src/core/loop/loop.js'
import { assertNoLeaks, leakCheck, runUntilIdle, type VirtualClock, virtualClock } from '../../src/testing/index.js'

/** The lines in which the leaks of `body` are named; none where it leaves nothing. */
async function leaks(body: () => unknown, within = 50): Promise<string[]> {
  try {
    await assertNoLeaks(body as () => Promise<void>, { within })
  } catch (error) {
    expect(error).toMatchObject({ name: 'SynclessError', code: 'LEAK' })
    return (error as Error).message.split('\n  ').slice(1)
  }
  return []
}

const { clock } = loop
let started: Tasklet<unknown>[] = []
function start(body: () => Generator<unknown, unknown, unknown>, name: string): void {
  const t = go(body as never) as Tasklet<unknown>
  t.name = name
  started.push(t)
}
afterEach(async () => {
  for (const t of started) await t.kill()
  started = []
  expect(loop.clock).toBe(clock)
})

test('nothing is left by what waits for what it starts', async () => {
  const value = await assertNoLeaks(async () => {
    const ch = channel<number>()
    go(() => ch.send(1))
    await timeout(1000, ch.receive())
    await deadline(Date.now() + 100_000, async_)
    const t = go(() => sleep(60_000))
    await t.kill()
    await sleep(1)
    return 'value'
  })
  expect(value).toBe('value')
})

function* async_() {
  yield* schedule()
}

test('what only has to run on to its end is not left behind', async () => {
  await assertNoLeaks(() => {
    go(function* () {
      for (let i = 0; i < 5000; i++) yield* schedule()
      yield* until(turn())
      yield* until(turn())
    })
  })
})

test('a tasklet is named, with its state and what it waits for', async () => {
  const ch = channel<string>(0, { name: 'orders' })
  const lines = await leaks(() => {
    start(function* cook() {
      yield* ch.receive()
    }, 'cook')
    start(function* () {
      for (;;) yield* schedule()
    }, 'spinning')
    start(function* () {
      try {
        yield* never
      } finally {
        yield* sleep(1e9)
      }
    }, 'dying')
    started[2]!.kill()
  })
  expect(lines).toEqual([
    expect.stringMatching(/^tasklet #\d+ "cook" waiting: receive on "orders", for/),
    expect.stringMatching(/^tasklet #\d+ "spinning" ready$/),
  ])
  started[2]!.name = 'was killed before it ran'
})

test('a tasklet that was killed and hangs in its cleanup is one', async () => {
  let goodbye = () => {}
  const lines = await leaks(async () => {
    start(function* () {
      try {
        yield* never
      } finally {
        yield* action<void>(resolve => {
          goodbye = resolve
        }, 'goodbye')
      }
    }, 'dying')
    await runUntilIdle()
    started[0]!.kill()
  })
  expect(lines).toEqual([
    expect.stringMatching(/"dying" \[killed\] waiting: goodbye/),
    expect.stringMatching(/^timer of the loop's clock, due in \d{4} ms$/),
  ])
  goodbye()
})

test("timers of the loop's clock are named, and not a second time as Node's", async () => {
  const controller = new AbortController()
  const lines = await leaks(() => {
    perform(sleep(70_000.4), { signal: controller.signal }).catch(() => {})
  })
  expect(lines).toEqual([expect.stringMatching(/^timer of the loop's clock, due in (70000|69\d\d\d) ms$/)])
  controller.abort()
})

test('timers of a virtual clock are named, whether it was there before or is new', async () => {
  using outer = virtualClock()
  const before = perform(sleep(5))
  await runUntilIdle()
  expect(
    await leaks(() => {
      perform(sleep(60))
    }),
  ).toEqual(["timer of the loop's clock, due in 60 ms"])
  expect(await leaks(() => outer.advance(3))).toEqual([])
  let inner: VirtualClock | null = null
  expect(
    await leaks(() => {
      inner = virtualClock()
      perform(sleep(70))
    }),
  ).toEqual(["timer of the loop's clock, due in 70 ms"])
  inner!.restore()
  await outer.runAll()
  await before
})

test('a clock that advances by itself does not end what was left behind', async () => {
  using clock = virtualClock({ autoAdvance: true, turns: 1 })
  const lines = await leaks(async () => {
    await sleep(1000)
    start(function* () {
      yield* sleep(60_000)
    }, 'napping')
  })
  expect(lines).toEqual([
    expect.stringContaining('"napping" waiting: sleep 60000 ms'),
    "timer of the loop's clock, due in 60000 ms",
  ])
  expect(clock.autoAdvance).toBe(true)
  await Promise.all(started)
  expect(clock.now()).toBe(61_000)
})

test('listeners on process are named, each that was not there', async () => {
  const known = () => {}
  const event = Symbol('event')
  process.on('SIGUSR2', known)
  const lines = await leaks(() => {
    process.on('SIGUSR2', known)
    process.once('SIGUSR2', function onSignal() {})
    process.on(event as never, () => {})
  })
  expect(lines).toEqual([
    'listener on process, of "SIGUSR2": known',
    'listener on process, of "SIGUSR2": onSignal',
    'listener on process, of "Symbol(event)": anonymous',
  ])
  process.removeAllListeners('SIGUSR2')
  process.removeAllListeners(event as never)
  expect(
    await leaks(() => {
      const listener = () => {}
      process.on('SIGUSR2', listener)
      process.off('SIGUSR2', listener)
    }),
  ).toEqual([])
})

test('resources of Node are named by kind: servers, sockets, timers', async () => {
  const open: (Server | Socket)[] = []
  let timers: NodeJS.Timeout[] = []
  const lines = await leaks(async () => {
    timers = Array.from({ length: 5 }, () => setTimeout(() => {}, 60_000))
    const server = createNetServer()
    open.push(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
    open.push(connect(port, '127.0.0.1'), await accepted)
  })
  timers.forEach(clearTimeout)
  for (const each of open) 'close' in each ? each.close() : each.destroy()
  expect(lines).toHaveLength(3)
  expect(lines).toContain('resource of Node: 1 TCPServerWrap')
  expect(lines).toContain('resource of Node: 2 TCPSocketWrap')
  // The test runner has timers of its own, which come and go.
  expect(lines).toContainEqual(expect.stringMatching(/^resource of Node: [1-9] Timeout$/))
})

test('Node has time to close what was ended, and idle sockets of an agent do not count', async () => {
  await assertNoLeaks(async () => {
    const server = createServer((_req, res) => res.end('hello'))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello')
    server.closeAllConnections()
    server.close()
    setTimeout(() => {}, 20)
  })
})

test('a kind of resource can be ignored', async () => {
  let timer: NodeJS.Timeout | undefined
  await assertNoLeaks(
    () => {
      timer = setTimeout(() => {}, 60_000)
    },
    { within: 5, ignore: ['Timeout'] },
  )
  clearTimeout(timer)
})

test('what was there before is none', async () => {
  start(() => never[Symbol.iterator]() as never, 'before')
  const timer = setTimeout(() => {}, 60_000)
  const slow = perform(sleep(60_000), { signal: AbortSignal.timeout(100) })
  slow.catch(() => {})
  await assertNoLeaks(() => runUntilIdle())
  clearTimeout(timer)
})

test('the error of the body is thrown itself', async () => {
  const failure = new Error('failure')
  const t = assertNoLeaks(async () => {
    start(() => never[Symbol.iterator]() as never, 'left')
    throw failure
  })
  await expect(t).rejects.toBe(failure)
})

test('the body may be a coroutine, or plain', async () => {
  const coroutine = await assertNoLeaks(function* () {
    yield* schedule()
    return current().state
  })
  expect(coroutine).toBe('running')
  expect(await assertNoLeaks(() => 5)).toBe(5)
  const ch = channel<string>(1)
  ch.trySend('performed')
  expect(await assertNoLeaks(() => ch.receive())).toBe('performed')
})

test('without a body no tasklet may be there, whenever it began', async () => {
  await assertNoLeaks()
  start(() => never[Symbol.iterator]() as never, 'old')
  await runUntilIdle()
  await expect(assertNoLeaks()).rejects.toThrow('"old"')
})

test('a pair of calls, for hooks', async () => {
  // The runner has timers of its own that come and go.
  const check = leakCheck()
  await check.assertNone()
  const failing = leakCheck({ within: 5 })
  start(() => never[Symbol.iterator]() as never, 'between')
  await expect(failing.assertNone()).rejects.toThrow('"between"')
})

test('a check at the end of a block', async () => {
  const block = async () => {
    await using _check = leakCheck()
    start(() => never[Symbol.iterator]() as never, 'inside')
  }
  await expect(block()).rejects.toThrow('"inside"')
})

test('checks nest', async () => {
  const outer = await leaks(async () => {
    const inner = await leaks(() => {
      start(() => never[Symbol.iterator]() as never, 'inner')
    })
    expect(inner).toHaveLength(1)
  })
  expect(outer).toEqual([expect.stringContaining('"inner"')])
})

test.each([
  [5 as never, {}],
  [() => {}, null as never],
  [() => {}, { within: 'x' as never }],
  [() => {}, { ignore: 'Timeout' as never }],
])('assertNoLeaks(%p, %p) is refused', async (body, options) => {
  await expect(assertNoLeaks(body, options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})
