import cookieParser from 'cookie-parser'
import type { Request } from 'express'
import { at, get, head, json, raw } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'

const who = ({ ip, ips, protocol, secure, hostname, host, subdomains }: Request) => ({
  ...{ ip, ips, protocol, secure, hostname, host, subdomains },
})

const FORWARDED = {
  'X-Forwarded-For': '1.1.1.1, 2.2.2.2, 3.3.3.3',
  'X-Forwarded-Proto': 'https,http',
  'X-Forwarded-Host': 'first.example.com, second.example.com',
}

/** One program for each policy. */
function trusting(policy: unknown): ExpressProgram {
  return {
    app(app) {
      if (policy !== undefined) app.set('trust proxy', policy)
      app.get('/', (req, res) => void res.json(who(req)))
    },
    say: [get('/', FORWARDED), get('/', { 'X-Forwarded-For': 'nonsense', Host: 'a.b.example.com:8080' }), get('/')],
  }
}

export const requests: Theme<ExpressProgram> = {
  'without a trusted proxy': trusting(undefined),
  'trust proxy: true': trusting(true),
  'trust proxy: one hop': trusting(1),
  'trust proxy: a list': trusting('loopback, 3.3.3.3'),
  'trust proxy: a function': trusting((address: string, hop: number) => address === '127.0.0.1' || hop === 1),
  'hosts with ports, brackets, and none': {
    app(app) {
      app.get('/', (req, res) => void res.json(who(req)))
    },
    say: [
      get('/', { Host: '[::1]:3000' }),
      get('/', { Host: 'EXAMPLE.test:80' }),
      get('/', { Host: '' }),
      raw(`GET ${at}/ HTTP/1.0\r\n\r\n`),
    ],
  },
  'no Host at all is refused by Node': {
    app(app) {
      app.get('/', (_req, res) => void res.send('never'))
    },
    say: [raw(`GET ${at}/ HTTP/1.1\r\n\r\n`)],
  },
  'no Host, where the server does not ask for one': {
    http: { requireHostHeader: false },
    app(app) {
      app.get('/', (req, res) => void res.send(`${req.hostname}`))
    },
    say: [raw(`GET ${at}/ HTTP/1.1\r\n\r\n`)],
  },
  'the order, case and number of headers': {
    app(app) {
      app.get('/', (req, res) => {
        res.json({ raw: req.rawHeaders, headers: req.headers, distinct: req.headersDistinct })
      })
    },
    say: [
      get('/', [
        ['HOST', 'example.test'],
        ['x-Twice', 'a'],
        ['Cookie', 'a=1'],
        ['X-TWICE', 'b'],
        ['cookie', 'b=2'],
        ['Content-Type', 'a/b'],
        ['Content-Type', 'c/d'],
        ['Set-Cookie', 'x'],
        ['Set-Cookie', 'y'],
        ['X-Latin', 'caf\xe9'],
        ['X-Empty', ''],
      ]),
    ],
  },
  negotiation: {
    app(app) {
      app.get('/', (req, res) => {
        res.json([
          req.accepts('json', 'html'),
          req.accepts(),
          req.acceptsEncodings('br', 'gzip'),
          req.acceptsCharsets('utf-8'),
          req.acceptsLanguages('en', 'fr'),
          req.is('json'),
          req.xhr,
          req.range(100),
          req.get('Referrer'),
        ])
      })
    },
    say: [
      get('/', {
        Accept: 'text/html;q=.5, application/json',
        'Accept-Encoding': 'gzip',
        Referer: 'x',
        Range: 'bytes=0-5,9-',
      }),
      get('/', { 'Accept-Language': 'fr;q=.8, en;q=.1', 'X-Requested-With': 'XMLHttpRequest', Accept: 'image/*' }),
    ],
  },
  'res.format': {
    app(app) {
      app.get('/', (_req, res) => {
        res.format({ text: () => res.send('text'), json: () => res.json({ is: 'json' }) })
      })
    },
    say: [get('/'), get('/', { Accept: 'application/json' }), get('/', { Accept: 'image/png' })],
  },
  'cookies, plain and signed': {
    app(app) {
      app.use(cookieParser('secret'))
      app.get('/set', (_req, res) => {
        res.cookie('plain', 'a b').cookie('signed', { x: 1 }, { signed: true, httpOnly: true, path: '/x' })
        res.cookie('timed', '1', { maxAge: 1000, sameSite: 'lax' }).clearCookie('old').send('set')
      })
      app.get('/', (req, res) => void res.json([req.cookies, req.signedCookies]))
    },
    say: [
      get('/set'),
      get('/', { Cookie: 'plain=a%20b; signed=s%3Aj%3A%7B%22x%22%3A1%7D.w%2F5XEg6ztGJrOYrt9aMf2aFBxGwZ; bad=s%3Ax.y' }),
    ],
  },
  'a session in a cookie': {
    app(app) {
      const sessions = new Map<string, number>()
      app.use(cookieParser())
      app.use((req, res, next) => {
        const id: string = req.cookies.sid ?? `s${sessions.size + 1}`
        sessions.set(id, (sessions.get(id) ?? 0) + 1)
        res.locals.visits = sessions.get(id)
        res.cookie('sid', id)
        next()
      })
      app.get('/', (_req, res) => void res.send(`visit ${res.locals.visits}`))
    },
    say: [get('/'), get('/', { Cookie: 'sid=s1' }), get('/', { Cookie: 'sid=s1' }), get('/')],
  },
  'what the socket says of itself': {
    app(app, { note }) {
      app.get('/', ({ socket }, res) => {
        const { remoteAddress, remoteFamily, remotePort, localAddress, localPort, readable, writable, destroyed } =
          socket
        note({ remoteAddress, remoteFamily, remotePort, localAddress, localPort, readable, writable, destroyed })
        res.end()
      })
    },
    say: [get('/'), get('/')],
  },
  'own keys and prototypes of the request and the response': {
    app(app, { note }) {
      app.use((req, res, next) => {
        note(Object.getPrototypeOf(req) === app.request, Object.getPrototypeOf(res) === app.response)
        note(req.app === app, res.app === app, req.res === res, res.req === req, req.next === next)
        note('req', Object.keys(req).sort().join(' '))
        note('res', Object.keys(res).sort().join(' '))
        note('socket', Object.keys(req.socket).sort().join(' '))
        note(Object.getOwnPropertySymbols(req).map(String).sort(), Object.getOwnPropertySymbols(res).map(String).sort())
        next()
      })
    },
    say: [get('/'), get('/x?y=z')],
  },
  'the state of a request in its life': {
    app(app, { note }) {
      const state = ({
        complete,
        aborted,
        destroyed,
        closed,
        readable,
        readableEnded,
        readableFlowing,
        errored,
      }: Request) => note({ complete, aborted, destroyed, closed, readable, readableEnded, readableFlowing, errored })
      app.post('/', (req, res) => {
        state(req)
        req.on('data', () => state(req))
        req.on('end', () => state(req))
        res.on('finish', () => state(req))
        req.on('close', () => state(req))
        req.on('end', () => res.send('ok'))
      })
    },
    say: [json('/', { a: 1 })],
  },
  'the state of a response in its life': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        const state = () => {
          const {
            headersSent,
            writableEnded,
            writableFinished,
            writableLength,
            finished,
            closed,
            destroyed,
            statusCode,
          } = res
          note({
            headersSent,
            writableEnded,
            writableFinished,
            writableLength,
            finished,
            closed,
            destroyed,
            statusCode,
          })
        }
        state()
        res.write('a')
        state()
        res.end('b')
        state()
        res.on('finish', state)
        res.on('close', state)
      })
    },
    say: [get('/'), head('/')],
  },
  'stale and fresh': {
    app(app) {
      app.get('/', (req, res) => {
        res.set('ETag', '"v1"')
        res.send(`${req.fresh} ${req.stale}`)
      })
    },
    say: [
      get('/', { 'If-None-Match': '"v1"' }),
      get('/', { 'If-None-Match': 'W/"v1", "v0"' }),
      get('/', { 'If-None-Match': '"v1"', 'Cache-Control': 'no-cache' }),
      get('/', { 'If-None-Match': '*' }),
      get('/', { 'If-None-Match': '"v2"' }),
    ],
  },
  'query strings: the default parser': {
    app(app) {
      app.get('/', (req, res) => void res.json([req.query, req.url]))
    },
    say: [
      get('/?a=1&b=&c&a=2'),
      get('/?a[b]=1&a[c][]=2&d.e=3'),
      get('/?__proto__[x]=1&constructor=2&hasOwnProperty=3'),
      get('/?q=a+b%20c%zz&=x&&'),
      get('/??x=?'),
    ],
  },
  'query strings: extended': {
    app(app) {
      app.set('query parser', 'extended')
      app.get('/', (req, res) => void res.json(req.query))
    },
    say: [get('/?a[b][c]=1&a[d][]=2&x[0]=a&x[1]=b'), get('/?__proto__[x]=1&a[__proto__]=2')],
  },
  'query strings: one that is not parsed, and one by a function': {
    app(app, { express }) {
      app.set('query parser', false)
      const other = express().set('query parser', (text: string) => ({ text }))
      other.get('/', (req, res) => void res.json(req.query))
      app.use('/other', other)
      app.get('/', (req, res) => void res.json(req.query ?? null))
    },
    say: [get('/?a=1'), get('/other/?a=1'), get('/other')],
  },
}
