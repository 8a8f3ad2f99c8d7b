import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import type { Request, Response } from 'express'
import multer from 'multer'
import { ask, at, chunked, form, get, json, multipart, post, raw } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'
import { answered, closed, halfClose, hangUp, noted, open, reset, send, until } from '../../talk.js'

const echo = (req: Request, res: Response) => void res.json(req.body ?? null)
const bytes = (buffer: Buffer) => buffer.toString('latin1')
const compressed = (encoding: string, body: Buffer) => json('/', bytes(body), { 'Content-Encoding': encoding })

export const bodies: Theme<ExpressProgram> = {
  'json: values, and what is none': {
    app(app, { express }) {
      app.use(express.json()).post('/', echo)
    },
    say: [
      json('/', { a: [1, null] }),
      json('/', '[1]'),
      json('/', '1'),
      json('/', '{"a":'),
      json('/', ''),
      post('/', '', 'x'),
    ],
  },
  'json: not strict, with a reviver, and a type of its own': {
    app(app, { express }) {
      app.use(
        express.json({
          strict: false,
          type: 'application/*+json',
          reviver: (key, value) => (key === 'n' ? -value : value),
        }),
      )
      app.post('/', echo)
    },
    say: [post('/', 'application/x+json', '{"n":1}'), post('/', 'application/x+json', '"text"'), json('/', '{"n":1}')],
  },
  'json: more than the limit, by length and in chunks': {
    app(app, { express }) {
      app.use(express.json({ limit: 10 })).post('/', echo)
    },
    say: [
      json('/', { long: 'x'.repeat(50) }),
      chunked('POST', '/', { 'Content-Type': 'application/json' }, ['{"a":', '"xxxxxxxxxxx"}']),
      json('/', { a: 1 }),
    ],
  },
  'json: charsets': {
    app(app, { express }) {
      app.use(express.json()).post('/', echo)
    },
    say: [
      post('/', 'application/json; charset=utf-16le', bytes(Buffer.from('{"a":"é"}', 'utf16le'))),
      post('/', 'application/json; charset=x-unknown', '{}'),
      post('/', 'application/json; charset=latin1', '{}'),
    ],
  },
  'json: verified, and refused by the verifier': {
    app(app, { express, note }) {
      app.use(
        express.json({
          verify(_req, _res, body) {
            note('verify', body.toString())
            if (body.length > 7) throw Object.assign(new Error('not signed'), { status: 401 })
          },
        }),
      )
      app.post('/', echo)
    },
    say: [json('/', { a: 1 }), json('/', { a: 12345 })],
  },
  'json: dangerous keys': {
    app(app, { express }) {
      app.use(express.json()).post('/', (req, res) => void res.json([Object.keys(req.body), req.body.x]))
    },
    say: [json('/', '{"__proto__":{"x":1},"constructor":{"prototype":{"x":2}}}')],
  },
  'compressed bodies': {
    app(app, { express }) {
      app.use(express.json()).post('/', echo)
    },
    say: [
      compressed('gzip', gzipSync('{"z":"gzip"}')),
      compressed('deflate', deflateSync('{"z":"deflate"}')),
      compressed('br', brotliCompressSync('{"z":"br"}')),
      compressed('zip', Buffer.from('{}')),
      compressed('identity', Buffer.from('{"z":"identity"}')),
    ],
  },
  'a compressed body that is cut, and one that is not to be inflated': {
    app(app, { express }) {
      app.post('/', express.json(), echo)
      app.post('/no', express.json({ inflate: false }), echo)
    },
    say: [
      json('/no', bytes(gzipSync('{}')), { 'Content-Encoding': 'gzip' }),
      compressed('gzip', gzipSync('{"z":"gzip"}').subarray(0, 15)),
    ],
  },
  'forms, simple and extended': {
    app(app, { express }) {
      app.post('/simple', express.urlencoded({ extended: false }), echo)
      app.post('/extended', express.urlencoded({ extended: true }), echo)
    },
    say: ['simple', 'extended'].map(kind => form(`/${kind}`, 'a=1&a=2&b[c]=3&d+e=%C3%A9&f&__proto__[x]=1')),
  },
  'forms with too many fields': {
    app(app, { express }) {
      app.use(express.urlencoded({ extended: false, parameterLimit: 2 })).post('/', echo)
    },
    say: [form('/', 'a=1&b=2'), form('/', 'a=1&b=2&c=3')],
  },
  'text and raw bodies': {
    app(app, { express }) {
      app.post('/text', express.text({ type: '*/*' }), (req, res) => void res.send(`text ${req.body}`))
      app.post('/raw', express.raw(), (req, res) => void res.send(req.body))
    },
    say: [
      post('/text', 'text/plain; charset=latin1', 'caf\xe9'),
      post('/raw', 'application/octet-stream', '\x00\xff'),
      post('/raw', 'text/plain', 'not raw'),
    ],
  },
  'no parser: the body is not there, and is not in the way of the next request': {
    app(app) {
      app.post('/', echo)
    },
    say: [json('/', { a: 1 }), chunked('POST', '/', {}, ['abc', 'def']), get('/')],
  },
  'two parsers, and one that has nothing left to read': {
    app(app, { express }) {
      app.use(express.json(), express.json())
      app.post('/', express.text({ type: 'application/json' }), echo)
    },
    say: [json('/', { a: 1 })],
  },
  'a body on a GET, a DELETE and an OPTIONS': {
    app(app, { express }) {
      app.use(express.json()).all('/', (req, res) => void res.json([req.method, req.body ?? null]))
    },
    say: ['GET', 'DELETE', 'OPTIONS'].map(method =>
      ask(method, '/', { 'Content-Type': 'application/json' }, '{"a":1}'),
    ),
  },
  'an empty body, with a length of 0 and without one': {
    app(app, { express }) {
      app.use(express.json(), express.urlencoded({ extended: false }), express.text()).post('/', echo)
    },
    say: [
      post('/', 'application/json', '', { 'Content-Length': 0 }),
      post('/', 'application/json', ''),
      post('/', 'text/plain', '', { 'Content-Length': 0 }),
      chunked('POST', '/', { 'Content-Type': 'application/json' }, []),
    ],
  },
  'chunks, with extensions and trailers': {
    app(app, { note }) {
      app.post('/', (req, res) => {
        let body = ''
        req.setEncoding('utf8').on('data', text => {
          body += text
        })
        req.on('end', () => {
          note(body, req.trailers, req.rawTrailers)
          res.send(body)
        })
      })
    },
    say: [
      chunked('POST', '/', { Trailer: 'X-Sum' }, ['ab', 'cde'], 'X-Sum: 5\r\nx-other: y\r\n'),
      ask('POST', '/', { 'Transfer-Encoding': 'chunked' }, '3;name=value\r\nabc\r\n00\r\n\r\n'),
    ],
  },
  'a body that comes in pieces': {
    app(app, { express, note }) {
      app.use((_req, _res, next) => {
        note('the head')
        next()
      })
      app.use(express.json()).post('/', echo)
    },
    say: [
      `POST ${at}/ HTTP/1.1\r\nHost: example.test\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"a":`,
      noted('the head'),
      raw('"bcd"}', 'POST'),
    ],
  },
  'a head that comes in pieces': {
    app(app) {
      app.get('/', (_req, res) => void res.send('whole'))
    },
    say: ['GET ', `${at}/ HT`, 'TP/1.1\r\nHo', raw('st: example.test\r\n\r\n')],
  },
  'a body read when the handler has waited': {
    app(app, { express }) {
      app.post('/', async (_req, _res, next) => {
        await new Promise(resolve => setImmediate(resolve))
        next()
      })
      app.post('/', express.json(), echo)
    },
    say: [json('/', { late: true })],
  },
  'a body read by iteration': {
    app(app, { note }) {
      app.post('/', async (req, res) => {
        let length = 0
        for await (const chunk of req) length += chunk.length
        note(length)
        res.send(`${length}`)
      })
    },
    say: [post('/', 'text/plain', 'x'.repeat(200_000)), post('/', 'text/plain', 'y')],
  },
  'a body piped back': {
    app(app) {
      app.post('/', (req, res) => void req.pipe(res))
    },
    say: [post('/', 'text/plain', 'echo'), chunked('POST', '/', {}, ['one'])],
  },
  'a body that is paused, and resumed by and by': {
    app(app, { note, gate }) {
      app.post('/', async (req, res) => {
        let length = 0
        req.on('data', chunk => {
          length += chunk.length
        })
        req.pause()
        note('paused')
        await gate('resume')
        req.resume()
        req.on('end', () => res.send(`${length}`))
      })
    },
    say: [send(post('/', 'text/plain', 'x'.repeat(300_000))), noted('paused'), open('resume'), answered],
  },
  'an answer before the body has been read': {
    app(app) {
      app.post('/', (_req, res) => void res.status(413).send('too much'))
    },
    say: [post('/', 'text/plain', 'x'.repeat(300_000)), noted('req1 close'), get('/')],
  },
  'an answer that ends the connection before the body has come': {
    app(app) {
      app.post('/', (_req, res) => void res.set('Connection', 'close').status(413).send('too much'))
    },
    say: [ask('POST', '/', { 'Content-Length': 100 }, 'part'), closed],
  },
  'multipart: fields and files': {
    app(app) {
      app.post('/', multer().any(), (req, res) => {
        const files = Array.isArray(req.files) ? req.files : []
        res.json([
          req.body,
          files.map(({ fieldname, originalname, mimetype, size }) => ({ fieldname, originalname, mimetype, size })),
        ])
      })
    },
    say: [
      multipart('/', [
        ['Content-Disposition: form-data; name="a"', '1'],
        ['Content-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain', 'content'],
      ]),
      post('/', 'multipart/form-data', 'no boundary'),
    ],
  },
  'multipart: too large, unexpected, and cut': {
    app(app) {
      app.post(
        '/',
        multer({ limits: { fileSize: 3 } }).single('f'),
        (req, res) => void res.json(req.file?.size ?? null),
      )
    },
    say: [
      multipart('/', [['Content-Disposition: form-data; name="f"; filename="x"', '1234']]),
      multipart('/', [['Content-Disposition: form-data; name="g"; filename="x"', '1']]),
      post('/', 'multipart/form-data; boundary=edge', '--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'),
      multipart('/', [['Content-Disposition: form-data; name="f"; filename="x"', '123']]),
    ],
  },
  'a client that leaves in the middle of its body': {
    app(app, { express, note }) {
      app.use((req, res, next) => {
        req.once('data', () => note('some'))
        res.on('close', () => note('gone', res.writableEnded, req.destroyed, req.aborted))
        next()
      })
      app.post('/', express.json(), echo)
      app.use((error: Error & { type?: string }, _req: Request, res: Response, _next: unknown) => {
        note(error.type, error.message)
        res.status(400).send('cut')
      })
    },
    say: [
      send(ask('POST', '/', { 'Content-Length': 100, 'Content-Type': 'application/json' }, '{"a":')),
      noted('some'),
      hangUp,
    ],
  },
  'a client that resets in the middle of a body that is piped': {
    app(app, { note }) {
      app.post('/', (req, res) => {
        req.on('error', error => note('error', 'code' in error && error.code))
        req.once('data', () => note('some'))
        req.pipe(res)
      })
    },
    say: [send(ask('POST', '/', { 'Content-Length': 100 }, 'part')), noted('some'), until(/part/), reset],
  },
  'a body with a length that is none': {
    app(app) {
      app.post('/', echo)
    },
    say: [ask('POST', '/', { 'Content-Length': '1x' }, 'a')],
  },
  'a client that ends its side in the middle of its body': {
    app(app, { express }) {
      app.use(express.json()).post('/', echo)
    },
    say: [
      send(ask('POST', '/', { 'Content-Length': 100, 'Content-Type': 'application/json' }, '{"a":')),
      halfClose,
      closed,
    ],
  },
}
