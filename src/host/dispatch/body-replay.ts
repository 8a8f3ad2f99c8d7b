/**
 * What an app has read of a request's body, kept so that another can read it again. Bytes are noted as they come in from
 * the parser, in front of the stream and without a listener on it: whether and when the stream flows is for its reader to
 * decide.
 */
import { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** How a rewind ended. `'over'`: the body is larger than the limit. `'gone'`: the client has left. */
export type RewindOutcome = 'unread' | 'over' | 'gone'

/** The events of a stream. Whoever listened to one that is over would not be called again. */
const STREAM_EVENTS = ['data', 'readable', 'end', 'close', 'error', 'aborted', 'pause', 'resume']

export class BodyReplay {
  /** How many bytes may be kept for whoever reads next. */
  limit: number
  readonly #req: IncomingMessage
  readonly #cover: IncomingMessage['push'] | null = null
  /** What covered `push` before: the record of the host in which this one is nested, or a count. */
  readonly #below: IncomingMessage['push'] | null
  /** Whether somebody in front of the host has read the body: then no app here can, and there is nothing to hand over. */
  readonly #readBefore: boolean
  #chunks: Buffer[] | null = []
  #size = 0
  #tooLarge: (() => void) | null = null
  #uncoverReads = () => {}

  constructor(req: IncomingMessage, limit: number) {
    this.limit = limit
    this.#req = req
    this.#readBefore = req.readableDidRead || req.readableEncoding !== null
    this.#below = Object.hasOwn(req, 'push') ? req.push : null
    const { 'content-length': length, 'transfer-encoding': coding } = req.headers
    if (coding === undefined && (length === undefined || length === '0') && req.httpVersionMajor < 2) return
    if (this.#readBefore) return
    this.#size = req.readableLength
    if (this.#size > 0) this.#noteWhenRead()
    this.#cover = (chunk: unknown, encoding) => {
      if (chunk instanceof Uint8Array) this.#note(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
      return (this.#below ?? Object.getPrototypeOf(req).push).call(req, chunk, encoding)
    }
    Object.defineProperty(req, 'push', { value: this.#cover, configurable: true, writable: true, enumerable: false })
  }

  /**
   * What has come in before, in a server that has not called the host at once, is noted when somebody is about to take it. To
   * look at it sooner would make the request one that was read: Node throws away the rest of a body that nobody has read.
   */
  #noteWhenRead(): void {
    const req = this.#req
    const { read, setEncoding } = req
    let waiting = true
    const first = () => {
      if (waiting) this.#noteFirst()
      this.#uncoverReads()
    }
    const uncover = [
      cover(req, 'read', size => {
        first()
        return read.call(req, size)
      }),
      cover(req, 'setEncoding', encoding => {
        first()
        return setEncoding.call(req, encoding)
      }),
    ]
    this.#uncoverReads = () => {
      waiting = false
      for (const off of uncover) off()
    }
  }

  /** Takes all that is in the stream, and puts it back, unheard. */
  #noteFirst(): void {
    const req = this.#req
    const { read, unshift } = Object.getPrototypeOf(req)
    const flowing = req.readableFlowing === true
    const uncover = cover(req, 'emit', () => false)
    // A flowing stream does not keep bytes that are put back into it.
    if (flowing) req.pause()
    const pieces: Buffer[] = []
    // To ask for more at once raises the mark.
    while (req.readableLength > 0) {
      pieces.push(read.call(req, Math.min(req.readableLength, req.readableHighWaterMark)))
    }
    const bytes = Buffer.concat(pieces)
    unshift.call(req, bytes)
    if (flowing) req.resume()
    uncover()
    this.#chunks = [bytes]
  }

  #note(bytes: Buffer): void {
    // Bytes that still wait in the stream have not been read and need not be kept; the stream itself bounds them.
    if (this.#size - this.#req.readableLength > this.limit) this.#chunks = null
    this.#size += bytes.length
    this.#chunks?.push(bytes)
    if (this.#size > this.limit) this.#tooLarge?.()
  }

  /** Whether it keeps something of a body. */
  get records(): boolean {
    return this.#cover !== null
  }

  /** Whether the request is as it came: nothing of its body was read, and nothing is about to be. */
  get #untouched(): boolean {
    const { readableEnded, destroyed, readableFlowing, readableEncoding, readableLength } = this.#req
    if (readableEnded || destroyed || readableFlowing === true || readableEncoding !== null) return false
    return readableLength === this.#size
  }

  /** Whether the stream has come to its end and does nothing more. After its `end`, one of HTTP/1 destroys itself. */
  get #over(): boolean {
    return this.#req.closed || (this.#req.readableEnded && this.#req.httpVersionMajor >= 2)
  }

  /**
   * Makes the request unread again. A body that was read in part is read to its end first, so that no reader is left in the
   * middle of it. Calls `done` now, or later in the same async context.
   */
  rewind(done: (outcome: RewindOutcome) => void): void {
    if (this.#readBefore || this.#untouched) done('unread')
    else if (this.#over) done(this.#refill())
    else this.#readOn(AsyncResource.bind(done))
  }

  #readOn(done: (outcome: RewindOutcome) => void): void {
    const req = this.#req
    let waiting = true
    const settle = (outcome: () => RewindOutcome) => {
      if (!waiting) return
      waiting = false
      done(outcome())
    }
    this.#tooLarge = () => settle(() => 'over')
    if (this.#size > this.limit) this.#tooLarge()
    for (const event of ['end', 'close']) {
      req.on(event, () => {
        if (this.#over) settle(() => this.#refill())
      })
    }
    // Whoever waits for something else does not keep it waiting; who listens to `data` gets all of it.
    req.removeAllListeners('readable')
    req.on('data', ignore)
    req.on('pause', () => queueMicrotask(() => req.resume()))
    req.resume()
  }

  /**
   * The same object, as a stream that has not begun: another object would be another request, to middleware that holds on to
   * it and to Node. To call a constructor on what is there is how streams were made before there were classes.
   */
  #refill(): RewindOutcome {
    const req = this.#req
    if (!req.readableEnded) return 'gone'
    if (this.#chunks === null || this.#size > this.limit) return 'over'
    for (const event of STREAM_EVENTS) req.removeAllListeners(event)
    const { readableHighWaterMark: highWaterMark, httpVersionMajor } = req
    Reflect.apply(Readable, req, [{ highWaterMark, autoDestroy: httpVersionMajor < 2 }])
    const { push } = Object.getPrototypeOf(req)
    for (const chunk of this.#chunks) push.call(req, chunk)
    push.call(req, null)
    return 'unread'
  }

  /** Lets go of what was kept. */
  drop(): void {
    this.#chunks = null
    this.#tooLarge = null
    this.#uncoverReads()
  }

  /** Also leaves nothing on the request. */
  remove(): void {
    this.drop()
    if (this.#req.push !== this.#cover) return
    if (this.#below === null) Reflect.deleteProperty(this.#req, 'push')
    else Object.defineProperty(this.#req, 'push', { value: this.#below })
  }
}

/** Puts a method on a request, and returns what takes it off again if no other has been put on top. */
function cover<K extends 'read' | 'setEncoding' | 'emit'>(req: IncomingMessage, name: K, value: IncomingMessage[K]) {
  const own = Object.getOwnPropertyDescriptor(req, name)
  Object.defineProperty(req, name, { value, configurable: true, writable: true, enumerable: false })
  return () => {
    if (req[name] !== value) return
    if (own === undefined) Reflect.deleteProperty(req, name)
    else Object.defineProperty(req, name, own)
  }
}

function ignore(): void {}
