import type { IncomingMessage } from 'node:http'
import type { PendingReply } from '../../adapters/port.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Op } from '../../core/loop/op.js'
import { carryHeaders } from '../answer/carry-headers.js'
import { openExchange } from './connection.js'

/**
 * Hands a request over to the next app, from anywhere in an app that was mounted with `handOver`. Two uses: Fastify
 * has a route, but its handler or a hook finds that the request is for another app; or a plain server has no `next`
 * to call. Takes Node's request or Fastify's reply. The headers and cookies of the reply go along. Without a next app
 * the answer is 404. Does nothing once the response has begun or the client is gone.
 *
 * The returned operation need not be performed. It settles when the next app has answered or the client is gone: to
 * continue after that, `await` it, or `yield*` it in a tasklet.
 *
 * Throws `HOST_STATE` for a request that no host serves, and for a request whose response is over; `INVALID_ARGUMENT`
 * for anything except a request or a reply.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import fastify from 'fastify'
 * import { createHost, passOn } from 'syncless/host'
 *
 * const host = createHost()
 * const api = fastify({
 *   serverFactory: host.serverFactory('/', { handOver: true }),
 *   routerOptions: { caseSensitive: false, ignoreTrailingSlash: true }, // as Express has it
 * })
 * api.post('/orders', async (request, reply) => {
 *   if (request.headers['x-beta'] === undefined) return passOn(reply)
 *   return 'Fastify'
 * })
 * host.mount('/', express().use(express.json()).post('/orders', (req, res) => void res.send(`Express: ${req.body.item}`)))
 *
 * const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
 * const order = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"item":"tea"}' }
 * console.log(await (await fetch(`http://127.0.0.1:${port}/orders`, order)).text()) // Express: tea
 * await host.close()
 * ```
 */
export function passOn(of: IncomingMessage | PendingReply): Op<void> {
  const req = requestOf(of)
  const exchange = openExchange(req)
  if (exchange === undefined) {
    throw new SynclessError('HOST_STATE', 'passOn(): no host serves this request, or its response is over')
  }
  if ('hijack' in of) carryHeaders(of, () => exchange.owner.passOn(exchange))
  else exchange.owner.passOn(exchange)
  return exchange.answered
}

function requestOf(of: IncomingMessage | PendingReply): IncomingMessage {
  const req: unknown = typeof of === 'object' && of !== null && 'hijack' in of ? of.raw?.req : of
  if (isRequest(req)) return req
  const got = typeof req === 'object' && req !== null ? 'another object' : String(req)
  throw new SynclessError('INVALID_ARGUMENT', `passOn() takes Node's request, or Fastify's reply, and got ${got}`)
}

/** Node's; Fastify's own has the other as `raw`. */
function isRequest(value: unknown): value is IncomingMessage {
  return typeof value === 'object' && value !== null && 'socket' in value && !('raw' in value)
}
