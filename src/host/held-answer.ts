/**
 * An answer that is kept back while the app in front goes on with what it does after `await next()`. The next app's calls are
 * noted on this one response; nothing is sent until the front app is done. To everybody the answer looks begun, so that nobody
 * answers a second time. Node itself has sent no head, so that `res.setHeader()` still adds to it: sessions set their cookie so.
 */
import type { ServerResponse } from 'node:http'
import { Covers } from './covers.js'
import { putHead } from './put-head.js'

const METHODS = ['writeHead', 'write', 'end', 'flushHeaders'] as const
type Method = (typeof METHODS)[number]

export class HeldAnswer {
  /** Resolves when the next app has decided on its answer, or none will come. */
  readonly decided: Promise<void>
  readonly #res: ServerResponse
  readonly #covers: Covers
  #calls: (readonly [Method, unknown[]])[] = []
  #headGiven = false
  #begun = false
  #ended = false
  #over = false
  #decide = () => {}

  constructor(res: ServerResponse) {
    this.#res = res
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
      if (typeof callback === 'function') callback(gone)
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
}
