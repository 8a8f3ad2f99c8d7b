/** What only a whole process can show: uncaught exceptions, signals, warnings, what keeps it alive and what does not. */
import { busy } from './busy.js'
import { type Scripts, scripts } from './process.js'

jest.setTimeout(30_000)

let script: Scripts
beforeAll(() => {
  script = scripts()
})
afterAll(() => script.remove())

test('an error outside a scope that nobody joins ends the process, with the error itself', async () => {
  const { code, stderr, stdout } = await script.run(`
    process.on('exit', () => console.log('exit'))
    go(function* () { throw new Error('nobody joined me') })
    setInterval(() => {}, 1000)
  `)
  expect(code).toBe(1)
  expect(stderr).toContain('nobody joined me')
  expect(stdout).toBe('exit')
})

test('an uncaughtException handler gets the very object', async () => {
  const { code, stdout } = await script.run(`
    const failure = new Error('mine')
    process.on('uncaughtException', error => console.log(error === failure))
    go(() => { throw failure })
  `)
  expect([code, stdout]).toEqual([0, 'true'])
})

test('an error that is joined by the end of the next setImmediate does not', async () => {
  const { code, stdout } = await script.run(`
    const t = go(() => { throw new Error('joined') })
    setImmediate(() => t.then(null, error => console.log(error.message)))
  `)
  expect([code, stdout]).toEqual([0, 'joined'])
})

test('an error of a scope that nobody catches rejects the promise of its await', async () => {
  const { code, stderr } = await script.run(`
    await scope(function* () { go(() => { throw new Error('in the scope') }); yield* never })
  `)
  expect(code).toBe(1)
  expect(stderr).toContain('in the scope')
})

test('a failure in a held scope without a handler ends the process', async () => {
  const { code, stderr } = await script.run(`
    new Scope().go(() => { throw new Error('unhandled in a scope') })
    setInterval(() => {}, 1000)
  `)
  expect(code).toBe(1)
  expect(stderr).toContain('unhandled in a scope')
})

test('signals, timers and sockets are served, within so many turns, whatever keeps the tasklets busy', async () => {
  const kinds = Object.entries(busy)
  const { stdout } = await script.run(`
    import { once } from 'node:events'
    import { connect, createServer } from 'node:net'
    const kinds = [${kinds.map(([name, start]) => `[${JSON.stringify(name)}, ${start}]`)}]
    const server = createServer(socket => socket.end('hello')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const services = {
      signal() { setImmediate(() => process.kill(process.pid, 'SIGUSR2')); return once(process, 'SIGUSR2') },
      timer() { return new Promise(resolve => setTimeout(resolve, 1)) },
      socket() { return once(connect(server.address().port, '127.0.0.1'), 'data') },
    }
    for (const [name, start] of kinds) {
      let [spins, turns, stop] = [0, 0, false]
      const spinning = () => !stop && ++spins < 300_000
      const turn = () => { turns++; if (spinning()) setImmediate(turn) }
      start(core, spinning)
      turn()
      await Promise.all(Object.values(services).map(serve => serve()))
      console.log(name, spins < 300_000, spins <= turns * 2000)
      stop = true
      await new Promise(resolve => setImmediate(resolve))
    }
    process.exit(0)
  `)
  expect(stdout.split('\n')).toEqual(kinds.map(([name]) => `${name} true true`))
})

test('a tasklet that catches its exit for ever hangs nothing: timers go on, and it is reported', async () => {
  const { code, stdout, stderr } = await script.run(`
    import { loop } from './core/loop/loop.js'
    const { setBackgroundTimer } = loop.clock
    loop.clock = { ...loop.clock, setBackgroundTimer: fn => setBackgroundTimer(fn, 1) }
    const t = go(function* stubborn() { for (;;) { try { yield* never } catch {} } })
    let ticks = 0
    const interval = setInterval(() => ticks++, 1)
    setImmediate(async () => {
      t.kill()
      const error = await t.then(null, error => error)
      clearInterval(interval)
      console.log(error.code, ticks > 0)
    })
  `)
  expect([code, stdout]).toEqual([0, 'UNKILLABLE true'])
  expect(stderr).toContain('stubborn')
})

describe.each([
  ['the error end of a channel', "channel(0, { name: 'orders' })", 'close', 'orders.receive()'],
  ['the rejection of a deferred', "deferred('orders')", 'reject', 'orders'],
])('%s', (_what, made, end, receive) => {
  test('that nobody received is reported at the exit', async () => {
    const { code, stderr } = await script.run(`
      const orders = globalThis.keep = ${made}
      orders.${end}(new Error('never seen'))
      orders.${end}(new Error('came too late'))
    `)
    expect(code).toBe(0)
    expect(stderr).toMatch(/orders.*never seen[\s\S]*Error: never seen\n +at/)
    expect(stderr.match(/no receiver got/g)).toHaveLength(1)
    expect(stderr).not.toContain('too late')
  })

  test('that is no Error is reported as what it is', async () => {
    const { stderr } = await script.run(`const orders = globalThis.keep = ${made}; orders.${end}('a text')`)
    expect(stderr).toMatch(/no receiver got: a text\na text/)
  })

  test('that is collected before anybody received it is reported before the exit, once', async () => {
    const { stderr, stdout } = await script.run(`
      process.on('warning', ({ code, message }) => { console.log(code, message); clearInterval(interval) })
      ;(() => { const orders = ${made}; orders.${end}(new Error('never seen')) })()
      const interval = setInterval(() => gc(), 1)
    `)
    expect(stdout).toMatch(/^UNRECEIVED_ERROR .*orders.*never seen$/)
    expect(stderr.match(/an error got lost/g)).toHaveLength(1)
  })

  test('that was received is not reported, now or later', async () => {
    const { stderr } = await script.run(`
      await (async () => {
        const orders = ${made}
        orders.${end}(new Error('seen'))
        await ${receive}.then(null, () => {})
      })()
      for (let i = 0; i < 5; i++) { gc(); await new Promise(resolve => setTimeout(resolve, 1)) }
    `)
    expect(stderr).toBe('')
  })

  test('that says no more than that a scope has ended is not reported', async () => {
    const { stderr } = await script.run(`
      const orders = globalThis.keep = ${made}
      orders.${end}(new SynclessError('SCOPE_CLOSED', 'the request is over'))
      const other = globalThis.other = ${made}
      other.${end}(new SynclessError('TIMEOUT', 'too slow'))
    `)
    expect(stderr).toContain('too slow')
    expect(stderr).not.toContain('the request is over')
  })
})

test('tasklets that wait for a channel do not keep the process alive, those that sleep do', async () => {
  const { code, stdout } = await script.run(`
    go(function* () { yield* channel().receive() })
    go(function* () { yield* sleep(20); console.log('slept') })
  `)
  expect(stdout).toBe('slept')
  expect(code).not.toBe(null)
})

test('a lost sleep does not keep the process alive', async () => {
  const started = performance.now()
  const { code, stdout } = await script.run(`
    const ch = channel(1)
    ch.trySend('v')
    console.log((await select({ v: ch.receive(), late: sleep(60_000) })).key)
    const waiting = channel()
    setImmediate(() => waiting.trySend(1))
    await timeout(60_000, waiting.receive())
    const t = go(function* () { yield* sleep(60_000) })
    setImmediate(() => t.kill())
  `)
  expect([code, stdout]).toEqual([0, 'v'])
  expect(performance.now() - started).toBeLessThan(9000)
})

test('a grace period does not keep the process alive', async () => {
  const { code } = await script.run(`
    const t = go(function* () { try { yield* never } finally { yield* channel().receive() } })
    setImmediate(() => t.kill())
  `)
  expect(code).not.toBe(null)
})

test.each([
  ['throws', 'select({ a: channel().receive() })'],
  ['fails in a tasklet', 'go(function* () { yield* channel().receive() })'],
  ['exits', 'process.exit(1)'],
])(
  'a second copy of the package is named before the crash that it causes, once: the program %s',
  async (_how, crash) => {
    const { code, stderr } = await script.run(`
    import { spawnSync } from 'node:child_process'
    import { cpSync, writeFileSync } from 'node:fs'
    const here = new URL('.', import.meta.url)
    cpSync(new URL('core', here), new URL('copy', here), { recursive: true })
    const program = new URL('crash.js', here)
    writeFileSync(program, \`
      import { go, select } from './core/index.js'
      import { channel } from './copy/index.js'
      ${crash}
    \`)
    const { status, stderr } = spawnSync(process.execPath, [program.pathname])
    process.stderr.write(stderr)
    process.exitCode = status
  `)
    expect(code).toBe(1)
    expect(stderr.split('DUPLICATE_PACKAGE')).toHaveLength(2)
    if (stderr.includes('    at ')) expect(stderr.indexOf('DUPLICATE_PACKAGE')).toBeLessThan(stderr.indexOf('    at '))
  },
)

test('a second copy of the package is named', async () => {
  const { stderr } = await script.run(`
    import { cpSync } from 'node:fs'
    const here = new URL('.', import.meta.url)
    cpSync(new URL('core', here), new URL('copy', here), { recursive: true })
    await import(new URL('copy/index.js', here).href)
  `)
  expect(stderr).toMatch(
    /DUPLICATE_PACKAGE[\s\S]*core\/loop\/duplicate-package\.js[\s\S]*copy\/loop\/duplicate-package\.js/,
  )
})
