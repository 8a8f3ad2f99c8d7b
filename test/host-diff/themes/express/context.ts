import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { NextFunction, Request, Response } from 'express'
import { get, json, pipelined } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'
import { hangUp, noted, send } from '../../talk.js'

/** Middleware that gives each request a number in `storage`. */
function numbered(storage: AsyncLocalStorage<number>) {
  let count = 0
  return (_req: Request, _res: Response, next: NextFunction) => storage.run(++count, next)
}

export const context: Theme<ExpressProgram> = {
  'AsyncLocalStorage in handlers, promises and timers': {
    app(app, { note }) {
      const storage = new AsyncLocalStorage<number>()
      app.use(numbered(storage))
      app.get('/', async (_req, res) => {
        note('handler', storage.getStore())
        await null
        note('await', storage.getStore())
        setImmediate(() => {
          note('immediate', storage.getStore())
          process.nextTick(() => res.send(`${storage.getStore()}`))
        })
      })
    },
    say: [get('/'), get('/')],
  },
  'AsyncLocalStorage through a body parser': {
    app(app, { express, note }) {
      const storage = new AsyncLocalStorage<number>()
      app.use(numbered(storage), express.json())
      app.post('/', (req, res) => {
        note('handler', storage.getStore())
        res.json(req.body)
      })
    },
    say: [json('/', { a: 1 }), json('/', { long: 'x'.repeat(70_000) })],
  },
  'AsyncLocalStorage in listeners of the request and the response': {
    app(app, { note }) {
      const storage = new AsyncLocalStorage<number>()
      app.use(numbered(storage))
      app.post('/', (req, res) => {
        req.on('data', () => note('data', storage.getStore()))
        req.on('end', () => {
          note('end', storage.getStore())
          res.send('x')
        })
        res.on('finish', () => note('finish', storage.getStore()))
        res.on('close', () => note('close', storage.getStore()))
      })
    },
    say: [json('/', { a: 1 }), json('/', { a: 2 })],
  },
  'AsyncLocalStorage entered, and left for the next request': {
    app(app, { note }) {
      const storage = new AsyncLocalStorage<string>()
      app.get('/', (req, res) => {
        note('before', storage.getStore())
        storage.enterWith(String(req.query.n))
        note('after', storage.getStore())
        res.send('x')
      })
    },
    say: [get('/?n=1'), get('/?n=2'), pipelined(get('/?n=3'), get('/?n=4'))],
  },
  'each request has an async id of its own': {
    app(app, { note }) {
      const ids = new Set<number>()
      app.get('/', (_req, res) => {
        ids.add(executionAsyncId())
        note(ids.size)
        res.send('x')
      })
    },
    say: [get('/'), get('/')],
  },
  'what Node tells diagnostics': {
    app(app, { note }) {
      const finished = () => {
        note('http.server.response.finish')
        unsubscribe('http.server.response.finish', finished)
      }
      app.get('/', (_req, res) => {
        subscribe('http.server.response.finish', finished)
        res.send('x')
      })
    },
    say: [get('/')],
  },
  'the end of a request, told to its middleware': {
    app(app, { note, gate }) {
      app.use((req, res, next) => {
        const begun = req.url
        const done = (how: string) => () => note(how, begun, res.statusCode, res.headersSent, res.writableFinished)
        res.on('finish', done('finished')).on('close', done('closed'))
        next()
      })
      app.get('/', (_req, res) => void res.send('x'))
      app.get('/never', async () => {
        note('waits')
        await gate('never')
      })
    },
    say: [get('/'), get('/none'), send(get('/never')), noted('waits'), hangUp, noted('closed /never')],
  },
  'listeners do not pile up on a connection': {
    app(app, { note }) {
      const counts = new Set<string>()
      app.get('/', (req, res) => {
        const { socket } = req
        counts.add(
          socket
            .eventNames()
            .map(name => `${String(name)} ${socket.listenerCount(name)}`)
            .join(),
        )
        note(counts.size)
        res.send('x')
      })
    },
    say: Array.from({ length: 15 }, () => get('/')),
  },
}
