/**
 * Koa apps, mounted unchanged: what their own `listen()` would give to a server, `callback()`, is called for each
 * request. It answers every one, with Koa's own 404 and errors.
 */
import type { RequestListener } from 'node:http'
import type Koa from 'koa'
import type { HostPort, MountedApp } from '../port.js'

type KoaApp = Pick<Koa, 'callback'>

function isKoa(app: unknown): app is KoaApp {
  return (
    typeof app === 'object' &&
    app !== null &&
    'callback' in app &&
    typeof app.callback === 'function' &&
    'middleware' in app &&
    'context' in app
  )
}

export const koaHostPort: HostPort = {
  name: 'Koa app',
  accepts: isKoa,
  open(app): MountedApp {
    if (!isKoa(app)) throw new TypeError('not a Koa app')
    let listener: RequestListener | null = null
    return {
      // It takes the middleware that there is, and adds Koa's own error listener where there is none: so not before.
      async ready() {
        listener ??= app.callback()
      },
      handle(req, res, next) {
        // Koa answers errors itself; what rejects is an error listener of the app's.
        Promise.resolve(listener?.(req, res)).catch(error => next(error ?? new Error('the Koa app rejected')))
      },
    }
  },
}
