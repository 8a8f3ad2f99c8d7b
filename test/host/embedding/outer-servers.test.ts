/** How a host lives inside a server that is not its own: when its apps start, what closes with it, and what does not. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import express from 'express'
import fastify from 'fastify'
import type { HostPort } from '../../../src/adapters/port.js'
import { never } from '../../../src/core/index.js'
import { requestScope } from '../../../src/host/index.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

const servers: Server[] = []

afterEach(closeHosts)
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
})

function foreign(listener = (_req: IncomingMessage, res: ServerResponse): void => void res.end('own')): Server {
  const server = createServer(listener)
  servers.push(server)
  return server
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const hello = (_req: IncomingMessage, res: ServerResponse): void => void res.end('hello')

/** An app that is ready when told. */
function slow() {
  const [app, ready] = [{}, defer()]
  const port: HostPort = {
    name: 'slow',
    accepts: given => given === app,
    open: () => ({ handle: hello, ready: () => ready.promise }),
  }
  return { app, ready, ports: [port] }
}

describe('an app’s server', () => {
  test('hears of listening when it is attached to one that listens', async () => {
    const server = foreign()
    await listen(server)
    const host = newHost()
    const listening = new Promise<void>(resolve => void host.server('/a').listen(resolve))
    await host.attach(server)
    await listening
  })

  test('hears of it not before the server listens, though it is made later', async () => {
    const server = foreign()
    const app = {}
    const port: HostPort = {
      name: 'app',
      accepts: given => given === app,
      open(_app, own) {
        own.on('listening', () => listens.push('app'))
        return {}
      },
    }
    const host = newHost({ ports: [port] })
    await host.attach(server)
    const listens: string[] = []
    const late = host.server('/late').listen(() => listens.push('server'))
    host.mount('/app', app)
    await turns()
    expect([listens, late.listening]).toEqual([[], false])
    await listen(server)
    await turns()
    expect([listens.sort(), late.listening]).toEqual([['app', 'server'], true])
  })
})

test('a host that is closed while it is being attached leaves the server alone', async () => {
  const server = foreign()
  const { app, ready, ports } = slow()
  const host = newHost({ ports }).mount('/', app)
  const attached = expect(host.attach(server)).rejects.toMatchObject({ code: 'HOST_STATE' })
  await turns()
  const closed = host.close()
  ready.resolve()
  await Promise.all([attached, closed])
  expect(Object.hasOwn(server, 'emit')).toBe(false)
  expect(await exchange(await listen(server), get('/'))).toMatch(/own$/)
})

test('a host that is closed before it was ever used answers its paths with 503', async () => {
  const host = newHost().mount('/', hello)
  const server = foreign((req, res) => host.handler(req, res))
  await host.close()
  expect(await exchange(await listen(server), get('/'))).toMatch(/^HTTP\/1.1 503/)
})

test('an app’s server closes its own connections, and no other', async () => {
  const server = foreign()
  const host = newHost()
  const here = defer()
  let arrived = 0
  const arrive = () => {
    if (++arrived === 3) here.resolve()
  }
  const mine = host.server('/mine').on('request', arrive)
  mine.on('upgrade', (_req, socket) => {
    socket.on('error', () => {})
    arrive()
  })
  host.mount('/other', (_req: IncomingMessage, res: ServerResponse) => {
    arrive()
    mine.once('gone', () => res.end('lives'))
  })
  await host.attach(server)
  const port = await listen(server)
  const [request, upgrade] = [new RawClient(port).send(get('/mine')), new RawClient(port)]
  upgrade.send('GET /mine HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: raw\n\n')
  const other = exchange(port, get('/other'))
  await here.promise
  mine.closeAllConnections()
  await Promise.all([request.closed, upgrade.closed])
  mine.emit('gone')
  expect(await other).toMatch(/lives$/)
})

test('an app’s server closes what a host inside it has upgraded', async () => {
  const [outer, inner] = [newHost(), newHost()]
  const server = outer.server('/in')
  inner.server('/in/raw').on('upgrade', (_req, socket) => {
    socket.on('error', () => {}).write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello')
  })
  await inner.attach(server)
  const { port } = await started(outer)
  const client = new RawClient(port)
  client.send('GET /in/raw HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: raw\n\n')
  await client.until(/hello/)
  server.closeAllConnections()
  await client.closed
})

test('a client that resets before its upgrade is accepted harms nobody', async () => {
  const host = newHost().mount('/', hello)
  const taken = defer<Duplex>()
  host.server('/ws').on('upgrade', (_req, socket) => taken.resolve(socket))
  const server = foreign()
  await host.attach(server)
  const port = await listen(server)
  const client = new RawClient(port).send('GET /ws HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n\n')
  const socket = await taken.promise
  const closed = new Promise(resolve => socket.once('close', resolve))
  client.socket.resetAndDestroy()
  socket.resume()
  await closed
  expect(await exchange(port, get('/'))).toMatch(/hello$/)
})

test('what was answered before the close is not in its report', async () => {
  const here = defer()
  const host = newHost().mount('/', (req: IncomingMessage, res: ServerResponse) => {
    if (req.url === '/now') res.end('now')
    else here.resolve()
  })
  const server = foreign()
  await host.attach(server)
  const port = await listen(server)
  expect(await exchange(port, get('/now'))).toMatch(/now$/)
  const stuck = new RawClient(port).send(get('/stuck'))
  await here.promise
  expect(await host.close({ deadline: 0 })).toMatchObject({ clean: false, requests: ['GET /stuck'] })
  await stuck.closed
})

test('a handler that nobody is behind answers 500 where the apps do not start', async () => {
  const app = {}
  const port: HostPort = {
    name: 'failing',
    accepts: given => given === app,
    open: () => ({ ready: () => Promise.reject(new Error('no database')) }),
  }
  const host = newHost({ ports: [port] }).mount('/', app)
  const server = foreign((req, res) => host.handler(req, res))
  expect(await exchange(await listen(server), get('/'))).toMatch(/^HTTP\/1.1 500/)
})

test('a request that is handed over while the host closes is served, by an app that closes with it', async () => {
  const host = newHost()
  const held = defer<() => void>()
  const first = (_req: IncomingMessage, _res: ServerResponse, next: () => void) => held.resolve(next)
  host.mount('/', first, { handOver: true })
  const app = fastify({ serverFactory: host.serverFactory('/') })
  app.get('/', async () => 'Fastify')
  const server = foreign()
  await host.attach(server)
  const answer = exchange(await listen(server), get('/'))
  const next = await held.promise
  const closed = host.close({ deadline: 600_000 })
  await turns()
  next()
  expect(await answer).toMatch(/Fastify$/)
  expect((await closed).clean).toBe(true)
})

test('a request that is handed on has no listener of the host left on its response', async () => {
  let before = 0
  let after = 0
  const host = newHost()
  host.mount('/', (_req: IncomingMessage, _res: ServerResponse, next: () => void) => next())
  const server = foreign((req, res) => {
    before = res.listenerCount('close')
    host.handler(req, res, () => {
      after = res.listenerCount('close')
      res.end('own')
    })
  })
  await host.ready()
  expect(await exchange(await listen(server), get('/'))).toMatch(/own$/)
  expect(after).toBe(before)
})

test('a host in a host has the deadline of the outer one, for tasklets of answered requests as well', async () => {
  const [outer, inner] = [newHost(), newHost()]
  let killed = false
  inner.mount('/in', (req: IncomingMessage, res: ServerResponse) => {
    requestScope(req).go(function* () {
      try {
        yield* never
      } finally {
        killed = true
      }
    })
    res.end('answered')
  })
  outer.mount('/in', inner)
  const { port } = await started(outer)
  expect(await exchange(port, get('/in'))).toMatch(/answered$/)
  expect(await outer.close({ deadline: 20 })).toMatchObject({ mounts: [] })
  expect(killed).toBe(true)
})

describe('a host whose handler is in one of its own apps', () => {
  const looped = expect.objectContaining({ code: 'HOST_LOOP' })

  test('refuses the request: an error of the app, or of the request where there is no next', async () => {
    const errors: unknown[] = []
    const onError = (error: Error) => void errors.push(error.cause)
    const host = newHost({ onError })
    const seen: unknown[] = []
    const app = express().use(host.handler)
    const page: express.ErrorRequestHandler = (error, _req, res, _next) => {
      seen.push(error)
      res.status(508).end('loop')
    }
    host.mount('/express', app.use(page))
    host.mount('/plain', (req: IncomingMessage, res: ServerResponse) => host.handler(req, res))
    // By way of another path of its own, and of another host.
    const other = newHost({ onError }).mount('/', (req: IncomingMessage, res: ServerResponse) => {
      req.url = '/express'
      host.handler(req, res)
    })
    host.mount('/other', (req: IncomingMessage, res: ServerResponse) => other.handler(req, res))
    const { port } = await started(host)
    expect(await exchange(port, get('/express'))).toMatch(/^HTTP\/1.1 508 [\s\S]*loop$/)
    expect(seen).toEqual([looped])
    expect(await exchange(port, get('/plain'))).toMatch(/^HTTP\/1.1 500 /)
    expect(await exchange(port, get('/other'))).toMatch(/^HTTP\/1.1 500 /)
    expect(errors).toEqual([looped, looped])
  })

  test('refuses the upgrade', async () => {
    const errors: unknown[] = []
    const host = newHost({ onError: error => void errors.push(error.cause) })
    host.server('/').on('upgrade', (req, socket, head) => void host.handler.upgrade(req, socket, head))
    const { port } = await started(host)
    expect(await exchange(port, get('/', 'Upgrade: x\n').replace('close', 'Upgrade'))).toBe('')
    expect(errors).toEqual([looped])
  })

  test('serves again what an app behind it has declined, and what comes from a host that is no part of it', async () => {
    const inner = newHost().mount('/', (_req, _res, next) => next())
    const outer = newHost()
    outer.mount(
      '/',
      express().use(inner.handler, inner.handler, (_req, res) => void res.end('declined twice')),
    )
    expect(await exchange((await started(outer)).port, get('/'))).toMatch(/declined twice$/)
  })
})
