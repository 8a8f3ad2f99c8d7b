/** The bound on the bodies of requests. Most apps have one for what they parse; this one holds for what they stream, too. */
import type { IncomingMessage } from 'node:http'
import { breakOff, destroyRequest, destroyStream, underlyingStream } from '../../adapters/underlying-stream.js'
import { SynclessError } from '../../core/base/errors.js'
import { startTimer } from '../../core/ops/sleep.js'
import { answer, answerWithoutBody } from '../answer/answer.js'
import type { Exchange } from '../request/exchange.js'
import type { Stage } from './stage.js'

/**
 * A connection that is closed while data are unread is reset, and the answer may be lost with it. So what a client goes on
 * sending after its 413 is read and thrown away, up to so many bytes, and, where an app waits for the body, for so many
 * milliseconds.
 */
const LINGER = 16 << 20
const LINGER_TIME = 500

export class BodyLimitStage implements Stage {
  readonly #most: number
  /** How many requests were refused. */
  refused = 0

  constructor(most: number) {
    this.#most = most
  }

  begin(exchange: Exchange, next: () => void): void {
    const length = exchange.req.headers['content-length']
    if (length === undefined) this.#count(exchange)
    else if (Number(length) > this.#most) {
      this.#refuseUnread(exchange)
      return
    }
    next()
  }

  #refuseUnread({ req, res }: Exchange): void {
    this.refused++
    if (req.headers.expect === undefined) {
      // Node throws away what nobody reads, however much that is, and says nothing of it.
      new BodyCount(req, LINGER, () => destroyStream(underlyingStream(req)))
      req.resume()
    }
    answerWithoutBody(res, 413)
  }

  /** Counts a body without a stated length while it arrives. */
  #count(exchange: Exchange): void {
    const { req, res } = exchange
    const count = new BodyCount(req, this.#most, () => {
      this.refused++
      const what = `the body of ${exchange.label} is larger than the limit of ${this.#most} bytes`
      const error = new SynclessError('BODY_TOO_LARGE', what)
      if (!answer(res, 413)) breakOff(res)
      exchange.startedScope?.cancel(error)
      count.swallow(this.#most + LINGER, () => whenSent(exchange, () => destroyRequest(req, error)))
    })
  }
}

function whenSent({ req, res }: Exchange, done: () => void): void {
  if (res.writableFinished || underlyingStream(req).destroyed) done()
  else res.once('finish', done).once('close', done)
}

/**
 * Counts what the parser hands to a request, and calls `exceeded` with the first chunk that goes beyond `most`. To listen
 * for 'data' would make the request flow before its app wants it to.
 */
class BodyCount {
  readonly #req: IncomingMessage
  readonly #exceeded: () => void
  readonly #inner: IncomingMessage['push'] | null
  #most: number
  #size = 0
  #swallows = false

  constructor(req: IncomingMessage, most: number, exceeded: () => void) {
    this.#req = req
    this.#most = most
    this.#exceeded = exceeded
    // Covered before, where the body is recorded.
    this.#inner = Object.getOwnPropertyDescriptor(req, 'push')?.value ?? null
    const value = (chunk: Buffer | null, ...rest: []) => this.#push(chunk, rest)
    Object.defineProperty(req, 'push', { value, configurable: true, writable: true, enumerable: false })
  }

  /** Keeps all that still comes from the app, its end above all, and calls `done` once: at the end or at the latest. */
  swallow(most: number, done: () => void): void {
    const carrier = underlyingStream(this.#req)
    let waiting = true
    const finish = () => {
      if (!waiting) return
      waiting = false
      stopTimer()
      carrier.off('close', finish)
      done()
    }
    const stopTimer = startTimer(LINGER_TIME, finish)
    carrier.once('close', finish)
    this.#most = most
    this.#swallows = true
    this.#finish = finish
  }

  #finish = () => {}

  #push(chunk: Buffer | null, rest: []): boolean {
    this.#size += chunk?.length ?? 0
    if (!this.#swallows) {
      if (this.#size > this.#most) this.#exceeded()
      if (!this.#swallows) {
        const push = this.#inner ?? Object.getPrototypeOf(this.#req).push
        return push.call(this.#req, chunk, ...rest)
      }
    }
    if (chunk === null || this.#size > this.#most) this.#finish()
    return true
  }
}
