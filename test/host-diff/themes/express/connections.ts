import type { Duplex } from 'node:stream'
import { ask, at, get, head, json, pipelined, post, raw } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'
import { answered, closed, halfClose, hangUp, noted, open, reconnect, send, until } from '../../talk.js'

const hello: Pick<ExpressProgram, 'app'> = {
  app(app) {
    app.get('/', (_req, res) => void res.send('hello'))
    app.post('/', (req, res) => void req.resume().on('end', () => res.send('posted')))
  },
}

const upgradeTo = (protocol: string, more = '') =>
  raw(`GET ${at}/ HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${more}\r\n`)

const expecting = (what: string) => ask('POST', '/', { Expect: what, 'Content-Length': 4 })

export const connections: Theme<ExpressProgram> = {
  'many requests on one connection': {
    ...hello,
    say: Array.from({ length: 12 }, (_, n) => (n % 3 === 0 ? post('/', 'text/plain', 'x'.repeat(n)) : get('/'))),
  },
  'requests in a pipeline, the first one slow': {
    app(app, { note, gate }) {
      app.get('/slow', async (_req, res) => {
        note('slow')
        await gate('slow')
        res.send('slow')
      })
      app.get('/fast', (_req, res) => {
        note('fast')
        res.send('fast')
      })
    },
    say: [
      send(pipelined(get('/slow'), get('/fast'), head('/fast'), get('/none'))),
      noted('fast', 2),
      open('slow'),
      answered,
    ],
  },
  'a pipeline whose first request ends the connection': {
    ...hello,
    say: [pipelined(get('/', { Connection: 'close' }), get('/')), closed],
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
  'HTTP/1.0 gets no chunks': {
    app(app) {
      app.get('/', (_req, res) => {
        res.write('a')
        res.end('b')
      })
    },
    say: [ask('GET', '/', { Connection: 'keep-alive' }, '', '1.0'), closed],
  },
  'a client that ends its side after its request': {
    ...hello,
    say: [send(get('/')), halfClose, closed],
  },
  'as many requests as a connection may have, by its server': {
    server(server) {
      server.maxRequestsPerSocket = 2
    },
    ...hello,
    say: [get('/'), get('/'), get('/')],
  },
  'a keep-alive timeout of its own': {
    http: { keepAliveTimeout: 9000 },
    ...hello,
    say: [get('/')],
  },
  'a connection that idles for too long': {
    alone: true,
    http: { keepAliveTimeout: 1 },
    ...hello,
    say: [get('/'), closed],
  },
  'a head that takes too long': {
    http: { headersTimeout: 30, connectionsCheckingInterval: 10 },
    ...hello,
    say: [`GET ${at}/ HTTP/1.1\r\nHost: exa`, closed],
  },
  'a body that takes too long': {
    http: { requestTimeout: 30, headersTimeout: 20, connectionsCheckingInterval: 10 },
    app(app, { note }) {
      app.post('/', (req, res) => {
        req.on('error', error => note('req error', 'code' in error && error.code))
        res.on('close', () => note('gone', res.headersSent))
        req.resume()
      })
    },
    say: [send(ask('POST', '/', { 'Content-Length': 10 }, 'part')), noted('gone')],
  },
  'Expect: 100-continue': {
    ...hello,
    say: [send(expecting('100-continue')), until(/100 Continue\r\n\r\n/), 'body', answered, get('/')],
  },
  'Expect: 100-continue, refused without reading': {
    app(app) {
      app.post('/', (_req, res) => void res.status(401).set('Connection', 'close').send('no'))
    },
    say: [send(expecting('100-continue')), answered],
  },
  'Expect: 100-continue, for a listener of the app': {
    ...hello,
    server(server, { note }, app) {
      server.on('checkContinue', (req, res) => {
        note('checkContinue', req.headers.expect, res.headersSent)
        res.writeContinue()
        app(req, res)
      })
    },
    say: [send(expecting('100-continue')), until(/100 Continue\r\n\r\n/), 'body', answered],
  },
  'another expectation': {
    ...hello,
    say: [ask('GET', '/', { Expect: 'miracles' }), get('/')],
  },
  'another expectation, for a listener of the app': {
    ...hello,
    server(server, { note }) {
      server.on('checkExpectation', (req, res) => {
        note('checkExpectation', req.headers.expect)
        res.writeHead(200).end('met')
      })
    },
    say: [ask('GET', '/', { Expect: 'miracles' })],
  },
  'an upgrade, taken by the app': {
    ...hello,
    server(server, { note }) {
      server.on('upgrade', (req, socket: Duplex, head: Buffer) => {
        note('upgrade', req.url, req.headers.upgrade, head.toString(), socket === req.socket)
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
    ...hello,
    server(server, { note }) {
      server.on('upgrade', (_req, socket: Duplex) => {
        note('upgrade')
        socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nbye')
      })
    },
    say: [get('/'), get('/'), upgradeTo('echo'), closed],
  },
  'a WebSocket that the app refuses': {
    ...hello,
    server(server) {
      server.on('upgrade', (_req, socket: Duplex) => {
        socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      })
    },
    say: [upgradeTo('websocket', 'Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n'), closed],
  },
  'an upgrade that nobody takes is a request': {
    ...hello,
    say: [upgradeTo('h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n'), get('/')],
  },
  'a WebSocket that nobody takes': {
    ...hello,
    say: [upgradeTo('websocket', 'Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n')],
  },
  'a CONNECT that nobody takes': {
    alone: true,
    ...hello,
    say: [send(raw('CONNECT example.test:443 HTTP/1.1\r\nHost: example.test\r\n\r\n', 'CONNECT')), closed],
  },
  'a time limit on a response': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        res.setTimeout(15, () => {
          note('timeout', res.headersSent)
          res.status(503).send('too slow')
        })
      })
    },
    say: [get('/')],
  },
  'a time limit on a request': {
    app(app, { note }) {
      app.post('/', (req, res) => {
        req.setTimeout(15, () => {
          note('timeout')
          res.status(408).set('Connection', 'close').end()
        })
      })
    },
    say: [ask('POST', '/', { 'Content-Length': 10 }, 'part')],
  },
  'a time limit on a socket': {
    app(app) {
      app.get('/', (req, res) => {
        req.socket.setTimeout(15)
        res.write('begun')
      })
    },
    say: [get('/'), closed],
  },
  'events of connections, for an app with a server': {
    ...hello,
    server(server, { watch }) {
      watch(server, 'server', 'listening', 'request', 'close', 'checkContinue', 'upgrade')
    },
    say: [get('/'), pipelined(get('/'), get('/')), reconnect, json('/', {})],
  },
  'what a server says of itself': {
    app(app) {
      app.get('/', (_req, res) => void res.send('x'))
    },
    server(server, { note }) {
      note(server.listening, server.address())
      server.on('listening', () => note(server.listening, server.address()))
      server.on('request', req => note(req.socket.localPort === (server.address() as { port: number }).port))
      server.on('close', () => note('closed', server.listening))
    },
    say: [get('/')],
  },
  'another listener for requests': {
    ...hello,
    server(server, { note }) {
      server.prependListener('request', req => note('before the app', req.url))
      server.on('request', (_req, res) => note('after the app', res.headersSent))
    },
    say: [get('/')],
  },
  'two connections at once': {
    app(app, { note, gate }) {
      app.get('/wait', async (_req, res) => {
        note('waits')
        await gate('go')
        res.send('waited')
      })
      app.get('/go', (_req, res) => void res.send('go'))
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
  'nothing, and a client that leaves': {
    ...hello,
    say: [hangUp],
  },
  'empty lines before a request': {
    ...hello,
    say: [raw(`\r\n\r\nGET ${at}/ HTTP/1.1\r\nHost: example.test\r\n\r\n`)],
  },
  'no HTTP at all': {
    ...hello,
    say: ['hello there\r\n\r\n', closed],
  },
  'no HTTP after a request': {
    ...hello,
    say: [get('/'), '\x16\x03\x01\x02\x00', closed],
  },
  'an unknown version of HTTP': {
    ...hello,
    say: [raw(`GET ${at}/ HTTP/2.0\r\nHost: x\r\n\r\n`), closed],
  },
  'headers that are too large': {
    ...hello,
    say: [get('/', { 'X-Large': 'x'.repeat(20_000) }), closed],
  },
  'a length and chunks at once': {
    ...hello,
    say: [
      raw(`POST ${at}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
      closed,
    ],
  },
  'two lengths': {
    ...hello,
    say: [raw(`POST ${at}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`), closed],
  },
  'header lines that are folded, bare, or broken': {
    ...hello,
    say: [
      raw(`GET ${at}/ HTTP/1.1\r\nHost: x\r\nX-Fold: a\r\n b\r\n\r\n`),
      closed,
      reconnect,
      raw(`GET ${at}/ HTTP/1.1\nHost: x\n\n`),
      closed,
      reconnect,
      raw(`GET ${at}/ HTTP/1.1\r\nHost: x\r\nX Space: a\r\n\r\n`),
      closed,
    ],
  },
  'a chunk with a size that is none, before and after an answer': {
    app(app, { note }) {
      app.post('/late', (req, res) => {
        req.on('error', error => note('req error', 'code' in error && error.code))
        res.on('close', () => note('gone'))
        req.resume()
      })
      app.post('/early', (_req, res) => {
        res.write('begun')
      })
    },
    say: [
      raw(`POST ${at}/late HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`, 'POST'),
      closed,
      reconnect,
      send(raw(`POST ${at}/early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`, 'POST')),
      until(/begun/),
      'zz\r\n',
      closed,
    ],
  },
  'a close while a request is under way': {
    alone: true,
    app(app, { note, gate }) {
      app.get('/', async (_req, res) => {
        note('waits')
        await gate('answer')
        res.send('answered all the same')
      })
    },
    say: [send(get('/')), noted('waits'), talk => void talk.session.end(), open('answer'), answered],
  },
}
