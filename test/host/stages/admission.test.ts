import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import { Server } from 'socket.io'
import { io as connectClient } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import type { HostPort } from '../../../src/adapters/port.js'
import type { AdmissionOptions } from '../../../src/host/index.js'
import { virtualClock } from '../../../src/testing/index.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

/** Requests that a handler holds until the test lets them go, in the order in which the handler got them. */
class Desk {
  readonly held: { url: string; res: ServerResponse }[] = []
  #wake = () => {}

  readonly handle = (req: IncomingMessage, res: ServerResponse): void => {
    this.held.push({ url: req.url ?? '', res })
    this.#wake()
  }

  async arrived(count: number): Promise<void> {
    while (this.held.length < count) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  get urls(): string[] {
    return this.held.map(({ url }) => url)
  }

  release(at: number): void {
    this.held[at]?.res.end('served')
  }
}

async function serve(admission: AdmissionOptions) {
  const desk = new Desk()
  const host = newHost({ admission })
  host.mount('/', desk.handle)
  return { desk, host, ...(await started(host)) }
}

describe('overload', () => {
  test('at three times the capacity the surplus is refused before any handler is released, and the rest is served', async () => {
    const [inFlight, queue] = [4, 2]
    const { desk, port } = await serve({ inFlight, queue, retryAfter: 7 })
    const answers: string[] = []
    const all = Array.from({ length: 3 * inFlight }, async (_, i) => {
      const answer = await exchange(port, get(`/${i}`))
      answers.push(answer)
      return answer
    })
    await desk.arrived(inFlight)
    // Nothing has been released: these are all that can have an answer.
    while (answers.length < 3 * inFlight - inFlight - queue) await turns()
    await turns()
    expect(answers).toHaveLength(3 * inFlight - inFlight - queue)
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n/)
      expect(answer).toContain('Retry-After: 7\r\n')
    }
    expect(desk.held).toHaveLength(inFlight)

    for (let i = 0; i < inFlight + queue; i++) {
      await desk.arrived(i + 1)
      desk.release(i)
    }
    const statuses = (await Promise.all(all)).map(answer => answer.slice(9, 12)).sort()
    expect(statuses).toEqual([...Array(inFlight + queue).fill('200'), ...Array(inFlight + queue).fill('503')])
  })

  test('those that wait are let in one for one, in the order in which they came', async () => {
    const { desk, port } = await serve({ inFlight: 1, queue: 3 })
    const client = new RawClient(port)
    for (const url of ['/1', '/2', '/3', '/4']) client.send(`GET ${url} HTTP/1.1\nHost: x\n\n`)
    for (let i = 0; i < 4; i++) {
      await desk.arrived(i + 1)
      await turns()
      expect(desk.urls).toHaveLength(i + 1)
      desk.release(i)
    }
    await client.until(/served/, 4)
    expect(desk.urls).toEqual(['/1', '/2', '/3', '/4'])
  })

  test('nobody overtakes: a place that is free is for those who wait', async () => {
    const desk = new Desk()
    const host = newHost({ admission: { inFlight: 1, queue: 2 } })
    host.mount('/', desk.handle)
    host.mount(
      '/release',
      (_req, res) => {
        desk.release(0)
        res.end()
      },
      { admission: false },
    )
    const { port } = await started(host)
    const answers = [exchange(port, get('/1'))]
    await desk.arrived(1)
    answers.push(exchange(port, get('/2')))
    await turns()
    // One packet: the place is free when the second request is read, and somebody waits for it.
    const client = new RawClient(port).send(`GET /release HTTP/1.1\nHost: x\n\n${get('/3')}`)
    await desk.arrived(2)
    desk.release(1)
    await desk.arrived(3)
    desk.release(2)
    await Promise.all([...answers, client.closed])
    expect(desk.urls).toEqual(['/1', '/2', '/3'])
  })

  test('one that has waited too long is refused', async () => {
    const clock = virtualClock()
    try {
      const { desk, port } = await serve({ inFlight: 1, maxWait: 250 })
      const first = exchange(port, get('/1'))
      await desk.arrived(1)
      const second = exchange(port, get('/2'))
      while (clock.pending === 0) await turns()
      await clock.advance(249)
      await clock.advance(1)
      expect(await second).toMatch(/^HTTP\/1.1 503/)
      desk.release(0)
      expect(await first).toContain('served')
      expect(clock.pending).toBe(0)
    } finally {
      clock.restore()
    }
  })

  test('one that has been let in is not refused any more, and leaves no timer', async () => {
    const clock = virtualClock()
    try {
      const { desk, port } = await serve({ inFlight: 1, maxWait: 250 })
      const first = exchange(port, get('/1'))
      await desk.arrived(1)
      const second = exchange(port, get('/2'))
      while (clock.pending === 0) await turns()
      desk.release(0)
      await desk.arrived(2)
      expect(clock.pending).toBe(0)
      await clock.advance(1000)
      desk.release(1)
      for (const answer of await Promise.all([first, second])) expect(answer).toContain('served')
    } finally {
      clock.restore()
    }
  })

  test('one whose client leaves gives up its place, in the queue too', async () => {
    const { desk, port } = await serve({ inFlight: 1, queue: 1 })
    const [working, waiting] = [new RawClient(port).send(get('/1')), new RawClient(port)]
    await desk.arrived(1)
    waiting.send(get('/2'))
    await turns()
    expect(await exchange(port, get('/refused'))).toMatch(/503/)
    waiting.socket.destroy()
    const left = new Promise(resolve => desk.held[0]?.res.once('close', resolve))
    await turns()
    const third = exchange(port, get('/3'))
    await turns()
    working.socket.destroy()
    await left
    await desk.arrived(2)
    expect(desk.urls).toEqual(['/1', '/3'])
    desk.release(1)
    expect(await third).toContain('served')
  })

  test('many that are answered in the call do not run inside one another', async () => {
    const desk = new Desk()
    const host = newHost({ admission: { inFlight: 1, queue: 2000 } })
    let depth = 0
    let deepest = 0
    host.mount('/', (req, res) => {
      if (req.url === '/gate') return desk.handle(req, res)
      deepest = Math.max(deepest, ++depth)
      res.end('served')
      depth--
    })
    const { port } = await started(host)
    const gate = exchange(port, get('/gate'))
    await desk.arrived(1)
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n'.repeat(500))
    await turns()
    desk.release(0)
    await gate
    await client.until(/served/, 500)
    expect(deepest).toBe(1)
  })

  test('a request that waited runs in its own async context, not in that of the one that made room', async () => {
    const store = new AsyncLocalStorage<string>()
    const seen: [string, string | undefined][] = []
    const desk = new Desk()
    const host = newHost({ admission: { inFlight: 1 } })
    host.mount('/', (req, res) => {
      const before = store.getStore()
      store.enterWith(req.url ?? '')
      seen.push([req.url ?? '', before])
      desk.handle(req, res)
    })
    const { port } = await started(host)
    const answers = [exchange(port, get('/1'))]
    await desk.arrived(1)
    answers.push(exchange(port, get('/2')))
    await turns()
    store.run('the releaser', () => desk.release(0))
    await desk.arrived(2)
    desk.release(1)
    await Promise.all(answers)
    expect(seen).toEqual([
      ['/1', undefined],
      ['/2', undefined],
    ])
  })
})

describe('what takes no place', () => {
  test('a response that has begun: its slow client holds a connection only', async () => {
    const { desk, port } = await serve({ inFlight: 1, queue: 0 })
    const stream = new RawClient(port).send(get('/events'))
    await desk.arrived(1)
    expect(await exchange(port, get('/refused'))).toMatch(/^HTTP\/1.1 503/)
    desk.held[0]?.res.write('first')
    const second = exchange(port, get('/2'))
    await desk.arrived(2)
    desk.release(1)
    expect(await second).toContain('served')
    desk.held[0]?.res.end('last')
    await stream.closed
    expect(stream.text).toMatch(/first[\s\S]*last/)
  })

  test.each([
    ['write()', (res: ServerResponse) => void res.write('x')],
    ['flushHeaders()', (res: ServerResponse) => res.flushHeaders()],
    ['end()', (res: ServerResponse) => void res.end(Buffer.alloc(32 << 20))],
  ])('it begins with %s, not with writeHead(), and the response is Node’s own again', async (_how, begin) => {
    const { desk, port } = await serve({ inFlight: 1, queue: 0 })
    const slow = new RawClient(port).send(get('/slow'))
    slow.socket.pause()
    await desk.arrived(1)
    const { res } = desk.held[0] ?? {}
    if (res === undefined) throw new Error('no request')
    expect(Object.keys(res)).not.toContain('write')
    res.writeHead(200, { 'x-early': '1' })
    expect(await exchange(port, get('/refused'))).toMatch(/^HTTP\/1.1 503/)
    begin(res)
    for (const name of ['write', 'end', 'flushHeaders']) expect(Object.hasOwn(res, name)).toBe(false)
    const second = exchange(port, get('/2'))
    await desk.arrived(2)
    desk.release(1)
    await second
    slow.socket.destroy()
  })

  test('what middleware puts over the methods, and what an app has on its prototype, still runs', async () => {
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    const app = express()
    const order: string[] = []
    Object.assign(app.response, {
      end(this: ServerResponse, ...args: []) {
        order.push('prototype')
        return Object.getPrototypeOf(app.response).end.apply(this, args)
      },
    })
    app.use((_req, res, next) => {
      const end = res.end
      res.end = (...args: unknown[]) => {
        order.push('middleware')
        return Reflect.apply(end, res, args)
      }
      next()
    })
    app.get('/', (_req, res) => void res.send('served'))
    host.mount('/', app)
    const { port } = await started(host)
    expect(await exchange(port, get('/'))).toContain('served')
    expect(await exchange(port, get('/'))).toContain('served')
    expect(order).toEqual(['middleware', 'prototype', 'middleware', 'prototype'])
  })

  test('long polls and upgrades of Socket.IO', async () => {
    const desk = new Desk()
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    const io = new Server(host.server('/socket.io'))
    host.mount('/', desk.handle)
    const { url, port } = await started(host)
    const held = exchange(port, get('/held'))
    await desk.arrived(1)
    const poll = connectClient(url, { transports: ['polling'], forceNew: true, reconnection: false })
    const socket = connectClient(url, { transports: ['websocket'], forceNew: true, reconnection: false })
    await Promise.all([poll, socket].map(client => new Promise<void>(resolve => client.on('connect', resolve))))
    expect(await exchange(port, get('/refused'))).toMatch(/^HTTP\/1.1 503/)
    for (const client of [poll, socket]) client.disconnect()
    desk.release(0)
    await held
    await io.close()
  })

  test('nothing else on the mount of Socket.IO', async () => {
    const desk = new Desk()
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    const io = new Server(host.server('/socket.io'))
    host.mount('/', desk.handle)
    const { port } = await started(host)
    const held = exchange(port, get('/held'))
    await desk.arrived(1)
    for (const query of ['socket.io.js', '?EIO=4', '?transport=polling', '?EIO=4&transport=websocket']) {
      expect([query, (await exchange(port, get(`/socket.io/${query}`))).slice(9, 12)]).toEqual([query, '503'])
    }
    desk.release(0)
    await held
    await io.close()
  })

  test('the query of a long poll opens no back door to an app with WebSockets', async () => {
    const [begun, finish] = [defer(), defer()]
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    const app = fastify({ serverFactory: host.serverFactory('/') })
    new WebSocketServer({ server: app.server })
    app.get('/', async () => {
      begun.resolve()
      await finish.promise
      return 'served'
    })
    const { port } = await started(host)
    const held = exchange(port, get('/'))
    await begun.promise
    expect(await exchange(port, get('/?EIO=4&transport=polling'))).toMatch(/^HTTP\/1.1 503/)
    finish.resolve()
    expect(await held).toContain('served')
  })

  test('the query of a long poll opens no back door to an app', async () => {
    const { desk, port } = await serve({ inFlight: 1, queue: 0 })
    const held = exchange(port, get('/held'))
    await desk.arrived(1)
    expect(await exchange(port, get('/?EIO=4&transport=polling'))).toMatch(/^HTTP\/1.1 503/)
    desk.release(0)
    await held
  })

  test('an upgrade of a ws server', async () => {
    const desk = new Desk()
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    const server = host.server('/ws')
    new WebSocketServer({ server }).on('connection', ws => ws.send('hi'))
    host.mount('/', desk.handle)
    const { port } = await started(host)
    const held = exchange(port, get('/held'))
    await desk.arrived(1)
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    await new Promise(resolve => ws.once('message', resolve))
    const closed = new Promise(resolve => ws.once('close', resolve))
    ws.terminate()
    await closed
    desk.release(0)
    await held
  })

  test('an `exempt` that answers late exempts nothing', async () => {
    const exempt = (async () => true) as never
    const { desk, port } = await serve({ inFlight: 1, queue: 0, exempt })
    const held = exchange(port, get('/held'))
    await desk.arrived(1)
    expect(await exchange(port, get('/more'))).toMatch(/^HTTP\/1.1 503 /)
    desk.release(0)
    await held
  })

  test('what `exempt` says', async () => {
    const { desk, port } = await serve({ inFlight: 1, queue: 0, exempt: req => req.url === '/free' })
    const all = ['/held', '/free', '/free'].map(url => exchange(port, get(url)))
    await desk.arrived(3)
    for (const at of [0, 1, 2]) desk.release(at)
    await Promise.all(all)
  })
})

describe('bounds of mounts', () => {
  test('each mount has its own, ahead of the host’s; one that is full does not touch its neighbours', async () => {
    const [desk, other] = [new Desk(), new Desk()]
    const host = newHost({ admission: { inFlight: 3, queue: 0 } })
    host.mount('/a', desk.handle, { admission: { inFlight: 1, queue: 0, retryAfter: 30 } })
    host.mount('/b', other.handle)
    const { port } = await started(host)
    const all = [exchange(port, get('/a'))]
    await desk.arrived(1)
    expect(await exchange(port, get('/a/refused'))).toContain('Retry-After: 30')
    all.push(exchange(port, get('/b/1')), exchange(port, get('/b/2')))
    await other.arrived(2)
    expect(await exchange(port, get('/b/refused'))).toContain('Retry-After: 1\r\n')
    desk.release(0)
    await all[0]
    // Refused by the host's bound, it must have given back its place at the mount's.
    all.push(exchange(port, get('/b/3')))
    await other.arrived(3)
    expect(await exchange(port, get('/a/refused'))).toContain('Retry-After: 1\r\n')
    for (const at of [0, 1, 2]) other.release(at)
    all.push(exchange(port, get('/a/2')))
    await desk.arrived(2)
    desk.release(1)
    await Promise.all(all)
  })

  test('what waits for a place at its mount holds none of the host', async () => {
    const [desk, other] = [new Desk(), new Desk()]
    const host = newHost({ admission: { inFlight: 2, queue: 0 } })
    host.mount('/a', desk.handle, { admission: { inFlight: 1, queue: 1, retryAfter: 30 } })
    host.mount('/b', other.handle)
    const { port } = await started(host)
    const all = [exchange(port, get('/a/1'))]
    await desk.arrived(1)
    all.push(exchange(port, get('/a/2')))
    await turns()
    all.push(exchange(port, get('/b')))
    await other.arrived(1)
    // Both are full: the mount's is asked first.
    expect(await exchange(port, get('/a/refused'))).toContain('Retry-After: 30\r\n')
    desk.release(0)
    await desk.arrived(2)
    desk.release(1)
    other.release(0)
    for (const answer of await Promise.all(all)) expect(answer).toContain('served')
  })

  test('one that waits at both is waited for once: the close of the host goes on when it is let in', async () => {
    const [desk, other] = [new Desk(), new Desk()]
    const app = {}
    const closing = defer()
    const port: HostPort = {
      name: 'app',
      accepts: given => given === app,
      open: () => ({
        handle: desk.handle,
        close: async () => closing.resolve(),
      }),
    }
    const host = newHost({ ports: [port], admission: { inFlight: 2, queue: 5 } })
    host.mount('/a', app, { admission: { inFlight: 1, queue: 5 } })
    host.mount('/b', other.handle)
    const { port: at } = await started(host)
    const all = [exchange(at, get('/a/1'))]
    await desk.arrived(1)
    all.push(exchange(at, get('/a/2')), exchange(at, get('/b/1')))
    await other.arrived(1)
    all.push(exchange(at, get('/b/2')))
    await turns()
    // The host's place goes to the one that has waited for it: /a/2 waits a second time.
    desk.release(0)
    await other.arrived(2)
    const report = host.close()
    other.release(0)
    other.release(1)
    await desk.arrived(2)
    // It is with its app, which is told now.
    await closing.promise
    desk.release(1)
    for (const answer of await Promise.all(all)) expect(answer).toContain('served')
    expect((await report).clean).toBe(true)
  })

  test('one that the host’s refuses gives back its place at once, though its client has to wait for the answer', async () => {
    const [desk, free] = [new Desk(), new Desk()]
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    host.mount('/', desk.handle)
    host.mount('/free', free.handle, { admission: false })
    host.mount('/a', desk.handle, { admission: { inFlight: 1, queue: 0, retryAfter: 30 } })
    const { port } = await started(host)
    const held = exchange(port, get('/held'))
    await desk.arrived(1)
    const client = new RawClient(port).send('GET /free HTTP/1.1\nHost: x\n\nGET /a/1 HTTP/1.1\nHost: x\n\n')
    await free.arrived(1)
    await turns()
    desk.release(0)
    await held
    const second = exchange(port, get('/a/2'))
    await desk.arrived(2)
    desk.release(1)
    expect(await second).toContain('served')
    free.release(0)
    await client.until(/503/)
    client.socket.destroy()
  })

  test('what one of them exempts is exempt from both', async () => {
    const desk = new Desk()
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    const exempt = (req: IncomingMessage) => req.url === '/a/free'
    host.mount('/a', desk.handle, { admission: { inFlight: 1, queue: 0, exempt } })
    const { port } = await started(host)
    const all = [exchange(port, get('/a'))]
    await desk.arrived(1)
    all.push(exchange(port, get('/a/free')))
    await desk.arrived(2)
    for (const at of [0, 1]) desk.release(at)
    await Promise.all(all)
  })

  test('a mount can be exempt from the host’s', async () => {
    const [desk, free] = [new Desk(), new Desk()]
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    host.mount('/', desk.handle)
    host.mount('/free', free.handle, { admission: false })
    const { port } = await started(host)
    const all = ['/', '/free', '/free'].map(url => exchange(port, get(url)))
    await Promise.all([desk.arrived(1), free.arrived(2)])
    expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 503/)
    desk.release(0)
    for (const at of [0, 1]) free.release(at)
    await Promise.all(all)
  })

  test('Express and Fastify apps are held back as they are', async () => {
    const [inExpress, inFastify] = [defer(), defer()]
    const begun = [defer(), defer()]
    const host = newHost()
    const app = express()
    app.get('/e', async (_req, res) => {
      begun[0]?.resolve()
      await inExpress.promise
      res.send('served')
    })
    host.mount('/e', app, { admission: { inFlight: 1, queue: 0 } })
    const api = fastify({ serverFactory: host.serverFactory('/f', { admission: { inFlight: 1, queue: 0 } }) })
    api.get('/f', async () => {
      begun[1]?.resolve()
      await inFastify.promise
      return 'served'
    })
    const { port } = await started(host)
    const all = ['/e', '/f'].map(url => exchange(port, get(url)))
    await Promise.all(begun.map(({ promise }) => promise))
    for (const url of ['/e', '/f']) expect(await exchange(port, get(url))).toMatch(/^HTTP\/1.1 503/)
    inExpress.resolve()
    inFastify.resolve()
    for (const answer of await Promise.all(all)) expect(answer).toContain('served')
    for (const url of ['/e', '/f']) expect(await exchange(port, get(url))).toContain('served')
  })
})

describe('bodies and the end', () => {
  test('a refused upload was not told to go on, and its connection ends', async () => {
    const { desk, port } = await serve({ inFlight: 1, queue: 0 })
    const held = exchange(port, get('/held'))
    await desk.arrived(1)
    const client = new RawClient(port)
    client.send('POST / HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 5\n\n')
    await client.closed
    expect(client.text).toMatch(/^HTTP\/1.1 503/)
    expect(client.text).not.toContain('100 Continue')
    desk.release(0)
    await held
  })

  test('nor is one with another expectation kept', async () => {
    const { desk, port } = await serve({ inFlight: 1, queue: 0 })
    const held = exchange(port, get('/held'))
    await desk.arrived(1)
    const client = new RawClient(port).send('POST / HTTP/1.1\nHost: x\nExpect: more\nContent-Length: 5\n\n')
    await client.closed
    expect(client.text).toMatch(/^HTTP\/1.1 503[\s\S]*Connection: close/)
    desk.release(0)
    await held
  })

  test('an upload that waits is told to go on when it is let in', async () => {
    const { desk, port } = await serve({ inFlight: 1, queue: 1 })
    const held = exchange(port, get('/held'))
    await desk.arrived(1)
    const client = new RawClient(port)
    client.send('POST / HTTP/1.1\nHost: x\nConnection: close\nExpect: 100-continue\nContent-Length: 5\n\n')
    await turns()
    expect(client.text).toBe('')
    desk.release(0)
    await client.until(/100 Continue/)
    await desk.arrived(2)
    desk.release(1)
    await client.closed
    expect(client.text).toContain('served')
    await held
  })

  test('those that wait when the host closes are served; later ones are refused', async () => {
    const { desk, host, port } = await serve({ inFlight: 1, queue: 5 })
    const working = exchange(port, get('/1'))
    const waiting = new RawClient(port).send('GET /2 HTTP/1.1\nHost: x\n\n')
    await desk.arrived(1)
    await turns()
    const report = host.close()
    waiting.send('GET /3 HTTP/1.1\nHost: x\n\n')
    await turns()
    desk.release(0)
    await desk.arrived(2)
    desk.release(1)
    expect(await working).toContain('served')
    await waiting.closed
    expect(waiting.text).toContain('served')
    expect((await report).clean).toBe(true)
    expect(desk.urls).toEqual(['/1', '/2'])
  })

  test('a Fastify that closes with the host serves what had been let wait', async () => {
    const host = newHost({ admission: { inFlight: 1, queue: 5 } })
    const desk = new Desk()
    const api = fastify({ serverFactory: host.serverFactory('/') })
    api.get('/:n', (req, reply) => {
      reply.hijack()
      desk.handle(req.raw, reply.raw)
    })
    const { port } = await started(host)
    const answers = [exchange(port, get('/1'))]
    await desk.arrived(1)
    answers.push(exchange(port, get('/2')))
    await turns()
    const report = host.close()
    desk.release(0)
    await desk.arrived(2)
    desk.release(1)
    for (const answer of answers) expect(await answer).toContain('served')
    expect((await report).clean).toBe(true)
  })

  test('one that waits at the deadline is reported', async () => {
    const { desk, host, port } = await serve({ inFlight: 1, queue: 5 })
    const clients = ['/1', '/2'].map(path => new RawClient(port).send(get(path)))
    await desk.arrived(1)
    await turns()
    expect((await host.close({ deadline: 20 })).requests).toHaveLength(2)
    await Promise.all(clients.map(client => client.closed))
    expect(desk.urls).toHaveLength(1)
  })
})

test.each([
  [{ inFlight: 0 }],
  [{ inFlight: 1.5 }],
  [{ inFlight: 1, queue: -1 }],
  [{ inFlight: 1, maxWait: Number.NaN }],
  [{ inFlight: 1, retryAfter: 0.5 }],
  [{ inFlight: 1, exempt: 'x' as never }],
])('%j is refused at once', admission => {
  expect(() => newHost({ admission })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  expect(() => newHost().mount('/', () => {}, { admission })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
})

describe('what is exempt is decided by who serves it', () => {
  const poll = '/ws/?EIO=4&transport=polling'

  test('a request that looks like a long poll is not, on a server that serves others as well', async () => {
    for (const first of ['handler', 'socket.io'] as const) {
      const host = newHost({ admission: { inFlight: 1, queue: 0 } })
      const server = host.server('/ws')
      const held: ServerResponse[] = []
      const handle = (_req: IncomingMessage, res: ServerResponse) => void held.push(res)
      if (first === 'handler') server.on('request', handle)
      const io = new Server(server, { path: '/ws/io' })
      if (first === 'socket.io') server.on('request', handle)
      const { port } = await started(host)
      const clients = [1, 2, 3].map(() => new RawClient(port).send(get(poll)))
      await Promise.race(clients.map(client => client.until(/503/)))
      expect(held).toHaveLength(1)
      for (const client of clients) client.socket.destroy()
      io.close()
      await host.close({ deadline: 0 })
    }
  })

  test('long polls are, on a server that has nothing but Socket.IO', async () => {
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    const io = new Server(host.server('/socket.io'))
    const { url } = await started(host)
    const poll = `${url}/socket.io/?EIO=4&transport=polling`
    const opened = await Promise.all([1, 2, 3].map(async () => (await fetch(poll)).text()))
    const sids = opened.map(text => JSON.parse(text.slice(1)).sid)
    // Each of them is held until something is sent.
    const held = sids.map(sid => fetch(`${poll}&sid=${sid}`).then(response => response.status))
    await turns()
    expect((await fetch(poll)).status).toBe(200)
    io.close()
    await Promise.allSettled(held)
  })
})
