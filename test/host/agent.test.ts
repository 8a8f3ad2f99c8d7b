import { once } from 'node:events'
import { get as httpGet, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import express from 'express'
import fastify from 'fastify'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import { type Host, requestScope } from '../../src/host/index.js'
import { meantWarnings } from '../warnings.js'
import { closeHosts, defer, exchange, newHost, started, turns } from './support.js'

meantWarnings(/its onListen hooks will not run/)

afterEach(closeHosts)

function ask(
  host: Host,
  path: string,
  body?: string,
): Promise<{ text: string; socket: unknown; res: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const req = request({ agent: host.agent, path, method: body === undefined ? 'GET' : 'POST' }, async res => {
      const { socket } = res
      let text = ''
      for await (const chunk of res.setEncoding('utf8')) text += chunk
      resolve({ text, socket, res })
    })
    req.on('error', reject).end(body)
  })
}

const connectionsOf = (host: Host) =>
  (host as unknown as { traffic: { connections: Set<unknown> } }).traffic.connections.size

describe('HTTP', () => {
  test('any client of node:http, whatever its URL says, before the host listens and after', async () => {
    const host = newHost()
    host.mount(
      '/',
      express().use((req, res) => void res.send(`Express ${req.hostname}`)),
    )
    host.mount(
      '/f',
      fastify().get('/f', async () => 'Fastify'),
    )
    const text = (url: string) =>
      new Promise(resolve => {
        httpGet(url, { agent: host.agent }, async res => {
          let all = ''
          for await (const chunk of res) all += chunk
          resolve(all)
        })
      })
    expect(await text('http://shop.example/')).toBe('Express shop.example')
    await started(host)
    expect(await text('http://localhost:1/f')).toBe('Fastify')
  })

  test('keeps connections alive, and lets them go when the host closes', async () => {
    const host = newHost().mount('/', (req: IncomingMessage, res: ServerResponse) => void req.pipe(res))
    const first = await ask(host, '/', 'one')
    await turns()
    const second = await ask(host, '/', 'two')
    expect([first.text, second.text, second.socket]).toEqual(['one', 'two', first.socket])
    expect(connectionsOf(host)).toBe(1)
    const gone = once(second.socket as Duplex, 'close')
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
    await gone
    await expect(ask(host, '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('lets an idle connection go after keepAliveTimeout', async () => {
    const host = newHost({ http: { keepAliveTimeout: 1 } })
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end())
    const socket = host.agent.createConnection({}) as Duplex
    socket.resume().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'close')
    expect(connectionsOf(host)).toBe(0)
  })

  test('times slow clients out, as the network’s', async () => {
    const host = newHost({ http: { headersTimeout: 10, connectionsCheckingInterval: 5 } })
    const socket = host.agent.createConnection({}) as Duplex
    socket.write('GET / HTTP/1.1\r\n')
    let text = ''
    for await (const chunk of socket) text += chunk
    expect(text).toBe('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
  })

  test.each([
    [
      'pipelined requests',
      'GET /a HTTP/1.1\nHost: x\n\nPOST /b HTTP/1.1\nHost: x\nContent-Length: 2\n\nhiGET /c HTTP/1.0\n\n',
    ],
    [
      'a chunked body',
      'POST / HTTP/1.1\nHost: x\nConnection: close\nTransfer-Encoding: chunked\n\n3\nabc\n0\nx: y\n\n',
    ],
    ['rubbish', 'rubbish\n\n'],
    ['rubbish behind requests', 'GET /a HTTP/1.1\nHost: x\n\nGET /b HTTP/1.1\nHost: x\n\nrubbish\n\n'],
  ])('raw bytes, answered as by the network: %s', async (_what, bytes) => {
    const host = newHost().mount('/', (req: IncomingMessage, res: ServerResponse) => void req.pipe(res))
    const { port } = await started(host)
    const socket = host.agent.createConnection({}) as Duplex
    let text = ''
    socket.setEncoding('latin1').on('data', chunk => {
      text += chunk
    })
    socket.write(bytes.replaceAll('\n', '\r\n'))
    await once(socket, 'close')
    expect(text.replaceAll(/Date: .*/g, 'Date: -')).toBe(
      (await exchange(port, bytes)).replaceAll(/Date: .*/g, 'Date: -'),
    )
  })

  test('large bodies both ways, held back where nobody reads', async () => {
    const host = newHost()
    let received = 0
    const reading = defer()
    host.mount('/', async (req: IncomingMessage, res: ServerResponse) => {
      if (req.url === '/slow') await reading.promise
      for await (const chunk of req) received += chunk.length
      res.end(Buffer.alloc(8 << 20))
    })
    const chunk = Buffer.alloc(1 << 16)
    const req = request({ agent: host.agent, path: '/slow', method: 'POST' })
    let written = 0
    while (req.write(chunk)) written += chunk.length
    for (let i = 0; i < 20 && !req.writableNeedDrain; i++) await turns()
    expect(req.writableNeedDrain).toBe(true)
    expect(written).toBeLessThan(1 << 20)
    reading.resolve()
    for (; written < 8 << 20; written += chunk.length) if (!req.write(chunk)) await once(req, 'drain')
    req.end()
    const [res] = await once(req, 'response')
    let length = 0
    for await (const part of res) length += part.length
    expect([received >= 8 << 20, length]).toEqual([true, 8 << 20])
  })

  test('each connection has a port of its own, and the listeners of any other', async () => {
    const host = newHost()
    const listeners = new Set<number>()
    host.mount('/', ({ socket }: IncomingMessage, res: ServerResponse) => {
      listeners.add(socket.listenerCount('error'))
      res.end(String(socket.remotePort))
    })
    const { url } = await started(host)
    const [one, two] = [await host.inject('/'), await host.inject('/')]
    expect(new Set([one.text(), two.text(), await (await fetch(url)).text()]).size).toBe(3)
    expect(listeners.size).toBe(1)
  })

  test('an answer that was given before the close is read to its end', async () => {
    const BIG = 4 << 20
    const host = newHost()
    const answered = defer()
    host.mount('/', async (_req: IncomingMessage, res: ServerResponse) => {
      for (let size = 0; size < BIG; size += 1 << 18) {
        res.write(Buffer.alloc(1 << 18))
        await turns()
      }
      res.end()
      expect(res.writableFinished).toBe(false)
      answered.resolve()
    })
    const req = request({ agent: host.agent, path: '/' }).end()
    const [res] = await once(req, 'response')
    await answered.promise
    const closed = host.close({ deadline: 600_000 })
    await turns()
    let length = 0
    for await (const part of res) length += part.length
    expect(length).toBe(BIG)
    expect((await closed).clean).toBe(true)
  })

  test('a client that is destroyed is gone, and the server’s end of it shows what Node shows', async () => {
    const host = newHost()
    const events: string[] = []
    const gone = defer()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      for (const event of ['aborted', 'error', 'close']) req.on(event, () => events.push(`req ${event}`))
      res.on('close', () => events.push(`res close ${res.writableEnded}`))
      requestScope(req).signal.addEventListener('abort', () => gone.resolve())
      res.write('begun')
    })
    const req = request({ agent: host.agent, path: '/' }).end()
    const [res] = await once(req, 'response')
    res.destroy()
    await gone.promise
    await turns()
    expect(events).toEqual(['req aborted', 'res close false', 'req error', 'req close'])
  })

  test.each(['destroy', 'resetAndDestroy'] as const)(
    'a client that leaves by %s() before the host has it',
    async leave => {
      const host = newHost().mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end())
      // It is not ready at once.
      host.mount('/f', fastify().register(turns))
      const socket = host.agent.createConnection({}) as Socket
      socket.write('GET / HTTP/1.1\r\n')
      socket[leave]()
      expect((await host.inject('/')).status).toBe(200)
      await turns()
      expect(connectionsOf(host)).toBe(0)
    },
  )

  test('1 000 requests in turn with the network’s, on one connection each', async () => {
    const host = newHost()
    const ports = new Set<number | undefined>()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      ports.add(req.socket.remotePort)
      req.pipe(res)
    })
    const { url } = await started(host)
    for (let i = 0; i < 1_000; i++) {
      expect(await (await fetch(url, { method: 'POST', body: `${i}` })).text()).toBe(`${i}`)
      expect((await ask(host, '/', `${i}`)).text).toBe(`${i}`)
    }
    expect(connectionsOf(host)).toBeLessThanOrEqual(3)
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
  })
})

describe('WebSockets', () => {
  function echo() {
    const host = newHost()
    const server = new WebSocketServer({ server: host.server('/ws') })
    server.on('connection', ws => ws.on('message', (data, binary) => ws.send(data, { binary })))
    return { host, server }
  }
  const open = async (host: Host, url = 'ws://host/ws') => {
    const ws = new WebSocket(url, { agent: host.agent })
    await once(ws, 'open')
    return ws
  }

  test('text and bytes of any size', async () => {
    const { host } = echo()
    const ws = await open(host)
    for (const message of ['hello', '', Buffer.of(0, 255), Buffer.alloc(3 << 20, 7)]) {
      ws.send(message)
      const [data] = await once(ws, 'message')
      expect(Buffer.compare(data, Buffer.from(message))).toBe(0)
    }
    ws.close(4000, 'bye')
    expect((await once(ws, 'close')).map(String)).toEqual(['4000', 'bye'])
    await turns()
    expect(connectionsOf(host)).toBe(0)
  })

  test('a path that nobody takes is refused', async () => {
    const { host } = echo()
    await expect(open(host, 'ws://host/other')).rejects.toThrow('404')
  })

  test('1 000 connections in turn with the network’s', async () => {
    const { host } = echo()
    const { port } = await started(host)
    for (let i = 0; i < 1_000; i++) {
      const ws = new WebSocket(
        i % 2 === 0 ? 'ws://host/ws' : `ws://127.0.0.1:${port}/ws`,
        i % 2 === 0 ? { agent: host.agent } : {},
      )
      await once(ws, 'open')
      ws.send(`${i}`)
      expect(String((await once(ws, 'message'))[0])).toBe(`${i}`)
      ws.close()
      await once(ws, 'close')
    }
    await turns()
    expect(connectionsOf(host)).toBe(0)
  })

  test('are part of a drain', async () => {
    const { host } = echo()
    const ws = await open(host)
    const closed = once(ws, 'close')
    expect(await host.close()).toMatchObject({ clean: true, upgrades: 0 })
    expect((await closed)[0]).toBe(1001)
  })
})

describe('Socket.IO', () => {
  test.each([[['polling']], [['websocket']], [['polling', 'websocket']]])('over %j', async transports => {
    const host = newHost()
    const server = new Server(host.server('/socket.io'))
    server.on('connection', socket => socket.on('double', (n, done) => done(2 * n)))
    // Its types know agents by a string only.
    const client = io('http://host', { agent: host.agent as never, transports, forceNew: true, reconnection: false })
    for (let i = 0; i < 20; i++) expect(await client.emitWithAck('double', i)).toBe(2 * i)
    if (transports.length > 1) {
      if (client.io.engine.transport.name !== 'websocket') await once(client.io.engine as never, 'upgrade')
      expect(await client.emitWithAck('double', 21)).toBe(42)
    }
    const left = new Promise(resolve => client.once('disconnect', resolve))
    expect((await host.close()).clean).toBe(true)
    await left
  })
})

test('a host that serves in memory only need not listen before the process ends', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const host = newHost()
  const app = fastify({ serverFactory: host.serverFactory('/') })
  app.get('/', async () => 'hello')
  expect((await host.inject('/')).text()).toBe('hello')
  process.emit('beforeExit', 0)
  expect(warn).not.toHaveBeenCalled()
  warn.mockRestore()
})
