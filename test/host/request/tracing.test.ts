import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { Server } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import type { RequestTrace } from '../../../src/adapters/port.js'
import { go, sleep } from '../../../src/core/index.js'
import { meantWarnings } from '../../warnings.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started } from '../support.js'

meantWarnings(/its onListen hooks will not run/)

afterEach(closeHosts)

const channel = tracingChannel<unknown, RequestTrace>('syncless.http')

/** Notes every event until the test has ended. */
function noted(): [event: string, trace: RequestTrace][] {
  const log: [string, RequestTrace][] = []
  const subscribers = Object.fromEntries(
    ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map(event => [
      event,
      (trace: unknown) => log.push([event, trace as RequestTrace]),
    ]),
  ) as unknown as Parameters<typeof channel.subscribe>[0]
  channel.subscribe(subscribers)
  cleanups.push(() => channel.unsubscribe(subscribers))
  return log
}

const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

test('each request to an app is told of, at its start and its end, with one object', async () => {
  const log = noted()
  const host = newHost()
  const finish = defer()
  host.mount('/slow', async (_req, res) => {
    log.push(['handler', {} as RequestTrace])
    await finish.promise
    res.end('x')
  })
  const { port } = await started(host)
  const client = new RawClient(port).send(get('/slow?q'))
  while (log.length < 3) await new Promise(resolve => setImmediate(resolve))
  expect(log.map(([event]) => event)).toEqual(['start', 'handler', 'end'])
  expect(log[0]?.[1]).toMatchObject({ mount: '/slow', request: { url: '/slow?q' }, response: { writableEnded: false } })
  finish.resolve()
  await client.closed
  expect(log.map(([event]) => event)).toEqual(['start', 'handler', 'end', 'asyncStart', 'asyncEnd'])
  const traces = log.filter(([event]) => event !== 'handler').map(([, trace]) => trace)
  expect(new Set(traces).size).toBe(1)
  expect(traces[0]).toMatchObject({ outcome: 'ended', response: { statusCode: 200 } })
  expect(traces[0]).not.toHaveProperty('error')
})

test('what fails is told: a handler that throws, a rejection, a tasklet; a client that leaves is an outcome', async () => {
  const log = noted()
  const host = newHost({ onError: () => {} })
  const errors: Record<string, Error> = {}
  const begun = defer()
  host.mount('/', (req, res) => {
    const { url = '' } = req
    errors[url] = new Error(`failed at ${url}`)
    if (url === '/throws') throw errors[url]
    if (url === '/rejects') return Promise.reject(errors[url])
    if (url === '/leaves') return begun.resolve()
    go(function* () {
      yield* sleep(1)
      throw errors[url]
    })
    return res
  })
  const { port } = await started(host)
  for (const path of ['/throws', '/rejects', '/tasklet']) expect(await exchange(port, get(path))).toContain(' 500 ')
  const client = new RawClient(port).send(get('/leaves'))
  await begun.promise
  client.socket.destroy()
  while (log.at(-1)?.[1].outcome !== 'gone') await new Promise(resolve => setImmediate(resolve))
  const told = log.filter(([event]) => event === 'error').map(([, { request, error }]) => [request.url, error])
  expect(told).toEqual(['/throws', '/rejects', '/tasklet'].map(url => [url, errors[url]]))
  expect(log.filter(([event]) => event === 'asyncEnd').map(([, { outcome }]) => outcome)).toEqual([
    'ended',
    'ended',
    'ended',
    'gone',
  ])
})

test('a store that is bound to the channel, and what `within` adds, surround the app and its tasklets', async () => {
  const [bound, added] = [new AsyncLocalStorage<string>(), new AsyncLocalStorage<string>()]
  channel.start.bindStore(bound, trace => `bound ${trace.mount}`)
  cleanups.push(() => channel.start.unbindStore(bound))
  const onStart = (trace: unknown) => {
    const { mount, within } = trace as RequestTrace
    within(run => added.run(`inner ${mount}`, run))
    within(run => added.run(`outer ${mount}`, run))
  }
  channel.start.subscribe(onStart)
  cleanups.push(() => channel.start.unsubscribe(onStart))

  const seen: (string | undefined)[][] = []
  const note = () => seen.push([bound.getStore(), added.getStore()])
  const host = newHost()
  const app = express()
  app.get('/e', async (_req, res) => {
    note()
    await go(function* () {
      yield* sleep(1)
      note()
    })
    note()
    res.send('x')
  })
  const api = fastify({ serverFactory: host.serverFactory('/f') })
  api.get('/f', async () => {
    await null
    note()
    return 'x'
  })
  host.mount('/e', app)
  const { port } = await started(host)
  await exchange(port, get('/e'))
  await exchange(port, get('/f'))
  const e = ['bound /e', 'inner /e']
  expect(seen).toEqual([e, e, e, ['bound /f', 'inner /f']])
  expect(bound.getStore()).toBe(undefined)
})

test('what the host answers by itself is not told of, nor a request that was refused', async () => {
  const log = noted()
  const host = newHost({ admission: { inFlight: 1, queue: 0 } })
  const begun = defer()
  const finish = defer()
  host.mount('/a', async (_req, res) => {
    begun.resolve()
    await finish.promise
    res.end()
  })
  const { port } = await started(host)
  await exchange(port, get('/nowhere'))
  const held = exchange(port, get('/a'))
  await begun.promise
  expect(await exchange(port, get('/a'))).toContain(' 503 ')
  finish.resolve()
  await held
  expect(log.map(([event]) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
})

test('a request whose begin nobody watched is not told of at its end', async () => {
  const host = newHost()
  const [begun, finish] = [defer(), defer()]
  host.mount('/', async (_req, res) => {
    begun.resolve()
    await finish.promise
    res.end()
  })
  const { port } = await started(host)
  const answer = exchange(port, get('/'))
  await begun.promise
  const log = noted()
  finish.resolve()
  await answer
  expect(log).toEqual([])
})

test('a request that is handed over is one, with the mount that has it at the end', async () => {
  const log: string[] = []
  const note = (event: string) => (trace: unknown) => log.push(`${event} ${(trace as RequestTrace).mount}`)
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: () => {},
    asyncEnd: note('asyncEnd'),
    error: () => {},
  }
  channel.subscribe(subscribers)
  cleanups.push(() => channel.unsubscribe(subscribers))
  const host = newHost()
  host.mount('/a', (_req, _res, next) => void setTimeout(next, 1), { handOver: true })
  host.mount('/', (_req, res) => res.end('x'))
  const { port } = await started(host)
  expect(await exchange(port, get('/a'))).toContain(' 200 ')
  expect(log).toEqual(['start /a', 'end /a', 'asyncEnd /'])
})

test.each(['an http.Server', 'Fastify', 'a prebuilt Fastify'])(
  'an instrumentation of http.Server sees a request once: %s',
  async kind => {
    const host = newHost()
    if (kind === 'an http.Server') host.server('/').on('request', (_req, res) => res.end('x'))
    else if (kind === 'Fastify') fastify({ serverFactory: host.serverFactory('/') }).get('/', async () => 'x')
    else
      host.mount(
        '/',
        fastify().get('/', async () => 'x'),
      )
    const { port } = await started(host)
    const { emit } = Server.prototype
    const seen: string[] = []
    Server.prototype.emit = function (this: Server, ...args: unknown[]) {
      if (args[0] === 'request') seen.push('request')
      return Reflect.apply(emit, this, args)
    }
    cleanups.push(() => {
      Server.prototype.emit = emit
    })
    expect(await exchange(port, get('/'))).toContain('x')
    expect(seen).toEqual(['request'])
  },
)
