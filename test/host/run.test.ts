import { createHost } from '../../src/host/index.js'
import { programs } from './program.js'
import { exchange, get, RawClient } from './support.js'

jest.setTimeout(60_000)

const begin = programs()

async function program(body: string, options?: string) {
  const begun = begin(body, options)
  return { ...begun, port: Number(await begun.said(/port (\d+)/)) }
}

/** What is under way gets all the time that it needs; where something is to be left, `hurried` gives it none. */
const run = `const { port } = await host.run({ port: 0, host: '127.0.0.1', deadline: 60_000 }); say('port ' + port)`
const hurried = run.replace('60_000', '50')

test.each(['SIGTERM', 'SIGINT'] as const)('%s: drains, then exits with 0', async signal => {
  const { child, exit, said, port } = await program(`
    host.mount('/', (req, res) => {
      say('begun')
      process.once('${signal}', () => setImmediate(() => res.end('the answer')))
    })
    ${run}`)
  const answer = exchange(port, get('/'))
  await said(/begun/)
  child.kill(signal)
  expect(await answer).toContain('the answer')
  expect(await exit).toBe(0)
})

test('exits with 1 when something was left at the deadline', async () => {
  const { child, exit, said, warned, port } = await program(`host.mount('/', () => say('begun')); ${hurried}`)
  const client = new RawClient(port).send(get('/slow'))
  await said(/begun/)
  child.kill('SIGTERM')
  await client.closed
  expect(await exit).toBe(1)
  expect(await warned(/^.*left.*$/m)).toBe('syncless host: left at its close: requests without their answer: GET /slow')
})

test('a signal is answered by one line: what is awaited, and until when; nothing more if nothing is left', async () => {
  const { child, exit, said, all, port } = await program(`
    let finish
    host.onClose(() => {})
    host.mount('/', (req, res) => {
      say('begun')
      process.once('SIGTERM', () => setImmediate(() => res.end('the answer')))
    })
    ${run}`)
  const answer = exchange(port, get('/?secret'))
  await said(/begun/)
  const before = Date.now()
  child.kill('SIGTERM')
  await answer
  expect(await exit).toBe(0)
  const [, until] = (await all()).match(
    /^syncless host: SIGTERM: waiting for requests: 1, apps: 1, onClose callbacks: 1, until (\S+) \(60000 ms\)\n$/,
  ) ?? [all()]
  const time = Date.parse(String(until)) - before
  expect(time).toBeGreaterThanOrEqual(60_000)
  expect(time).toBeLessThan(90_000)
})

test('callbacks of onClose are awaited before the exit; one that fails is told, and exits with 1', async () => {
  const { child, exit, said, all } = await program(`
    host.onClose(async () => { throw new Error('no goodbye') })
    host.onClose(async () => {
      await new Promise(resolve => setTimeout(resolve, 20))
      say('flushed')
    })
    ${run}`)
  child.kill('SIGINT')
  expect(await exit).toBe(1)
  expect(await said(/flushed/)).toBe('flushed')
  const lines = (await all()).split('\n')
  expect(lines.filter(line => line.startsWith('syncless host: '))).toEqual([
    expect.stringContaining('SIGINT: waiting for'),
    'syncless host: left at its close: errors: Error',
  ])
  // The operator has not asked to be told otherwise.
  expect(lines).toContainEqual(expect.stringMatching(/HANDLER_FAILED.* failed when the host closed/))
  expect(lines.join()).toContain('no goodbye')
})

describe('process.exitCode', () => {
  test.each([
    ['clean', '', 3],
    ['left', 'host.onClose(() => Promise.reject(new Error()))', 3],
  ])('set before is kept: %s', async (_, left, code) => {
    const { child, exit } = await program(`process.exitCode = 3; ${left}; ${run}`)
    child.kill('SIGTERM')
    expect(await exit).toBe(code)
  })
})

describe('other listeners of the signal', () => {
  test('that are async are told of once, when the host has begun to run', async () => {
    const { child, exit, warned, all } = await program(`
      ${run}
      process.on('SIGTERM', async () => {})
      process.on('SIGINT', async () => {})`)
    await warned(/host\.onClose\(\)/)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect((await all()).match(/async SIG\w+ listener/g)).toHaveLength(1)
  })

  test('or when the signal comes, if they were added later', async () => {
    const { child, exit, said, all } = await program(`
      ${run}
      setTimeout(() => {
        process.on('SIGTERM', async () => {})
        say('added')
      }, 20)`)
    await said(/added/)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(await all()).toMatch(
      /^syncless host: SIGTERM: .*; not for the async SIGTERM listener: .*host\.onClose\(\)\n$/,
    )
  })

  test('that are not async are nobody’s business', async () => {
    const { child, exit, all } = await program(`process.on('SIGTERM', () => {}); ${run}`)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(await all()).not.toContain('onClose')
  })
})

describe('a signal during the start', () => {
  const slow = `
    import fastify from 'fastify'
    const app = fastify({ serverFactory: HOST.serverFactory('/api') })
    app.addHook('onClose', async () => say('database closed'))
    app.addHook('onReady', () => new Promise(ready => { process.once('SIGTERM', () => setTimeout(ready, 50)); say('starting') }))
    HOST.run({ port: 0, host: '127.0.0.1' }).then(() => say('listens'), () => say('rejected'))`

  test('closes what has started, and exits with 0', async () => {
    const { child, exit, said, output } = begin(slow.replaceAll('HOST', 'host'))
    await said(/starting/)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(await output()).toBe('starting\ndatabase closed\n')
  })

  test('a host that is starting is awaited by one that runs', async () => {
    const { child, exit, said, output } = begin(`
      const other = createHost()
      await other.run({ port: 0, host: '127.0.0.1' })
      ${slow.replaceAll('HOST', 'host')}`)
    await said(/starting/)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(await output()).toBe('starting\ndatabase closed\n')
  })

  test('a host that is told to run after it does not start', async () => {
    const { child, exit, said, output } = begin(`
      ${slow.replaceAll('HOST', 'host')}
      process.on('SIGTERM', () => {
        const late = createHost()
        late.onClose(() => say('late'))
        late.run({ port: 0 }).finally(() => say('settled'))
      })`)
    await said(/starting/)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(await output()).toBe('starting\ndatabase closed\n')
  })

  test('a start that fails leaves no handler', async () => {
    const { child, exit, said } = begin(`
      await host.run({ port: 0, host: '192.0.2.1' }).catch(error => say(error.code))
      setInterval(() => {}, 1000)`)
    await said(/ADDRESS_IN_USE/)
    child.kill('SIGTERM')
    expect(await exit).toBe(null)
  })
})

test('exits, too, when it cannot say what was left', async () => {
  const { child, exit, said, port } = await program(`
    process.on('unhandledRejection', () => {})
    host.mount('/', () => say('begun'))
    ${hurried}`)
  const client = new RawClient(port).send(get('/slow'))
  await said(/begun/)
  child.stderr?.destroy()
  child.kill('SIGTERM')
  await client.closed
  expect(await exit).toBe(1)
})

test('a second signal exits at once', async () => {
  const { child, exit, said, port } = await program(`
    host.mount('/', () => say('begun'))
    process.once('SIGTERM', () => say('draining'))
    ${run}`)
  const client = new RawClient(port).send(get('/'))
  await said(/begun/)
  child.kill('SIGTERM')
  await said(/draining/)
  child.kill('SIGINT')
  expect(await exit).toBe(130)
  await client.closed
})

describe('readinessDelay', () => {
  const slowly = `
    const { port } = await host.run({ port: 0, host: '127.0.0.1', deadline: 5000, readinessDelay: DELAY })
    say('port ' + port)`

  test('on SIGTERM it says that it is not ready, serves on, and exits with 0', async () => {
    const { child, exit, port } = await program(
      `host.mount('/', (req, res) => res.end('served')); ${slowly.replace('DELAY', '300')}`,
      '{ health: true }',
    )
    expect(await exchange(port, get('/readyz'))).toMatch(/ 200 /)
    child.kill('SIGTERM')
    while (!/ 503 /.test(await exchange(port, get('/readyz')))) {}
    expect(await exchange(port, get('/'))).toContain('served')
    expect(await exit).toBe(0)
  })

  test('a second signal does not wait for its end', async () => {
    const { child, exit, port } = await program(slowly.replace('DELAY', '600_000'), '{ health: true }')
    child.kill('SIGTERM')
    while (!/ 503 /.test(await exchange(port, get('/readyz')))) {}
    child.kill('SIGTERM')
    expect(await exit).toBe(143)
  })
})

test('several hosts: exits when the last has closed', async () => {
  const { child, exit, said, port } = await program(`
    const idle = createHost()
    await idle.run({ port: 0, host: '127.0.0.1' })
    host.mount('/', (req, res) => {
      say('begun')
      process.once('SIGTERM', () => setTimeout(() => res.end('the answer'), 20))
    })
    ${run}`)
  const answer = exchange(port, get('/'))
  await said(/begun/)
  child.kill('SIGTERM')
  expect(await answer).toContain('the answer')
  expect(await exit).toBe(0)
})

test('a host that was closed leaves no signal handler, and one that runs keeps its own', async () => {
  const count = () => ['SIGINT', 'SIGTERM'].map(signal => process.listenerCount(signal))
  const before = count()
  const hosts = [createHost(), createHost()]
  for (const host of hosts) await host.run({ port: 0, host: '127.0.0.1' })
  const running = count()
  expect(running).toEqual(before.map(n => n + 1))
  await hosts[0]?.close()
  expect(count()).toEqual(running)
  await hosts[1]?.close()
  expect(count()).toEqual(before)
})

test('host.closing may have any number of listeners, and nobody is warned', async () => {
  const { warned } = begin(`
    for (let i = 0; i < 50; i++) host.closing.addEventListener('abort', () => {})
    setImmediate(() => console.error('end'))`)
  expect(await warned(/^[\s\S]*end\n/)).toBe('end\n')
})

test('listen() installs no signal handler', async () => {
  const { child, exit } = await program(`
    const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
    say('port ' + port)`)
  child.kill('SIGTERM')
  expect(await exit).toBe(null)
})
