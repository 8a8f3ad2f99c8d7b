import type { Request } from 'express'
import { ask, at, get, pipelined, raw } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'

/** What a handler sees of where it is. */
const place = ({ url, originalUrl, baseUrl, path, params }: Request) => ({ url, originalUrl, baseUrl, path, params })

export const routing: Theme<ExpressProgram> = {
  'routes are tried in the order of their declaration': {
    app(app, { note }) {
      app.use((_req, _res, next) => {
        note('first')
        next()
      })
      app.get('/a', (_req, _res, next) => {
        note('second')
        next()
      })
      app.get('/a', (_req, res) => void res.send('third'))
      app.get('/a', (_req, res) => void res.send('never'))
    },
    say: [get('/a'), get('/b')],
  },
  'parameters, decoded': {
    app(app) {
      app.get('/user/:id/file/:name', (req, res) => void res.json(req.params))
    },
    say: [get('/user/7/file/x.txt'), get('/user/%C3%A9/file/a%2Fb'), get('/user/7/file/'), get('/user//file/x')],
  },
  'a parameter of more than a hundred characters': {
    app(app) {
      app.get('/:name', (req, res) => void res.send(`${req.params.name?.length}`))
    },
    say: [get(`/${'x'.repeat(300)}`)],
  },
  'optional parameters': {
    app(app, { major }) {
      app.get(major === 4 ? '/list/:page?' : '/list{/:page}', (req, res) => void res.json(req.params))
    },
    say: [get('/list'), get('/list/2'), get('/list/2/3')],
  },
  wildcards: {
    app(app, { major }) {
      app.get(major === 4 ? '/files/*' : '/files/*path', (req, res) => void res.json(req.params))
    },
    say: [get('/files/a/b/c'), get('/files/'), get('/files/a%20b//c')],
  },
  'regular expressions as paths': {
    app(app) {
      app.get(/^\/(\d+)-(\d+)$/, (req, res) => void res.json(req.params))
    },
    say: [get('/1-22'), get('/1-x')],
  },
  'several paths for one handler': {
    app(app) {
      app.use(['/a', '/b'], (req, res) => void res.json(place(req)))
    },
    say: [get('/a/x?y'), get('/b'), get('/c')],
  },
  'case and slashes at the end are ignored': {
    app(app) {
      app.get('/Path/here', (req, res) => void res.send(req.path))
    },
    say: [get('/path/HERE'), get('/Path/here/'), get('/Path/here//')],
  },
  'strict and case sensitive routing': {
    app(app) {
      app.enable('strict routing').enable('case sensitive routing')
      app.get('/Path', (req, res) => void res.send(req.path))
    },
    say: [get('/Path'), get('/Path/'), get('/path')],
  },
  'encoded letters, slashes, and what cannot be decoded': {
    app(app) {
      app.get('/admin', (_req, res) => void res.send('admin'))
      app.get('/:name', (req, res) => void res.json(place(req)))
    },
    say: [get('/%61dmin'), get('/a%2Fb'), get('/%zz'), get('/a%00b'), get('/%')],
  },
  'doubled slashes, dots, semicolons and fragments are not touched': {
    app(app) {
      app.use((req, res) => void res.json({ ...place(req), query: req.query }))
    },
    say: [get('//x'), get('/a//b'), get('/a/../b'), get('/./a'), get('/a;x=1'), get('/a#b?c'), get('/a?b#c')],
  },
  'bytes of a path that are no ASCII': {
    app(app) {
      app.use((req, res) => void res.json({ url: req.url, path: req.path }))
    },
    say: [get('/caf\xc3\xa9'), get('/"<>\\^`{|}')],
  },
  'route() with several methods': {
    app(app) {
      app
        .route('/thing')
        .all((_req, res, next) => {
          res.set('X-All', 'yes')
          next()
        })
        .get((_req, res) => void res.send('got'))
        .put((_req, res) => void res.send('put'))
    },
    say: [get('/thing'), ask('PUT', '/thing'), ask('DELETE', '/thing'), ask('OPTIONS', '/thing')],
  },
  'lists of handlers, and next("route")': {
    app(app, { note }) {
      app.get('/:n', [
        (req: Request, _res: unknown, next: (to?: string) => void) => next(req.params.n === '1' ? undefined : 'route'),
        (_req: Request, res: { send(text: string): void }) => res.send('one'),
      ])
      app.get('/:n', (req, res) => {
        note(req.route.path)
        res.send('other')
      })
    },
    say: [get('/1'), get('/2')],
  },
  'next("router") leaves a router': {
    app(app, { express }) {
      const router = express.Router()
      router.use((req, _res, next) => next(req.query.out === undefined ? undefined : 'router'))
      router.get('/x', (_req, res) => void res.send('inside'))
      app.use('/r', router, (_req, res) => void res.send('outside'))
    },
    say: [get('/r/x'), get('/r/x?out')],
  },
  'routers in routers: url, baseUrl and originalUrl': {
    app(app, { express, note }) {
      const inner = express.Router({ mergeParams: true }).get('/:c', (req, res) => void res.json(place(req)))
      const outer = express.Router().use(
        '/:b/in',
        (req, _res, next) => {
          note(place(req))
          next()
        },
        inner,
      )
      app.use('/:a', outer, (req, res) => void res.status(404).json(place(req)))
    },
    say: [get('/1/2/in/3?q=1'), get('/1/2/in/'), get('/1/x?q=1')],
  },
  'app.param': {
    app(app, { note }) {
      app.param('id', (_req, _res, next, id, name) => {
        note('param', name, id)
        if (id === '0') next(Object.assign(new Error('no such id'), { status: 404 }))
        else next()
      })
      app.get('/:id', (_req, _res, next) => next())
      app.get('/:id', (req, res) => void res.send(req.params.id))
    },
    say: [get('/5'), get('/0')],
  },
  'a middleware that rewrites the url': {
    app(app) {
      app.use((req, _res, next) => {
        req.url = req.url.replace('/old', '/new')
        next()
      })
      app.get('/new/:x', (req, res) => void res.json(place(req)))
    },
    say: [get('/old/1?x=/old'), get('/new/2')],
  },
  'strange request targets': {
    alone: true,
    app(app) {
      app.use((req, res) => void res.json({ method: req.method, ...place(req), host: req.hostname }))
    },
    say: [
      raw('GET http://other.test/a?b HTTP/1.1\r\nHost: example.test\r\n\r\n'),
      raw('GET http://other.test HTTP/1.1\r\nHost: example.test\r\n\r\n'),
      raw('OPTIONS * HTTP/1.1\r\nHost: example.test\r\n\r\n', 'OPTIONS'),
      raw('GET ?x HTTP/1.1\r\nHost: example.test\r\n\r\n'),
    ],
  },
  'an absolute target': {
    app(app) {
      app.get('/a', (req, res) => void res.json(place(req)))
    },
    say: [raw(`GET http://other.test${at}/a?b HTTP/1.1\r\nHost: example.test\r\n\r\n`)],
  },
  'an empty app, and one with nothing that matches': {
    app(app) {
      app.get('/only', (_req, res) => void res.end())
    },
    say: [get('/'), ask('POST', '/only', {}, 'body'), get('/<script>')],
  },
  'the same router at two paths, pipelined': {
    app(app, { express }) {
      const router = express.Router().get('/x', (req, res) => void res.send(req.baseUrl))
      app.use('/one', router).use('/two', router)
    },
    say: [pipelined(get('/one/x'), get('/two/x'), get('/one/y'))],
  },
}
