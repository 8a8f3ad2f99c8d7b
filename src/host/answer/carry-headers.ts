/**
 * The headers that a framework keeps in a reply of its own, for the app that gets the request next. Fastify's plugins for cookies
 * and sessions add theirs only when the reply is sent: where there is such a plugin, Fastify sends the reply, with its `onSend`
 * hooks, and the head that it writes is taken here. Without one no `onSend` hook runs: such hooks count on a body.
 */
import type { ServerResponse } from 'node:http'
import type { PendingReply } from '../../adapters/port.js'
import { Covers } from './covers.js'

/** Of this one answer only, which is not sent. */
const OWN = new Set(['content-length', 'transfer-encoding'])

/** Takes the reply from its framework, puts its headers on Node's response, and calls `done`, now or when hooks have run. */
export function carryHeaders(reply: PendingReply, done: () => void): void {
  const { raw } = reply
  if (reply.sent || raw.headersSent || !('setCookie' in reply)) {
    if (!raw.headersSent) setHeaders(raw, reply.getHeaders())
    reply.hijack()
    done()
    return
  }
  new Capture(raw, reply, done)
  reply.send()
}

class Capture {
  readonly #res: ServerResponse
  readonly #reply: PendingReply
  readonly #done: () => void
  readonly #statusCode: number
  readonly #covers: Covers
  #open = true

  constructor(res: ServerResponse, reply: PendingReply, done: () => void) {
    this.#res = res
    this.#covers = new Covers(res)
    this.#reply = reply
    this.#done = done
    this.#statusCode = res.statusCode
    this.#covers.method('writeHead', (...args) => this.#head(args))
    for (const name of ['write', 'end', 'flushHeaders']) this.#covers.method(name, () => this.#body())
    res.once('close', this.#restore)
  }

  /** A hook that fails has the framework answer the error, which goes out. */
  #head(args: unknown[]): unknown {
    const res = this.#res
    const [statusCode] = args
    if (statusCode !== this.#statusCode && Number(statusCode) >= 400) {
      this.#restore()
      return Reflect.apply(res.writeHead, res, args)
    }
    const headers = args.findLast(part => typeof part === 'object' && part !== null)
    setHeaders(res, Object(headers))
    return res
  }

  #body(): ServerResponse {
    if (!this.#open) return this.#res
    this.#restore()
    this.#reply.hijack()
    this.#done()
    return this.#res
  }

  readonly #restore = () => {
    if (!this.#open) return
    this.#open = false
    this.#res.off('close', this.#restore)
    this.#covers.takeOff()
  }
}

function setHeaders(res: ServerResponse, headers: object): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!OWN.has(name.toLowerCase()) && isHeader(value)) res.setHeader(name, value)
  }
}

function isHeader(value: unknown): value is string | number | string[] {
  return typeof value === 'string' || typeof value === 'number' || Array.isArray(value)
}
