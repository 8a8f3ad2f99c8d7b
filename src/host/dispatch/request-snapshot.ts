/**
 * The marks that an app leaves on a request and its response merely by looking at them. They are taken off for the next app,
 * and given back to what the first app has set in motion: hooks that act when the answer goes out ask for `req.get`,
 * `req.params` or `res.locals`, as they would above a sub-app of Express. Properties that middleware has set on purpose, such
 * as `req.user` and `req.session`, stay: the next app may need them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { onHead } from '../answer/first-byte.js'

/** The names that Connect, Express and their routers use, and those under which body parsers leave what they have read. */
const HELPFUL = ['res', 'next', 'params', 'query', 'route']
const RESPONSE_NAMES = ['locals', 'statusCode', 'statusMessage']
/** The marks that the next app would take for its own as long as it reads the request; given back when its answer begins. */
const MISLEADING = new Set([
  'baseUrl',
  'originalUrl',
  '_parsedUrl',
  '_parsedOriginalUrl',
  'body',
  '_body',
  'rawBody',
  'file',
  'files',
  'length',
])
const REQUEST_NAMES = [...HELPFUL, ...MISLEADING]
/** They say who answers. */
const NEVER_BACK = new Set(['statusCode', 'statusMessage', 'route'])
const POWERED_BY = 'X-Powered-By'

/** One object as it was. */
class ObjectMarks {
  readonly #object: object
  readonly #names: readonly string[]
  readonly #prototype: object | null
  /** Values of the names that were there; where a host is not inside something else, there are none. */
  #own: Map<string, unknown> | null = null
  /** The marks that were taken off. */
  #taken: Map<string, unknown> | null = null
  /** The prototype that was taken off. */
  #helpers: object | null = null

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

  takeOff(): void {
    const object = this.#object
    const helpers = Object.getPrototypeOf(object)
    if (helpers !== this.#prototype) {
      this.#helpers = helpers
      Object.setPrototypeOf(object, this.#prototype)
    }
    for (const name of this.#names) {
      if (Object.hasOwn(object, name) && !NEVER_BACK.has(name)) {
        this.#taken ??= new Map()
        // A router takes them off as it leaves; the request of a sub-app always has some.
        this.#taken.set(name, Reflect.get(object, name) ?? (name === 'params' ? {} : undefined))
      }
      if (this.#own?.has(name) === true) Reflect.set(object, name, this.#own.get(name))
      else Reflect.deleteProperty(object, name)
    }
    // A router undoes what it has set by setting it to what it was, which is undefined.
    for (const symbol of Object.getOwnPropertySymbols(object)) {
      if (Reflect.get(object, symbol) === undefined) Reflect.deleteProperty(object, symbol)
    }
  }

  /** Gives the marks back, except those that the next app has made itself. Misleading ones stay off until `answered`. */
  giveBack(answered: boolean): void {
    const object = this.#object
    if (this.#helpers !== null) {
      if (Object.getPrototypeOf(object) === this.#prototype) Object.setPrototypeOf(object, this.#helpers)
      this.#helpers = null
    }
    if (this.#taken === null) return
    for (const [name, value] of this.#taken) {
      if (!answered && MISLEADING.has(name)) continue
      this.#taken.delete(name)
      if (!Object.hasOwn(object, name)) Reflect.set(object, name, value)
      else if (name === 'locals') addMissing(Reflect.get(object, name), value)
    }
  }
}

/** The `locals` of the next app, with those of the one before that it has not set itself. */
function addMissing(own: unknown, taken: unknown): void {
  if (typeof own !== 'object' || own === null || typeof taken !== 'object' || taken === null) return
  for (const [name, value] of Object.entries(taken)) if (!(name in own)) Reflect.set(own, name, value)
}

/**
 * Cookies that earlier apps have set go along: `writeHead(status, headers)` of the next app would put its own in their place.
 */
function withCookies(res: ServerResponse, writeHead: unknown[]): unknown[] {
  const set = res.getHeader('set-cookie')
  const at = writeHead.findLastIndex(part => typeof part === 'object' && part !== null)
  if (set === undefined || at < 0) return writeHead
  const headers: object = Object(writeHead[at])
  const added = Array.isArray(headers) ? cookiesAmong(headers) : cookiesOf(headers)
  if (added === null) return writeHead
  const kept = [set].flat().filter(cookie => !added.cookies.includes(cookie))
  return writeHead.with(at, added.with(kept))
}

/** The cookies among the headers of a `writeHead`, and these headers with more cookies. */
interface Added {
  readonly cookies: readonly unknown[]
  with(kept: readonly unknown[]): object
}

function cookiesOf(headers: object): Added | null {
  const name = Object.keys(headers).find(isSetCookie)
  if (name === undefined) return null
  const cookies = [Reflect.get(headers, name)].flat()
  return { cookies, with: kept => ({ ...headers, [name]: [...kept, ...cookies] }) }
}

/** Of a list of names and values, or of pairs of them. */
function cookiesAmong(headers: readonly unknown[]): Added | null {
  const inPairs = Array.isArray(headers[0])
  const pairs = inPairs
    ? headers
    : Array.from({ length: headers.length / 2 }, (_, i) => headers.slice(2 * i, 2 * i + 2))
  const ofCookies = (pair: unknown) => isSetCookie(Reflect.get(Object(pair), 0))
  const cookies = pairs.filter(ofCookies).flatMap(pair => Reflect.get(Object(pair), 1))
  if (cookies.length === 0) return null
  return {
    cookies,
    with: kept => {
      // In one entry: not every Node takes a name that stands in a list twice.
      const all = [...pairs.filter(pair => !ofCookies(pair)), ['Set-Cookie', [...kept, ...cookies]]]
      return inPairs ? all : all.flatMap(pair => [Reflect.get(Object(pair), 0), Reflect.get(Object(pair), 1)])
    },
  }
}

function isSetCookie(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'set-cookie'
}

/** A request and its response as they were. */
export class RequestSnapshot {
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #request: ObjectMarks
  readonly #response: ObjectMarks
  readonly #url: string | undefined
  readonly #method: string | undefined
  readonly #poweredBy: ReturnType<ServerResponse['getHeader']>
  #watched = false

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.#req = req
    this.#res = res
    this.#request = new ObjectMarks(req, REQUEST_NAMES)
    this.#response = new ObjectMarks(res, RESPONSE_NAMES)
    this.#url = req.url
    this.#method = req.method
    this.#poweredBy = res.getHeader(POWERED_BY)
  }

  /** Makes both as they were. Only for a response that has not begun. */
  takeOff(): void {
    this.#request.takeOff()
    this.#response.takeOff()
    this.#req.url = this.#url
    this.#req.method = this.#method
    if (this.#poweredBy === undefined) this.#res.removeHeader(POWERED_BY)
    else this.#res.setHeader(POWERED_BY, this.#poweredBy)
    if (this.#watched) return
    this.#watched = true
    const res = this.#res
    const giveBack = () => this.giveBackAll()
    onHead(res, res.hasHeader('set-cookie'), giveBack, writeHead => withCookies(res, writeHead))
    res.prependOnceListener('finish', giveBack)
  }

  /** The next app has been called, and has put its own marks on. */
  giveBackHelpers(): void {
    this.#request.giveBack(false)
    this.#response.giveBack(false)
  }

  /** The answer begins, or there will be none. */
  giveBackAll(): void {
    this.#request.giveBack(true)
    this.#response.giveBack(true)
  }
}
