/**
 * Express apps, mounted unchanged. Such an app is already a function of `(req, res)` that answers every request, with
 * its own 404 and error pages, so that hosting it costs one call.
 */
import type { RequestListener } from 'node:http'
import type { Express } from 'express'
import type { HostPort, MountedApp } from '../port.js'

// `settings` tells an app from a Router, which cannot answer by itself and is mounted as a plain function.
function isExpress(app: unknown): app is Express & RequestListener {
  return typeof app === 'function' && 'settings' in app && 'handle' in app && 'set' in app && 'use' in app
}

export const expressHostPort: HostPort = {
  name: 'Express app',
  accepts: isExpress,
  http1Only: 'it gives every request and response prototypes that are made for HTTP/1',
  open(app): MountedApp {
    if (!isExpress(app)) throw new TypeError('not an Express app')
    return {
      prototypes: app,
      handle(req, res) {
        app(req, res)
      },
    }
  },
}
