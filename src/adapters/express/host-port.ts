/**
 * Express apps, mounted unchanged. Such an app is already a function of `(req, res)` that answers every request, with
 * its own 404 and error pages, so that hosting it costs one call.
 */
import type { RequestListener } from 'node:http'
import type { Express } from 'express'
import type { AppPolicy, HostPort, MountedApp } from '../port.js'
import { isRouter, routerPolicy } from '../shared/http/router-policy.js'
import { trustPolicy } from '../shared/http/trust-proxy.js'

/** What an Express app is to whoever mounts it, in the types of Node; Express's own types know it as middleware of Express. */
type Mountable = (...args: [...Parameters<RequestListener>, next?: (error?: unknown) => void]) => void

// `settings` tells an app from a Router, which cannot answer by itself and is mounted as a plain function.
function isExpress(app: unknown): app is Express & Mountable {
  return typeof app === 'function' && 'settings' in app && 'handle' in app && 'set' in app && 'use' in app
}

export const expressHostPort: HostPort = {
  name: 'Express app',
  accepts: isExpress,
  policies: app => (isExpress(app) ? [policy(app)] : []),
  http1Only: 'it gives every request and response prototypes that are made for HTTP/1',
  open(app, server): MountedApp {
    if (!isExpress(app)) throw new TypeError('not an Express app')
    if (server.handsOver) {
      return {
        prototypes: app,
        // Asked for what is next, it neither answers 404 nor shows an error page.
        handle(req, res, next) {
          if (server.hasNext(req)) app(req, res, next)
          else app(req, res)
        },
      }
    }
    return {
      prototypes: app,
      handle(req, res) {
        app(req, res)
      },
    }
  },
}

function policy(app: Express): AppPolicy {
  const trust = trustPolicy(app.get('trust proxy'))
  const router = ownRouter(app)
  return isRouter(router) ? { ...routerPolicy(router), trust } : { trust }
}

/** Express 5 makes it when it is first asked for; Express 4 has it under another name, and only once there is a route. */
function ownRouter(app: Express): unknown {
  if (!('lazyrouter' in app)) return app.router
  return '_router' in app ? app._router : undefined
}
