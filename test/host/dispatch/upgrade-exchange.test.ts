/** Handshakes of an app that routes them like requests need a place, as requests do, until they are answered. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { createHost, type Host, type HostOptions, type MountOptions } from '../../../src/host/index.js'
import { virtualClock } from '../../../src/testing/index.js'
import { fastify } from '../frameworks.js'
import { alone, closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

const offer = (path: string): string =>
  `GET ${path} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n'

/** An app of which the hook holds each request until the test lets it go. */
class Gate {
  readonly held: { url: string; release: () => void }[] = []
  #wake = () => {}

  readonly hook = async ({ url }: { url: string }): Promise<void> => {
    const { promise, resolve } = defer()
    this.held.push({ url, release: resolve })
    this.#wake()
    await promise
  }

  async arrived(count: number): Promise<void> {
    while (this.held.length < count) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  release(at: number): void {
    this.held[at]?.release()
  }

  get urls(): string[] {
    return this.held.map(({ url }) => url)
  }
}

function mountApp(host: Host, path = '/', options: MountOptions = {}): { gate: Gate; app: FastifyInstance } {
  const gate = new Gate()
  const app = fastify({ serverFactory: host.serverFactory(path, options) })
  app.addHook('onRequest', gate.hook)
  app.get('/before', async () => 'served')
  app.register(websocket)
  app.register(async routes => {
    routes.get('/live', { websocket: true }, ws => {
      ws.on('message', message => ws.send(`echo ${message}`))
      ws.send('hello')
    })
  })
  return { gate, app }
}

async function serve(options: HostOptions) {
  const host = newHost(options)
  const { gate } = mountApp(host)
  return { host, gate, ...(await started(host)) }
}

const full: HostOptions = { admission: { inFlight: 1, queue: 0, retryAfter: 7 } }

describe('a place', () => {
  test.each(['/before', '/nothing', '/live'])('is needed by a handshake for %s', async path => {
    const { gate, port } = await serve(full)
    const first = new RawClient(port).send(offer(path))
    await gate.arrived(1)
    for (const request of [offer(path), offer(path), offer(path), get(path)]) {
      const answer = await exchange(port, request)
      expect(answer).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n/)
      expect(answer).toContain('Retry-After: 7\r\n')
      expect(answer).toContain('Connection: close\r\n')
    }
    expect(gate.held).toHaveLength(1)
    gate.release(0)
    await first.until(/HTTP\/1.1/)
    // It is given back.
    const second = new RawClient(port).send(offer(path))
    await gate.arrived(2)
    gate.release(1)
    await second.until(/HTTP\/1.1/)
    for (const client of [first, second]) client.socket.destroy()
  })

  test('is no longer needed once the WebSocket is open', async () => {
    const { gate, port } = await serve(full)
    for (let i = 0; i < 3; i++) {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/live`)
      await gate.arrived(i + 1)
      gate.release(i)
      expect(String((await once(ws, 'message'))[0])).toBe('hello')
    }
  })

  test('is kept behind early hints, until the answer', async () => {
    const host = newHost(full)
    const app = fastify({ serverFactory: host.serverFactory('/') })
    const finish = defer()
    app.get('/', async (_request, reply) => {
      reply.raw.writeEarlyHints({ link: '</a.css>; rel=preload' })
      await finish.promise
      return 'served'
    })
    app.register(websocket)
    const { port } = await started(host)
    const first = new RawClient(port).send(offer('/'))
    await first.until(/103 Early Hints/)
    expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 503/)
    finish.resolve()
    await first.until(/served/)
    expect(await exchange(port, get('/'))).toContain('served')
  })

  test('is given back by an app that ends the connection without an answer', async () => {
    const host = newHost(full)
    const app = fastify({ serverFactory: host.serverFactory('/') })
    app.get('/', async request => {
      if (request.headers.upgrade !== undefined) request.raw.socket.destroy()
      return 'served'
    })
    app.register(websocket)
    const { port } = await started(host)
    expect(await exchange(port, offer('/'))).toBe('')
    expect(await exchange(port, get('/'))).toContain('served')
  })

  test.each(['/before', '/live'])('is given back when the client of %s leaves', async path => {
    const { gate, port } = await serve(full)
    const first = new RawClient(port).send(offer(path))
    await gate.arrived(1)
    first.socket.destroy()
    await first.closed
    await turns()
    const second = exchange(port, get('/before'))
    await gate.arrived(2)
    for (const at of [0, 1]) gate.release(at)
    expect(await second).toContain('served')
  })

  test('is not needed for what is exempt', async () => {
    const { gate, port } = await serve({
      admission: { inFlight: 1, queue: 0, exempt: req => req.url === '/nothing' },
    })
    const clients = ['/before', '/nothing', '/nothing'].map(path => new RawClient(port).send(offer(path)))
    await gate.arrived(3)
    for (const at of [0, 1, 2]) gate.release(at)
    await Promise.all(clients.map(client => client.closed))
  })

  test('is needed at the bound of the mount, then at the host’s', async () => {
    const host = newHost({ admission: { inFlight: 2, queue: 0 } })
    const { gate } = mountApp(host, '/', { admission: { inFlight: 1, queue: 0, retryAfter: 30 } })
    const other = new Gate()
    host.mount('/other', async (req, res) => {
      await other.hook({ url: req.url ?? '' })
      res.end('served')
    })
    const { port } = await started(host)
    const all = [exchange(port, offer('/before'))]
    await gate.arrived(1)
    expect(await exchange(port, offer('/before'))).toContain('Retry-After: 30\r\n')
    all.push(exchange(port, get('/other')))
    await other.arrived(1)
    expect(await exchange(port, get('/other'))).toContain('Retry-After: 1\r\n')
    gate.release(0)
    await all[0]
    all.push(exchange(port, get('/other')))
    await other.arrived(2)
    expect(await exchange(port, offer('/before'))).toContain('Retry-After: 1\r\n')
    for (const at of [0, 1]) other.release(at)
    for (const answer of await Promise.all(all)) expect(answer).toContain('served')
  })

  test.each<[string, (use: (port: number, gate: Gate) => Promise<void>) => Promise<void>]>([
    [
      'the outer of two hosts',
      async use => {
        const outer = newHost(full)
        const inner = createHost()
        const { gate } = mountApp(inner)
        outer.mount('/', inner)
        await use((await started(outer)).port, gate)
      },
    ],
    [
      'the inner of two hosts',
      async use => {
        const outer = newHost()
        const inner = createHost(full)
        const { gate } = mountApp(inner)
        outer.mount('/', inner)
        await use((await started(outer)).port, gate)
      },
    ],
    [
      'a host on another server',
      async use => {
        const host = newHost(full)
        const { gate } = mountApp(host)
        const server = createServer()
        await host.attach(server)
        await alone(server, port => use(port, gate))
      },
    ],
  ])('is needed at the bound of %s', async (_where, inside) => {
    await inside(async (port, gate) => {
      const first = new RawClient(port).send(offer('/before'))
      await gate.arrived(1)
      for (const request of [offer('/before'), get('/before')]) {
        expect(await exchange(port, request)).toMatch(/^HTTP\/1.1 503/)
      }
      gate.release(0)
      await first.until(/served/)
      const ws = new WebSocket(`ws://127.0.0.1:${port}/live`)
      await gate.arrived(2)
      gate.release(1)
      await once(ws, 'message')
      const last = exchange(port, get('/before'))
      await gate.arrived(3)
      gate.release(2)
      expect(await last).toContain('served')
      ws.terminate()
    })
  })
})

describe('a handshake that waits for a place', () => {
  test('is let in in its turn, among plain requests, and is served while the host closes', async () => {
    const { gate, host, port } = await serve({ admission: { inFlight: 1, queue: 3 } })
    const paths = ['/before?1', '/live', '/before?3', '/before?4']
    const clients: RawClient[] = []
    for (const [i, path] of paths.entries()) {
      clients.push(new RawClient(port).send(i % 2 === 0 ? get(path) : offer(path)))
      await turns()
    }
    await gate.arrived(1)
    const report = host.close()
    for (let i = 0; i < paths.length; i++) {
      await gate.arrived(i + 1)
      await turns()
      expect(gate.urls).toEqual(paths.slice(0, i + 1))
      gate.release(i)
    }
    await clients[1]?.until(/101 Switching/)
    clients[1]?.socket.destroy()
    await Promise.all(clients.map(({ closed }) => closed))
    expect(clients.map(({ text }) => text.slice(9, 12))).toEqual(['200', '101', '200', '200'])
    expect((await report).clean).toBe(true)
  })

  test('is refused after the longest wait', async () => {
    const clock = virtualClock()
    try {
      const { gate, port } = await serve({ admission: { inFlight: 1, maxWait: 250 } })
      const first = new RawClient(port).send(offer('/before'))
      await gate.arrived(1)
      const second = exchange(port, offer('/before'))
      while (clock.pending === 0) await turns()
      await clock.advance(249)
      await clock.advance(1)
      expect(await second).toMatch(/^HTTP\/1.1 503/)
      gate.release(0)
      await first.until(/served/)
      expect(clock.pending).toBe(0)
    } finally {
      clock.restore()
    }
  })

  test.each<[string, (client: RawClient) => unknown]>([
    ['resets its connection', client => client.socket.resetAndDestroy()],
    ['ends its connection', client => client.socket.end()],
    ['sends frames, and ends its connection', client => client.send('too early').socket.end()],
    ['sends more than is kept', client => client.socket.write(Buffer.alloc(1 << 20))],
  ])('gives up its place when its client %s', async (_how, leave) => {
    const { gate, port } = await serve({ admission: { inFlight: 1, queue: 1 } })
    const working = new RawClient(port).send(offer('/before'))
    await gate.arrived(1)
    const waiting = new RawClient(port).send(offer('/nothing'))
    await turns()
    expect(await exchange(port, offer('/refused'))).toMatch(/503/)
    await turns()
    leave(waiting)
    await waiting.closed
    await turns()
    const third = exchange(port, offer('/before?3'))
    await turns()
    gate.release(0)
    await working.closed
    await gate.arrived(2)
    expect(gate.urls).toEqual(['/before', '/before?3'])
    gate.release(1)
    expect(await third).toContain('served')
  })

  test('has what its client sends early when it is let in', async () => {
    const { gate, port } = await serve({ admission: { inFlight: 1, queue: 1 } })
    const working = new RawClient(port).send(offer('/before'))
    await gate.arrived(1)
    const frame = (text: string) => {
      const [head, mask] = [Buffer.from([0x81, 0x80 + text.length]), Buffer.alloc(4)]
      return Buffer.concat([head, mask, Buffer.from(text)])
    }
    const early = new RawClient(port)
    early.socket.write(Buffer.concat([Buffer.from(offer('/live').replaceAll('\n', '\r\n')), frame('one')]))
    await turns()
    early.socket.write(frame('two'))
    await turns()
    gate.release(0)
    await gate.arrived(2)
    gate.release(1)
    await early.until(/echo two/)
    early.socket.write(frame('three'))
    await early.until(/echo three/)
    expect(early.text.match(/echo \w+/g)).toEqual(['echo one', 'echo two', 'echo three'])
    for (const client of [working, early]) client.socket.destroy()
  })
})

test('the metrics count handshakes in flight, those that wait, and their answers', async () => {
  const { gate, host, port } = await serve({
    admission: { inFlight: 1, queue: 1 },
    admin: { port: 0, host: '127.0.0.1' },
  })
  const metric = async (name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${host.adminAddress()?.port}/metrics`)).text()
    return text.split('\n').filter(line => line.startsWith(`syncless_http_requests${name}`) && !line.endsWith(' 0'))
  }
  const clients = ['/before', '/live'].map(path => new RawClient(port).send(offer(path)))
  await gate.arrived(1)
  await turns()
  expect(await exchange(port, offer('/nothing'))).toMatch(/503/)
  expect(await metric('_in_flight')).toEqual(['syncless_http_requests_in_flight{mount="/"} 1'])
  expect(await metric('_queued')).toEqual(['syncless_http_requests_queued{mount="/"} 1'])
  expect(await metric('_refused')).toEqual(['syncless_http_requests_refused_total{mount="/",reason="overload"} 1'])
  gate.release(0)
  await gate.arrived(2)
  gate.release(1)
  await clients[1]?.until(/101 Switching/)
  expect(await metric('_in_flight')).toEqual([])
  expect((await metric('_total')).sort()).toEqual(
    ['1xx', '2xx', '5xx'].map(status => `syncless_http_requests_total{mount="/",status="${status}"} 1`),
  )
  for (const client of clients) client.socket.destroy()
})
