import { once } from 'node:events'
import { PassThrough, type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, gzipSync } from 'node:zlib'
import formbody from '@fastify/formbody'
import multipartPlugin from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { ask, at, chunked, form, get, json, multipart, post, raw } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'
import { answered, closed, hangUp, noted, open, reset, send, until } from '../../talk.js'

const echo = async ({ body }: FastifyRequest) => ({ body: body ?? null })

const echoing = (
  options: object,
  say: FastifyProgram['say'],
  prepare: FastifyProgram['app'] = () => {},
): FastifyProgram => ({
  options: () => options,
  app(app, tools) {
    prepare(app, tools)
    app.post('/', echo)
    app.delete('/', echo)
  },
  say,
})

export const bodies: Theme<FastifyProgram> = {
  'json: values, and what is none': echoing({}, [
    json('/', { a: [1, null] }),
    json('/', '1'),
    json('/', '{"a":'),
    json('/', 'x'),
    post('/', 'application/json; charset=utf-8', '{"a":"\xc3\xa9"}'),
    post('/', 'application/JSON', '{}'),
  ]),
  'json: empty, with a length of 0 and without one': echoing({}, [
    post('/', 'application/json', '', { 'Content-Length': 0 }),
    post('/', 'application/json', ''),
    post('/', '', ''),
    chunked('POST', '/', { 'Content-Type': 'application/json' }, []),
    ask('DELETE', '/', { 'Content-Type': 'application/json' }),
  ]),
  'json: dangerous keys are refused': echoing({}, [
    json('/', '{"__proto__":{}}'),
    json('/', '{"constructor":{"prototype":1}}'),
  ]),
  'json: dangerous keys are removed, or let through': {
    options: () => ({ onProtoPoisoning: 'remove', onConstructorPoisoning: 'ignore' }),
    app(app) {
      app.post('/', async ({ body }) => JSON.stringify(Object.entries(body as object)))
    },
    say: [json('/', '{"__proto__":{},"a":1}'), json('/', '{"constructor":{"prototype":1}}')],
  },
  'more than the limit, by length and in chunks': echoing({ bodyLimit: 10 }, [
    json('/', { a: 1 }),
    json('/', { long: 'x'.repeat(50) }),
    closed,
  ]),
  'more than the limit, in chunks': echoing({ bodyLimit: 10 }, [
    chunked('POST', '/', { 'Content-Type': 'application/json' }, ['{"a":', '"xxxxxxxxxxx"}']),
  ]),
  'the limit of a route, and of a parser': {
    app(app) {
      app.addContentTypeParser('text/x', { parseAs: 'string', bodyLimit: 3 }, (_request, body, done) =>
        done(null, body),
      )
      app.post('/', echo)
      app.post('/small', { bodyLimit: 5 }, echo)
    },
    say: [json('/small', '[1]'), post('/', 'text/x', 'abc'), json('/small', '[1,2,3]'), closed],
  },
  'text, and types that nobody parses': echoing({}, [
    post('/', 'text/plain', 'text'),
    post('/', 'text/plain; charset=x', 'text'),
    post('/', 'application/x-unknown', 'text'),
    post('/', 'nonsense', 'text'),
    post('/', '', 'text'),
    get('/'),
  ]),
  'parsers: strings, buffers, streams, and promises': echoing(
    {},
    ['string', 'buffer', 'stream', 'async'].map(kind => post('/', `text/${kind}`, 'body')),
    app => {
      app.addContentTypeParser('text/string', { parseAs: 'string' }, (_request, body, done) =>
        done(null, { string: body }),
      )
      app.addContentTypeParser('text/buffer', { parseAs: 'buffer' }, (_request, body, done) =>
        done(null, { length: body.length }),
      )
      app.addContentTypeParser('text/async', { parseAs: 'string' }, async (_request: unknown, body: unknown) => ({
        async: body,
      }))
      app.addContentTypeParser('text/stream', (_request, payload, done) => {
        let text = ''
        payload.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        payload.on('end', () => done(null, { stream: text }))
      })
    },
  ),
  'parsers: for everything, by pattern, and taken away': echoing(
    {},
    [post('/', 'image/png', 'png'), post('/', 'anything/else', 'else'), json('/', { a: 1 })],
    app => {
      app.removeContentTypeParser('application/json')
      app.addContentTypeParser(/^image\/.*/, { parseAs: 'string' }, (_request, body, done) =>
        done(null, `image ${body}`),
      )
      app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, `any ${body}`))
    },
  ),
  'parsers that fail': echoing(
    {},
    [post('/', 'text/fail', 'x'), post('/', 'text/reject', 'x'), post('/', 'text/throw', 'x'), get('/')],
    app => {
      app.addContentTypeParser('text/fail', { parseAs: 'string' }, (_request, _body, done) => {
        done(Object.assign(new Error('failed'), { statusCode: 422 }))
      })
      app.addContentTypeParser('text/reject', { parseAs: 'string' }, async () => {
        throw new Error('rejected')
      })
      app.addContentTypeParser('text/throw', { parseAs: 'string' }, () => Promise.reject(new Error('thrown')))
    },
  ),
  'a parser that hands on the request itself': {
    app(app, { note }) {
      app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
      app.post('/', async ({ body, raw }) => {
        let length = 0
        for await (const chunk of body as AsyncIterable<Buffer>) length += chunk.length
        note(body === raw, length)
        return { length }
      })
    },
    say: [post('/', 'application/octet-stream', 'x'.repeat(200_000)), get('/')],
  },
  forms: {
    majors: [5],
    app(app) {
      app.register(formbody)
      app.post('/', echo)
    },
    say: [form('/', 'a=1&a=2&b[c]=3&d+e=%C3%A9&f'), form('/', ''), json('/', { a: 1 })],
  },
  'multipart: fields and files': {
    majors: [5],
    app(app) {
      app.register(multipartPlugin)
      app.post('/', async request => {
        const seen: unknown[] = []
        for await (const part of request.parts()) {
          if (part.type === 'file')
            seen.push([part.fieldname, part.filename, part.mimetype, (await part.toBuffer()).length])
          else seen.push([part.fieldname, part.value])
        }
        return seen
      })
    },
    say: [
      multipart('/', [
        ['Content-Disposition: form-data; name="a"', '1'],
        ['Content-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain', 'content'],
      ]),
      json('/', {}),
    ],
  },
  'multipart: too large, and attached to the body': {
    majors: [5],
    app(app) {
      app.register(multipartPlugin, { attachFieldsToBody: 'keyValues', limits: { fileSize: 3 } })
      app.post('/', async ({ body }) => Object.entries(body as object).map(([key, value]) => [key, String(value)]))
    },
    say: [
      multipart('/', [
        ['Content-Disposition: form-data; name="a"', '1'],
        ['Content-Disposition: form-data; name="f"; filename="x"', '123'],
      ]),
      multipart('/', [['Content-Disposition: form-data; name="f"; filename="x"', '12345']]),
    ],
  },
  'preParsing: a body that is inflated': echoing(
    {},
    [json('/', gzipSync('{"z":1}').toString('latin1'), { 'Content-Encoding': 'gzip' }), json('/', { z: 2 })],
    app => {
      app.addHook('preParsing', async ({ headers }, _reply, payload) => {
        if (headers['content-encoding'] !== 'gzip') return payload
        const inflated = payload.pipe(createGunzip())
        return Object.assign(inflated, { receivedEncodedLength: Number(headers['content-length']) })
      })
    },
  ),
  'preParsing: a body that is replaced, and one that fails': echoing(
    {},
    [json('/', { a: 1 }), json('/', { a: 1 }, { 'X-Fail': '1' })],
    app => {
      app.addHook('preParsing', async ({ headers }, _reply, payload) => {
        if (headers['x-fail'] !== undefined) throw Object.assign(new Error('no'), { statusCode: 403 })
        payload.resume()
        const other = new PassThrough()
        other.end('{"other":true}')
        return Object.assign(other, { receivedEncodedLength: Number(headers['content-length']) })
      })
    },
  ),
  'an answer before the body has been read': {
    app(app) {
      app.addHook('onRequest', async (_request, reply) => reply.code(401).send({ no: 'entry' }))
      app.post('/', echo)
    },
    say: [json('/', { long: 'x'.repeat(40_000) }), noted('req1 close'), get('/')],
  },
  'a body that comes in pieces': {
    app(app, { note }) {
      app.addHook('onRequest', async () => note('the head'))
      app.post('/', echo)
    },
    say: [
      `POST ${at}/ HTTP/1.1\r\nHost: example.test\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"a":`,
      noted('the head'),
      raw('"bcd"}', 'POST'),
    ],
  },
  'a hook that waits before the body is read': {
    app(app, { note, gate }) {
      app.addHook('onRequest', async () => {
        note('waits')
        await gate('read')
      })
      app.post('/', echo)
    },
    say: [send(json('/', { long: 'x'.repeat(1000) })), noted('waits'), open('read'), answered],
  },
  'chunks, with extensions and trailers': {
    app(app, { note }) {
      app.post('/', async ({ body, raw }) => {
        note(raw.trailers, raw.rawTrailers)
        return { body }
      })
    },
    say: [
      chunked('POST', '/', { 'Content-Type': 'application/json', Trailer: 'X-Sum' }, ['{"a"', ':1}'], 'X-Sum: 5\r\n'),
      ask(
        'POST',
        '/',
        { 'Content-Type': 'text/plain', 'Transfer-Encoding': 'chunked' },
        '3;name=value\r\nabc\r\n0\r\n\r\n',
      ),
    ],
  },
  'a client that leaves in the middle of its body': {
    app(app, { note }) {
      app.addHook('onRequest', async ({ raw }) => {
        raw.once('data', () => note('some'))
      })
      app.addHook('onRequestAbort', async ({ raw }) => note('onRequestAbort', raw.aborted, raw.destroyed))
      app.addHook('onError', async (_request, _reply, error) => note('onError', error.code, error.message))
      app.addHook('onResponse', async (_request, reply) => note('onResponse', reply.statusCode))
      app.post('/', echo)
    },
    say: [
      send(ask('POST', '/', { 'Content-Length': 100, 'Content-Type': 'application/json' }, '{"a":')),
      noted('some'),
      hangUp,
      noted('onRequestAbort'),
    ],
  },
  'a client that resets in the middle of its body': {
    app(app, { note }) {
      app.addHook('onRequest', async ({ raw }) => {
        raw.once('data', () => note('some'))
        raw.once('close', () => note('closed'))
      })
      app.post('/', echo)
    },
    say: [
      send(ask('POST', '/', { 'Content-Length': 100, 'Content-Type': 'application/json' }, '{"a":')),
      noted('some'),
      reset,
      noted('closed'),
    ],
  },
  'a body that is piped back': {
    app(app) {
      app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
      app.post('/', (request, reply) => reply.type('text/plain').send(request.body))
    },
    say: [post('/', 'text/x', 'echo'), chunked('POST', '/', { 'Content-Type': 'text/x' }, ['one'])],
  },
  'a body read off the raw request': {
    app(app) {
      app.removeAllContentTypeParsers()
      app.addContentTypeParser('*', (_request, _payload, done) => done(null))
      app.post('/', async ({ raw }) => {
        const [chunk] = await once(raw, 'data')
        return `${chunk}`
      })
    },
    say: [post('/', 'text/plain', 'raw'), get('/none')],
  },
  'Expect: 100-continue': {
    app(app) {
      app.post('/', echo)
    },
    say: [
      send(ask('POST', '/', { Expect: '100-continue', 'Content-Type': 'text/plain', 'Content-Length': 4 })),
      until(/100 Continue\r\n\r\n/),
      'body',
      answered,
      get('/none'),
    ],
  },
  'a body that is not as long as the parser was told': echoing({}, [json('/', { a: 1 }), json('/', { a: 1 })], app => {
    app.addHook('preParsing', async (_request, _reply, payload) => {
      payload.resume()
      const other = new PassThrough()
      other.end('{"shorter":1}')
      return other
    })
  }),
  'a large body for a slow reader': {
    app(app, { note, gate }) {
      app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
      app.post('/', { bodyLimit: 5_000_000 }, async ({ body, raw }) => {
        note('waits', raw.readableFlowing)
        await gate('read')
        let length = 0
        for await (const chunk of body as AsyncIterable<Buffer>) length += chunk.length
        return { length }
      })
    },
    say: [
      send(post('/', 'application/octet-stream', 'x'.repeat(1_000_000))),
      noted('waits'),
      open('read'),
      answered,
      get('/none'),
    ],
  },
  'a body that nobody reads, and an answer at once': {
    app(app) {
      app.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null))
      app.post('/', async () => 'not read')
    },
    say: [post('/', 'application/octet-stream', 'x'.repeat(300_000)), noted('req1 close'), get('/none')],
  },
  'a client that leaves while its body is piped elsewhere': {
    options: () => ({ logger: { level: 'silent' } }),
    app(app, { note }) {
      app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.addHook('onResponse', async (_request, reply) => note('onResponse', reply.statusCode))
      app.post('/', async ({ body }) => {
        const sink = new PassThrough()
        sink.once('data', () => note('some'))
        try {
          await pipeline(body as Readable, sink)
        } catch (error) {
          note('pipeline', error instanceof Error && 'code' in error && error.code, sink.destroyed)
          throw error
        }
        return 'whole'
      })
    },
    say: [
      send(ask('POST', '/', { 'Content-Length': 100, 'Content-Type': 'text/x' }, 'part')),
      noted('some'),
      hangUp,
      noted('pipeline'),
    ],
  },
  'request bodies that are streamed back through a transformation': {
    app(app) {
      app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
      app.post('/', async (request, reply) => {
        const upper = new Transform({
          transform(chunk, _encoding, done) {
            done(null, String(chunk).toUpperCase())
          },
        })
        reply.type('text/plain')
        return reply.send((request.body as Readable).pipe(upper))
      })
    },
    say: [post('/', 'text/x', 'echo'), chunked('POST', '/', { 'Content-Type': 'text/x' }, ['one', 'two'])],
  },
  'a body for a route that is not there': {
    app() {},
    say: [
      json('/none', { a: 1 }),
      post('/none', 'text/unknown', 'x'),
      post('/none', 'application/json', 'bad'),
      chunked('PUT', '/none', { 'Content-Type': 'application/json' }, ['{}']),
    ],
  },
}
