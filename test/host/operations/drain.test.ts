import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { Server } from 'socket.io'
import { io as connectClient } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import type { HostPort } from '../../../src/adapters/port.js'
import { never, until } from '../../../src/core/index.js'
import { requestScope, taskletHandler } from '../../../src/host/index.js'
import { type VirtualClock, virtualClock } from '../../../src/testing/index.js'
import { closeHosts, defer, newHost, RawClient, started, turns } from '../support.js'

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

const clean = { clean: true, requests: [], tasklets: 0, upgrades: 0, connections: 0, mounts: [], errors: [] }

/** What a WebSocket client hears at its end. */
function webSocket(port: number, path: string) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  const closed = new Promise<number>(resolve => ws.once('close', resolve))
  return { ws, closed, open: new Promise(resolve => ws.once('open', resolve)) }
}

/** Resolves when all that the server has sent so far has come, while the client is open. */
function heardAll(ws: WebSocket): Promise<void> {
  return new Promise(resolve => {
    ws.once('pong', () => resolve()).once('close', () => resolve())
    ws.ping()
  })
}

function socketIo(url: string, transport: string) {
  const client = connectClient(url, { transports: [transport], forceNew: true, reconnection: false })
  return {
    client,
    open: new Promise<void>(resolve => client.on('connect', resolve)),
    closed: new Promise<string>(resolve => client.once('disconnect', resolve)),
  }
}

test('with every kind of client, in order: serve on, stop, tell, wait, kill, destroy, report', async () => {
  const log: string[] = []
  const host = newHost()
  const [finish, uploaded] = [defer(), defer()]
  const app = express()
  app.get('/now', (_req, res) => void res.send('now'))
  app.get('/slow', async (_req, res) => {
    await finish.promise
    res.send('slow')
  })
  app.post('/upload', (req, res) => {
    let size = 0
    req.on('data', chunk => {
      size += chunk.length
      uploaded.resolve()
    })
    req.on('end', () => res.send(`got ${size}`))
  })
  app.get('/stream', (_req, res) => {
    res.type('text/event-stream').write('data: 1\n\n')
    host.closing.addEventListener('abort', () => res.end('data: bye\n\n'))
  })
  const endless = taskletHandler(function* (_req: IncomingMessage, res: ServerResponse) {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    try {
      yield* never
    } finally {
      log.push(`killed while its connection is ${res.destroyed ? 'gone' : 'there'}`)
    }
  })
  app.get('/endless', endless)
  host.mount('/', app)
  const io = new Server(host.server('/socket.io'))
  const wss = new WebSocketServer({ server: host.server('/ws') })
  const heard = defer()
  wss.on('connection', ws => {
    ws.on('close', code => {
      log.push(`the ws server hears ${code}`)
      heard.resolve()
    })
  })
  const { port, url } = await started(host)

  const ws = webSocket(port, '/ws')
  const [poll, socket] = [socketIo(url, 'polling'), socketIo(url, 'websocket')]
  await Promise.all([ws.open, poll.open, socket.open])
  const [idle, pipelined, upload, stream, sse] = Array.from({ length: 5 }, () => new RawClient(port))
  if (!idle || !pipelined || !upload || !stream || !sse) throw new Error('unreachable')
  idle.send('GET /now HTTP/1.1\nHost: x\n\n')
  pipelined.send('GET /slow HTTP/1.1\nHost: x\n\nGET /now HTTP/1.1\nHost: x\n\n')
  upload.send('POST /upload HTTP/1.1\nHost: x\nContent-Length: 10\n\n12345')
  stream.send('GET /stream HTTP/1.1\nHost: x\n\n')
  sse.send('GET /endless HTTP/1.1\nHost: x\n\n')
  await Promise.all([idle.until(/now$/), uploaded.promise, stream.until(/data: 1/), sse.until(/data: 1/)])

  const report = host.close({ readinessDelay: 2000, deadline: 5000 }).finally(() => log.push('closed'))
  await clock.advance(999)
  // It serves as before, new connections included.
  expect(host.listening).toBe(true)
  expect(await (await fetch(`${url}/now`)).text()).toBe('now')
  idle.send('GET /now HTTP/1.1\nHost: x\n\n')
  await idle.until(/Connection: keep-alive/, 2)
  await clock.advance(1)
  // It still does, and asks clients to take their next request elsewhere.
  const late = new RawClient(port).send('GET /now HTTP/1.1\nHost: x\n\n')
  await late.closed
  expect(late.text).toMatch(/Connection: close[\s\S]*now$/)
  idle.send('GET /now HTTP/1.1\nHost: x\n\n')
  await idle.closed
  expect(idle.text).toMatch(/Connection: close[\s\S]*now$/)
  expect(host.closing.aborted).toBe(false)
  expect(ws.ws.readyState).toBe(WebSocket.OPEN)
  await clock.advance(1000)

  expect(host.listening).toBe(false)
  expect(host.closing.aborted).toBe(true)
  await expect(fetch(`${url}/now`)).rejects.toThrow()
  expect(await ws.closed).toBe(1001)
  await Promise.all([poll.closed, socket.closed, heard.promise])
  await stream.closed
  expect(stream.text).toMatch(/bye\n\n\r\n0\r\n\r\n$/)
  expect(log).toEqual(['the ws server hears 1001'])
  upload.send('67890')
  await upload.closed
  expect(upload.text).toMatch(/Connection: close[\s\S]*got 10$/)
  await clock.advance(4999)
  expect(pipelined.text).toBe('')
  finish.resolve()
  await pipelined.closed
  // The second answer had been written, and waited for the first.
  expect(pipelined.text).toMatch(/slow(?=HTTP)[\s\S]*now$/)
  expect(log).toEqual(['the ws server hears 1001'])
  await clock.advance(1)
  await sse.closed
  expect(await report).toEqual({ ...clean, clean: false, requests: ['GET /endless'], tasklets: 1 })
  expect(log).toEqual(['the ws server hears 1001', 'killed while its connection is there', 'closed'])
  await io.close()
})

describe('the delay', () => {
  test('a host that does not listen yet does not wait, and one without connections does', async () => {
    expect(await newHost().close({ readinessDelay: 1000 })).toEqual(clean)
    const host = newHost()
    await started(host)
    let closed = false
    const report = host.close({ readinessDelay: 1000 }).finally(() => {
      closed = true
    })
    await clock.advance(999)
    expect(closed).toBe(false)
    await clock.advance(1)
    expect(await report).toEqual(clean)
  })

  test('nothing is mounted any more', async () => {
    const host = newHost()
    await started(host)
    const report = host.close({ readinessDelay: 1000 })
    expect(() => host.mount('/', () => {})).toThrow(expect.objectContaining({ code: 'HOST_STATE' }))
    await clock.advance(1000)
    await report
  })

  test('is refused where it is no time', async () => {
    await expect(newHost().close({ readinessDelay: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a response that was begun when its client is to leave keeps its connection for the next request', async () => {
    const [begun, finish] = [defer(), defer()]
    const host = newHost()
    host.mount('/', async (req, res) => {
      if (req.url !== '/1') return res.end('second')
      res.write('first ')
      begun.resolve()
      await finish.promise
      res.end('done')
    })
    const { port } = await started(host)
    const client = new RawClient(port).send('GET /1 HTTP/1.1\nHost: x\n\n')
    await begun.promise
    const report = host.close({ readinessDelay: 1000 })
    await clock.advance(500)
    client.send('GET /2 HTTP/1.1\nHost: x\n\n')
    await turns()
    finish.resolve()
    await client.closed
    expect(client.text).toMatch(/keep-alive[\s\S]*done[\s\S]*Connection: close[\s\S]*second$/)
    await clock.advance(500)
    expect(await report).toEqual(clean)
  })

  test('of pipelined requests the last one ends the connection; what comes after its head is not served', async () => {
    const gates = [defer(), defer()]
    const served: string[] = []
    const host = newHost()
    host.mount('/', async (req, res) => {
      served.push(req.url ?? '')
      if (req.url === '/1') await gates[0]?.promise
      if (req.url === '/2') {
        await gates[0]?.promise
        res.write('second ')
        await gates[1]?.promise
      }
      res.end(`${req.url} done`)
    })
    const { port } = await started(host)
    const report = host.close({ readinessDelay: 1000 })
    await clock.advance(500)
    const client = new RawClient(port).send('GET /1 HTTP/1.1\nHost: x\n\nGET /2 HTTP/1.1\nHost: x\n\n')
    while (served.length < 2) await turns()
    gates[0]?.resolve()
    await client.until(/second/)
    client.send('GET /3 HTTP/1.1\nHost: x\n\n')
    await turns()
    gates[1]?.resolve()
    await client.closed
    expect(client.text).toMatch(/keep-alive[\s\S]*\/1 done[\s\S]*Connection: close[\s\S]*\/2 done\r\n0\r\n\r\n$/)
    expect(served).toEqual(['/1', '/2'])
    await clock.advance(500)
    expect(await report).toEqual(clean)
  })
})

describe('WebSocket clients', () => {
  async function withWebSockets(listen: (server: ReturnType<ReturnType<typeof newHost>['server']>) => WebSocketServer) {
    const host = newHost()
    const wss = listen(host.server('/ws'))
    const { port } = await started(host)
    const client = webSocket(port, '/ws')
    await client.open
    return { host, wss, port, ...client }
  }

  test('whose server listens to the close of its HTTP server hear what that says, and nothing of ours', async () => {
    const { host, closed, ws } = await withWebSockets(server => {
      const wss = new WebSocketServer({ server })
      server.on('close', () => {
        for (const client of wss.clients) client.close(4000, 'bye')
      })
      return wss
    })
    const frames: unknown[] = []
    ws.on('message', data => frames.push(data))
    expect(await host.close()).toEqual(clean)
    expect(await closed).toBe(4000)
  })

  test('whose server hears nothing are told 1001, behind the frames that it has written', async () => {
    const { host, wss, closed, ws } = await withWebSockets(server => new WebSocketServer({ server }))
    const messages: string[] = []
    ws.on('message', data => messages.push(String(data).slice(0, 3)))
    for (const server of wss.clients) {
      server.send('one'.repeat(100_000))
      server.send('two')
    }
    expect(await host.close()).toEqual(clean)
    expect(await closed).toBe(1001)
    expect(messages).toEqual(['one', 'two'])
  })

  test('compressed messages and an unfinished fragmented one do not garble the goodbye', async () => {
    const host = newHost()
    const wss = new WebSocketServer({ server: host.server('/ws'), perMessageDeflate: { threshold: 0 } })
    const { port } = await started(host)
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: true })
    const failed = jest.fn()
    ws.on('error', failed)
    const closed = new Promise<number>(resolve => ws.once('close', resolve))
    await new Promise(resolve => ws.once('open', resolve))
    for (const server of wss.clients) {
      server.send('x'.repeat(1 << 20))
      server.send('the first half', { fin: false })
    }
    expect((await host.close()).clean).toBe(true)
    expect(await closed).toBe(1001)
    expect(failed).not.toHaveBeenCalled()
  })

  test('those that come by memory are told, too', async () => {
    const host = newHost()
    new WebSocketServer({ server: host.server('/ws') })
    const ws = new WebSocket('ws://host/ws', { agent: host.agent })
    const closed = new Promise<number>(resolve => ws.once('close', resolve))
    await new Promise(resolve => ws.once('open', resolve))
    expect(await host.close()).toEqual(clean)
    expect(await closed).toBe(1001)
  })

  test('an upgrade that has not been answered is left alone until the deadline', async () => {
    const host = newHost()
    const offered = defer()
    host.server('/ws').on('upgrade', () => offered.resolve())
    const { port } = await started(host)
    const client = new RawClient(port)
    client.send('GET /ws HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n\n')
    await offered.promise
    const report = host.close({ deadline: 3000 })
    await clock.advance(2999)
    expect(client.text).toBe('')
    await clock.advance(1)
    expect(await report).toEqual({ ...clean, clean: false, upgrades: 1 })
    await client.closed
    expect(client.text).toBe('')
  })

  test('one to which its server has said all it had to say gets nothing more', async () => {
    const host = newHost()
    const errors: unknown[] = []
    host.server('/ws').on('upgrade', (_req, socket) => {
      socket.on('error', error => errors.push(error))
      socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nhello')
    })
    const { port } = await started(host)
    const client = new RawClient(port, { allowHalfOpen: true })
    client.send('GET /ws HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n\n')
    await client.until(/hello/)
    await turns()
    const report = host.close({ deadline: 3000 })
    await clock.advance(2000)
    client.socket.end()
    await client.closed
    await clock.advance(1000)
    await report
    expect(errors).toEqual([])
  })

  test('a socket of another protocol gets no frame', async () => {
    const host = newHost()
    host.server('/raw').on('upgrade', (_req, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello'))
    const { port } = await started(host)
    const client = new RawClient(port).send('GET /raw HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: raw\n\n')
    await client.until(/hello/)
    const report = host.close({ deadline: 3000 })
    await clock.advance(3000)
    expect(await report).toEqual({ ...clean, clean: false, upgrades: 1 })
    await client.closed
    expect(client.text).toMatch(/hello$/)
  })

  test('one that does not answer the goodbye is destroyed at the deadline, and reported', async () => {
    const host = newHost()
    new WebSocketServer({ server: host.server('/ws') })
    const { port } = await started(host)
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13'
    const client = new RawClient(port)
    client.send(`GET /ws HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n${key}\n\n`)
    await client.until(/101/)
    const report = host.close({ deadline: 3000 })
    await clock.advance(3000)
    expect(await report).toEqual({ ...clean, clean: false, upgrades: 1 })
    await client.closed
    // One frame, once.
    expect(client.text.slice(client.text.indexOf('\r\n\r\n') + 4)).toBe('\x88\x02\x03\xe9')
  })

  test('of a prebuilt Fastify are left to it at first, too', async () => {
    const { default: fastify } = await import('fastify')
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const host = newHost()
    const app = fastify()
    new WebSocketServer({ server: app.server })
    host.mount('/', app)
    const { port } = await started(host)
    warn.mockRestore()
    const client = webSocket(port, '/ws')
    await client.open
    const report = host.close({ deadline: 3000 })
    await clock.advance(999)
    await heardAll(client.ws)
    expect(client.ws.readyState).toBe(WebSocket.OPEN)
    await clock.advance(1)
    expect(await client.closed).toBe(1001)
    expect(await report).toEqual(clean)
  })

  test('of a server that the host is attached to are told at once, and waited for', async () => {
    const server = createServer()
    await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
    const host = newHost()
    new WebSocketServer({ server: host.server('/ws') })
    await host.attach(server)
    const { port } = server.address() as AddressInfo
    const client = webSocket(port, '/ws')
    await client.open
    const report = host.close({ deadline: 3000 })
    expect(await client.closed).toBe(1001)
    expect(await report).toEqual(clean)
    server.close()
  })

  test('that stay on a server that the host is attached to keep the host from closing', async () => {
    const server = createServer()
    await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
    const host = newHost()
    host.server('/raw').on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello')
      socket.on('end', () => socket.end())
      socket.resume()
    })
    await host.attach(server)
    const client = new RawClient((server.address() as AddressInfo).port)
    client.send('GET /raw HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: raw\n\n')
    await client.until(/hello/)
    let closed = false
    const report = host.close({ deadline: 3000 }).finally(() => {
      closed = true
    })
    await clock.advance(2999)
    await turns()
    expect(closed).toBe(false)
    client.socket.end()
    expect(await report).toEqual(clean)
    server.close()
  })

  test('those that share a Fastify with other routes are told after its own hooks had their time', async () => {
    const { default: fastify } = await import('fastify')
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/') })
    new WebSocketServer({ server: app.server })
    const hooks: string[] = []
    app.addHook('preClose', async () => void hooks.push('preClose'))
    app.addHook('onClose', async () => void hooks.push('onClose'))
    const { port } = await started(host)
    const client = webSocket(port, '/ws')
    await client.open
    const report = host.close({ deadline: 3000 })
    await clock.advance(999)
    await heardAll(client.ws)
    expect(client.ws.readyState).toBe(WebSocket.OPEN)
    await clock.advance(1)
    expect(await client.closed).toBe(1001)
    expect(await report).toEqual(clean)
    expect(hooks).toEqual(['preClose', 'onClose'])
  })
})

describe('the deadline', () => {
  test('is eight seconds, unless something else is said', async () => {
    const begun = defer()
    const host = newHost().mount('/', () => begun.resolve())
    const { port } = await started(host)
    new RawClient(port).send('GET /hangs HTTP/1.1\nHost: x\n\n')
    await begun.promise
    let closed = false
    const report = host.close().finally(() => {
      closed = true
    })
    await clock.advance(7999)
    await turns()
    expect(closed).toBe(false)
    await clock.advance(1)
    expect(await report).toEqual({ ...clean, clean: false, requests: ['GET /hangs'] })
  })

  test('of a close that needs none of it leaves no timer', async () => {
    const host = newHost()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end())
    await started(host)
    expect(await host.close({ readinessDelay: 0, deadline: 5000 })).toEqual(clean)
    expect(clock.pending).toBe(0)
  })

  test('hits tasklets whose request has been answered, and each is counted', async () => {
    const killed: string[] = []
    const work = function* (name: string) {
      try {
        yield* never
      } finally {
        killed.push(name)
      }
    }
    const host = newHost()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      const scope = requestScope(req)
      scope.go(() => work('one'))
      scope.go(() => work('two'))
      res.end('answered')
    })
    const { url } = await started(host)
    expect(await (await fetch(url)).text()).toBe('answered')
    const report = host.close({ deadline: 3000 })
    await clock.advance(2999)
    expect(killed).toEqual([])
    await clock.advance(1)
    expect(await report).toEqual({ ...clean, clean: false, tasklets: 2 })
    expect(killed.sort()).toEqual(['one', 'two'])
  })

  test('leaves the cleanup of a tasklet a turn, in which it can still answer', async () => {
    const host = newHost()
    const begun = defer()
    host.mount(
      '/',
      taskletHandler(function* (_req, res) {
        try {
          begun.resolve()
          yield* never
        } finally {
          for (let i = 0; i < 50; i++) yield* until(Promise.resolve())
          res.end('sorry')
        }
      }),
    )
    const { port } = await started(host)
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await begun.promise
    const report = host.close({ deadline: 1000 })
    await clock.advance(1000)
    expect(await report).toMatchObject({ clean: false, requests: ['GET /'], tasklets: 1 })
    await client.closed
    expect(client.text).toMatch(/sorry$/)
  })

  test.each([true, false])('gives apps a last chance for their own cleanup; one failed: %s', async fails => {
    const cleanup = defer()
    const close = (fn: () => Promise<void>): HostPort => {
      const app = {}
      const port = { name: 'app', accepts: (given: unknown) => given === app, open: () => ({ close: fn }), app }
      return port
    }
    const ports = [
      close(() => cleanup.promise),
      close(() => (fails ? Promise.reject(new Error('no')) : Promise.resolve())),
    ]
    const host = newHost({ ports })
    ports.forEach((port, at) => void host.mount(`/${at}`, (port as HostPort & { app: object }).app))
    await started(host)
    const report = host.close({ deadline: 3000 })
    await clock.advance(3000)
    await turns()
    await clock.advance(499)
    cleanup.resolve()
    expect(await report).toEqual({ ...clean, clean: !fails, errors: fails ? [new Error('no')] : [] })
  })

  test('ends the last chance, too: who has not closed by then is named', async () => {
    const app = {}
    const never: HostPort = {
      name: 'app',
      accepts: given => given === app,
      open: () => ({ close: () => new Promise(() => {}) }),
    }
    const host = newHost({ ports: [never] }).mount('/slow', app)
    await started(host)
    const report = host.close({ deadline: 3000 })
    await clock.advance(3000)
    await turns()
    await clock.advance(500)
    expect(await report).toEqual({ ...clean, clean: false, mounts: ['/slow'] })
  })

  test('may be shorter than what an app has for its own goodbye: its clients are told all the same', async () => {
    const { default: fastify } = await import('fastify')
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/') })
    new WebSocketServer({ server: app.server })
    const { port } = await started(host)
    const client = webSocket(port, '/ws')
    await client.open
    const report = host.close({ deadline: 500 })
    await clock.advance(500)
    expect(await client.closed).toBe(1001)
    expect(await report).toEqual({ ...clean, clean: false, upgrades: 1 })
  })
})

test('the deadline counts from the end of the delay, and is kept', async () => {
  const begun = defer()
  const host = newHost()
  host.mount('/', () => begun.resolve())
  const { port } = await started(host)
  const client = new RawClient(port).send('GET /hangs HTTP/1.1\nHost: x\n\n')
  await begun.promise
  let closed = false
  const report = host.close({ readinessDelay: 1000, deadline: 3000 }).finally(() => {
    closed = true
  })
  await clock.advance(3999)
  await turns()
  expect(closed).toBe(false)
  await clock.advance(1)
  expect(await report).toEqual({ ...clean, clean: false, requests: ['GET /hangs'] })
  await client.closed
})
