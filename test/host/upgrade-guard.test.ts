/** A guard in one app, and something that takes upgrades behind it: no offer gets by without the guard. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import websocket from '@fastify/websocket'
import connect from 'connect'
import { Hono } from 'hono'
import Koa from 'koa'
import WebSocket, { WebSocketServer } from 'ws'
import { createHost, fetchHandler, type Host, taskletHandler } from '../../src/host/index.js'
import { express, express4, fastify } from './frameworks.js'
import { closeHosts, exchange, newHost, started } from './support.js'

afterEach(closeHosts)

type Next = (error?: unknown) => void
const refused = (req: IncomingMessage) => req.headers.authorization !== 'ok'
const guard = (req: IncomingMessage, res: ServerResponse, next: Next) => {
  if (refused(req)) {
    res.statusCode = 401
    res.end('no')
  } else next()
}

const handOver = { handOver: true, accept: ['case', 'trailing-slash', 'spelling', 'trust-proxy'] } as const
const fronts: Record<string, (host: Host) => unknown> = {
  'Express 5': host => host.mount('/', express().use(guard), handOver),
  'Express 4': host => host.mount('/', express4().use(guard), handOver),
  Connect: host => host.mount('/', connect().use(guard), handOver),
  'a function': host => host.mount('/', guard, handOver),
  Koa: host => {
    const app = new Koa()
    app.use(async (ctx, next) => {
      if (!refused(ctx.req)) return next()
      ctx.status = 401
      ctx.body = 'no'
    })
    host.mount('/', app, handOver)
  },
  Hono: host => {
    const app = new Hono()
    app.use(async (c, next) => (c.req.header('authorization') === 'ok' ? next() : c.text('no', 401)))
    host.mount('/', app, handOver)
  },
  'a fetch function': host => {
    const front = (request: Request) =>
      request.headers.get('authorization') === 'ok' ? null : new Response('no', { status: 401 })
    host.mount('/', fetchHandler(front), handOver)
  },
  'a tasklet': host => {
    const front = taskletHandler(function* (req, res, next) {
      guard(req, res, next)
    })
    host.mount('/', front, handOver)
  },
}

const hello = (sockets: WebSocketServer) => sockets.on('connection', ws => ws.send('hello'))
const backs: Record<string, (host: Host) => unknown> = {
  ws: host => hello(new WebSocketServer({ server: host.server('/', handOver) })),
  '@fastify/websocket': host => {
    const app = fastify({ serverFactory: host.serverFactory('/', { accept: handOver.accept }) })
    app.register(websocket)
    app.get('/secret', async () => 'SECRET')
    app.register(async routes => {
      routes.get('/live', { websocket: true }, ws => ws.send('hello'))
    })
  },
  'a listener, for any protocol': host => {
    const sockets = hello(new WebSocketServer({ noServer: true }))
    host.server('/').on('upgrade', (req, socket, head) => {
      if (req.headers.upgrade !== 'websocket') socket.end('HTTP/1.1 200 OK\r\n\r\nSECRET')
      else sockets.handleUpgrade(req, socket, head, ws => sockets.emit('connection', ws, req))
    })
  },
  'a host': host => {
    const inner = createHost()
    hello(new WebSocketServer({ server: inner.server('/') }))
    host.mount('/', inner, { accept: handOver.accept })
  },
}
const pairs = Object.keys(fronts).flatMap(front => Object.keys(backs).map(back => [front, back] as const))

const offer = (path: string, more: string) => `GET ${path} HTTP/1.1\nHost: x\nConnection: close, upgrade\n${more}\n`

async function assertGuarded(port: number): Promise<void> {
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n'
  for (const path of ['/live', '/secret']) {
    for (const more of ['Upgrade: x\n', 'Upgrade: websocket\n', `Upgrade: websocket\n${key}`, `Upgrade: x\n${key}`]) {
      const text = await exchange(port, offer(path, more))
      expect(text).not.toMatch(/SECRET|hello| 101 /)
      expect([path, more, text.slice(0, 12)]).toEqual([path, more, 'HTTP/1.1 401'])
      expect(text.match(/HTTP\/1.1/g)).toHaveLength(1)
    }
  }
  const ws = new WebSocket(`ws://127.0.0.1:${port}/live`, { headers: { authorization: 'ok' } })
  expect(String((await once(ws, 'message'))[0])).toBe('hello')
  ws.terminate()
}

test.each(pairs)('%s in front of %s', async (front, back) => {
  const host = newHost()
  fronts[front]?.(host)
  backs[back]?.(host)
  const { port } = await started(host)
  await assertGuarded(port)
})
