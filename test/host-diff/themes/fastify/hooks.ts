import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { createGzip, gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { ask, get, head, json, pipelined } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'
import type { Tools } from '../../session.js'
import { answered, closed, hangUp, noted, open, send, until } from '../../talk.js'

const HOOKS = [
  'onRequest',
  'preParsing',
  'preValidation',
  'preHandler',
  'preSerialization',
  'onSend',
  'onResponse',
  'onError',
] as const

/** Notes each hook of each request, and that it has ended. */
function noteHooks(app: FastifyInstance, { note }: Tools, who = ''): void {
  for (const name of HOOKS) {
    app.addHook(name as 'onRequest', async request => note(`${who}${name}`, request.method))
  }
  app.addHook('onTimeout', async _request => note(`${who}onTimeout`))
  app.addHook('onRequestAbort', async _request => note(`${who}onRequestAbort`))
}

export const hooks: Theme<FastifyProgram> = {
  'the order of all hooks': {
    app(app, tools) {
      noteHooks(app, tools)
      app.all('/', async () => {
        tools.note('handler')
        return { a: 1 }
      })
      app.get('/error', async () => {
        throw new Error('x')
      })
    },
    say: [get('/'), json('/', { a: 1 }), head('/'), get('/error'), get('/none'), json('/', 'bad')],
  },
  'hooks with callbacks, in several turns': {
    app(app, { note }) {
      app.addHook('onRequest', (_request, _reply, done) => {
        note('onRequest')
        setImmediate(done)
      })
      app.addHook('preHandler', (_request, _reply, done) => {
        note('preHandler')
        process.nextTick(done)
      })
      app.addHook('onSend', (_request, _reply, payload, done) => {
        note('onSend', payload)
        setImmediate(done, null, `<${payload}>`)
      })
      app.addHook('onResponse', (_request, _reply, done) => {
        note('onResponse')
        done()
      })
      app.get('/', async () => 'x')
    },
    say: [get('/'), get('/')],
  },
  'hooks of a route, after those of the app': {
    app(app, tools) {
      noteHooks(app, tools, 'app ')
      const own = Object.fromEntries(HOOKS.map(name => [name, [async () => tools.note('route', name)]]))
      app.get('/', own, async () => ({ a: 1 }))
    },
    say: [get('/'), get('/none')],
  },
  'hooks of plugins stay with them': {
    app(app, tools) {
      noteHooks(app, tools, 'outer ')
      app.register(
        async plugin => {
          noteHooks(plugin, tools, 'inner ')
          plugin.get('/x', async () => 'x')
        },
        { prefix: '/in' },
      )
      app.get('/', async () => 'x')
    },
    say: [get('/'), get('/in/x'), get('/in/none')],
  },
  'a hook that answers': {
    app(app, tools) {
      app.addHook('onRequest', async (request, reply) => {
        if (request.url.includes('early')) return reply.code(202).send('early')
      })
      app.addHook('preValidation', async (request, reply) => {
        if (request.url.includes('middle')) await reply.code(202).send('middle')
      })
      app.addHook('preHandler', (request, reply, done) => {
        if (request.url.includes('late')) reply.code(202).send('late')
        else done()
      })
      noteHooks(app, tools)
      app.post('/', async () => 'handler')
    },
    say: [json('/?early', {}), json('/?middle', {}), json('/?late', {}), json('/', {})],
  },
  'a hook that fails': {
    app(app, tools) {
      noteHooks(app, tools)
      for (const name of [
        'onRequest',
        'preParsing',
        'preValidation',
        'preHandler',
        'preSerialization',
        'onSend',
      ] as const) {
        app.addHook(name as 'onRequest', async request => {
          if (request.url.includes(name)) throw Object.assign(new Error(name), { statusCode: 409 })
        })
      }
      app.get('/', async () => ({ a: 1 }))
    },
    say: ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend'].map(name =>
      get(`/?${name}`),
    ),
  },
  'onSend that changes what is sent': {
    app(app) {
      app.addHook('onSend', async ({ url }, reply, payload) => {
        reply.header('x-send', typeof payload)
        if (url.includes('null')) return null
        if (url.includes('buffer')) return Buffer.from('replaced')
        if (url.includes('code')) reply.code(203)
        return payload
      })
      app.get('/', async () => 'payload')
      app.get('/stream', async () => Buffer.from('x'))
    },
    say: [get('/?null'), get('/?buffer'), get('/?code'), get('/stream'), head('/')],
  },
  'preSerialization that wraps': {
    app(app, { note }) {
      app.addHook('preSerialization', async (_request, _reply, payload) => ({ wrapped: payload }))
      app.addHook('preSerialization', (_request, _reply, payload, done) => {
        note(payload)
        done(null, payload)
      })
      app.get('/object', async () => ({ a: 1 }))
      app.get('/text', async () => 'not serialised')
      app.get('/error', async () => {
        throw new Error('x')
      })
    },
    say: [get('/object'), get('/text'), get('/error')],
  },
  'onRequestAbort, while a handler waits': {
    app(app, tools) {
      noteHooks(app, tools)
      app.get('/', async () => {
        tools.note('waits')
        await tools.gate('answer')
        return 'late'
      })
    },
    say: [send(get('/')), noted('waits'), hangUp, noted('onRequestAbort'), open('answer')],
  },
  'onRequestAbort that fails': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app, { note, gate }) {
      app.addHook('onRequestAbort', async _request => {
        note('onRequestAbort')
        throw new Error('in the hook')
      })
      app.get('/', async () => {
        note('waits')
        await gate('never')
      })
    },
    say: [send(get('/')), noted('waits'), hangUp, noted('onRequestAbort')],
  },
  onTimeout: {
    app(app, tools) {
      noteHooks(app, tools)
      app.get('/', async ({ raw }) => {
        tools.note('waits')
        raw.socket.setTimeout(15)
        await tools.gate('never')
      })
    },
    say: [send(get('/')), noted('waits'), closed],
  },
  'onResponse that fails': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app, { note }) {
      app.addHook('onResponse', async () => {
        note('onResponse')
        throw new Error('too late')
      })
      app.get('/', async () => 'x')
    },
    say: [get('/'), get('/')],
  },
  'the hooks of the start and the end': {
    app(app, { note }) {
      app.addHook('onReady', async () => note('onReady'))
      app.addHook('preClose', async () => note('preClose'))
      app.addHook('onClose', async () => note('onClose'))
      app.get('/', async () => 'x')
    },
    say: [get('/')],
  },
  onListen: {
    app(app, { note }) {
      app.addHook('onReady', async () => note('onReady'))
      app.addHook('onListen', async () => note('onListen', app.server.listening))
      app.get('/', async () => 'x')
    },
    say: [get('/')],
  },
  'the hooks of the start and the end, in plugins': {
    app(app, { note }) {
      const all = (instance: FastifyInstance, who: string) => {
        instance.addHook('onReady', done => {
          note(who, 'onReady')
          setImmediate(done)
        })
        instance.addHook('preClose', done => {
          note(who, 'preClose')
          setImmediate(done)
        })
        instance.addHook('onClose', (_instance, done) => {
          note(who, 'onClose')
          setImmediate(done)
        })
      }
      all(app, 'outer')
      app.register(async plugin => {
        note('plugin')
        all(plugin, 'inner')
        plugin.register(async deep => all(deep, 'deep'))
      })
      app.after(() => note('after'))
      app.ready(() => note('ready'))
      app.get('/', async () => 'x')
    },
    say: [get('/')],
  },
  'a close while a request is under way': {
    alone: true,
    app(app, { note, gate }) {
      for (const name of ['preClose', 'onClose'] as const) app.addHook(name, async () => note(name))
      app.addHook('onResponse', async () => note('onResponse'))
      app.get('/', async () => {
        note('waits')
        await gate('answer')
        return 'answered all the same'
      })
    },
    say: [send(get('/')), noted('waits'), talk => void talk.session.end(), noted('preClose'), open('answer'), answered],
  },
  'onRoute and onRegister': {
    app(app, { note }) {
      app.addHook('onRegister', (_instance, options) => note('onRegister', Object.keys(options)))
      app.addHook('onRoute', options => {
        note('onRoute', options.method, options.url)
        const before = options.preHandler ?? []
        options.preHandler = [...(Array.isArray(before) ? before : [before]), async () => note('added to', options.url)]
      })
      app.get('/', async () => 'x')
      app.register(async plugin => void plugin.get('/in', async () => 'in'), { prefix: '/p' })
    },
    say: [get('/'), get('/p/in')],
  },
  'plugins that hear of onListen': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app, { note }) {
      app.addHook('onListen', async () => {
        note('onListen')
        throw new Error('nobody is told')
      })
      app.register(async plugin => {
        plugin.addHook('onListen', done => {
          note('inner onListen')
          setImmediate(done)
        })
      })
      app.get('/', async () => 'x')
    },
    say: [get('/')],
  },
  'preClose and onClose that take their time': {
    app(app, { note }) {
      for (const name of ['preClose', 'onClose'] as const) {
        app.addHook(name, async () => {
          note(name, 'begins')
          await new Promise(resolve => setImmediate(resolve))
          note(name, 'ends')
        })
      }
      app.get('/', async () => 'x')
    },
    say: [get('/')],
  },
  'preParsing that reads ahead': {
    app(app, { note }) {
      app.addHook('preParsing', async (request, _reply, payload) => {
        let seen = 0
        payload.on('data', (chunk: Buffer) => {
          seen += chunk.length
        })
        payload.on('end', () => note('seen', request.method, seen))
        return payload
      })
      app.post('/', async ({ body }) => ({ length: JSON.stringify(body).length }))
      app.get('/', async () => 'x')
    },
    say: [json('/', { a: 1 }), json('/', { long: 'x'.repeat(70_000) }), get('/')],
  },
  'a close while an event stream is open, which preClose ends': {
    alone: true,
    app(app, { note }) {
      const streams = new Set<ServerResponse>()
      app.addHook('preClose', async () => {
        note('preClose')
        for (const stream of streams) stream.end('data: bye\n\n')
      })
      app.addHook('onClose', async () => note('onClose'))
      app.addHook('onResponse', async () => note('onResponse'))
      app.get('/', (_request, reply) => {
        reply.hijack()
        streams.add(reply.raw)
        reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream' })
        reply.raw.write('data: 1\n\n')
      })
    },
    say: [send(get('/')), until(/data: 1/), talk => void talk.session.end(), noted('onClose')],
  },
  'a close while a body comes in': {
    alone: true,
    app(app, { note }) {
      app.addHook('preParsing', async () => note('preParsing'))
      app.addHook('preClose', async () => note('preClose'))
      app.addHook('onClose', async () => note('onClose'))
      app.addHook('onResponse', async () => note('onResponse'))
      app.post('/', async ({ body }) => ({ body }))
    },
    say: [
      send(ask('POST', '/', { 'Content-Length': 11, 'Content-Type': 'application/json' }, '{"a":')),
      noted('preParsing'),
      talk => void talk.session.end(),
      noted('preClose'),
      '"bcd"}',
      answered,
    ],
  },
  'a hook that hijacks': {
    app(app, tools) {
      app.addHook('onRequest', async (request, reply) => {
        if (!request.url.includes('raw')) return
        reply.hijack()
        reply.raw.end('by a hook')
      })
      noteHooks(app, tools)
      app.get('/', async () => 'by the handler')
    },
    say: [pipelined(get('/?raw'), get('/'), get('/?raw'))],
  },
  'onSend that makes a stream of it': {
    app(app) {
      app.addHook('onSend', async (_request, reply, payload) => {
        reply.removeHeader('content-length')
        return Readable.from([`<${payload}>`])
      })
      app.get('/', async () => 'payload')
      app.get('/object', async () => ({ a: 1 }))
    },
    say: [get('/'), get('/object'), head('/')],
  },
  'onSend that compresses a stream': {
    app(app) {
      app.addHook('onSend', async (_request, reply, payload) => {
        reply.header('content-encoding', 'gzip').removeHeader('content-length')
        return payload instanceof Readable ? payload.pipe(createGzip()) : gzipSync(String(payload))
      })
      app.get('/stream', async () => Readable.from(['a', 'b']))
      app.get('/text', async () => 'text')
    },
    say: [get('/stream'), get('/text')],
  },
}
