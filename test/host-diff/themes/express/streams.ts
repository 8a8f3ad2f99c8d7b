import { PassThrough, pipeline, Readable } from 'node:stream'
import { get, head, pipelined } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'
import { answered, halfClose, hangUp, noted, open, pause, reset, resume, send, until } from '../../talk.js'

export const streams: Theme<ExpressProgram> = {
  'chunks, one write each': {
    app(app) {
      app.get('/', (_req, res) => {
        res.write('one')
        res.write(Buffer.from('two'))
        res.write('')
        res.write('dHdv', 'base64')
        res.end('last')
      })
    },
    say: [get('/'), head('/')],
  },
  'chunks, in turns of the event loop': {
    app(app) {
      app.get('/', async (_req, res) => {
        for (const text of ['a', 'b', 'c']) {
          res.write(text)
          await new Promise(resolve => setImmediate(resolve))
        }
        res.end()
      })
    },
    say: [get('/')],
  },
  'chunks, corked': {
    app(app) {
      app.get('/', (_req, res) => {
        res.cork()
        res.write('one')
        res.write('two')
        process.nextTick(() => {
          res.uncork()
          res.end()
        })
      })
    },
    say: [get('/')],
  },
  'a head that is flushed before the body': {
    app(app, { gate }) {
      app.get('/', async (_req, res) => {
        res.set('X-Early', '1').flushHeaders()
        await gate('body')
        res.end('later')
      })
    },
    say: [send(get('/')), until(/\r\n\r\n/), open('body'), answered],
  },
  'server-sent events, until the client leaves': {
    app(app, { note, gate }) {
      app.get('/', async (req, res) => {
        res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
        res.write('data: 1\n\n')
        await gate('second')
        res.write('id: 2\ndata: 2\n\n')
        req.on('close', () => note('req closed', res.writableEnded))
        res.on('close', () => note('res closed', res.writableEnded, res.writableFinished))
      })
    },
    say: [send(get('/')), until(/data: 1/), open('second'), until(/data: 2/), hangUp, noted('res closed')],
  },
  'a stream that is piped, and one that has a length': {
    app(app) {
      app.get('/', (_req, res) => void Readable.from(['a', 'b']).pipe(res))
      app.get('/length', (_req, res) => void Readable.from(['ab']).pipe(res.set('Content-Length', '2')))
      app.get('/empty', (_req, res) => void Readable.from([]).pipe(res))
    },
    say: [get('/'), get('/length'), get('/empty'), head('/')],
  },
  'a source that fails in the middle': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        const source = new PassThrough()
        pipeline(source, res, error => note('pipeline', error?.message))
        source.write('some')
        setImmediate(() => source.destroy(new Error('source')))
      })
    },
    say: [get('/')],
  },
  'a source that fails before the head': {
    app(app) {
      app.get('/', (_req, res, next) => {
        const source = new PassThrough().on('error', next)
        source.pipe(res)
        source.destroy(new Error('source'))
      })
    },
    say: [get('/')],
  },
  'a source that is piped is not destroyed when the client leaves': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        const source = new PassThrough()
        source.write('some')
        source.pipe(res)
        source.on('unpipe', () => note('unpipe'))
        res.on('close', () => note('gone', source.destroyed))
      })
    },
    say: [send(get('/')), until(/some/), hangUp, noted('gone')],
  },
  'a source in a pipeline is destroyed when the client leaves': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        const source = new PassThrough()
        source.write('some')
        pipeline(source, res, error => note('pipeline', error && 'code' in error && error.code, source.destroyed))
      })
    },
    say: [send(get('/')), until(/some/), hangUp, noted('pipeline')],
  },
  'a client that does not read holds the writer back': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        const room = res.write('x'.repeat(1_500_000))
        note('room', room, res.writableNeedDrain)
        res.once('drain', () => {
          note('drained', res.writableLength)
          res.end('y')
        })
      })
    },
    say: [pause, send(get('/')), noted('room'), resume, answered],
  },
  'a client that does not read, and leaves': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        note('room', res.write('x'.repeat(1_500_000)))
        res.on('close', () => note('gone', res.writableFinished))
      })
    },
    say: [pause, send(get('/')), noted('room'), reset, noted('gone')],
  },
  'an answer for a client that has left': {
    app(app, { note, gate }) {
      app.get('/', async (_req, res) => {
        res.on('close', () => note('gone'))
        res.on('error', error => note('error', error.message))
        note('waits')
        await gate('answer')
        note(res.write('x'), res.destroyed, res.writableEnded)
        res.send('late')
        note('sent', res.headersSent, res.writableEnded, res.writableFinished)
      })
    },
    say: [send(get('/')), noted('waits'), hangUp, noted('gone'), open('answer'), noted('sent')],
  },
  'a client that leaves before the head, with requests behind it': {
    app(app, { note, gate }) {
      app.get('/slow', async (_req, res) => {
        note('slow')
        res.on('close', () => note('slow closed', res.writableEnded))
        await gate('answer')
        res.send('slow')
      })
      app.get('/fast', (_req, res) => {
        note('fast')
        res.on('close', () => note('fast closed'))
        res.send('fast')
      })
    },
    say: [send(pipelined(get('/slow'), get('/fast'))), noted('fast'), hangUp, noted('slow closed'), open('answer')],
  },
  'a client that resets before the head': {
    app(app, { note }) {
      app.get('/', (req, res) => {
        req.on('aborted', () => note('req aborted', req.aborted))
        req.on('error', error => note('req error', 'code' in error && error.code))
        res.on('close', () => note('gone'))
        note('waits')
      })
    },
    say: [send(get('/')), noted('waits'), reset, noted('gone')],
  },
  'a client that ends its side still gets its answer, or not': {
    app(app, { note, gate }) {
      app.get('/', async (req, res) => {
        res.on('close', () => note('gone', req.aborted, res.writableEnded))
        note('waits')
        await gate('answer')
        res.send('to whom?')
      })
    },
    say: [send(get('/')), noted('waits'), halfClose, noted('gone'), open('answer')],
  },
}
