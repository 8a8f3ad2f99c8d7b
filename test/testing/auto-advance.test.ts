import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import express from 'express'
import { channel, go, never, schedule, scope, sleep, timeout, until } from '../../src/core/index.js'
import { runUntilIdle, seed, virtualClock } from '../../src/testing/index.js'

test('time jumps from timer to timer while nothing else goes on', async () => {
  using clock = virtualClock({ autoAdvance: true })
  const log: string[] = []
  await scope(function* () {
    for (const ms of [3_600_000, 60_000, 1, 0]) {
      go(function* () {
        yield* sleep(ms)
        log.push(`${ms} at ${clock.now()}`)
      })
    }
    yield* sleep(5_000_000)
  })
  expect(log).toEqual(['0 at 0', '1 at 1', '60000 at 60000', '3600000 at 3600000'])
  expect([clock.now(), clock.pending]).toEqual([5_000_000, 0])
})

test('what one timer wakes runs before the next of the same time fires', async () => {
  using clock = virtualClock({ autoAdvance: true })
  const log: string[] = []
  const each = ['a', 'b', 'c'].map(name =>
    go(function* () {
      yield* sleep(10)
      for (let i = 0; i < 3; i++) {
        log.push(`${name}${i} at ${clock.now()}`)
        yield* schedule()
      }
    }),
  )
  await Promise.all(each)
  expect(log).toEqual(['a', 'b', 'c'].flatMap(name => [0, 1, 2].map(i => `${name}${i} at 10`)))
})

test('a timeout ends what never comes, at its time', async () => {
  using clock = virtualClock({ autoAdvance: true })
  await expect(timeout(30_000, never).then()).rejects.toMatchObject({ code: 'TIMEOUT' })
  expect(clock.now()).toBe(30_000)
})

test('time does not pass before what is ready has run, however long that takes', async () => {
  using clock = virtualClock({ autoAdvance: true })
  const late = go(() => sleep(1))
  let spins = 0
  await go(function* () {
    for (; spins < 20_000; spins++) yield* schedule()
  })
  expect([clock.now(), late.state]).toEqual([0, 'waiting'])
  await late
})

test('nor before promises that settle within its turns', async () => {
  using clock = virtualClock({ autoAdvance: true })
  for (const turns of [0, 1, 5, 9]) {
    const promised = (async () => {
      for (let i = 0; i < 1000; i++) await null
      for (let i = 0; i < turns; i++) await turn()
    })()
    expect(
      await timeout(
        1,
        until(promised).map(() => 'settled'),
        { else: 'late' },
      ),
    ).toBe('settled')
  }
  expect(clock.now()).toBe(0)
  // That is how far it goes; V8's own threads have it wait a little longer now and then.
  const promised = (async () => {
    for (let i = 0; i < 5000; i++) await turn()
  })()
  expect(
    await timeout(
      1,
      until(promised).map(() => 'settled'),
      { else: 'late' },
    ),
  ).toBe('late')
})

test('turns that a tasklet runs in begin the count anew', async () => {
  using clock = virtualClock({ autoAdvance: true, turns: 3 })
  const late = go(() => sleep(1))
  await go(function* () {
    for (let i = 0; i < 20; i++) yield* until(turn())
  })
  expect(clock.now()).toBe(0)
  await late
})

test('more turns may be asked for', async () => {
  using _clock = virtualClock({ autoAdvance: true, turns: 40 })
  const promised = (async () => {
    for (let i = 0; i < 30; i++) await turn()
  })()
  expect(
    await timeout(
      1,
      until(promised).map(() => 'settled'),
      { else: 'late' },
    ),
  ).toBe('settled')
})

test('nor before an echo on a socket', async () => {
  using clock = virtualClock({ autoAdvance: true })
  const server = createServer(socket => socket.pipe(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const echoes = channel<string>()
  socket.on('data', data => void echoes.send(String(data)).then())
  for (let i = 0; i < 200; i++) {
    socket.write(`${i}`)
    expect(await timeout(1, echoes.receive())).toBe(`${i}`)
  }
  expect(clock.now()).toBe(0)
  socket.destroy()
  await new Promise(resolve => server.close(resolve))
})

test('nor before the end of a long conversation on a socket, in which no tasklet has a part', async () => {
  using clock = virtualClock({ autoAdvance: true })
  const server = createServer(socket => socket.pipe(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const over = new Promise<string>(resolve => {
    let left = 100
    socket.on('data', () => (left-- > 0 ? socket.write('again') : resolve('over')))
  })
  socket.write('begin')
  expect(await timeout(1, until(over), { else: 'late' })).toBe('over')
  expect(clock.now()).toBe(0)
  socket.destroy()
  await new Promise(resolve => server.close(resolve))
})

test('nor before an answer of Express', async () => {
  using clock = virtualClock({ autoAdvance: true })
  const app = express()
  app.use(express.json())
  app.get('/', (_req, res) => void setImmediate(() => res.send('hello')))
  const server = app.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  for (let i = 0; i < 50; i++) {
    const answer = new Promise<string>(resolve => {
      get({ port, host: '127.0.0.1' }, res => res.setEncoding('utf8').on('data', resolve))
    })
    expect(await timeout(1, until(answer))).toBe('hello')
  }
  expect(clock.now()).toBe(0)
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

test('nor before a file has been read', async () => {
  using clock = virtualClock({ autoAdvance: true })
  for (let i = 0; i < 20; i++) {
    const reading = async () => {
      await using file = await open('package.json')
      return (await file.read()).bytesRead
    }
    expect(await timeout(1, until(reading()))).toBeGreaterThan(100)
  }
  expect(clock.now()).toBe(0)
})

test('nor before a file that takes its time', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'syncless-fifo-'))
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  using clock = virtualClock({ autoAdvance: true })
  // Opening one end waits, in a thread of Node's, until somebody opens the other.
  const reader = until(open(fifo, 'r'))
  const opened = go(() => timeout(1, reader))
  setTimeout(() => open(fifo, 'w').then(file => file.close()), 50)
  const file = await opened
  expect(clock.now()).toBe(0)
  await file.close()
  await rm(folder, { recursive: true })
})

test('a real timer is not waited for, unless time has the patience', async () => {
  const real = () => new Promise<string>(resolve => setTimeout(resolve, 30, 'real'))
  {
    using _clock = virtualClock({ autoAdvance: true })
    expect(await timeout(60_000, until(real()), { else: 'overtaken' })).toBe('overtaken')
  }
  using clock = virtualClock({ autoAdvance: true, patience: 300 })
  expect(await timeout(60_000, until(real()), { else: 'overtaken' })).toBe('real')
  expect(clock.now()).toBe(0)
})

test('while switched off, time stands', async () => {
  using clock = virtualClock({ autoAdvance: true })
  clock.autoAdvance = false
  const t = go(() => sleep(10))
  for (let i = 0; i < 100; i++) await turn()
  expect([clock.now(), t.state]).toEqual([0, 'waiting'])
  clock.autoAdvance = true
  await t
  expect(clock.now()).toBe(10)
})

test('advance stops where told, and what is left goes on by itself', async () => {
  using clock = virtualClock({ autoAdvance: true })
  const times: number[] = []
  const t = go(function* () {
    for (let i = 0; i < 4; i++) {
      yield* sleep(10)
      times.push(clock.now())
    }
  })
  await clock.advance(25)
  expect([times, clock.now()]).toEqual([[10, 20], 25])
  await t
  expect(times).toEqual([10, 20, 30, 40])
})

test('advance stops where told, however soon time would have jumped', async () => {
  for (let turns = 0; turns < 15; turns++) {
    using clock = virtualClock({ autoAdvance: true })
    const t = go(() => sleep(1000))
    for (let i = 0; i < turns; i++) await turn()
    const before = clock.now()
    const advanced = clock.advance(25)
    advanced.then(() => {
      clock.autoAdvance = false
    })
    await advanced
    expect(clock.now()).toBe(before === 0 ? 25 : 1025)
    await t.kill()
  }
})

test('it has nothing to do where no timer is set, and begins again with the next', async () => {
  using clock = virtualClock({ autoAdvance: true })
  for (let i = 0; i < 100; i++) await turn()
  await sleep(5)
  for (let i = 0; i < 100; i++) await turn()
  await sleep(5)
  expect(clock.now()).toBe(10)
})

test('a restored clock stands', async () => {
  const clock = virtualClock({ autoAdvance: true })
  const t = go(() => sleep(10))
  await Promise.resolve()
  clock.restore()
  for (let i = 0; i < 100; i++) await turn()
  expect([clock.now(), t.state]).toEqual([0, 'waiting'])
  await t.kill()
})

test('a grace period ends a cleanup on the way to another timer, but time does not jump for it alone', async () => {
  using clock = virtualClock({ autoAdvance: true })
  const t = go(function* () {
    try {
      yield* never
    } finally {
      yield* never
    }
  })
  await runUntilIdle()
  const gone = t.kill()
  for (let i = 0; i < 100; i++) await turn()
  expect([clock.now(), t.state, clock.pending]).toEqual([0, 'waiting', 1])
  await timeout(60_000, gone)
  expect([clock.now(), t.state, clock.pending]).toEqual([5000, 'killed', 0])
})

test('a simulation of a day is the same under the same seed', async () => {
  const run = async () => {
    using clock = virtualClock({ autoAdvance: true })
    using _seeded = seed(11, { shuffle: true })
    const log: string[] = []
    const jobs = channel<number>(2)
    await scope(function* () {
      for (const name of ['a', 'b', 'c']) {
        go(function* () {
          yield* jobs.each(function* (job) {
            yield* sleep(90_000 + 1000 * job)
            log.push(`${name} did ${job} at ${clock.now()}`)
          })
        })
      }
      for (let job = 0; job < 100; job++) {
        yield* sleep(60_000)
        yield* jobs.send(job)
      }
      jobs.close()
    })
    return log
  }
  const first = await run()
  expect(first).toHaveLength(100)
  expect(await run()).toEqual(first)
})
