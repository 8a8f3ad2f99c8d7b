import type { FastifyError } from 'fastify'
import { get, json } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'
import { hangUp, noted, send, until } from '../../talk.js'

export const errors: Theme<FastifyProgram> = {
  'throws and rejections, by default': {
    app(app) {
      app.get('/sync', () => {
        throw new Error('sync')
      })
      app.get('/async', async () => {
        throw Object.assign(new Error('async'), { statusCode: 418, code: 'MINE', extra: 1 })
      })
      app.get('/send', (_request, reply) => void reply.send(new Error('sent')))
      app.get('/code', (_request, reply) => void reply.code(422).send(new Error('coded')))
      app.get('/low', (_request, reply) => void reply.code(200).send(new Error('low')))
    },
    say: [get('/sync'), get('/async'), get('/send'), get('/code'), get('/low')],
  },
  'statuses of errors, good and bad': {
    app(app) {
      app.get('/:status', async ({ params }) => {
        throw Object.assign(new Error('x'), { statusCode: Number((params as { status: string }).status) })
      })
      app.get('/other/:status', async ({ params }) => {
        throw Object.assign(new Error('x'), { status: Number((params as { status: string }).status) })
      })
    },
    say: [get('/400'), get('/503'), get('/200'), get('/999'), get('/other/404')],
  },
  'values that are no errors': {
    app(app) {
      app.get('/string', async () => {
        throw 'text'
      })
      app.get('/object', async () => {
        throw { statusCode: 418, a: 1 }
      })
      app.get('/null', async () => {
        throw null
      })
      app.get('/undefined', () => Promise.reject())
    },
    say: [get('/string'), get('/object'), get('/null'), get('/undefined')],
  },
  'headers of an error, and headers before it': {
    app(app) {
      app.get('/', async (_request, reply) => {
        reply.header('x-before', 'kept?').header('content-type', 'text/plain').header('content-length', '99')
        throw Object.assign(new Error('x'), { headers: { 'x-error': '1' }, statusCode: 429 })
      })
    },
    say: [get('/')],
  },
  'an error handler of the app': {
    app(app, { note }) {
      app.setErrorHandler(async (error: FastifyError, request, reply) => {
        note('handler', error.message, error.code, reply.sent)
        return reply.code(error.statusCode ?? 500).send({ own: error.message, url: request.url })
      })
      app.get('/', async () => {
        throw new Error('x')
      })
      app.post('/', async () => 'x')
    },
    say: [get('/'), json('/', 'bad'), get('/none')],
  },
  'error handlers of plugins, one in another': {
    app(app, { note }) {
      app.setErrorHandler(async (error: FastifyError, _request, reply) => {
        note('outer', error.message)
        return reply.send({ outer: error.message })
      })
      app.register(async plugin => {
        plugin.setErrorHandler(async (error: FastifyError) => {
          note('inner', error.message)
          throw new Error(`inner of ${error.message}`)
        })
        plugin.get('/in', async () => {
          throw new Error('x')
        })
        plugin.get('/own', { errorHandler: (_error, _request, reply) => void reply.send('route') }, async () => {
          throw new Error('x')
        })
      })
    },
    say: [get('/in'), get('/own')],
  },
  'an error handler that fails, or answers with an error': {
    app(app) {
      app.setErrorHandler((error: FastifyError, request, reply) => {
        if (request.url.includes('throw')) throw new Error('in the handler')
        reply.code(500).send(Object.assign(new Error(`sent ${error.message}`), { statusCode: 503 }))
      })
      app.get('/', async () => {
        throw new Error('x')
      })
    },
    say: [get('/?throw'), get('/?send')],
  },
  'an error handler that waits': {
    app(app) {
      app.setErrorHandler((error: FastifyError, _request, reply) => {
        setImmediate(() => reply.code(500).send({ waited: error.message }))
      })
      app.get('/', () => {
        throw new Error('x')
      })
    },
    say: [get('/')],
  },
  'a throw when the answer has been sent': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app) {
      app.get('/sync', (_request, reply) => {
        reply.send('whole')
        throw new Error('too late')
      })
      app.get('/async', async (_request, reply) => {
        reply.send('whole')
        throw new Error('too late')
      })
    },
    say: [get('/sync'), get('/async'), get('/sync')],
  },
  'a throw when the raw answer has begun': {
    majors: [5],
    options: () => ({ logger: { level: 'silent' } }),
    app(app) {
      app.get('/', async (_request, reply) => {
        reply.raw.write('begun')
        throw new Error('late')
      })
    },
    say: [get('/')],
  },
  'a throw when the raw answer has begun (Fastify 4 leaves it open)': {
    majors: [4],
    options: () => ({ logger: { level: 'silent' } }),
    app(app) {
      app.get('/', async (_request, reply) => {
        reply.raw.write('begun')
        throw new Error('late')
      })
    },
    say: [send(get('/')), until(/begun/), hangUp],
  },
  "an error out of a timer is nobody's": {
    app(app) {
      app.get('/', (_request, reply) => {
        setImmediate(() => {
          setImmediate(() => reply.send('still'))
          throw new Error('from a timer')
        })
      })
    },
    say: [get('/'), noted('uncaughtException')],
  },
  'an answer that is broken off': {
    app(app, { note }) {
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.addHook('onResponse', async () => note('onResponse'))
      app.get('/res', (_request, reply) => {
        reply.hijack()
        reply.raw.write('some')
        setImmediate(() => reply.raw.destroy())
      })
    },
    say: [get('/res')],
  },
  'a socket that the app destroys': {
    app(app, { note }) {
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.get('/', async request => {
        request.raw.socket.destroy()
        return 'x'
      })
    },
    say: [get('/')],
  },
  'errors that plugins and middleware throw by their name': {
    app(app, { note }) {
      app.get('/', async (_request, reply) => {
        try {
          app.decorate('late', 1)
        } catch (error) {
          note(error instanceof Error && 'code' in error && error.code)
        }
        return reply.send('x')
      })
    },
    say: [get('/')],
  },
}
