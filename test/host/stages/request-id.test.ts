import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { createServer, type IncomingMessage } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'
import type { RequestTrace } from '../../../src/adapters/port.js'
import { go, sleep } from '../../../src/core/index.js'
import { currentRequestId, requestId, taskletHandler } from '../../../src/host/index.js'
import { readers } from '../body-readers.js'
import { closeHosts, exchange, get, newHost, RawClient, started } from '../support.js'

afterEach(closeHosts)

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

async function idFor(options: Parameters<typeof newHost>[0], headers = ''): Promise<string> {
  const host = newHost(options)
  host.mount('/', (req, res) => res.end(requestId(req)))
  const { port } = await started(host)
  const answer = await exchange(port, get('/', headers))
  await host.close()
  return answer.slice(answer.indexOf('\r\n\r\n') + 4)
}

test('it is a random one, unless a header or a function says otherwise', async () => {
  expect(await idFor({})).toMatch(UUID)
  expect(await idFor({ requestId: {} }, 'x-request-id: mine\n')).toMatch(UUID)
  expect(await idFor({ requestId: { header: 'X-Request-Id' } }, 'x-request-id: mine\n')).toBe('mine')
  expect(await idFor({ requestId: { header: 'x-request-id' } })).toMatch(UUID)
  expect(await idFor({ requestId: { header: 'x-request-id', generate: req => `made-${req.method}` } })).toBe('made-GET')
})

test.each([
  ['empty', ''],
  ['longer than 128 characters', 'x'.repeat(129)],
  ['with a space', 'a b'],
  ['with a letter of another alphabet', 'ä'],
  ['with quotes', '"a"'],
  ['sent twice', 'a\nx-request-id: b'],
])('a header that is %s is not taken over', async (_what, value) => {
  const options = { requestId: { header: 'x-request-id', generate: () => 'ours' } }
  expect(await idFor(options, `x-request-id: ${value}\n`)).toBe('ours')
})

test('an id that is made late, or not at all, is a random one', async () => {
  for (const made of [Promise.resolve('late'), undefined]) {
    expect(await idFor({ requestId: { generate: () => made as never } })).toMatch(UUID)
  }
})

test('the response says it only where that is asked for', async () => {
  const host = newHost({ requestId: { header: 'x-request-id', respond: 'X-Request-Id' } })
  host.mount('/', (_req, res) => res.end())
  const { port } = await started(host)
  expect(await exchange(port, get('/', 'x-request-id: mine\n'))).toContain('\r\nX-Request-Id: mine\r\n')
})

describe('across mounts', () => {
  const store = new AsyncLocalStorage<string>()

  test.each(['/orders', '/orders/late'])('the next app has the same id and the same context: %s', async path => {
    const seen: [string, string, string | undefined][] = []
    const note = (where: string, req: IncomingMessage) => seen.push([where, requestId(req), currentRequestId()])
    const host = newHost({ requestId: { header: 'x-request-id', respond: 'x-request-id' } })
    const app = express()
    app.use(express.json(), (req, _res, next) => {
      note('Express', req)
      if (req.url === '/late') setTimeout(next, 1)
      else next()
    })
    host.mount('/orders', app, { handOver: true, strip: true })
    const api = fastify({ serverFactory: host.serverFactory('/'), genReqId: requestId })
    api.post('/*', async request => {
      note('Fastify', request.raw)
      await go(function* () {
        yield* sleep(1)
        note('tasklet', request.raw)
      })
      return request.body
    })
    const { port } = await started(host)
    const body = '{"a":1}'
    const head = `Content-Type: application/json\nContent-Length: ${body.length}\nx-request-id: one\n`
    const answer = await exchange(port, get(path, head).replace('GET', 'POST') + body)
    expect(answer).toMatch(/x-request-id: one[\s\S]*\{"a":1\}$/)
    expect(seen).toEqual(['Express', 'Fastify', 'tasklet'].map(where => [where, 'one', 'one']))
  })

  const channel = tracingChannel<unknown, RequestTrace>('syncless.http')

  describe.each(Object.keys(readers))('that read bodies: %s', first => {
    test.each(Object.keys(readers))('hands over to %s', async last => {
      const seen: string[] = []
      const host = newHost({ requestId: { header: 'x-request-id' } })
      const note = (where: string) => {
        const say = (who: string) => seen.push(`${where}, ${who}: ${currentRequestId()}, ${store.getStore()}`)
        say('app')
        go(function* () {
          yield* sleep(1)
          say('tasklet')
        })
      }
      readers[first]?.(host, () => note('first'), 'first')
      readers[last]?.(host, () => note('last'), 'last')
      channel.start.bindStore(store, ({ request }) => `user of ${request.headers['x-request-id']}`)
      try {
        const { url } = await started(host)
        const ids = ['one', 'two', 'three']
        const headers = { 'content-type': 'application/json' }
        const send = (id: string) =>
          fetch(`${url}/x`, { method: 'POST', headers: { ...headers, 'x-request-id': id }, body: '{"a":1}' })
        for (const answer of await Promise.all(ids.map(send))) expect(await answer.text()).toBe('{"a":1}')
        while (seen.length < 12) await new Promise(resolve => setImmediate(resolve))
        const wheres = ['first, app', 'first, tasklet', 'last, app', 'last, tasklet']
        const all = wheres.flatMap(where => ids.map(id => `${where}: ${id}, user of ${id}`))
        expect(seen.sort()).toEqual(all.sort())
      } finally {
        channel.start.unbindStore(store)
      }
    })
  })

  test('a host inside another has the same, though it gives ids of its own to others', async () => {
    const seen: unknown[] = []
    const note = (req: IncomingMessage) => seen.push([requestId(req), currentRequestId(), store.getStore()])
    const [outer, inner] = [newHost({ requestId: { header: 'x-request-id' } }), newHost({ requestId: {} })]
    inner.mount('/x', async (req, res) => {
      await sleep(1)
      note(req)
      res.end('x')
    })
    outer.mount('/', (_req, _res, next) => store.run('outer', next), { handOver: true })
    outer.mount('/', inner)
    const { port } = await started(outer)
    expect(await exchange(port, get('/x', 'x-request-id: one\n'))).toMatch(/x$/)
    expect(seen).toEqual([['one', 'one', 'outer']])
  })

  test('an app inside an app, and a tasklet handler inside that, have the same, and the AsyncLocalStorage of the user, too', async () => {
    const seen: [string, string, string | undefined, unknown][] = []
    const note = (where: string, req: IncomingMessage) =>
      seen.push([where, requestId(req), currentRequestId(), store.getStore()])
    const outer = newHost({ requestId: { header: 'x-request-id' } })
    const handler = taskletHandler(function* (req, res) {
      yield* sleep(1)
      note('tasklet', req)
      res.end('done')
    })
    const nested = createServer()
    const api = fastify({ serverFactory: serve => nested.on('request', serve), genReqId: requestId })
    api.get('/*', async (request, reply) => {
      note('Fastify', request.raw)
      seen.push(['Fastify id', request.id, currentRequestId(), store.getStore()])
      await go(function* () {
        yield* sleep(1)
        note('go()', request.raw)
      })
      reply.hijack()
      handler(request.raw, reply.raw)
    })
    await api.ready()
    const app = express()
    app.use((req, _res, next) => {
      store.run('entered by Express', () => {
        note('Express', req)
        setTimeout(next, 1)
      })
    })
    app.use((req, res) => void nested.emit('request', req, res))
    outer.mount('/', app)
    const { port } = await started(outer)
    expect(await exchange(port, get('/x', 'x-request-id: one\n'))).toContain('done')
    await api.close()
    expect(seen).toEqual(
      ['Express', 'Fastify', 'Fastify id', 'go()', 'tasklet'].map(where => [where, 'one', 'one', 'entered by Express']),
    )
  })
})

test('those of one connection differ, and there is none outside', async () => {
  const seen: (string | undefined)[] = []
  const host = newHost({ requestId: {} })
  host.mount('/', async (req, res) => {
    await sleep(1)
    seen.push(requestId(req), currentRequestId())
    res.end('x')
  })
  const { port } = await started(host)
  const client = new RawClient(port).send(`GET / HTTP/1.1\nHost: x\n\n${get('/')}`)
  await client.closed
  expect(new Set(seen).size).toBe(2)
  expect(seen[0]).toBe(seen[1])
  expect(currentRequestId()).toBe(undefined)
})

test('an upgrade has one, too', async () => {
  const host = newHost({ requestId: { header: 'x-request-id' } })
  const wss = new WebSocketServer({ server: host.server('/ws') })
  wss.on('connection', (ws, req) => ws.send(`${requestId(req)} ${currentRequestId()}`))
  const { port } = await started(host)
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { 'x-request-id': 'mine' } })
  expect(String(await new Promise(resolve => ws.once('message', resolve)))).toBe('mine mine')
})

test.each([[{ header: 'no good' }], [{ header: 5 }], [{ respond: '' }], [{ generate: 'random' }]])(
  '%j is refused at once',
  requestId => {
    expect(() => Reflect.apply(newHost, null, [{ requestId }])).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  },
)
