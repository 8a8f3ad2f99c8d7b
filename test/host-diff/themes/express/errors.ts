import type { NextFunction, Request, Response } from 'express'
import { get, json } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'
import { answered, hangUp, noted, send } from '../../talk.js'

const asJson = (error: { message?: string; status?: number }, _req: Request, res: Response, _next: NextFunction) => {
  res.status(error.status ?? 500).json({ caught: error.message ?? error })
}

export const errors: Theme<ExpressProgram> = {
  'a throw, shown to developers': {
    app(app) {
      app.get('/', () => {
        throw new Error('<b>boom</b>')
      })
    },
    say: [get('/'), get('/', { Accept: 'application/json' })],
  },
  'a throw, in production': {
    app(app) {
      app.set('env', 'production')
      app.get('/', () => {
        throw new Error('secret')
      })
      app.get('/404', () => {
        throw Object.assign(new Error('shown'), { status: 404, expose: true, headers: { 'X-Error': 'yes' } })
      })
    },
    say: [get('/'), get('/404')],
  },
  'a throw, in tests': {
    app(app) {
      app.set('env', 'test')
      app.get('/', () => {
        throw new Error('quiet')
      })
    },
    say: [get('/')],
  },
  'statuses of errors, good and bad': {
    app(app) {
      app.get('/:status', (req, _res, next) =>
        next(Object.assign(new Error('x'), { statusCode: Number(req.params.status) })),
      )
    },
    say: [get('/400'), get('/503'), get('/200'), get('/999')],
  },
  'a status that was set before the error': {
    app(app) {
      app.get('/', (_req, res, next) => {
        res.status(422).set('X-Before', 'kept?').type('json')
        next(new Error('x'))
      })
    },
    say: [get('/')],
  },
  'a chain of error handlers': {
    app(app, { note }) {
      app.use((_req, _res, next) => next(new Error('first')))
      app.use(() => note('never'))
      app.use((error: Error, _req: Request, _res: Response, next: NextFunction) => {
        note('one', error.message)
        next(new Error('second'))
      })
      app.use((error: Error, _req: Request, _res: Response, next: NextFunction) => {
        note('two', error.message)
        next()
      })
      app.use((_req, res) => void res.send('recovered'))
    },
    say: [get('/')],
  },
  'an error handler that throws': {
    app(app) {
      app.get('/', (_req, _res, next) => next(new Error('first')))
      app.use((_error: Error, _req: Request, _res: Response, _next: NextFunction) => {
        throw new Error('second')
      })
    },
    say: [get('/'), get('/')],
  },
  'values that are no errors': {
    app(app) {
      app.get('/string', (_req, _res, next) => next('text'))
      app.get('/throw', () => {
        throw 'thrown'
      })
      app.get('/null', (_req, _res, next) => next(null))
      app.get('/zero', (_req, _res, next) => next(0))
      app.get('/object', (_req, _res, next) => next({ status: 418 }))
      app.use(asJson)
    },
    say: [get('/string'), get('/throw'), get('/null'), get('/zero'), get('/object')],
  },
  'values that are no errors, left to Express': {
    app(app) {
      app.get('/string', (_req, _res, next) => next('text'))
      app.get('/object', (_req, _res, next) => next({ status: 418 }))
    },
    say: [get('/string'), get('/object')],
  },
  'a rejected promise (Express 5 catches it)': {
    majors: [5],
    app(app) {
      app.get('/', async () => {
        throw Object.assign(new Error('async'), { status: 503 })
      })
      app.get('/nothing', () => Promise.reject())
      app.use(asJson)
    },
    say: [get('/'), get('/nothing')],
  },
  'a rejected promise (Express 4 does not)': {
    majors: [4],
    app(app) {
      app.get('/', async () => {
        throw new Error('async')
      })
    },
    say: [send(get('/')), noted('unhandledRejection'), hangUp],
  },
  'a throw when the answer has begun': {
    app(app) {
      app.get('/', (_req, res) => {
        res.write('begun')
        throw new Error('late')
      })
    },
    say: [get('/')],
  },
  'a throw when the answer has begun, with a handler that tries again': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        res.write('begun')
        throw new Error('late')
      })
      app.use((error: Error, _req: Request, res: Response, next: NextFunction) => {
        note(error.message, res.headersSent)
        if (res.headersSent) next(error)
        else res.send('never')
      })
    },
    say: [get('/')],
  },
  'a throw when the answer has ended': {
    app(app) {
      app.get('/', (_req, res) => {
        res.send('whole')
        throw new Error('too late')
      })
    },
    say: [get('/'), get('/')],
  },
  "an error out of a timer is nobody's": {
    app(app) {
      app.get('/', (_req, res) => {
        setImmediate(() => {
          setImmediate(() => res.send('still'))
          throw new Error('from a timer')
        })
      })
    },
    say: [get('/')],
  },
  'an error in a listener for the end of a response': {
    app(app) {
      app.get('/', (_req, res) => {
        res.on('finish', () => {
          throw new Error('in finish')
        })
        res.send('sent')
      })
    },
    say: [get('/'), noted('uncaughtException'), get('/')],
  },
  'an error in a sub-app falls to the outer one': {
    app(app, { express }) {
      const inner = express().get('/x', (_req, _res, next) => next(new Error('inner')))
      app.use('/in', inner).use(asJson)
    },
    say: [get('/in/x'), get('/in/none')],
  },
  'an error handler of a router': {
    app(app, { express }) {
      const router = express.Router()
      router.get('/x', (_req, _res, next) => next(new Error('router')))
      router.use(
        (_error: Error, _req: Request, res: Response, _next: NextFunction) => void res.status(502).send('router'),
      )
      app.use('/r', router).use(asJson)
    },
    say: [get('/r/x'), get('/none')],
  },
  'an own 404': {
    app(app) {
      app.get('/a', (_req, res) => void res.send('a'))
      app.use((req, res) => void res.status(404).json({ no: req.originalUrl }))
    },
    say: [get('/b?x'), json('/b', { a: 1 }), get('/a')],
  },
  'an error that comes while the body is being read': {
    app(app, { express }) {
      app.use(express.json())
      app.use((error: Error & { body?: string; type?: string }, _req: Request, res: Response, _next: NextFunction) => {
        res.status(422).json([error.name, error.type, error.body])
      })
    },
    say: [json('/', '{"a"'), json('/', '{}')],
  },
  'an answer that is broken off': {
    app(app) {
      app.get('/destroy', (_req, res) => {
        res.write('some')
        setImmediate(() => res.destroy())
      })
    },
    say: [get('/destroy')],
  },
  'an answer that is broken off with an error': {
    app(app, { note }) {
      app.get('/', (req, res) => {
        res.on('error', error => note('res', error.message))
        req.on('error', error => note('req', error.message))
        res.destroy(new Error('broken'))
      })
    },
    say: [get('/')],
  },
  'a socket that the app destroys': {
    app(app) {
      app.get('/', req => void req.socket.destroy())
    },
    say: [send(get('/')), answered],
  },
  'a request that the app destroys': {
    app(app, { note }) {
      app.get('/', (req, res) => {
        req.on('error', error => note('req', error.message))
        req.on('close', () => note('closed', res.destroyed))
        req.destroy(new Error('enough'))
      })
    },
    say: [get('/')],
  },
}
