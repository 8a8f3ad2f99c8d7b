/**
 * An answer that is kept back while the app in front goes on with what it does after `await next()`. The next app's calls are
 * noted on this one response; nothing is sent until the front app is done. To everybody the answer looks begun, so that nobody
 * answers a second time. Node itself has sent no head, so that `res.setHeader()` still adds to it: sessions set their cookie so.
 * Calls that Node would refuse are refused at once: the caller expects its error then, and nobody does later.
 */
import { ServerResponse } from 'node:http'
import { Covers } from './covers.js'
import { putHead } from './put-head.js'

const METHODS = ['writeHead', 'write', 'end', 'flushHeaders'] as const
type Method = (typeof METHODS)[number]

export class HeldAnswer {
  /** Resolves when the next app has decided on its answer, or none will come. */
  readonly decided: Promise<void>
  readonly #res: ServerResponse
  readonly #covers: Covers
  readonly #failed: (error: unknown) => void
  /** A response that nobody gets: it throws as Node does. */
  readonly #trial: ServerResponse
  #calls: (readonly [Method, unknown[]])[] = []
  #headGiven = false
  #begun = false
  #ended = false
  #over = false
  #decide = () => {}

  /** `failed` hears of an answer that Node refuses when it goes out, as the front app has changed it. */
  constructor(res: ServerResponse, failed: (error: unknown) => void) {
    this.#res = res
    this.#failed = failed
    this.#trial = new ServerResponse(res.req)
    this.#covers = new Covers(res)
    this.decided = new Promise(resolve => {
      this.#decide = resolve
    })
    for (const method of METHODS) this.#covers.method(method, (...args) => this.#note(method, args))
  }

  /** The front app is done: the answer goes out as it was given, and later calls go through. */
  release(): void {
    if (this.#over) return
    this.#restore()
    try {
      this.#replay()
    } catch (error) {
      this.#failed(error)
    }
  }

  #replay(): void {
    const res = this.#res
    const call = (method: Method, args: unknown[]) => Reflect.apply(this.#covers.below(method), res, args)
    if (this.#headGiven && !res.headersSent) call('writeHead', [res.statusCode])
    let room = true
    for (const [method, args] of this.#calls.splice(0)) room = call(method, args) !== false && room
    // Writers were told to wait.
    if (this.#begun && !this.#ended && room) res.emit('drain')
  }

  /** The client has left: nothing of the answer can go out any more. */
  abandon(): void {
    if (this.#over) return
    this.#restore()
    const gone = new Error('the client left before the answer went out')
    for (const [, args] of this.#calls.splice(0)) {
      const callback = args.at(-1)
      if (typeof callback === 'function') process.nextTick(callback, gone)
    }
  }

  #restore(): void {
    this.#over = true
    this.#covers.takeOff()
    this.#decide()
  }

  #note(method: Method, args: unknown[]): unknown {
    const res = this.#res
    // Middleware has put a cover of its own on ours, and goes on calling it.
    if (this.#over) return Reflect.apply(this.#covers.below(method), res, args)
    if (!this.#ended) this.#assertSendable(method, args)
    if (!this.#begun) {
      this.#begun = true
      this.#covers.says('headersSent', true)
    }
    if (method === 'writeHead') {
      this.#headGiven = true
      putHead(res, args)
    } else if (method === 'flushHeaders') this.#calls.push([method, args])
    else if (!this.#ended) this.#calls.push([method, args])
    if (method === 'end' && !this.#ended) {
      this.#ended = true
      this.#covers.says('writableEnded', true)
    }
    this.#decide()
    return method === 'write' ? false : res
  }

  /** Throws what Node would throw at this call. */
  #assertSendable(method: Method, args: unknown[]): void {
    const res = this.#res
    const trial = this.#trial
    if (method === 'writeHead') Reflect.apply(trial.writeHead, trial, args)
    else if (method === 'write' || method === 'end') {
      const [chunk, encoding] = args
      const isLeftOut = method === 'end' && (chunk === undefined || chunk === null || typeof chunk === 'function')
      if (typeof chunk === 'string') Buffer.from('text', encodingOf(encoding))
      else if (!isLeftOut && !(chunk instanceof Uint8Array)) trial.write(chunk)
    }
    if (trial.headersSent) return
    // HTTP/2 has no message, and warns of who asks for it.
    if (res.req.httpVersionMajor < 2) trial.statusMessage = res.statusMessage
    trial.writeHead(res.statusCode)
  }
}

function encodingOf(encoding: unknown): BufferEncoding | undefined {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : undefined
}
