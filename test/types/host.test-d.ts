/** What can be mounted, by its type. Compiled, never run. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer as createHttp2Server } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import connect from 'connect'
import express from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { WebSocketServer } from 'ws'
import { sleep } from '../../src/core/index.js'
import { type Attachment, createHost, type FetchBindings, fetchHandler, taskletHandler } from '../../src/host/index.js'

const host = createHost()

host.mount('/', express())
host.mount('/', express.Router())
host.mount('/', fastify())
host.mount('/', fastify({ serverFactory: host.serverFactory('/') }))
host.mount('/', connect())
host.mount('/', new Koa())
host.mount('/', new Hono())
host.mount('/', { fetch: (request: Request) => new Response(request.url) })
host.mount('/', { fetch: async (_request: Request, { incoming }: FetchBindings) => new Response(incoming.url ?? '') })
host.mount('/', (req: IncomingMessage, res: ServerResponse) => res.end(req.url))
host.mount('/', (req, res, next) => (req.url === '/' ? next() : res.end()))
host.mount('/', async (_req, _res, next) => next(new Error('no')))
host.mount(
  '/',
  taskletHandler(function* (_req, res) {
    yield* sleep(1)
    res.end()
  }),
)
host.mount(
  '/',
  fetchHandler(async request => new Response(await request.text())),
)
host.mount(
  '/',
  fetchHandler(new Hono<{ Bindings: FetchBindings }>().get('/', c => c.text(c.env.incoming.url ?? '')).fetch),
)
host
  .mount(
    '/',
    fetchHandler(() => null),
  )
  .mount('/b', express(), { strip: true })

express().use('/', fetchHandler(new Hono().fetch))
express().get(
  '/',
  taskletHandler(function* (req: express.Request, res: express.Response) {
    yield* sleep(1)
    res.json(req.query)
  }),
)

// A host inside something else.
const inner = createHost()
host.mount('/inner', inner).mount('/handler', inner.handler)
express().use(inner.handler)
connect().use(inner.handler)
createServer(inner.handler)
createServer().on('upgrade', (req, socket, head) => inner.handler.upgrade(req, socket, head))
const attachments: Promise<Attachment>[] = [
  inner.attach(createServer()),
  inner.attach(createHttpsServer()),
  inner.attach(createHttp2Server()),
  inner.attach(host.server('/server')),
]
void attachments
new WebSocketServer({ server: host.server('/ws', { protocols: ['graphql-ws'] }) })

// @ts-expect-error no server
inner.attach(express())
// @ts-expect-error no path
host.mount(express())
// @ts-expect-error no app
host.mount('/')
// @ts-expect-error not an app
host.mount('/', 'app')
// @ts-expect-error an unknown option
host.mount('/', express(), { prefix: '/' })
// @ts-expect-error a handler that answers with something else
fetchHandler(() => 'text')
