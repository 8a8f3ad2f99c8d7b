/**
 * Requests to a host in memory. Both ends are Node's own: an `http.ClientRequest` writes and reads the bytes of one end
 * of a connection, the host's engine those of the other. Nothing of an app is replaced, so that apps serve real clients
 * before, between and after.
 */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { assertOptions, invalid } from '../../core/base/arguments.js'
import { messageOf, nameOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'
import { roomForListener } from '../../core/base/listener-room.js'
import { connectInMemory, type MemoryHost } from './memory-agent.js'
import type { MemorySocket } from './memory-socket.js'
import { type Payload, payloadOf } from './payload.js'

/** Options of `host.inject`. */
export interface InjectOptions {
  /**
   * The request target, sent unchanged: a path with its query. `http://name` or `https://name` in front of it sets
   * the `Host` header, and whether the connection counts as encrypted. Default: `/`.
   */
  url?: string | URL
  /** The method. Default: `GET`, or `POST` with a payload. */
  method?: string
  /** The headers: by name, or as a list like `rawHeaders`, in the order and case in which they are sent. */
  headers?: Readonly<Record<string, string | number | readonly string[] | undefined>> | readonly string[]
  /**
   * The body: a string or bytes, a stream or an async iterable of them, `FormData` or `URLSearchParams`. Anything
   * else is sent as JSON.
   */
  payload?: unknown
  /** The trailers, sent after the payload, which is then chunked. */
  trailers?: Readonly<Record<string, string>>
  /** The client's address as the app sees it. Default: 127.0.0.1. */
  remoteAddress?: string
  /** Whether to resolve with the head of the response, with its body as a stream. Default: false. */
  stream?: boolean
  /** Breaks off the connection, like a client that leaves. The call rejects with the signal's reason. */
  signal?: AbortSignal
}

/** The head of a response. */
export interface InjectedHead {
  readonly status: number
  readonly statusText: string
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn, in the order and case in which they arrived. */
  readonly rawHeaders: readonly string[]
  /** The trailers; empty until the body has been read. */
  readonly trailers: Readonly<Record<string, string | undefined>>
}

/** A whole response. */
export interface InjectedResponse extends InjectedHead {
  readonly body: Buffer
  /** The body as UTF-8. */
  text(): string
  /** The body parsed as JSON. Throws a `SyntaxError` if it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: as `Response.json()` has it
  json(): any
}

/** A response whose body is still to be read. */
export interface StreamedResponse extends InjectedHead {
  readonly body: Readable
}

type Headers = NonNullable<InjectOptions['headers']>

export async function inject(host: MemoryHost, options: InjectOptions): Promise<InjectedResponse | StreamedResponse> {
  checkKinds(options)
  const { signal } = options
  const target = targetOf(options.url ?? '/')
  const payload = await payloadOf(options.payload)
  signal?.throwIfAborted()
  if (host.stopped) throw new SynclessError('HOST_STATE', 'host.inject(): the host has been closed')
  const socket = connectInMemory(host, { remoteAddress: options.remoteAddress, encrypted: target.encrypted })
  const abort = () => socket.destroy()
  if (signal !== undefined) {
    const leaveRoom = roomForListener(signal)
    signal.addEventListener('abort', abort, { once: true })
    socket.once('close', () => {
      signal.removeEventListener('abort', abort)
      leaveRoom()
    })
  }
  try {
    const method = options.method ?? (payload.body === null ? 'GET' : 'POST')
    const headers = headersOf(method, target, payload, options)
    const req = requestOn(socket, method, target.path, headers, options.trailers)
    const head = responseTo(req)
    send(req, payload, headers)
    const res = await head
    return options.stream === true ? new Streamed(res) : new Whole(res, await bodyOf(res))
  } catch (error) {
    socket.destroy()
    signal?.throwIfAborted()
    throw error
  }
}

interface Target {
  readonly path: string
  readonly authority: string
  /** Undefined where the target does not say. */
  readonly encrypted: boolean | undefined
}

function targetOf(url: string | URL): Target {
  const text = String(url)
  const absolute = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(text)
  if (absolute !== null) {
    const [, scheme = '', authority = '', path = ''] = absolute
    const encrypted = scheme.toLowerCase() === 'https'
    return { path: path.startsWith('/') ? path : `/${path}`, authority, encrypted }
  }
  if (text.startsWith('/') || text === '*') return { path: text, authority: 'localhost', encrypted: undefined }
  throw invalid('host.inject(): url', "a path such as '/orders?page=2'", text.replace(/[?#].*/s, ''))
}

/** Of what nobody else looks at before it is used. */
function checkKinds({ url, method, signal, trailers }: InjectOptions): void {
  if (url !== undefined && typeof url !== 'string' && !(url instanceof URL)) {
    throw invalid('host.inject(): url', 'a string or a URL', url)
  }
  if (method !== undefined && typeof method !== 'string') throw invalid('host.inject(): method', 'a string', method)
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') {
    throw invalid('host.inject(): signal', 'an AbortSignal', signal)
  }
  if (trailers !== undefined) assertOptions('host.inject(): trailers', trailers)
}

/** Begins the request. Nothing has been sent yet. Throws `INVALID_ARGUMENT`. */
function requestOn(
  socket: MemorySocket,
  method: string,
  path: string,
  headers: string[],
  trailers: InjectOptions['trailers'],
): ClientRequest {
  try {
    const req = request({ method, path, headers, createConnection: () => socket })
    // Nobody else will hear of it, if the trailers are refused.
    req.once('error', ignore)
    if (trailers !== undefined) req.addTrailers(trailers)
    return req.off('error', ignore)
  } catch (error) {
    throw new SynclessError('INVALID_ARGUMENT', `host.inject(): ${messageOf(error)}`, { cause: error })
  }
}

function ignore(): void {}

/** What the caller gave, as it is, with what a request cannot do without. */
function headersOf(method: string, { authority }: Target, { body, type }: Payload, options: InjectOptions): string[] {
  const given = listOf(options.headers ?? [])
  const names = new Set(given.filter((_, i) => i % 2 === 0).map(name => name.toLowerCase()))
  const added: string[] = []
  const add = (name: string, value: string | number | null) => {
    if (value !== null && !names.has(name.toLowerCase())) added.push(name, String(value))
  }
  add('Connection', 'keep-alive')
  add('Content-Type', type)
  if (!names.has('content-length') && !names.has('transfer-encoding')) {
    if (body instanceof Readable || options.trailers !== undefined) add('Transfer-Encoding', 'chunked')
    else if (body !== null) add('Content-Length', body.length)
    else if (/^(post|put|patch)$/i.test(method)) add('Content-Length', 0)
  }
  return names.has('host') ? [...given, ...added] : ['Host', authority, ...given, ...added]
}

function listOf(headers: Headers): string[] {
  if (isList(headers)) {
    if (headers.length % 2 === 0 && headers.every(part => typeof part === 'string')) return [...headers]
    // Values of headers stay out of messages.
    throw new SynclessError('INVALID_ARGUMENT', 'host.inject(): headers: give names and values in turn, all strings')
  }
  assertOptions('host.inject(): headers', headers)
  return Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined) return []
    if (typeof value !== 'object') return [name, String(value)]
    if (!Array.isArray(value)) {
      const what = `host.inject(): headers.${name} is of type ${typeof value}: give a string, a number or a list`
      throw new SynclessError('INVALID_ARGUMENT', what)
    }
    return value.flatMap(one => [name, String(one)])
  })
}

function isList(headers: Headers): headers is readonly string[] {
  return Array.isArray(headers)
}

/** Sends the payload: where the headers ask the app first, when it has said yes. */
async function send(req: ClientRequest, { body }: Payload, headers: readonly string[]): Promise<void> {
  const expect = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'expect')
  if (expect >= 0 && headers[expect + 1]?.toLowerCase() === '100-continue') {
    req.flushHeaders()
    await new Promise(resolve => req.once('continue', resolve))
  }
  if (!(body instanceof Readable)) {
    req.end(body ?? undefined)
    return
  }
  body.once('error', error => req.destroy(error)).pipe(req)
  req.once('close', () => body.destroy())
}

function responseTo(req: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (message: string, cause?: unknown) =>
      reject(new SynclessError('INJECT_FAILED', `host.inject(): ${message}`, { cause }))
    req.once('response', resolve)
    for (const event of ['upgrade', 'connect']) {
      req.once(event, () => fail('the app changed the protocol: use a client with host.agent for that'))
    }
    req.on('error', error => fail(`no answer to ${req.method} ${pathOf(req)} (${nameOf(error)})`, error))
  })
}

/** The query may hold secrets. */
function pathOf({ path }: ClientRequest): string {
  return path.replace(/[?#].*/s, '')
}

async function bodyOf(res: IncomingMessage): Promise<Buffer> {
  try {
    return await buffer(res)
  } catch (error) {
    throw new SynclessError('INJECT_FAILED', `host.inject(): the answer was broken off (${nameOf(error)})`, {
      cause: error,
    })
  }
}

class Head implements InjectedHead {
  readonly status: number
  readonly statusText: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly #res: IncomingMessage

  constructor(res: IncomingMessage) {
    this.status = res.statusCode ?? 0
    this.statusText = res.statusMessage ?? ''
    this.headers = res.headers
    this.rawHeaders = res.rawHeaders
    this.#res = res
  }

  get trailers(): Readonly<Record<string, string | undefined>> {
    return this.#res.trailers
  }
}

class Streamed extends Head implements StreamedResponse {
  readonly body: Readable

  constructor(res: IncomingMessage) {
    super(res)
    this.body = res
  }
}

class Whole extends Head implements InjectedResponse {
  readonly body: Buffer

  constructor(res: IncomingMessage, body: Buffer) {
    super(res)
    this.body = body
  }

  text(): string {
    return this.body.toString()
  }

  // biome-ignore lint/suspicious/noExplicitAny: as `Response.json()` has it
  json(): any {
    return JSON.parse(this.text())
  }
}
