import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { get, json, post } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'
import { hangUp, noted, send } from '../../talk.js'

export const context: Theme<FastifyProgram> = {
  'AsyncLocalStorage in hooks, parsers and handlers': {
    app(app, { note }) {
      const storage = new AsyncLocalStorage<number>()
      let count = 0
      app.addHook('onRequest', (_request, _reply, done) => storage.run(++count, done))
      for (const name of ['preParsing', 'preValidation', 'preHandler', 'onSend', 'onResponse'] as const) {
        app.addHook(name as 'onRequest', async () => note(name, storage.getStore()))
      }
      app.all('/', async () => {
        note('handler', storage.getStore())
        await null
        note('await', storage.getStore())
        return 'x'
      })
    },
    say: [get('/'), json('/', { a: 1 }), json('/', { long: 'x'.repeat(70_000) })],
  },
  'AsyncLocalStorage entered in a hook': {
    app(app, { note }) {
      const storage = new AsyncLocalStorage<string>()
      app.addHook('onRequest', async request => {
        note('before', storage.getStore())
        storage.enterWith(request.id)
      })
      app.get('/', async () => {
        note('handler', storage.getStore())
        return 'x'
      })
    },
    say: [get('/'), get('/')],
  },
  'AsyncLocalStorage when the client leaves': {
    app(app, { note, gate }) {
      const storage = new AsyncLocalStorage<string>()
      app.addHook('onRequest', (request, _reply, done) => storage.run(request.id, done))
      app.addHook('onRequestAbort', async _request => note('onRequestAbort', storage.getStore()))
      app.get('/', async () => {
        note('waits')
        await gate('never')
      })
    },
    say: [send(get('/')), noted('waits'), hangUp, noted('onRequestAbort')],
  },
  'what Fastify tells diagnostics': {
    app(app, { note }) {
      const events = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']
      const listeners = events.map(
        event => [`tracing:fastify.request.handler:${event}`, () => note('tracing', event)] as const,
      )
      app.addHook('onReady', async () => {
        for (const [channel, listener] of listeners) subscribe(channel, listener)
      })
      app.addHook('onResponse', async () => {
        for (const [channel, listener] of listeners) unsubscribe(channel, listener)
      })
      app.get('/', async () => 'x')
    },
    say: [get('/')],
    alone: true,
  },
  'listeners do not pile up on a connection': {
    app(app, { note }) {
      const counts = new Set<string>()
      app.get('/', async ({ socket }) => {
        counts.add(
          socket
            .eventNames()
            .map(name => `${String(name)} ${socket.listenerCount(name)}`)
            .join(),
        )
        note(counts.size)
        return 'x'
      })
    },
    say: Array.from({ length: 15 }, () => get('/')),
  },
  'the end of a request, told to the raw response': {
    app(app, { note, gate }) {
      app.addHook('onRequest', async (request, { raw }) => {
        raw.on('finish', () => note('finished', request.id, raw.statusCode))
        raw.on('close', () => note('closed', request.id, raw.writableFinished))
      })
      app.get('/', async () => 'x')
      app.get('/never', async () => {
        note('waits')
        await gate('never')
      })
    },
    say: [get('/'), get('/none'), send(get('/never')), noted('waits'), hangUp, noted('closed req-3')],
  },
  'AsyncLocalStorage in streams, timers and parsers of the app': {
    app(app, { note }) {
      const storage = new AsyncLocalStorage<string>()
      app.addHook('onRequest', (request, _reply, done) => storage.run(request.id, done))
      app.addContentTypeParser('text/x', (_request, payload, done) => {
        payload.on('data', () => {})
        payload.on('end', () => {
          note('end', storage.getStore())
          setImmediate(() => {
            note('immediate', storage.getStore())
            done(null, 'parsed')
          })
        })
      })
      app.post('/', async ({ body }) => {
        note('handler', storage.getStore())
        return body
      })
      app.get('/', (_request, reply) => {
        reply.raw.on('finish', () => note('finish', storage.getStore()))
        reply.raw.on('close', () => note('close', storage.getStore()))
        reply.send('x')
      })
    },
    say: [post('/', 'text/x', 'body'), get('/')],
  },
}
