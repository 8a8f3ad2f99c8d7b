/**
 * What an app puts on a request and its response merely by looking at them, and how to take it off again. What middleware
 * has put there on purpose, such as `req.user` and `req.session`, stays: the next app may need it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** The names that Connect, Express and their routers use, and those under which body parsers leave what they have read. */
const REQUEST_NAMES = [
  'res',
  'next',
  'baseUrl',
  'originalUrl',
  'params',
  'query',
  'route',
  '_parsedUrl',
  '_parsedOriginalUrl',
  'body',
  '_body',
  'rawBody',
  'file',
  'files',
  'length',
]
const RESPONSE_NAMES = ['locals', 'statusCode', 'statusMessage']
const POWERED_BY = 'X-Powered-By'

/** One object as it was. */
class ObjectMarks {
  readonly #object: object
  readonly #names: readonly string[]
  readonly #prototype: object | null
  /** Values of the names that were there; where a host is not inside something else, there are none. */
  #own: Map<string, unknown> | null = null

  constructor(object: object, names: readonly string[]) {
    this.#object = object
    this.#names = names
    this.#prototype = Object.getPrototypeOf(object)
    for (const name of names) {
      if (!Object.hasOwn(object, name)) continue
      this.#own ??= new Map()
      this.#own.set(name, Reflect.get(object, name))
    }
  }

  restore(): void {
    const object = this.#object
    if (Object.getPrototypeOf(object) !== this.#prototype) Object.setPrototypeOf(object, this.#prototype)
    for (const name of this.#names) {
      if (this.#own?.has(name) === true) Reflect.set(object, name, this.#own.get(name))
      else Reflect.deleteProperty(object, name)
    }
    // A router undoes what it has set by setting it to what it was, which is undefined.
    for (const symbol of Object.getOwnPropertySymbols(object)) {
      if (Reflect.get(object, symbol) === undefined) Reflect.deleteProperty(object, symbol)
    }
  }
}

/** A request and its response as they were. */
export class RequestMarks {
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #request: ObjectMarks
  readonly #response: ObjectMarks
  readonly #url: string | undefined
  readonly #method: string | undefined
  readonly #poweredBy: ReturnType<ServerResponse['getHeader']>

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.#req = req
    this.#res = res
    this.#request = new ObjectMarks(req, REQUEST_NAMES)
    this.#response = new ObjectMarks(res, RESPONSE_NAMES)
    this.#url = req.url
    this.#method = req.method
    this.#poweredBy = res.getHeader(POWERED_BY)
  }

  /** Only for a response that has not begun. */
  restore(): void {
    this.#request.restore()
    this.#response.restore()
    this.#req.url = this.#url
    this.#req.method = this.#method
    if (this.#poweredBy === undefined) this.#res.removeHeader(POWERED_BY)
    else this.#res.setHeader(POWERED_BY, this.#poweredBy)
  }
}
