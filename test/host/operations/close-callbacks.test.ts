import { AsyncLocalStorage } from 'node:async_hooks'
import fastify from 'fastify'
import { go, sleep } from '../../../src/core/index.js'
import { taskletHandler } from '../../../src/host/index.js'
import { type VirtualClock, virtualClock } from '../../../src/testing/index.js'
import { closeHosts, defer, get, newHost, RawClient, started, turns } from '../support.js'

let clock: VirtualClock

beforeEach(() => {
  clock = virtualClock()
})

afterEach(async () => {
  const closed = closeHosts()
  await clock.advance(600_000)
  await closed
  clock.restore()
})

test('they run after the requests and the apps, the latest first, one at a time', async () => {
  const log: string[] = []
  const host = newHost()
  const [begun, finish, flushed] = [defer(), defer(), defer()]
  const app = fastify({ serverFactory: host.serverFactory('/') })
  app.get('/', async () => {
    begun.resolve()
    await finish.promise
    log.push('answered')
    return 'answer'
  })
  app.addHook('onClose', async () => void log.push('app closed'))
  const returned = host.onClose(async () => void log.push('database closed'))
  expect(returned).toBe(host)
  host.onClose(async () => {
    log.push('flushing')
    await flushed.promise
    log.push('flushed')
  })
  const { port } = await started(host)
  const client = new RawClient(port).send(get('/'))
  await begun.promise
  const closed = host.close()
  await turns()
  expect(log).toEqual([])
  finish.resolve()
  await client.closed
  while (!log.includes('flushing')) await turns()
  await turns()
  expect(log).toEqual(['answered', 'app closed', 'flushing'])
  flushed.resolve()
  expect((await closed).clean).toBe(true)
  expect(log.slice(3)).toEqual(['flushed', 'database closed'])
})

test('each error is in the report, and keeps none of the others from running', async () => {
  const host = newHost()
  const errors = [new Error('thrown'), new Error('rejected')]
  let last = false
  host.onClose(() => {
    last = true
  })
  host.onClose(() => {
    throw errors[0]
  })
  host.onClose(() => Promise.reject(errors[1]))
  const report = await host.close()
  expect(report).toMatchObject({ clean: false, requests: [], mounts: [] })
  expect(report.errors).toEqual([errors[1], errors[0]])
  expect(last).toBe(true)
})

test('one that has not finished at the deadline is named, and those behind it have 500 ms more', async () => {
  const log: string[] = []
  const host = newHost()
  host.onClose(async function stuck() {
    log.push('stuck')
    await new Promise(() => {})
  })
  host.onClose(async () => void log.push('quick'))
  host.onClose(() => new Promise(() => {}))
  const closed = host.close({ deadline: 1000 })
  await turns()
  await clock.advance(999)
  expect(log).toEqual([])
  await clock.advance(1)
  await turns()
  expect(log).toEqual(['quick', 'stuck'])
  await clock.advance(500)
  const { clean, errors } = await closed
  expect(clean).toBe(false)
  expect(errors).toMatchObject([
    { code: 'TIMEOUT', message: 'the onClose callback "anonymous" had not finished at the deadline' },
    { code: 'TIMEOUT', message: 'the onClose callback "stuck" had not finished at the deadline' },
  ])
})

test('they run, too, when requests were left at the deadline', async () => {
  const host = newHost()
  const begun = defer()
  let called = false
  host.mount('/', () => begun.resolve())
  host.onClose(async () => {
    called = true
  })
  const { port } = await started(host)
  const client = new RawClient(port).send(get('/slow'))
  await begun.promise
  const closed = host.close({ deadline: 10 })
  await clock.advance(10)
  expect((await closed).requests).toEqual(['GET /slow'])
  expect(called).toBe(true)
  await client.closed
})

test('without a deadline of its own, a close takes 8 s at most', async () => {
  const host = newHost()
  let over = false
  host.onClose(() => new Promise(() => {}))
  const closed = host.close().finally(() => {
    over = true
  })
  await turns()
  await clock.advance(7999)
  await turns()
  expect(over).toBe(false)
  await clock.advance(1)
  expect((await closed).clean).toBe(false)
})

test('one that is added while the host closes is called; after that, it is refused', async () => {
  const host = newHost()
  const log: string[] = []
  host.onClose(() => void log.push('first'))
  host.onClose(() => {
    host.onClose(() => void log.push('late'))
  })
  await host.close()
  expect(log).toEqual(['late', 'first'])
  expect(() => host.onClose(() => {})).toThrow(expect.objectContaining({ code: 'HOST_STATE' }))
})

test('it runs in the context in which it was added', async () => {
  const storage = new AsyncLocalStorage<string>()
  const host = newHost()
  let seen: string | undefined
  const callback = () => {
    seen = storage.getStore()
  }
  storage.run('registered', () => host.onClose(callback))
  await storage.run('closing', () => host.close())
  expect(seen).toBe('registered')
})

test.each([undefined, 5, {}, function* () {}])('what cannot be called, and awaited, is refused: %p', callback => {
  expect(() => Reflect.apply(newHost().onClose, newHost(), [callback])).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
})

test('one that a request has registered is not of that request', async () => {
  const host = newHost()
  let flushed: unknown = 'never ran'
  const register = taskletHandler(function* (_req, res) {
    host.onClose(async () => {
      flushed = await go(() => sleep(1).map(() => 'flushed'))
    })
    res.end('answer')
  })
  host.mount('/', register)
  const { port } = await started(host)
  await new RawClient(port).send(get('/')).closed
  const closed = host.close()
  await turns()
  await clock.advance(10)
  expect((await closed).errors).toEqual([])
  expect(flushed).toBe('flushed')
})
