/** An Express app that is alone on its host gets its messages with its own prototypes, where that is faster. */
import { IncomingMessage, ServerResponse } from 'node:http'
import express, { type Express } from 'express'
import { createHost, type Host } from '../../src/host/index.js'

const where = { port: 0, host: '127.0.0.1' }
// From Node 24 on it is not, and nothing is done.
const alone = Number(process.versions.node.split('.')[0]) < 24

let host: Host
beforeEach(() => {
  host = createHost()
})
afterEach(() => host.close({ deadline: 0 }))

/** Calls the app, and notes whether its messages had its prototypes before it changed them. */
function spied(app: Express): { readonly app: Express; readonly made: boolean[] } {
  const made: boolean[] = []
  const { handle } = app as unknown as { handle(this: Express, ...args: [IncomingMessage, ServerResponse]): void }
  Object.assign(app, {
    handle(this: Express, ...args: [IncomingMessage, ServerResponse]) {
      const [req, res] = args
      made.push(Object.getPrototypeOf(req) === app.request && Object.getPrototypeOf(res) === app.response)
      handle.apply(this, args)
    },
  })
  app.get('/', (req, res) => {
    res.json({ ip: req.ip, message: req instanceof IncomingMessage, response: res instanceof ServerResponse })
  })
  return { app, made }
}

async function get(path: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${(host.address() as { port: number }).port}${path}`)
  return response.json()
}

const answered = { ip: '127.0.0.1', message: true, response: true }

test.each([
  ['Express 5', express],
  ['Express 4', jest.requireActual<typeof express>('express4')],
])('%s alone', async (_name, make) => {
  const { app, made } = spied(make())
  host.mount('/', app)
  await host.listen(where)
  expect(await get('/')).toEqual(answered)
  expect(made).toEqual([alone])
})

test('so it is beside the health checks of its host', async () => {
  const { app, made } = spied(express())
  host = createHost({ health: true }).mount('/', app)
  await host.listen(where)
  await get('/')
  expect(made).toEqual([alone])
})

test('beside another app, every app gets the messages that Node makes', async () => {
  const { app, made } = spied(express())
  const seen: object[] = []
  host.mount('/', app).mount('/plain', (req, res) => {
    seen.push(Object.getPrototypeOf(req), Object.getPrototypeOf(res))
    res.end('{}')
  })
  await host.listen(where)
  expect(await get('/')).toEqual(answered)
  await get('/plain')
  expect(made).toEqual([false])
  expect(seen).toEqual([IncomingMessage.prototype, ServerResponse.prototype])
})

test('an app that is mounted later ends it', async () => {
  const { app, made } = spied(express())
  host.mount('/', app)
  await host.listen(where)
  await get('/')
  const seen: object[] = []
  host.mount('/plain', (req, res) => {
    seen.push(Object.getPrototypeOf(req), Object.getPrototypeOf(res))
    res.end('{}')
  })
  await get('/plain')
  expect(await get('/')).toEqual(answered)
  expect(made).toEqual([alone, false])
  expect(seen).toEqual([IncomingMessage.prototype, ServerResponse.prototype])
})

test('what a user puts on the prototypes is seen, and another app.request is taken', async () => {
  const app = express()
  Object.defineProperty(app.request, 'tenant', { get: () => 'a', configurable: true })
  app.get('/', (req, res) => {
    res.json((req as unknown as { tenant: string }).tenant)
  })
  host.mount('/', app)
  await host.listen(where)
  expect(await get('/')).toBe('a')
  app.request = Object.create(app.request, { tenant: { get: () => 'b' } })
  expect(await get('/')).toBe('b')
})
