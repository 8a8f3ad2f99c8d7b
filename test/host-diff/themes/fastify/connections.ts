import { type Duplex, Readable } from 'node:stream'
import websocket from '@fastify/websocket'
import { ask, at, get, head, json, pipelined, post, raw } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'
import { answered, back, closed, halfClose, hangUp, noted, open, reconnect, send, until } from '../../talk.js'

const hello: Pick<FastifyProgram, 'app'> = {
  app(app) {
    app.get('/', async () => 'hello')
    app.post('/', async () => 'posted')
  },
}

const upgradeTo = (protocol: string, more = '', path = '/') =>
  raw(`GET ${at}${path} HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${more}\r\n`)

const WEBSOCKET = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'

const expecting = (what: string) =>
  ask('POST', '/', { Expect: what, 'Content-Type': 'text/plain', 'Content-Length': 4 })

export const connections: Theme<FastifyProgram> = {
  'many requests on one connection': {
    ...hello,
    say: Array.from({ length: 12 }, (_, n) => (n % 3 === 0 ? post('/', 'text/plain', 'x'.repeat(n)) : get('/'))),
  },
  'requests in a pipeline, the first one slow': {
    app(app, { note, gate }) {
      app.get('/slow', async () => {
        note('slow')
        await gate('slow')
        return 'slow'
      })
      app.get('/fast', async () => {
        note('fast')
        return 'fast'
      })
    },
    say: [
      send(pipelined(get('/slow'), get('/fast'), head('/fast'), get('/none'))),
      noted('fast', 2),
      open('slow'),
      answered,
    ],
  },
  'no HTTP: a request after one that ends the connection': {
    ...hello,
    say: [pipelined(get('/', { Connection: 'close' }), get('/')), closed],
  },
  'a pipeline whose client leaves': {
    app(app, { note, gate }) {
      app.addHook('onRequestAbort', async ({ id }) => note('onRequestAbort', id))
      app.addHook('onResponse', async ({ id }) => note('onResponse', id))
      app.get('/', async ({ id }) => {
        note('waits', id)
        await gate('answer')
        return id
      })
    },
    say: [send(pipelined(get('/'), get('/'))), noted('waits', 2), hangUp, noted('onRequestAbort'), open('answer')],
  },
  'Connection: close, keep-alive and others': {
    ...hello,
    say: [
      get('/', { Connection: 'keep-alive' }),
      get('/', { Connection: 'Keep-Alive, X-Hop', 'X-Hop': '1' }),
      get('/', { Connection: 'CLOSE' }),
      reconnect,
      get('/', { Connection: 'x, close' }),
    ],
  },
  'HTTP/1.0, with and without keep-alive': {
    ...hello,
    say: [
      ask('GET', '/', { Connection: 'keep-alive' }, '', '1.0'),
      ask('GET', '/', {}, '', '1.0'),
      closed,
      reconnect,
      ask('GET', '/', { Connection: 'close' }, '', '1.0'),
    ],
  },
  'a client that ends its side after its request': {
    ...hello,
    say: [send(get('/')), halfClose, closed],
  },
  'as many requests as a connection may have': {
    options: () => ({ maxRequestsPerSocket: 2 }),
    http: { maxRequestsPerSocket: 2 },
    ...hello,
    say: [get('/'), get('/'), get('/')],
  },
  'as many requests as a connection may have, by Fastify alone': {
    options: () => ({ maxRequestsPerSocket: 2 }),
    ...hello,
    say: [get('/')],
  },
  'a keep-alive timeout': {
    options: () => ({ keepAliveTimeout: 9000 }),
    http: { keepAliveTimeout: 9000 },
    ...hello,
    say: [get('/')],
  },
  'a keep-alive timeout, by Fastify alone': {
    options: () => ({ keepAliveTimeout: 9000 }),
    ...hello,
    say: [get('/')],
  },
  'a time limit on connections': {
    alone: true,
    // Long enough for a request to come in.
    options: () => ({ connectionTimeout: 150 }),
    http: { timeout: 150 },
    app(app, { note, gate }) {
      app.addHook('onTimeout', async () => note('onTimeout'))
      app.get('/', async () => {
        note('waits')
        await gate('never')
      })
    },
    say: [send(get('/')), noted('waits'), closed],
  },
  'a time limit on a socket': {
    app(app, { note, gate }) {
      app.addHook('onTimeout', async () => note('onTimeout'))
      app.get('/', async ({ raw }) => {
        raw.socket.setTimeout(15)
        note('waits')
        await gate('never')
      })
    },
    say: [send(get('/')), noted('waits'), closed],
  },
  'Expect: 100-continue, for a listener of the app': {
    unstripped: true,
    app(app, { note }) {
      app.server.on('checkContinue', (req, res) => {
        note('checkContinue', res.headersSent)
        res.writeContinue()
        app.routing(req, res)
      })
      app.post('/', async ({ body }) => ({ body }))
    },
    say: [send(expecting('100-continue')), until(/100 Continue\r\n\r\n/), 'body', answered],
  },
  'Expect: 100-continue, refused without reading': {
    app(app) {
      app.addHook('onRequest', async (_request, reply) => reply.code(401).header('connection', 'close').send('no'))
      app.post('/', async () => 'never')
    },
    say: [send(expecting('100-continue')), answered],
  },
  'another expectation': {
    ...hello,
    say: [ask('GET', '/', { Expect: 'miracles' }), get('/')],
  },
  'an upgrade, taken by the app': {
    app(app, { note }) {
      app.server.on('upgrade', (req, socket: Duplex, head: Buffer) => {
        note('upgrade', req.headers.upgrade, head.toString(), socket === req.socket)
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
        socket.on('data', data => socket.write(`<${data}>`))
        socket.on('end', () => socket.end('bye'))
      })
    },
    say: [
      send({ ...upgradeTo('echo'), bytes: `${upgradeTo('echo').bytes}early` }),
      until(/101/),
      'hi',
      until(/<hi>/),
      halfClose,
      closed,
    ],
  },
  'an upgrade after other requests': {
    app(app, { note }) {
      app.get('/', async () => 'hello')
      app.server.on('upgrade', (_req, socket: Duplex) => {
        note('upgrade')
        socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nbye')
      })
    },
    say: [get('/'), get('/'), upgradeTo('echo'), closed],
  },
  'an upgrade that nobody takes is a request': {
    ...hello,
    say: [upgradeTo('h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n'), get('/')],
  },
  'a WebSocket that nobody takes': {
    ...hello,
    say: [upgradeTo('websocket', 'Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n')],
  },
  'a WebSocket route': {
    unstripped: true,
    majors: [5],
    app(app, { note }) {
      app.register(websocket)
      app.register(async plugin => {
        plugin.addHook('preValidation', async ({ ws }) => note('preValidation', ws))
        plugin.get('/ws', { websocket: true }, socket => {
          socket.on('message', (message: Buffer) => socket.send(`<${message}>`))
          socket.on('close', (code: number) => note('closed with', code))
          socket.send('hello')
        })
      })
    },
    say: [
      send(upgradeTo('websocket', WEBSOCKET, '/ws')),
      until(/hello/),
      '\x81\x82\0\0\0\0hi',
      until(/<hi>/),
      '\x88\x82\0\0\0\0\x03\xe8',
      closed,
    ],
  },
  'a WebSocket to a route that has none': {
    unstripped: true,
    majors: [5],
    app(app) {
      app.register(websocket)
      app.register(async plugin => {
        plugin.get('/ws', { websocket: true }, () => {})
        plugin.get('/plain', async () => 'plain')
      })
    },
    say: [
      send(upgradeTo('websocket', WEBSOCKET, '/plain')),
      until(/\r\n\r\n\x88/),
      '\x88\x80\0\0\0\0',
      closed,
      reconnect,
      get('/ws'),
    ],
  },
  'two connections at once': {
    app(app, { note, gate }) {
      app.get('/wait', async () => {
        note('waits')
        await gate('go')
        return 'waited'
      })
      app.get('/go', async () => 'go')
    },
    say: [
      send(get('/wait')),
      noted('waits'),
      reconnect,
      get('/go'),
      open('go'),
      ({ clients }) => clients[0]?.until(() => clients[0]?.answers.complete === 1),
    ],
  },
  'empty lines before a request': {
    ...hello,
    say: [raw(`\r\n\r\nGET ${at}/ HTTP/1.1\r\nHost: example.test\r\n\r\n`)],
  },
  'no HTTP: none at all': {
    ...hello,
    say: ['hello there\r\n\r\n', closed],
  },
  'no HTTP: something else after a request': {
    ...hello,
    say: [get('/'), '\x16\x03\x01\x02\x00', closed],
  },
  'no HTTP: headers that are too large': {
    ...hello,
    say: [get('/', { 'X-Large': 'x'.repeat(20_000) }), closed],
  },
  'no HTTP: a head that takes too long': {
    http: { headersTimeout: 30, connectionsCheckingInterval: 10 },
    ...hello,
    say: [`GET ${at}/ HTTP/1.1\r\nHost: exa`, closed],
  },
  'no HTTP: told to a handler of the app': {
    options: ({ note }) => ({
      clientErrorHandler(error, socket) {
        note('clientError', error.code)
        socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nown words')
      },
    }),
    ...hello,
    say: ['hello there\r\n\r\n', closed],
  },
  'no HTTP: a length and chunks at once': {
    ...hello,
    say: [
      raw(`POST ${at}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
      closed,
    ],
  },
  'no HTTP: a body that does not end': {
    app(app) {
      app.post('/', async ({ body }) => ({ body }))
    },
    say: [
      send(ask('POST', '/', { 'Content-Length': 100, 'Content-Type': 'application/json' }, '{"a":')),
      halfClose,
      closed,
    ],
  },
  'no HTTP: a chunk of no size': {
    app(app) {
      app.post('/', async ({ body }) => ({ body }))
    },
    say: [
      send(ask('POST', '/', { 'Transfer-Encoding': 'chunked', 'Content-Type': 'application/json' }, 'size\r\n{}\r\n')),
      closed,
    ],
  },
  'no HTTP: letters in a path that are not encoded': {
    ...hello,
    say: [get('/caf\xc3\xa9'), closed],
  },
  'no HTTP: a target without a slash': {
    ...hello,
    say: [raw('GET ?x HTTP/1.1\r\nHost: example.test\r\n\r\n'), closed],
  },
  'a request while the app closes': {
    alone: true,
    app(app, { note, gate }) {
      app.addHook('preClose', async () => {
        note('preClose')
        await gate('closed')
      })
      app.get('/', async () => 'x')
    },
    say: [get('/'), talk => void talk.session.end(), noted('preClose'), get('/'), open('closed')],
  },
  'a request while the app closes, which it serves all the same': {
    alone: true,
    options: () => ({ return503OnClosing: false }),
    app(app, { note, gate }) {
      app.addHook('preClose', async () => {
        note('preClose')
        await gate('closed')
      })
      app.get('/', async () => 'x')
    },
    say: [get('/'), talk => void talk.session.end(), noted('preClose'), get('/'), open('closed')],
  },
  'requests with bodies in a pipeline, and one that fails': {
    app(app) {
      app.post('/', async ({ body }) => ({ body }))
      app.get('/fails', async () => {
        throw new Error('x')
      })
      app.get('/stream', async () => Readable.from(['a', 'b']))
    },
    say: [
      pipelined(
        json('/', { a: 1 }),
        get('/fails'),
        json('/', 'bad'),
        get('/stream'),
        json('/', { b: 2 }),
        get('/none'),
      ),
    ],
  },
  'a client that ends its side while its request waits': {
    app(app, { note, gate }) {
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.addHook('onResponse', async () => note('onResponse'))
      app.get('/', async () => {
        note('waits')
        await gate('answer')
        return 'late'
      })
    },
    say: [send(get('/')), noted('waits'), halfClose, closed, open('answer')],
  },
  'another expectation, for a listener of the app': {
    unstripped: true,
    app(app, { note }) {
      app.server.on('checkExpectation', (req, res) => {
        note('checkExpectation', req.headers.expect)
        res.writeHead(418).end('no miracles')
      })
      app.get('/', async () => 'x')
    },
    say: [ask('GET', '/', { Expect: 'miracles' }), get('/')],
  },
  'a time limit on a response, set by the app': {
    app(app, { note, gate }) {
      app.get('/', async (_request, { raw }) => {
        raw.setTimeout(15, () => {
          note('late')
          raw.destroy()
        })
        note('waits')
        await gate('never')
      })
    },
    say: [send(get('/')), noted('late'), closed],
  },
  'CONNECT, which nobody takes': {
    alone: true,
    ...hello,
    say: [raw('CONNECT example.test:80 HTTP/1.1\r\nHost: example.test\r\n\r\n', 'CONNECT'), closed],
  },
  'a socket that the app takes over': {
    app(app, { note }) {
      app.get('/', (request, reply) => {
        reply.hijack()
        const { socket } = request.raw
        reply.raw.on('close', () => note('closed', reply.raw.writableEnded))
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nown')
      })
    },
    say: [get('/')],
  },
  'connections, told to a listener of the app': {
    app(app, { watch }) {
      watch(app.server, 'server', 'connection')
      app.get('/', async () => 'x')
    },
    say: [get('/'), reconnect, get('/')],
  },
  'a close that ends connections': {
    alone: true,
    options: () => ({ forceCloseConnections: true }),
    app(app, { note, gate }) {
      app.addHook('preClose', async () => note('preClose'))
      app.addHook('onClose', async () => note('onClose'))
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.get('/', async () => {
        note('waits')
        await gate('never')
      })
    },
    say: [send(get('/')), noted('waits'), talk => void talk.session.end(), closed, noted('onClose')],
  },
  'a close, twice': {
    alone: true,
    app(app, { note }) {
      app.addHook('preClose', async () => note('preClose'))
      app.addHook('onClose', async () => note('onClose'))
      app.get('/', async () => 'x')
    },
    say: [get('/'), talk => Promise.all([talk.session.end(), talk.session.end()])],
  },
  'events of the server': {
    app(app, { watch }) {
      watch(app.server, 'server', 'listening', 'request', 'close')
      app.get('/', async () => 'x')
    },
    say: [get('/'), pipelined(get('/'), get('/'))],
  },
  'what a server says of itself': {
    app(app, { note }) {
      app.get('/', async () => {
        const address = app.server.address()
        note(app.server.listening, address)
        return 'x'
      })
      app.addHook('onClose', async () => note('closed', app.server.listening))
    },
    say: [get('/')],
  },
  'a client that leaves in the middle of a pipeline': {
    app(app, { note }) {
      app.addHook('onRequestAbort', async ({ url }) => note('onRequestAbort', url.at(-1)))
      app.addHook('onResponse', async ({ url }, reply) => note('onResponse', url.at(-1), reply.raw.writableFinished))
      app.get('/1', async () => 'first')
      app.get('/2', (_request, reply) => {
        reply.hijack()
        reply.raw.write('some')
      })
      app.get('/3', async () => 'third')
    },
    say: [send(pipelined(get('/1'), get('/2'), get('/3'))), until(/some/), hangUp, noted('onRequestAbort')],
  },
  'a request that the app destroys': {
    app(app, { note }) {
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.get('/', async (request, reply) => {
        request.raw.on('close', () => note('closed', request.raw.destroyed))
        reply.hijack()
        request.raw.destroy()
      })
    },
    say: [send(get('/')), closed],
  },
  'an answer that says that the connection ends, with requests behind it': {
    app(app) {
      app.get('/last', (_request, reply) => void reply.header('connection', 'close').send('last'))
      app.get('/', async () => 'x')
    },
    say: [pipelined(get('/'), get('/last'), get('/'), get('/')), closed],
  },
  'a request with a body, refused by its expectation': {
    app(app) {
      app.post('/', async ({ body }) => ({ body }))
    },
    say: [send({ ...expecting('miracles'), bytes: `${expecting('miracles').bytes}body` }), answered],
  },
  'a second request while the first one uploads': {
    app(app, { note }) {
      app.addHook('onRequest', async ({ url }) => note('onRequest', url.at(-1)))
      app.post('/1', async ({ body }) => ({ body }))
      app.get('/2', async () => 'second')
    },
    say: [
      send(ask('POST', '/1', { 'Content-Length': 9, 'Content-Type': 'application/json' }, '{"a":')),
      noted('onRequest'),
      reconnect,
      get('/2'),
      back(1),
      '"b"}',
      answered,
    ],
  },
}
