/** What the semantic conventions for HTTP servers (https://opentelemetry.io/docs/specs/semconv/http/) want to know of a request. */
import type { IncomingMessage } from 'node:http'
import type { Attributes } from '@opentelemetry/api'
import type { RequestTrace } from '../port.js'

/** Methods that may be an attribute as they are; any other is a client's invention. */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE'])

/** What Express adds to a request; its types are not needed for that. */
interface RoutedRequest extends IncomingMessage {
  originalUrl?: string
  baseUrl?: string
  route?: { readonly path?: unknown }
}

/** The method, and the route where it is known, else the path of the mount: there are few of them. */
export function spanName({ request, mount }: RequestTrace, route: string | undefined): string {
  return `${knownMethod(request) ?? 'HTTP'} ${route ?? mount}`
}

/** The route that an Express app has found for the request. */
export function expressRoute(request: RoutedRequest): string | undefined {
  const path = request.route?.path
  return typeof path === 'string' ? `${request.baseUrl ?? ''}${path}` : undefined
}

/** The route in full, where the app sees paths without that of its mount, or has no more than a wildcard. */
export function wholeRoute(mount: string, route: string): string {
  return mount === '/' || route === mount || route.startsWith(`${mount}/`) ? route : `${mount}${route}`
}

export function startAttributes({ request, mount }: RequestTrace): Attributes {
  const { headers, socket } = request
  const method = knownMethod(request)
  const server = authority(headers[':authority']?.toString() ?? headers.host)
  return defined({
    'http.request.method': method ?? '_OTHER',
    'http.request.method_original': method === undefined ? request.method : undefined,
    'url.path': path((request as RoutedRequest).originalUrl ?? request.url ?? ''),
    'url.scheme': 'encrypted' in socket && socket.encrypted === true ? 'https' : 'http',
    'server.address': server.address,
    'server.port': server.port,
    'client.address': socket.remoteAddress,
    'network.peer.address': socket.remoteAddress,
    'network.peer.port': socket.remotePort,
    'network.protocol.version': request.httpVersion.replace('2.0', '2'),
    'user_agent.original': headers['user-agent'],
    'syncless.mount': mount,
  })
}

export function endAttributes(trace: RequestTrace, route: string | undefined): Attributes {
  const { response, mount, outcome } = trace
  return defined({
    'http.route': route,
    'http.response.status_code': response.headersSent ? response.statusCode : undefined,
    'error.type': errorType(trace),
    'syncless.mount': mount,
    'syncless.outcome': outcome,
  })
}

/** The error's name, the status that says that the server has failed, or that the client was gone before its answer ended. */
export function errorType({ response, outcome, error }: RequestTrace): string | undefined {
  if (error instanceof Error) return error.name
  if (error !== undefined) return '_OTHER'
  if (response.headersSent && response.statusCode >= 500) return String(response.statusCode)
  return outcome === 'gone' ? 'CLIENT_GONE' : undefined
}

/** Of a request target, which is a whole URL where a client takes the server for a proxy. */
function path(target: string): string {
  const [whole = ''] = target.split('?', 1)
  return /^\w+:\/\//.test(whole) ? whole.replace(/^\w+:\/\/[^/]*/, '') || '/' : whole
}

/** What its client calls the server; a port only where that is not the usual one. */
function authority(text: string | undefined): { address: string | undefined; port: number | undefined } {
  const port = text?.match(/:(\d+)$/)?.[1]
  return { address: text?.replace(/:\d+$/, ''), port: port === undefined ? undefined : Number(port) }
}

function knownMethod({ method = '' }: IncomingMessage): string | undefined {
  return METHODS.has(method) ? method : undefined
}

function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
}
