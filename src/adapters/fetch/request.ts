/** From Node's request to the standard one. */
import type { IncomingMessage } from 'node:http'
import type { Client } from './client.js'
import { requestBody } from './request-body.js'

/**
 * A standard `Request` of what the client sent. Throws `TypeError` for a target or a host of which no URL can be made;
 * HTTP allows `OPTIONS *`, for instance, and URLs do not.
 */
export function toRequest(client: Client): Request {
  const { req, res } = client
  const body = requestBody(client)
  const { method = 'GET' } = req
  // Fetch forbids the method, and servers have to serve it.
  const forbidden = method === 'TRACE'
  const request = new Request(targetUrl(req), {
    method: forbidden ? 'GET' : method,
    headers: requestHeaders(req),
    signal: client.signal,
    ...(body === null ? null : { body, duplex: 'half' }),
  })
  if (forbidden) Object.defineProperty(request, 'method', { value: method })
  // What h3 looks for on a server of its own: the client's address, and Node's objects, with which it runs apps of Node.
  return Object.assign(request, { ip: req.socket.remoteAddress, runtime: { name: 'node', node: { req, res } } })
}

/**
 * The URL that the client asked for. Its host is whatever the client claims, and nothing here believes a forwarding
 * header. A target with its own host is taken as it is, as HTTP says. A client of HTTP/1.0 need not name a host: then it
 * is the address that it has connected to.
 */
function targetUrl(req: IncomingMessage): string {
  const { url = '/' } = req
  const query = url.indexOf('?')
  const backslash = url.indexOf('\\')
  // URLs take it for a slash, and whatever routed the request here did not.
  if (backslash >= 0 && (query < 0 || backslash < query)) throw new TypeError('backslash in the path')
  if (/^https?:\/\//i.test(url)) return url
  if (!url.startsWith('/')) throw new TypeError(`${url} does not start with '/'`)
  return `${'encrypted' in req.socket ? 'https' : 'http'}://${host(req)}${url}`
}

// Stricter than URLs are, which would decode what is escaped and take a path or a user's name out of it.
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i

function host(req: IncomingMessage): string {
  const name = req.headers.host ?? req.headers[':authority']
  if (typeof name === 'string' && name !== '') {
    if (HOST.test(name)) return name
    throw new TypeError(`${name} is not a valid host`)
  }
  const { localAddress = 'localhost', localPort } = req.socket
  const address = localAddress.includes(':') ? `[${localAddress}]` : localAddress
  return localPort === undefined ? address : `${address}:${localPort}`
}

/**
 * What every framework of Node sees as `req.headers`, so that a guard in front and a handler behind see the same: of a
 * header that may come once the first line counts, and what middleware has set or deleted is set or deleted.
 */
function requestHeaders(req: IncomingMessage): Headers {
  const headers = new Headers()
  for (const name in req.headers) {
    const value = req.headers[name]
    if (value === undefined || name.startsWith(':')) continue
    if (typeof value === 'string') headers.append(name, value)
    else for (const each of value) headers.append(name, each)
  }
  return headers
}
