import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { inspect } from 'node:util'
import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { labelOf } from '../shared/http/request-scope.js'
import { Client } from './client.js'
import { toRequest } from './request.js'
import { respond } from './respond.js'

/** The second argument of a fetch handler: Node's own request and response, under the names that Hono uses. */
export interface FetchBindings {
  incoming: IncomingMessage
  outgoing: ServerResponse
}

/** A handler of the Fetch standard's shape. If it returns null or undefined, it declines the request. */
export type FetchFunction = (
  request: Request,
  env: FetchBindings,
) => Response | null | undefined | Promise<Response | null | undefined>

/**
 * Makes a `(req, res, next)` function from a fetch handler: for `host.mount()`, as middleware in Express, and for a
 * bare `http.createServer()`. An object with a `fetch` method, such as a Hono app, can be mounted as it is.
 *
 * - The request's body is a stream: it is read from the client as fast as the handler reads it.
 * - The response's body is read as fast as the client takes it.
 * - If the client leaves before the response has ended, `request.signal` is aborted with an `AbortError`, and the
 *   body of the response is cancelled.
 * - `request.url` has the host name that the client claims. Forwarding headers are not believed. If no URL can be
 *   made from a request, the answer is 400.
 * - A handler that returns null or undefined declines: `next()` is called. A 404 is an answer like any other.
 * - The handler's errors go to `next`. If its response has begun, a host or Express breaks it off, so that no client
 *   takes it for complete.
 *
 * @example
 * ```ts
 * import { createHost, fetchHandler } from 'syncless/host'
 *
 * const host = createHost()
 * host.mount('/shout', fetchHandler(async request => new Response((await request.text()).toUpperCase())))
 * const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
 * const response = await fetch(`http://127.0.0.1:${port}/shout`, { method: 'POST', body: 'hello' })
 * console.log(await response.text()) // HELLO
 * await host.close()
 * ```
 */
export function fetchHandler(
  handler: FetchFunction,
): (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void {
  if (typeof handler !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', `fetchHandler() takes a function, and got ${inspect(handler)}`)
  }
  return function handle(req, res, next) {
    serve(handler, req, res, next ?? lastResort(req, res))
  }
}

/** Never rejects. `accepts` may refuse the URL that was made of the request. */
export async function serve(
  handler: FetchFunction,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
  accepts: (request: Request) => boolean = () => true,
): Promise<void> {
  const client = new Client(req, res)
  let request: Request
  try {
    request = toRequest(client)
    if (!accepts(request)) throw new TypeError('the URL is outside of the mount')
  } catch {
    res.writeHead(400).end()
    return
  }
  let declined = false
  try {
    const response = await handler(request, { incoming: req, outgoing: res })
    declined = response === null || response === undefined
    if (!declined) await respond(asResponse(response), client)
  } catch (error) {
    // What the abort of the signal has ended has nobody to be told to.
    if (client.outcome === 'gone' && isAbort(error)) return
    // That of a response that failed.
    if (!res.headersSent) res.statusCode = 500
    next(error ?? new Error(`the fetch handler threw ${error}`))
    return
  }
  if (declined) next()
}

/** Responses come from other implementations of the standard, too. A status of 0 is that of `Response.error()`. */
function asResponse(value: unknown): Response {
  if (typeof value === 'object' && value !== null && 'status' in value && 'headers' in value && 'body' in value) {
    if (Number(value.status) >= 200) return value as Response
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `return a status of 200 or more: the fetch handler returned a response with the status ${value.status}`,
    )
  }
  throw new SynclessError('INVALID_ARGUMENT', `return a Response: the fetch handler returned ${inspect(value)}`)
}

function isAbort(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError'
}

/** What happens where nobody is next: on a bare server. */
function lastResort(req: IncomingMessage, res: ServerResponse): (error?: unknown) => void {
  return error => {
    if (error !== undefined) report(error, `${labelOf(req)} failed`)
    if (res.headersSent) {
      if (error !== undefined) res.destroy()
      return
    }
    const status = error === undefined ? 404 : 500
    for (const name of res.getHeaderNames()) res.removeHeader(name)
    res.statusCode = status
    res.setHeader('Content-Type', 'text/plain; charset=utf-8')
    res.end(`${STATUS_CODES[status]}\n`)
  }
}
