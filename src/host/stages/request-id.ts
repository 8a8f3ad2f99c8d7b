/**
 * Request ids. A request has one id, whichever mounts and nested hosts it passes. The id belongs to the request
 * object. Code without that object finds the id through its async context.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { assertFunction, invalid } from '../../core/base/arguments.js'
import { answerOf } from '../../core/loop/callback.js'
import type { Exchange } from '../request/exchange.js'
import type { Stage } from './stage.js'

/** Options for the source of request ids. */
export interface RequestIdOptions {
  /**
   * The header in which a proxy in front of the host sends the id. An id that is longer than 128 characters, or has
   * characters other than letters, digits and `-_.:/+=@`, is ignored, because ids go into logs. Default: no header is
   * read.
   */
  header?: string
  /**
   * Returns the id of a request that arrived without one. It must return synchronously: a promise counts as no id.
   * Default: a random UUID.
   */
  generate?: (req: IncomingMessage) => string
  /** The header in which each response tells the client the id. Default: none. */
  respond?: string
}

const ids = new WeakMap<IncomingMessage, string>()
const running = new AsyncLocalStorage<string>()

/**
 * Returns the id of a request: the one from its host's {@link RequestIdOptions}, else a random UUID that the first
 * call makes. Later calls for the same request return the same id, in every mount that it passes. In Fastify, pass
 * `request.raw`. As the `genReqId` of Fastify or of pino-http, it makes their logs use the same id. Throws
 * `INVALID_ARGUMENT` for anything except an object.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import fastify from 'fastify'
 * import { createHost, requestId } from 'syncless/host'
 *
 * const host = createHost({ requestId: { header: 'x-request-id' } })
 * const api = fastify({ serverFactory: host.serverFactory('/'), genReqId: requestId })
 * api.get('/', async request => request.id)
 * const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
 * const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-request-id': 'from-the-proxy' } })
 * assert.equal(await answer.text(), 'from-the-proxy')
 * await host.close()
 * ```
 */
export function requestId(req: IncomingMessage): string {
  if (typeof req !== 'object' || req === null) throw invalid('the argument of requestId()', 'the request', req)
  return ids.get(req) ?? remember(req, randomUUID())
}

/**
 * Returns the id of the request for which this code runs, also after an `await` and in tasklets. Returns undefined
 * outside of requests, and in hosts without the option `requestId`. Loggers use it, because they see no request.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { sleep } from 'syncless'
 * import { createHost, currentRequestId, requestId, taskletHandler } from 'syncless/host'
 *
 * const log = (text: string) => `${currentRequestId()}: ${text}`
 * const host = createHost({ requestId: {} })
 * host.mount('/', taskletHandler(function* (req, res) {
 *   yield* sleep(1)
 *   assert.equal(log('ready'), `${requestId(req)}: ready`)
 *   res.end()
 * }))
 * const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
 * assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200)
 * await host.close()
 * ```
 */
export function currentRequestId(): string | undefined {
  return running.getStore()
}

function remember(req: IncomingMessage, id: string): string {
  ids.set(req, id)
  return id
}

const TAKEN_OVER = /^[\w.:/+=@-]{1,128}$/

export class RequestIdStage implements Stage {
  readonly #header: string | null
  readonly #respond: string | null
  readonly #generate: (req: IncomingMessage) => string

  /** Throws `INVALID_ARGUMENT`. */
  constructor({ header, respond, generate = () => randomUUID() }: RequestIdOptions) {
    this.#header = headerName('requestId.header', header)?.toLowerCase() ?? null
    this.#respond = headerName('requestId.respond', respond)
    assertFunction('requestId.generate', generate)
    this.#generate = generate
  }

  begin({ req, res }: Exchange, next: () => void): void {
    const id = this.#identify(req)
    if (this.#respond !== null) res.setHeader(this.#respond, id)
    running.run(id, next)
  }

  /** Gives a request its id, and calls `fn` as a part of it. */
  enter(req: IncomingMessage, fn: () => void): void {
    running.run(this.#identify(req), fn)
  }

  // It may have one from a host around this one.
  #identify(req: IncomingMessage): string {
    return ids.get(req) ?? remember(req, this.#sent(req) ?? this.#made(req))
  }

  #made(req: IncomingMessage): string {
    return answerOf<string | null>('requestId.generate', null, this.#generate(req)) ?? randomUUID()
  }

  #sent(req: IncomingMessage): string | undefined {
    if (this.#header === null) return undefined
    const id = req.headers[this.#header]
    return typeof id === 'string' && TAKEN_OVER.test(id) ? id : undefined
  }
}

function headerName(what: string, name: unknown): string | null {
  if (name === undefined) return null
  if (typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name)) return name
  throw invalid(what, 'the name of a header', name)
}
