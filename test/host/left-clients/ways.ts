/** How far clients come before they leave. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import websocket from '@fastify/websocket'
import express from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { WebSocketServer } from 'ws'
import { sleep } from '../../../src/core/index.js'
import { type Host, type HostOptions, requestScope } from '../../../src/host/index.js'

type Handler = (req: IncomingMessage, res: ServerResponse) => void
export interface Way {
  readonly options?: HostOptions
  /** `reached` is called when a client has come as far as it shall. */
  mount(host: Host, reached: () => void): void
  readonly send: string
  /** Whether one client holds the only place of admission all the time. */
  readonly full?: boolean
  /** Whether the client does not read. */
  readonly deaf?: boolean
}

const head = (line: string, ...headers: string[]) =>
  `${[`${line} HTTP/1.1`, 'Host: x', ...headers].join('\r\n')}\r\n\r\n`
export const get = head('GET /')
const upload = head('POST /', 'Content-Type: application/json', 'Content-Length: 100000') + '"'.padEnd(8000, 'x')
const handshake = head(
  'GET /',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
)
const all = { handOver: true, accept: ['case', 'trailing-slash', 'semicolon', 'spelling', 'trust-proxy'] } as const

/** Never answers, and has a tasklet at work. */
export const busy =
  (reached: () => void): Handler =>
  req => {
    requestScope(req).go(function* () {
      yield* sleep(1e9)
    })
    reached()
  }

function hookedFastify(host: Host, reached: () => void): void {
  const app = fastify({ serverFactory: host.serverFactory('/') })
  app.addHook('onRequest', () => {
    reached()
    return new Promise(() => {})
  })
  app.register(websocket)
}

const one: HostOptions = { admission: { inFlight: 1, queue: 1000 } }
const planted: unknown[] = []

export const ways: Record<string, Way> = {
  'before a head has ended': {
    mount: host => host.mount('/', (_req, res) => void res.end()),
    send: get.slice(0, -2),
  },
  'before the answer': { mount: (host, reached) => host.mount('/', busy(reached)), send: get },
  'in the middle of a body': {
    options: { limits: { body: 1e6 } },
    mount: (host, reached) =>
      host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
        req.once('data', () => busy(reached)(req, res))
      }),
    send: upload,
  },
  'in the middle of an answer that they do not read': {
    mount: (host, reached) =>
      host.mount('/', (_req, res) => {
        while (res.write(Buffer.alloc(65_536)));
        reached()
      }),
    send: get,
    deaf: true,
  },
  'behind the depth of pipelining': {
    options: { limits: { pipelining: 1 } },
    mount: (host, reached) => host.mount('/', busy(reached)),
    send: get.repeat(3),
  },
  'in a queue': { options: one, mount: (host, reached) => host.mount('/', busy(reached)), send: get, full: true },
  'with a handshake in a queue': { options: one, mount: hookedFastify, send: handshake, full: true },
  'with a handshake under way': { options: { admission: { inFlight: 1000 } }, mount: hookedFastify, send: handshake },
  'with an open WebSocket': {
    mount: (host, reached) => new WebSocketServer({ server: host.server('/') }).on('connection', reached),
    send: handshake,
  },
  'while an app reads a body that it may hand over': {
    mount(host, reached) {
      host.mount(
        '/',
        express().use((req, _res) => void req.once('data', reached)),
        all,
      )
      host.mount('/', busy(reached))
    },
    send: upload,
  },
  'after a hand-over': {
    mount(host, reached) {
      host.mount('/', express().use(express.json()), all)
      const app = fastify({ serverFactory: host.serverFactory('/', { accept: all.accept }) })
      app.post('/', () => {
        reached()
        return new Promise(() => {})
      })
    },
    send: `${head('POST /', 'Content-Type: application/json', 'Content-Length: 8002')}{"a":"${'x'.repeat(7994)}"}`,
  },
  'while an app in front holds the answer': {
    mount(host, reached) {
      const app = new Koa()
      app.silent = true
      app.use(async (_ctx, next) => {
        await next()
        reached()
        await new Promise(() => {})
      })
      host.mount('/', app, all)
      host.mount('/', (_req, res) => void res.end('answer'))
    },
    send: get,
  },
  'while a fetch app in front holds the answer': {
    mount(host, reached) {
      const app = new Hono()
      app.use(async (_c, next) => {
        await next()
        reached()
        await new Promise(() => {})
      })
      host.mount('/', app, all)
      host.mount('/', (_req, res) => void res.end('answer'))
    },
    send: get,
  },
  'and are kept on purpose': {
    mount: (host, reached) =>
      host.mount('/', (req: IncomingMessage) => {
        planted.push(req)
        reached()
      }),
    send: get,
  },
}
