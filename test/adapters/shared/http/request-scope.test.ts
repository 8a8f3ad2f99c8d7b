/** The scope of a request on a bare server, and what is left of it when the request is over. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { handler } from '../../../../src/adapters/express/index.js'
import { lastingScopeOf, requestScopeOf } from '../../../../src/adapters/shared/http/request-scope.js'
import { channel, never, type Scope, sleep } from '../../../../src/core/index.js'
import { createHost, taskletHandler } from '../../../../src/host/index.js'
import { once, reported, turns } from '../../support.js'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function bare(listener: (req: IncomingMessage, res: ServerResponse) => void): Promise<number> {
  const server = http.createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function connect(port: number, requests: string): Socket {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(requests)
  closers.push(() => socket.destroy())
  return socket
}

const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

test('all requests of a connection listen to it once, until they are over', async () => {
  const seen: { scope: Scope; res: ServerResponse }[] = []
  const all = channel<Socket>(20)
  const port = await bare((req, res) => {
    const before = req.socket.listenerCount('close')
    seen.push({ scope: requestScopeOf(req, res), res })
    expect(req.socket.listenerCount('close') - before).toBe(seen.length === 1 ? 1 : 0)
    all.trySend(req.socket)
  })
  const warnings = await reported(async () => {
    const socket = connect(port, request('/').repeat(20))
    const served = await all.receive()
    for (let i = 1; i < 20; i++) await all.receive()
    const listening = served.listenerCount('close')
    for (const { res } of seen.slice(0, 10)) res.end()
    await once(seen[9]?.res as ServerResponse, 'close')
    expect(served.listenerCount('close')).toBe(listening)
    socket.destroy()
    await turns()
    expect(served.listenerCount('close')).toBeLessThan(listening)
  })
  expect(warnings).toEqual([])
  expect(seen.map(({ scope }) => scope.cancelled)).toEqual(seen.map((_, i) => i >= 10))
})

test('a handler and a tasklet handler of one request have the same scope, in either order', async () => {
  const scopes = channel<Scope>(4)
  const note = (req: IncomingMessage, res: ServerResponse) => scopes.trySend(requestScopeOf(req, res))
  const ours = handler(function* (req: IncomingMessage, res: ServerResponse, next) {
    note(req, res)
    next()
  })
  const theirs = taskletHandler(function* (req, res, next) {
    note(req, res)
    yield* sleep(1)
    next()
  })
  const port = await bare((req, res) => {
    const [first, second] = req.url === '/ours' ? [ours, theirs] : [theirs, ours]
    first(req, res, () => second(req, res, () => res.end()))
  })
  for (const path of ['/ours', '/theirs']) {
    await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
    expect(await scopes.receive()).toBe(await scopes.receive())
  }
  // What a tasklet handler waits in is the very scope that the other one has made.
  const size = channel<number>(1)
  const port2 = await bare((req, res) => {
    const scope = requestScopeOf(req, res)
    taskletHandler(function* () {
      size.trySend(scope.size)
      res.end()
    })(req, res)
  })
  await (await fetch(`http://127.0.0.1:${port2}/`)).text()
  expect(await size.receive()).toBe(1)
})

test('one that is asked for when the client is gone is cancelled, when the answer has been sent it is not', async () => {
  const asked = channel<[boolean, string]>(2)
  const arrived = channel<string>(2)
  const port = await bare((req, res) => {
    requestScopeOf(req, res)
    arrived.trySend('')
    res.once('close', () => {
      setImmediate(() => {
        const tasklet = requestScopeOf(req, res).go(function* () {
          yield* sleep(1)
        })
        tasklet.gone.then(() => asked.trySend([requestScopeOf(req, res).cancelled, tasklet.state]))
      })
    })
    if (req.url === '/answered') res.end()
  })
  const socket = connect(port, request('/'))
  await arrived.receive()
  socket.destroy()
  expect(await asked.receive()).toEqual([true, 'killed'])
  await (await fetch(`http://127.0.0.1:${port}/answered`)).text()
  expect(await asked.receive()).toEqual([false, 'done'])
})

test('what begins when the client of a hosted request is gone lasts, and the drain of the host waits for it', async () => {
  const host = createHost()
  const begun = channel<string>(1)
  let finished = false
  host.mount('/', (req, res) => {
    res.once('close', () => {
      lastingScopeOf(req, res).go(function* () {
        begun.trySend('')
        yield* sleep(20)
        finished = true
      })
    })
    begun.trySend('')
  })
  const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect(port, request('/'))
  await begun.receive()
  socket.destroy()
  await begun.receive()
  await host.close()
  expect(finished).toBe(true)
})

test('the drain of a host bounds what lasts', async () => {
  const host = createHost()
  const begun = channel<Scope>(1)
  host.mount('/', (req, res) => {
    res.once('finish', () => {
      const scope = lastingScopeOf(req, res)
      scope.go(function* () {
        begun.trySend(scope)
        yield* never
      })
    })
    res.end()
  })
  const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
  await (await fetch(`http://127.0.0.1:${port}`)).text()
  const scope = await begun.receive()
  await host.close({ deadline: 1 })
  expect(scope.cancelled).toBe(true)
})
