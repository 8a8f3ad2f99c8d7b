import { createReadStream } from 'node:fs'
import path from 'node:path'
import { get, head, post } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'

export const folder = path.resolve('test/host-diff/files')
const file = (name: string) => path.join(folder, name)
const range = (value: string, more = {}) => get('/digits.bin', { Range: value, ...more })

export const files: Theme<ExpressProgram> = {
  'a static folder': {
    app(app, { express }) {
      app.use(express.static(folder))
    },
    say: [get('/hello.txt'), head('/hello.txt'), get('/'), get('/none.txt'), post('/hello.txt', 'text/plain', 'x')],
  },
  'a folder is redirected to with a slash': {
    app(app, { express }) {
      app.use('/static', express.static(folder))
    },
    say: [get('/static/dir'), get('/static/dir?a=b'), get('/static/dir/'), get('/static'), get('/static//dir')],
  },
  'a folder that is not redirected to': {
    app(app, { express }) {
      app.use(express.static(folder, { redirect: false, index: false }))
    },
    say: [get('/dir'), get('/dir/'), get('/')],
  },
  'one range': {
    app(app, { express }) {
      app.use(express.static(folder))
    },
    say: [
      range('bytes=0-4'),
      range('bytes=30-'),
      range('bytes=-3'),
      range('bytes=5-4'),
      range('bytes=36-'),
      range('lines=1'),
    ],
  },
  'several ranges, and ranges that depend on a condition': {
    app(app, { express }) {
      app.use(express.static(folder))
    },
    say: [
      range('bytes=0-1,4-5'),
      range('bytes=0-1', { 'If-Range': '"other"' }),
      range('bytes=0-1', { 'If-Range': 'Mon, 01 Jan 2001 00:00:00 GMT' }),
      range('bytes=0-1', { 'If-Range': 'Fri, 01 Jan 2100 00:00:00 GMT' }),
      head('/digits.bin', { Range: 'bytes=0-1' }),
    ],
  },
  conditions: {
    app(app, { express }) {
      app.use(express.static(folder, { etag: false, lastModified: true }))
    },
    say: [
      get('/hello.txt', { 'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT' }),
      get('/hello.txt', { 'If-Modified-Since': 'Mon, 01 Jan 2001 00:00:00 GMT' }),
      get('/hello.txt', { 'If-Unmodified-Since': 'Mon, 01 Jan 2001 00:00:00 GMT' }),
      get('/hello.txt', { 'If-Match': '"x"' }),
      get('/hello.txt', { 'If-None-Match': '*' }),
    ],
  },
  dotfiles: {
    app(app, { express }) {
      app.use('/ignore', express.static(folder))
      app.use('/allow', express.static(folder, { dotfiles: 'allow' }))
      app.use('/deny', express.static(folder, { dotfiles: 'deny' }))
    },
    say: [get('/ignore/.hidden'), get('/allow/.hidden'), get('/deny/.hidden')],
  },
  'paths that lead out of the folder, and broken ones': {
    app(app, { express }) {
      app.use(express.static(folder))
    },
    say: [get('/../package.json'), get('/%2e%2e/x'), get('/dir/..%2fhello.txt'), get('/%00'), get('/%zz'), get('/\\x')],
  },
  'without fall-through': {
    app(app, { express }) {
      app.use(express.static(folder, { fallthrough: false }))
    },
    say: [get('/none'), post('/hello.txt', 'text/plain', 'x'), get('/hello.txt')],
  },
  'ages, extensions and headers': {
    app(app, { express }) {
      const setHeaders = (res: { setHeader(name: string, value: string): void }) => res.setHeader('X-File', 'yes')
      app.use(express.static(folder, { maxAge: '1d', immutable: true, extensions: ['txt', 'html'], setHeaders }))
    },
    say: [get('/hello'), get('/dir/index'), head('/hello.txt')],
  },
  'sendFile, with its callback': {
    app(app, { note }) {
      app.get('/ok', (_req, res) => res.sendFile(file('hello.txt'), error => note('sent', error?.message)))
      app.get('/none', (_req, res) => {
        res.sendFile('none.txt', { root: folder }, error => {
          note('failed', error && 'statusCode' in error && error.statusCode)
          res.status(404).send('no file')
        })
      })
      app.get('/throw', (_req, res) => void res.sendFile('relative.txt'))
      app.get('/dotdot', (_req, res) => void res.sendFile('../x', { root: folder }))
    },
    say: [get('/ok'), get('/none'), get('/throw'), get('/dotdot'), head('/ok'), get('/ok', { Range: 'bytes=0-1' })],
  },
  'sendFile of what is not there, left to Express': {
    app(app) {
      app.get('/', (_req, res) => res.sendFile('none.txt', { root: folder }))
      app.get('/dir', (_req, res) => res.sendFile('dir', { root: folder }))
    },
    say: [get('/'), get('/dir')],
  },
  download: {
    app(app) {
      app.get('/', (_req, res) => res.download(file('hello.txt'), 'ünïcode.txt'))
      app.get('/plain', (_req, res) => res.download(file('digits.bin'), 'x', { headers: { 'X-a': '1' } }))
    },
    say: [get('/'), get('/plain', { Range: 'bytes=1-2' })],
  },
  'a file that is piped': {
    app(app) {
      app.get('/', (_req, res) => void createReadStream(file('hello.txt')).pipe(res.type('txt')))
      app.get('/none', (_req, res, next) => void createReadStream(file('none.txt')).on('error', next).pipe(res))
    },
    say: [get('/'), head('/'), get('/none')],
  },
}
