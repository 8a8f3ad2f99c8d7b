/**
 * Every kind of app that a host mounts, twice: as one that guards `/admin`, and as one that serves a secret there. What the
 * settings of a framework decide is left to it. A function is a guard that is as wide as can be, and reads a path in a way of its own.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { runInThisContext } from 'node:vm'
import connect from 'connect'
import { Hono } from 'hono'
import Koa from 'koa'
import { createHost, fetchHandler, type Host, type MountOptions, taskletHandler } from '../../src/host/index.js'
import { express, express4, fastify, fastify4 } from './frameworks.js'

/** Where an app is put, and what it is to do. */
export interface Site {
  readonly host: Host
  readonly path: string
  readonly options: MountOptions
  /** What stands in front of `/admin` in the URLs that the app sees. */
  readonly base: string
  /** Called with each request that gets the secret. */
  readonly served: (target: string) => void
  readonly read: Reader
}

/** How a function reads the path of a target. */
export type Reader = (url: string) => string

export const readers: Record<string, Reader> = {
  'as sent': url => url.split('?', 1)[0] ?? '',
  resolved: url => new URL(url, 'http://localhost').pathname,
  decoded: url => decoded(url.split('?', 1)[0] ?? ''),
  'resolved and decoded': url => decoded(new URL(url, 'http://localhost').pathname),
  'decoded and resolved': url => new URL(decoded(url), 'http://localhost').pathname,
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

interface Kind {
  guard(site: Site): unknown
  secret(site: Site): unknown
  /** As a listener of a server of its own, or a middleware of another. */
  listener?(role: 'guard' | 'secret', site: Site): RequestListener
  readonly http2?: false
}

export const SECRET = 'THE SECRET'
const isWide = (path: string, base: string) =>
  new RegExp(`^${base.replace('/', '/+')}/+admin(?![\\w%-])`, 'i').test(path)
const isStrict = (path: string, base: string) => path === `${base}/admin` || path.startsWith(`${base}/admin/`)

type Next = (error?: unknown) => void

const isGuarded = (url: string, { read, base }: Site) => {
  try {
    return isWide(read(url), base)
  } catch {
    return true
  }
}
const isSecret = (url: string, { read, base }: Site) => {
  try {
    return isStrict(read(url), base)
  } catch {
    return false
  }
}

const target = (req: IncomingMessage & { originalUrl?: string }) => req.originalUrl ?? req.url ?? ''

const refuse = (_req: IncomingMessage, res: ServerResponse) => void res.writeHead(401).end()
const serve = (site: Site) => (req: IncomingMessage, res: ServerResponse) => {
  site.served(target(req))
  res.end(SECRET)
}

function plain(role: 'guard' | 'secret', site: Site) {
  return (req: IncomingMessage, res: ServerResponse, next?: Next) => {
    const { url = '' } = req
    if (role === 'guard') {
      if (isGuarded(url, site)) refuse(req, res)
      else next?.()
    } else if (isSecret(url, site)) serve(site)(req, res)
    else res.writeHead(404).end()
  }
}

function web(role: 'guard' | 'secret', site: Site) {
  return ({ url }: Request): Response | null => {
    const path = url.replace(/^https?:\/\/[^/?#]*/, '')
    if (role === 'guard') return isGuarded(path, site) ? new Response(null, { status: 401 }) : null
    if (!isSecret(path, site)) return new Response(null, { status: 404 })
    site.served(url)
    return new Response(SECRET)
  }
}

/** Of an app that is mounted as it is. */
function mounted(make: (role: 'guard' | 'secret', site: Site) => unknown): Kind {
  const mount = (role: 'guard' | 'secret') => (site: Site) =>
    site.host.mount(site.path, make(role, site) as never, site.options)
  return { guard: mount('guard'), secret: mount('secret') }
}

/** Of an app that is a listener, too. */
function listening(make: (role: 'guard' | 'secret', site: Site) => RequestListener, http2?: false): Kind {
  return { ...mounted(make), listener: make, ...(http2 === false ? { http2 } : null) }
}

const expressKind = (make: typeof express) =>
  listening((role, site) => make().use(`${site.base}/admin`, role === 'guard' ? refuse : serve(site)), false)

function fastifyKind(make: typeof fastify, optionsOf: (settings: object) => object): Kind {
  const mount = (role: 'guard' | 'secret', settings: object) => (site: Site) => {
    const app = make({ ...optionsOf(settings), serverFactory: site.host.serverFactory(site.path, site.options) })
    // Fastify 5 leaves most methods out of `all()`, and has to be told of them.
    if (role === 'guard' && 'addHttpMethod' in app) app.addHttpMethod('PROPFIND')
    for (const path of [`${site.base}/admin`, `${site.base}/admin/*`])
      app.all(path, async (request, reply) => {
        if (role === 'guard') return reply.code(401).send()
        site.served(request.raw.url ?? '')
        return SECRET
      })
  }
  const plainly = { useSemicolonDelimiter: false }
  return {
    guard: mount('guard', { ...plainly, caseSensitive: false, ignoreTrailingSlash: true }),
    secret: mount('secret', plainly),
    http2: false,
  }
}

/** As Hono's own, and for all that may be behind it: without case and a slash at the end. */
const ownPath = new Hono().getPath
const wideHono = () =>
  new Hono({
    getPath: request =>
      ownPath(request)
        .toLowerCase()
        .replace(/(?<=.)\/$/, ''),
  })

// Jest loads no modules of this kind; Node itself does.
const node: NodeJS.Process = runInThisContext('process')
const { H3 } = node.getBuiltinModule('module').createRequire(__filename)('h3')

export const kinds: Record<string, Kind> = {
  'Express 4': expressKind(express4),
  'Express 5': expressKind(express),
  'Fastify 4': fastifyKind(fastify4, settings => settings),
  'Fastify 5': fastifyKind(fastify, routerOptions => ({ routerOptions })),
  Connect: listening((role, site) => connect().use(`${site.base}/admin`, role === 'guard' ? refuse : serve(site))),
  Koa: mounted((role, site) =>
    Object.assign(
      new Koa().use(async (ctx, next) => {
        const { url = '' } = ctx.req
        if (role === 'guard') return isGuarded(url, site) ? ctx.throw(401) : next()
        if (!isSecret(url, site)) return next()
        site.served(url)
        ctx.body = SECRET
      }),
      { silent: true },
    ),
  ),
  Hono: mounted((role, site) => {
    if (role === 'guard')
      return ['', '/*'].reduce(
        (app, rest) => app.use(`${site.base}/admin${rest}`, async c => c.body(null, 401)),
        wideHono(),
      )
    return new Hono().all(`${site.base}/admin/*`, c => {
      site.served(c.req.url)
      return c.text(SECRET)
    })
  }),
  h3: mounted((role, site) => {
    const app = new H3({ silent: true })
    if (role === 'guard')
      return app.use((event: { url: URL; res: { status: number } }) => {
        if (!isWide(event.url.pathname, site.base)) return
        event.res.status = 401
        return 'no'
      })
    return app.all(`${site.base}/admin/**`, (event: { req: Request }) => {
      site.served(event.req.url)
      return SECRET
    })
  }),
  'a fetch function': listening((role, site) => fetchHandler(web(role, site))),
  'a function': listening(plain),
  'a tasklet': listening((role, site) =>
    taskletHandler(function* (req, res, next) {
      plain(role, site)(req, res, next)
    }),
  ),
  'a host': {
    guard: site => {
      const inner = createHost({ onError: () => {} })
      kinds['a function']?.guard({ ...site, host: inner, path: '/', options: { handOver: true } })
      site.host.mount(site.path, inner, site.options)
    },
    secret: site => {
      const inner = createHost({ onError: () => {} })
      kinds.Hono?.secret({ ...site, host: inner, path: '/', options: {} })
      site.host.mount(site.path, inner, site.options)
    },
  },
}
