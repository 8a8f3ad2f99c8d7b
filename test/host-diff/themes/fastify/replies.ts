import { createReadStream } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { get, head } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'
import { answered, hangUp, noted, open, pause, reset, resume, send, until } from '../../talk.js'
import { folder } from '../express/files.js'

const values: Record<string, unknown> = {
  string: 'text',
  number: 1,
  boolean: false,
  null: null,
  undefined: undefined,
  object: { a: [1] },
  array: [],
  buffer: Buffer.from('buffer'),
  bytes: new Uint8Array([104, 105]),
  date: new Date(0),
}
const kinds = Object.keys(values).map(kind => get(`/${kind}`))

export const replies: Theme<FastifyProgram> = {
  'what is returned': {
    app(app) {
      for (const kind of Object.keys(values)) if (kind !== 'undefined') app.get(`/${kind}`, async () => values[kind])
    },
    say: kinds,
  },
  'what is sent': {
    app(app) {
      for (const kind of Object.keys(values)) app.get(`/${kind}`, (_request, reply) => void reply.send(values[kind]))
    },
    say: kinds,
  },
  'what is sent, with a type': {
    app(app) {
      for (const kind of Object.keys(values)) {
        app.get(`/${kind}`, (_request, reply) => void reply.type('application/x; charset=latin1').send(values[kind]))
      }
    },
    say: kinds.filter((_, index) => index === 0 || index > 6),
  },
  'sent and returned': {
    app(app, { note }) {
      app.get('/', async (_request, reply) => {
        reply.send('sent')
        note(reply.sent)
        return reply
      })
      app.get('/late', async (_request, reply) => {
        setImmediate(() => reply.send('late'))
        return reply
      })
      app.get('/await', async (_request, reply) => {
        await reply.send('awaited')
        note('after')
      })
    },
    say: [get('/'), get('/late'), get('/await')],
  },
  'sent twice': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app, { note }) {
      app.get('/', (_request, reply) => {
        reply.send('one')
        try {
          reply.send('two')
        } catch (error) {
          note(error)
        }
      })
      app.get('/return', async (_request, reply) => {
        reply.send('one')
        return 'two'
      })
    },
    say: [get('/'), get('/return')],
  },
  'codes and what belongs to them': {
    app(app) {
      app.get('/:code', ({ params }, reply) => void reply.code(Number((params as { code: string }).code)).send('body'))
      app.get('/none/:code', ({ params }, reply) => void reply.code(Number((params as { code: string }).code)).send())
    },
    say: [201, 204, 205, 304, 418, 599].flatMap(code => [get(`/${code}`), get(`/none/${code}`)]),
  },
  'codes that are none': {
    app(app) {
      app.get('/:code', ({ params }, reply) => void reply.code(Number((params as { code: string }).code)).send('body'))
    },
    say: [get('/99'), get('/1000'), get('/x')],
  },
  'headers: names, lists, cookies and what is removed': {
    app(app, { note }) {
      app.get('/', async (_request, reply) => {
        reply
          .header('X-Upper', 'a')
          .headers({ zeta: '1', alpha: 2 })
          .header('Set-Cookie', 'a=1')
          .header('set-cookie', ['b=2', 'c=3'])
        reply.header('link', ['<a>', '<b>']).header('gone', 'x').removeHeader('gone').header('empty', '')
        note(reply.getHeaders(), reply.getHeader('x-UPPER'), reply.hasHeader('gone'))
        return 'x'
      })
    },
    say: [get('/')],
  },
  'headers of Node that an app takes over': {
    app(app) {
      app.get('/date', (_request, reply) => {
        reply.raw.sendDate = false
        reply.send('x')
      })
      app.get('/mydate', (_request, reply) => void reply.header('date', 'today').send('x'))
      app.get('/keep', (_request, reply) => void reply.header('keep-alive', 'timeout=1').send('x'))
      app.get('/close', (_request, reply) => void reply.header('connection', 'close').send('x'))
    },
    say: [get('/date'), get('/mydate'), get('/keep'), get('/close')],
  },
  'headers that are set on the raw response': {
    app(app) {
      app.get('/', (_request, reply) => {
        reply.raw.setHeader('X-Raw', '1')
        reply.header('x-reply', '2').send('x')
      })
    },
    say: [get('/')],
  },
  'headers that cannot be sent': {
    app(app) {
      app.get('/value', (_request, reply) => void reply.header('x', 'a\nb').send('x'))
      app.get('/name', (_request, reply) => void reply.header('a b', 'x').send('x'))
      app.get('/length', (_request, reply) => void reply.header('content-length', '3').send('12345'))
    },
    say: [get('/value'), get('/name'), get('/length')],
  },
  redirects: {
    app(app, { major }) {
      type Redirect = (first: string | number, second?: string | number) => unknown
      const to = (reply: object, url: string, code?: number) => {
        const redirect: Redirect = (...args) => Reflect.get(reply, 'redirect').apply(reply, args)
        if (code === undefined) redirect(url)
        else if (major === 4) redirect(code, url)
        else redirect(url, code)
      }
      app.get('/plain', (_request, reply) => void to(reply, '/to?a=b&c'))
      app.get('/301', (_request, reply) => void to(reply, 'http://example.com/é ü', 301))
      app.get('/kept', (_request, reply) => void to(reply.code(307), 'relative'))
    },
    say: [get('/plain'), get('/301'), get('/kept'), head('/plain')],
  },
  'streams: chunked, with a length, empty, and for a HEAD': {
    app(app) {
      app.get('/', (_request, reply) => void reply.send(Readable.from(['a', 'b'])))
      app.get('/length', (_request, reply) => void reply.header('content-length', 2).send(Readable.from(['ab'])))
      app.get('/empty', async () => Readable.from([]))
      app.get('/file', async () => createReadStream(`${folder}/hello.txt`))
      app.get('/type', (_request, reply) => void reply.type('text/plain').send(Readable.from(['typed'])))
    },
    say: [get('/'), get('/length'), get('/empty'), get('/file'), get('/type'), head('/'), head('/length')],
  },
  'streams that fail, before and after the head': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app, { note }) {
      app.addHook('onError', async (_request, _reply, error) => note('onError', error.message))
      app.get('/before', (_request, reply) => void reply.send(createReadStream(`${folder}/none.txt`)))
      app.get('/after', (_request, reply) => {
        const source = new PassThrough()
        source.write('some')
        reply.send(source)
        setImmediate(() => source.destroy(new Error('source')))
      })
    },
    say: [get('/before'), get('/after')],
  },
  'streams of the web, and Responses': {
    majors: [5],
    app(app) {
      app.get('/stream', async () => new Response('web').body)
      app.get('/response', async () => new Response('response', { status: 201, headers: { 'X-Web': '1' } }))
    },
    say: [get('/stream'), get('/response')],
  },
  'a stream is destroyed when the client leaves': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app, { note }) {
      app.get('/', (_request, reply) => {
        const source = new PassThrough()
        source.write('some')
        source.on('close', () => note('source closed', source.destroyed))
        reply.send(source)
      })
    },
    say: [send(get('/')), until(/some/), hangUp, noted('source closed')],
  },
  'a client that does not read holds a stream back': {
    app(app, { note }) {
      app.get('/', (_request, reply) => {
        let chunks = 0
        const source = new Readable({
          read() {
            if (++chunks > 60) this.push(null)
            else this.push('x'.repeat(20_000))
          },
        })
        reply.send(source)
        setImmediate(() => note('all of it', chunks > 60))
        source.on('end', () => note('end'))
      })
    },
    say: [pause, send(get('/')), noted('all of it'), resume, answered],
  },
  hijack: {
    app(app, { note }) {
      app.addHook('onSend', async () => note('onSend'))
      app.addHook('onResponse', async () => note('onResponse'))
      app.get('/', (_request, reply) => {
        reply.header('x-lost', '1').hijack()
        note(reply.sent)
        reply.raw.writeHead(200, { 'X-Raw': '1' })
        reply.raw.end('hijacked')
      })
      app.get('/async', async (_request, reply) => {
        reply.hijack()
        setImmediate(() => reply.raw.end('later'))
      })
    },
    say: [get('/'), get('/async')],
  },
  'the raw response, written to without a word': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app, { note }) {
      app.addHook('onResponse', async () => note('onResponse'))
      app.get('/', (_request, reply) => {
        reply.raw.write('raw ')
        reply.raw.end('response')
      })
    },
    say: [get('/')],
  },
  'server-sent events, until the client leaves': {
    app(app, { note, gate }) {
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.addHook('onResponse', async () => note('onResponse'))
      app.get('/', async (_request, reply) => {
        reply.hijack()
        reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream' })
        reply.raw.write('data: 1\n\n')
        reply.raw.on('close', () => note('closed'))
        await gate('second')
        reply.raw.write('data: 2\n\n')
      })
    },
    say: [send(get('/')), until(/data: 1/), open('second'), until(/data: 2/), hangUp, noted('closed')],
  },
  trailers: {
    app(app) {
      app.get('/', (_request, reply) => {
        reply.trailer('ETag', (_reply, _payload, done) => done(null, 'custom'))
        reply.trailer('x-async', async () => 'later')
        reply.trailer('x-never', (_reply, _payload, done) => done(new Error('no')))
        reply.removeTrailer('x-never')
        reply.send('body')
      })
      app.get('/empty', (_request, reply) => {
        reply.trailer('x-length', async (_reply: unknown, payload: unknown) => String(payload ?? 'null'))
        reply.send()
      })
    },
    say: [get('/'), get('/empty')],
  },
  'trailers that are not allowed': {
    app(app) {
      app.get('/', async (_request, reply) => {
        reply.trailer('content-length', async () => '1')
        return 'x'
      })
    },
    say: [get('/')],
  },
  'early hints': {
    app(app) {
      app.get('/', (_request, reply) => {
        reply.raw.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
        reply.send('done')
      })
      app.get('/own', async (_request, reply) => {
        const hints = Reflect.get(reply, 'writeEarlyHints')
        if (typeof hints === 'function') hints.call(reply, { link: '</a.css>; rel=preload' })
        return 'own'
      })
    },
    say: [get('/'), get('/own')],
  },
  'serializers: of the reply, the route and the app': {
    app(app) {
      app.get(
        '/reply',
        (_request, reply) => void reply.serializer(value => `<${JSON.stringify(value)}>`).send({ a: 1 }),
      )
      app.get(
        '/route',
        { serializerCompiler: () => () => '"route"', schema: { response: { 200: { type: 'object' } } } },
        async () => ({}),
      )
      app.get('/same', async (_request, reply) => reply.type('application/json').send('{"raw":true}'))
      app.register(async plugin => {
        plugin.setReplySerializer(value => `app ${JSON.stringify(value)}`)
        plugin.get('/app', async () => ({ a: 1 }))
      })
    },
    say: [get('/reply'), get('/route'), get('/same'), get('/app')],
  },
  'a payload that cannot be serialised': {
    app(app) {
      app.get('/circle', async () => {
        const circle: Record<string, unknown> = {}
        circle.self = circle
        return circle
      })
      app.get('/bigint', async () => ({ n: 1n }))
      app.get('/type', (_request, reply) => void reply.type('text/plain').send({ a: 1 }))
    },
    say: [get('/circle'), get('/bigint'), get('/type')],
  },
  'a reply that is waited for': {
    app(app, { note }) {
      app.get('/', (_request, reply) => {
        reply.then(
          () => note('reply fulfilled', reply.raw.writableFinished),
          () => note('reply rejected'),
        )
        reply.send('x')
      })
    },
    say: [get('/')],
  },
  'an answer for a client that has left': {
    app(app, { note, gate }) {
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.addHook('onResponse', async () => note('onResponse'))
      app.get('/', async (_request, reply) => {
        note('waits')
        await gate('answer')
        note(reply.raw.destroyed)
        return 'late'
      })
    },
    say: [send(get('/')), noted('waits'), hangUp, noted('onRequestAbort'), open('answer')],
  },
  'a client that resets before its answer': {
    app(app, { note, gate }) {
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.get('/', async () => {
        note('waits')
        await gate('never')
      })
    },
    say: [send(get('/')), noted('waits'), reset, noted('onRequestAbort')],
  },
  'the hooks when a client leaves in the middle of a stream': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app, { note }) {
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.addHook('onError', async (_request, _reply, error) => note('onError', error.message))
      app.addHook('onResponse', async (_request, reply) => note('onResponse', reply.raw.writableFinished))
      app.get('/', (_request, reply) => {
        const source = new PassThrough()
        source.write('some')
        source.on('close', () => note('source closed'))
        reply.send(source)
      })
    },
    say: [send(get('/')), until(/some/), reset, noted('source closed')],
  },
  'a stream for a HEAD': {
    app(app, { note }) {
      app.get('/', (_request, reply) => {
        let left = 3
        const source = new Readable({
          read() {
            note('read')
            this.push(left-- > 0 ? 'x'.repeat(70_000) : null)
          },
        })
        source.on('close', () => note('source closed'))
        reply.send(source)
      })
    },
    say: [head('/')],
  },
  'a stream that is sent twice, and one that has ended': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app) {
      app.get('/ended', async (_request, reply) => {
        const source = Readable.from(['x'])
        await source.toArray()
        return reply.send(source)
      })
      app.get('/destroyed', (_request, reply) => {
        const source = Readable.from(['x'])
        source.destroy()
        reply.send(source)
      })
    },
    say: [get('/ended'), send(get('/destroyed')), answered],
  },
  '102 Processing, and an early answer': {
    app(app) {
      app.get('/', (_request, reply) => {
        reply.raw.writeProcessing()
        reply.raw.writeProcessing()
        reply.send('done')
      })
    },
    say: [get('/')],
  },
  'writes and flushes of the raw response': {
    app(app, { gate }) {
      app.get('/', async (_request, reply) => {
        reply.hijack()
        reply.raw.writeHead(207, 'Own Words', [
          ['X-One', '1'],
          ['X-Two', '2'],
        ] as never)
        reply.raw.flushHeaders()
        await gate('head')
        reply.raw.cork()
        reply.raw.write('a')
        reply.raw.write(Buffer.from('b'))
        reply.raw.uncork()
        reply.raw.end('c', () => {})
      })
    },
    say: [send(get('/')), until(/X-Two/), open('head'), answered],
  },
}
