/** What is inferred in handlers of Express and Fastify. Compiled, never run. */
import express from 'express'
import { fastify } from 'fastify'
import * as onExpress from '../../src/adapters/express/index.js'
import * as onFastify from '../../src/adapters/fastify/index.js'
import { channel, type Receiver, type Scope } from '../../src/core/index.js'

function same<T>(_value: T): void {}

const numbers = channel<number>()
const texts = channel<string>()

const app = express()
app.get(
  '/',
  onExpress.handler(function* (req, res, next) {
    same<express.Request>(req)
    same<express.Response>(res)
    same<express.NextFunction>(next)
    same<Receiver<Buffer>>(onExpress.toChannel(req))
    same<Receiver<{ id: number }>>(onExpress.toChannel<{ id: number }>(req, { format: 'ndjson' }))
    same<'ended' | 'left'>(yield* onExpress.drainTo(numbers, res, { format: 'sse', event: n => ({ id: n, data: n }) }))
    onExpress.drainTo(texts, res, { format: 'raw' })
    // @ts-expect-error numbers are no bytes
    onExpress.drainTo(numbers, res, { format: 'raw' })
  }),
)
interface Found extends express.Request {
  found: string
}
app.get(
  '/:id',
  onExpress.handler(function* (req: express.Request<{ id: string }>, res) {
    same<string>(req.params.id)
    res.json({})
  }),
)
// With the path as the type argument, its parameters are inferred: as the default of one they reach no nested call.
app.get<'/jobs/:id/:part'>(
  '/jobs/:id/:part',
  onExpress.handler(function* (req, res) {
    same<string>(req.params.id + req.params.part)
    // @ts-expect-error the path has no such parameter
    same<string>(req.params.other)
    res.json({})
  }),
)
app.use(
  onExpress.errorHandler(function* (error, req, res) {
    same<unknown>(error)
    res.status(500).end(req.path)
  }),
)
app.param(
  'id',
  onExpress.paramHandler(function* (req, _res, next, value, name) {
    same<[string, string, string]>([req.path, value, name])
    next()
  }),
)
onExpress.handler(function* (req: Found) {
  same<string>(req.found)
})
// @ts-expect-error a generator function, not an async one
onExpress.handler(async (_req, res) => res.end())

const api = fastify()
api.register(onFastify.syncless)
api.get<{ Querystring: { page: number } }>('/', function* (request, reply) {
  same<number>(request.query.page)
  same<Scope>(request.scope)
  yield* onFastify.drainTo(numbers, reply, { format: 'ndjson' })
})
api.get(
  '/typed',
  onFastify.handler(function* (request, reply) {
    same<Scope>(request.scope)
    same<Receiver<Buffer>>(onFastify.toChannel(request))
    reply.code(201)
    return { path: request.url }
  }),
)
api.get<{ Params: { id: string }; Reply: { id: string } }>(
  '/:id',
  {
    preHandler: onFastify.hook(function* (request) {
      same<Scope>(request.scope)
    }),
  },
  onFastify.handler(function* (request) {
    return { id: request.params.id }
  }),
)
api.addHook(
  'preHandler',
  onFastify.hook(function* (request, reply) {
    reply.header('x', request.url)
  }),
)
api.setErrorHandler(
  onFastify.errorHandler(function* (error, request, reply) {
    reply.code(500)
    return `${error.message} ${request.url}`
  }),
)
