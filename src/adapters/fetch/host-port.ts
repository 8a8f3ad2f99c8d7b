/**
 * Fetch apps, mounted unchanged: Hono, h3, and whatever else has a `fetch` method that takes a `Request` and gives a
 * `Response`. Such an app answers every request, so that its 404 is an answer like any other, unless it was mounted to hand
 * over what it has nothing for: it has no other way to say so.
 */
import type { HostPort, MountedApp, MountServer } from '../port.js'
import { type FetchFunction, serve } from './fetch-handler.js'
import { fetchPolicy } from './policy.js'

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
    const declining: FetchFunction = async (request, env) => {
      const response = await app.fetch(request, env)
      if (response?.status !== 404 || !server.hasNext(env.incoming)) return response
      response.body?.cancel().catch(() => {})
      return null
    }
    return {
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
