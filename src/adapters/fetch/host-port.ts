/**
 * Fetch apps, mounted unchanged: Hono, h3, and whatever else has a `fetch` method that takes a `Request` and gives a
 * `Response`. Such an app answers every request, so that its 404 is an answer like any other, unless it was mounted to hand
 * over what it has nothing for: it has no other way to say so.
 */
import { report } from '../../core/base/report.js'
import type { HostPort, MountedApp, MountServer } from '../port.js'
import { carryHeaders } from './carry-headers.js'
import { type FetchFunction, serve } from './fetch-handler.js'
import { LastRoute } from './last-route.js'
import { fetchPolicy } from './policy.js'

/** For a request that was answered otherwise. */
const ANSWERED = new Response(null, { headers: { 'x-hono-already-sent': 'true' } })

interface FetchApp {
  fetch: FetchFunction
}

function isFetchApp(app: unknown): app is FetchApp {
  const object = (typeof app === 'object' && app !== null) || typeof app === 'function'
  return object && 'fetch' in app && typeof app.fetch === 'function'
}

export const fetchHostPort: HostPort = {
  name: 'fetch app',
  accepts: isFetchApp,
  policies: app => (isFetchApp(app) ? [fetchPolicy(app)] : []),
  open(app, server): MountedApp {
    if (!isFetchApp(app)) throw new TypeError('not a fetch app')
    const fetch: FetchFunction = (request, env) => app.fetch(request, env)
    const last = new LastRoute(server)
    const declining: FetchFunction = async (request, { incoming, outgoing }) => {
      let response: Response | null | undefined
      try {
        response = await app.fetch(request, { incoming, outgoing })
      } catch (error) {
        if (!last.release(incoming, outgoing, null)) throw error
        report(error, 'a fetch app failed after it had handed a request over')
        return ANSWERED
      }
      if (last.release(incoming, outgoing, response)) {
        response?.body?.cancel().catch(() => {})
        return ANSWERED
      }
      if (response?.status !== 404 || !server.hasNext(incoming)) return response
      carryHeaders(response.headers, outgoing)
      response.body?.cancel().catch(() => {})
      return null
    }
    return {
      // It comes behind the routes that there are: so not before.
      async ready() {
        if (server.handsOver) last.add(app)
      },
      handle(req, res, next) {
        const stripped = 'baseUrl' in req
        serve(
          server.handsOver ? declining : fetch,
          req,
          res,
          next,
          stripped ? undefined : request => owns(server, req, request),
        )
      },
    }
  },
}

/**
 * URLs resolve `..`, and what a path is routed by in a host does not: without a look, `/public/../admin` would reach an
 * app that is mounted at `/public` as `/admin`.
 */
function owns({ path }: MountServer, { url = '/' }: { url?: string | undefined }, request: Request): boolean {
  if (path === '/' || !/\/(?:\.|%2e)/i.test(url)) return true
  const { pathname } = new URL(request.url)
  return pathname === path || pathname.startsWith(`${path}/`)
}
