/**
 * Koa apps, mounted unchanged: what their own `listen()` would give to a server, `callback()`, is called for each
 * request. It answers every one, with Koa's own 404 and errors.
 */
import type { IncomingMessage, RequestListener } from 'node:http'
import type Koa from 'koa'
import { type HeldPass, type HostPort, type MountedApp, type MountServer, type TrustPolicy, UNKNOWN } from '../port.js'

type KoaApp = Pick<Koa, 'callback' | 'use' | 'proxy' | 'maxIpsCount'>

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

/**
 * Middleware behind all others: what it sees, none of them has answered. The others go on after their `await next()` when the
 * next app has decided on its answer, and before that goes out, as above any Koa middleware: a session sets its cookie then.
 */
function passOn(server: MountServer, held: WeakMap<IncomingMessage, HeldPass>): Koa.Middleware {
  return async ctx => {
    if (ctx.body !== undefined || ctx.status !== 404 || !server.hasNext(ctx.req)) return
    ctx.respond = false
    const pass = server.passOnAndHold(ctx.req)
    held.set(ctx.req, pass)
    await pass.decided
  }
}

function trust({ proxy, maxIpsCount }: KoaApp): TrustPolicy {
  return proxy && maxIpsCount > 0 ? maxIpsCount : Boolean(proxy)
}

export const koaHostPort: HostPort = {
  name: 'Koa app',
  accepts: isKoa,
  // Which paths are the same is for the middleware to say, and how it reads them.
  policies: app => (isKoa(app) ? [{ reading: UNKNOWN, trust: trust(app) }] : []),
  open(app, server): MountedApp {
    if (!isKoa(app)) throw new TypeError('not a Koa app')
    let listener: RequestListener | null = null
    /** The answers of the next app that wait for the middleware in front of it, which may never go on when the client has left. */
    const held = new WeakMap<IncomingMessage, HeldPass>()
    const release = (req: IncomingMessage) => {
      held.get(req)?.release()
      held.delete(req)
    }
    return {
      // It takes the middleware that there is, and adds Koa's own error listener where there is none: so not before.
      async ready() {
        if (listener !== null) return
        if (server.handsOver) app.use(passOn(server, held))
        listener = app.callback()
      },
      handle(req, res, next) {
        // Koa answers errors itself; what rejects is an error listener of the app's.
        const handled = Promise.resolve(listener?.(req, res)).catch(error => {
          // Koa sets it to 404 at first.
          res.statusCode = 500
          next(error ?? new Error('the Koa app rejected'))
        })
        if (server.handsOver) handled.then(() => release(req))
      },
    }
  },
}
