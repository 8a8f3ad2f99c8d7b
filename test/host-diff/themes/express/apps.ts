import { readFile } from 'node:fs'
import type { Express, Request } from 'express'
import { get } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'
import { folder } from './files.js'

type Rendered = (error: Error | null, text?: string) => void

/** A template engine of one line. */
function withViews(app: Express): Express {
  app.engine('tpl', (file: string, options: object, done: Rendered) => {
    readFile(file, 'utf8', (error, text) =>
      done(
        error,
        text?.replace(/\{(\w+)\}/g, (_all, key) => String(Reflect.get(options, key))),
      ),
    )
  })
  return app.set('views', `${folder}/views`).set('view engine', 'tpl')
}

export const apps: Theme<ExpressProgram> = {
  'locals of apps and responses': {
    app(app, { note }) {
      app.locals.name = 'app'
      app.use((_req, res, next) => {
        note(Object.keys(res.locals))
        res.locals.name = 'res'
        next()
      })
      app.get('/', (req, res) => void res.json([req.app.locals.name, res.locals.name, app.locals.settings.etag]))
    },
    say: [get('/'), get('/')],
  },
  views: {
    app(app) {
      withViews(app)
      app.locals.name = 'app'
      app.get('/', (_req, res) => void res.render('greet', { name: 'option' }))
      app.get('/locals', (_req, res) => {
        res.locals.name = 'res'
        res.render('greet')
      })
      app.get('/app', (_req, res) => void res.render('greet.tpl'))
      app.get('/callback', (_req, res) =>
        res.render('greet', (error: Error, html: string) => void res.send(`${error}|${html}`)),
      )
    },
    say: [get('/'), get('/locals'), get('/app'), get('/callback')],
  },
  'views that are not there, or fail': {
    app(app) {
      withViews(app).set('env', 'production')
      app.engine('bad', (_file: string, _options: unknown, done: Rendered) => done(new Error('bad template')))
      app.get('/none', (_req, res) => void res.render('none'))
      app.get('/noengine', (_req, res, next) => res.render('greet.xyz', (error: Error) => next(error)))
    },
    say: [get('/none'), get('/noengine')],
  },
  'a mounted app: its path, parent and event': {
    app(app, { express, note }) {
      const inner = express()
      inner.on('mount', parent => note('mount', parent === app, inner.mountpath))
      inner.get(
        '/x',
        (req, res) => void res.json([req.app === inner, inner.path(), req.baseUrl, req.url, req.originalUrl]),
      )
      app.use('/in', inner)
      app.get('/x', (req, res) => void res.json([req.app === app, app.mountpath]))
    },
    say: [get('/in/x'), get('/x')],
  },
  'a mounted app inherits settings, and gives the request back': {
    app(app, { express, note }) {
      app.set('trust proxy', true).set('json spaces', 1)
      const inner = express().disable('x-powered-by')
      inner.use((req, _res, next) => {
        note(req.app === inner, Object.getPrototypeOf(req) === inner.request, req.ip)
        next()
      })
      app.use('/in', inner)
      app.use((req, res) => {
        note(req.app === app, Object.getPrototypeOf(req) === app.request, req.baseUrl, req.url)
        res.json({ ip: req.ip })
      })
    },
    say: [get('/in/x', { 'X-Forwarded-For': '9.9.9.9' })],
  },
  'one app in another, three deep': {
    app(app, { express }) {
      const tell = (req: Request) => [req.baseUrl, req.url, req.originalUrl, req.app.path()]
      const c = express().get('/', (req, res) => void res.json(tell(req)))
      const b = express().use('/c', c)
      app.use('/a', express().use('/b', b))
    },
    say: [get('/a/b/c'), get('/a/b/c/'), get('/a/b/c?q'), get('/a/b/x')],
  },
  'extended request and response prototypes': {
    app(app) {
      Object.defineProperty(app.request, 'shout', { get: () => 'HEY', configurable: true })
      Object.assign(app.response, {
        ok(this: { send(text: string): void }, text: string) {
          this.send(text)
        },
      })
      app.get('/', (req, res) =>
        (res as unknown as { ok(text: string): void }).ok((req as unknown as { shout: string }).shout),
      )
    },
    say: [get('/')],
  },
  'settings by name': {
    app(app) {
      app.set('a', 1).enable('b').disable('c')
      app.get(
        '/',
        (_req, res) =>
          void res.json([app.get('a'), app.enabled('b'), app.disabled('c'), app.get('env'), app.get('etag')]),
      )
    },
    say: [get('/')],
  },
  'an app that is called by another function': {
    app(app, { express }) {
      const inner = express().get('/x', (_req, res) => void res.send('inner'))
      app.use('/fn', (req, res, next) => inner(req, res, next))
      app.use((req, res) => void res.send(`outer ${req.url}`))
    },
    say: [get('/fn/x'), get('/fn/none')],
  },
  'a router as an app': {
    app(app, { express }) {
      const router = express.Router({ strict: true, caseSensitive: true })
      router.get('/A', (_req, res) => void res.send('A'))
      app.use(router)
    },
    say: [get('/A'), get('/a'), get('/A/')],
  },
}
