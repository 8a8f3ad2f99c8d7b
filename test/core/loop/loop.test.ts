import { type AddressInfo, connect, createServer } from 'node:net'
import * as core from '../../../src/core/index.js'
import { always, channel, go, schedule, until } from '../../../src/core/index.js'
import { loop } from '../../../src/core/loop/loop.js'
import { busy } from '../busy.js'
import { idle, turn } from '../support.js'

test('tasklets run in the order they became ready', async () => {
  const log: string[] = []
  for (const name of ['a', 'b', 'c']) {
    go(function* () {
      for (let i = 0; i < 3; i++) {
        log.push(`${name}${i}`)
        yield* schedule()
      }
    })
  }
  await idle()
  expect(log).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'c1', 'a2', 'b2', 'c2'])
})

test('a wake-up only enqueues: nothing runs inside the one that woke it', async () => {
  const ch = channel<number>()
  const log: string[] = []
  go(function* () {
    yield* ch.receive()
    log.push('woken')
  })
  await idle()
  ch.trySend(1)
  log.push('after the send')
  await idle()
  expect(log).toEqual(['after the send', 'woken'])
})

test('what is ready runs in a microtask, in one drain, before anything else of the event loop', async () => {
  const log: string[] = []
  setImmediate(() => log.push('immediate'))
  for (const name of ['a', 'b']) {
    go(function* () {
      log.push(name)
      yield* schedule()
      log.push(name)
    })
  }
  queueMicrotask(() => log.push('microtask'))
  await turn()
  expect(log).toEqual(['a', 'b', 'a', 'b', 'microtask', 'immediate'])
})

test('the choices of a fresh process are those of a fixed seed', () => {
  expect(loop.random.seed).toBe(1)
})

test('a tasklet that ends or fails lets the others run on', async () => {
  const log: string[] = []
  const failing = go(() => {
    throw new Error('failure')
  })
  failing.then(null, () => log.push('failed'))
  go(() => log.push('ran'))
  await idle()
  expect(log.sort()).toEqual(['failed', 'ran'])
})

describe('the budget', () => {
  // What starves the event loop would hang the test with it: it gives up after far more spins than a turn may take.
  let spins = 0
  let stop = false
  const spinning = () => !stop && ++spins < 300_000
  beforeEach(() => {
    spins = 0
    stop = false
  })
  afterEach(async () => {
    stop = true
    await idle()
    expect(loop.readyCount).toBe(0)
    expect(spins).toBeLessThan(300_000)
  })

  describe.each(Object.entries(busy))('keeps %s from starving', (_name, begin) => {
    const start = () => begin(core, spinning)

    test('setImmediate', async () => {
      start()
      for (let i = 0; i < 5; i++) await turn()
    })

    test('timers', async () => {
      start()
      await new Promise(resolve => setTimeout(resolve, 0))
      await new Promise(resolve => setTimeout(resolve, 1))
    })

    test('sockets', async () => {
      const server = createServer(socket => socket.pipe(socket))
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      start()
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      const echoed = await new Promise<string>(resolve => {
        socket.write('ping')
        socket.once('data', data => resolve(String(data)))
      })
      expect(echoed).toBe('ping')
      socket.destroy()
      await new Promise(resolve => server.close(resolve))
    })

    test('anything: no turn of the event loop takes more than its switches, nor has none', async () => {
      start()
      await turn()
      const seen: number[] = []
      for (let i = 0; i < 6; i++) {
        const before = spins
        await turn()
        seen.push(spins - before)
      }
      expect(Math.max(...seen)).toBeLessThanOrEqual(2 * loop.budget)
      expect(Math.min(...seen)).toBeGreaterThan(0)
    })
  })

  test('is spent before the loop rests', async () => {
    busy['tasklets that only schedule']?.(core, spinning)
    await turn()
    const before = spins
    await turn()
    expect(spins - before).toBe(loop.budget)
  })

  test('counts across drains: many short ones rest as one long does', async () => {
    const before = loop.budget
    loop.budget = 10
    try {
      let switches = 0
      go(function* () {
        while (spinning()) {
          switches++
          yield* until(Promise.resolve())
        }
      })
      await turn()
      const first = switches
      await turn()
      await turn()
      expect(first).toBeLessThanOrEqual(20)
      expect(switches - first).toBeLessThanOrEqual(20)
      expect(switches).toBeGreaterThan(first)
    } finally {
      loop.budget = before
    }
  })

  test('what becomes ready while the loop rests runs in its order after the rest', async () => {
    const before = loop.budget
    loop.budget = 3
    const log: string[] = []
    try {
      for (const name of ['a', 'b', 'c', 'd']) go(() => log.push(name))
      await Promise.resolve()
      await Promise.resolve()
      go(() => log.push('e'))
      await idle()
    } finally {
      loop.budget = before
    }
    expect(log).toEqual(['a', 'b', 'c', 'd', 'e'])
  })
})

test('an operation that is ready at once does not switch', async () => {
  const log: string[] = []
  go(function* () {
    for (let i = 0; i < 3; i++) log.push(yield* always('first'))
  })
  go(() => log.push('second'))
  await idle()
  expect(log).toEqual(['first', 'first', 'first', 'second'])
})

test('moving a tasklet to the front keeps the rest in order', async () => {
  const log: string[] = []
  const [, , c] = ['a', 'b', 'c', 'd'].map(name => go(() => log.push(name)))
  loop.moveToFront(c!)
  expect(loop.readyCount).toBe(4)
  await idle()
  expect(log).toEqual(['c', 'a', 'b', 'd'])
})

test('what stood first may leave after another was moved before it', async () => {
  const log: string[] = []
  const [a, , c] = ['a', 'b', 'c'].map(name => go(() => log.push(name)))
  loop.moveToFront(c!)
  a!.kill()
  expect(loop.readyCount).toBe(2)
  await idle()
  expect(log).toEqual(['c', 'b'])
})

test('what is taken out of the queue does not run', async () => {
  const log: string[] = []
  const [, b] = ['a', 'b', 'c'].map(name => go(() => log.push(name)))
  b!.kill()
  await idle()
  expect(log).toEqual(['a', 'c'])
})
