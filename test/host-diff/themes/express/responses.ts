import { ask, get, head } from '../../ask.js'
import type { ExpressProgram, Theme } from '../../program.js'
import { until } from '../../talk.js'

export const responses: Theme<ExpressProgram> = {
  'send: strings, buffers, objects, and nothing': {
    app(app) {
      const bodies: Record<string, unknown> = {
        string: 'é',
        buffer: Buffer.from([0, 255]),
        object: { a: [1] },
        null: null,
      }
      app.get('/:kind', (req, res) => void res.send(bodies[String(req.params.kind)]))
    },
    say: [get('/string'), get('/buffer'), get('/object'), get('/null'), get('/undefined')],
  },
  'json: spaces, replacer and escape': {
    app(app) {
      app
        .set('json spaces', 2)
        .set('json replacer', (key: string, value: unknown) => (key === 'no' ? undefined : value))
      app.set('json escape', true)
      app.get('/', (_req, res) => void res.json({ a: '<&>', no: 1 }))
      app.get('/null', (_req, res) => void res.json(null))
      app.get('/bad', (_req, res) => void res.json(1n))
    },
    say: [get('/'), get('/null'), get('/bad')],
  },
  jsonp: {
    app(app) {
      app.get('/', (_req, res) => void res.jsonp({ a: '\u2028' }))
    },
    say: [get('/?callback=f'), get('/?callback=f[0]%3Balert(1)'), get('/')],
  },
  'sendStatus, and statuses without a body': {
    app(app) {
      app.get('/send/:code', (req, res) => void res.sendStatus(Number(req.params.code)))
      app.get('/body/:code', (req, res) => void res.status(Number(req.params.code)).send('body'))
      app.get('/end/:code', (req, res) => void res.status(Number(req.params.code)).end('body'))
    },
    say: ['send', 'body', 'end'].flatMap(how => [204, 205, 304, 418, 599].map(code => get(`/${how}/${code}`))),
  },
  'writeHead, in each of its forms': {
    app(app) {
      app.get('/object', (_req, res) => void res.writeHead(201, { 'X-a': 1, 'x-B': ['1', '2'] }).end('x'))
      app.get('/reason', (_req, res) => void res.writeHead(200, 'Fine', { 'content-length': 1 }).end('x'))
      app.get('/pairs', (_req, res) => void res.writeHead(200, ['X-a', '1', 'X-A', '2', 'Set-Cookie', 'c']).end('x'))
      app.get('/merged', (_req, res) => void res.set('X-a', '0').writeHead(200, { 'x-A': '1' }).end('x'))
      app.get('/twice', (_req, res) => void res.writeHead(200).writeHead(500).end())
    },
    say: [get('/object'), get('/reason'), get('/pairs'), get('/merged'), get('/twice')],
  },
  'the order and case of headers that an app sets': {
    app(app) {
      app.get('/', (_req, res) => {
        res.setHeader('zeta', '1')
        res.setHeader('ALPHA', '2')
        res.append('Link', '<a>').append('Link', '<b>').append('alpha', '3')
        res.set({ 'X-Obj': 'o', 'x-num': '4' }).vary('Origin').vary('origin, Accept').links({ next: '/n' })
        res.removeHeader('Zeta')
        res.setHeader('zeta', 'last')
        res.send('x')
      })
    },
    say: [get('/')],
  },
  'headers of Node that an app takes over': {
    app(app) {
      app.get('/date', (_req, res) => {
        res.sendDate = false
        res.end('x')
      })
      app.get('/mydate', (_req, res) => void res.set('Date', 'today').end('x'))
      app.get('/keep', (_req, res) => void res.set('Keep-Alive', 'timeout=1').end('x'))
      app.get('/plain', (_req, res) => {
        res.removeHeader('Transfer-Encoding')
        res.write('x')
        res.end('y')
      })
    },
    say: [get('/date'), get('/mydate'), get('/keep'), get('/plain')],
  },
  'Connection: close, asked for by the app': {
    app(app) {
      app.get('/close', (_req, res) => void res.set('Connection', 'close').end('x'))
    },
    say: [get('/close'), get('/close')],
  },
  'X-Powered-By can be turned off': {
    app(app) {
      app.disable('x-powered-by')
      app.get('/', (_req, res) => void res.send('x'))
    },
    say: [get('/'), get('/none')],
  },
  'a custom reason, and the one of another status': {
    app(app) {
      app.get('/', (_req, res) => {
        res.statusMessage = 'Very Fine'
        res.send('x')
      })
      app.get('/299', (_req, res) => void res.status(299).send('x'))
    },
    say: [get('/'), get('/299')],
  },
  'headers that cannot be sent': {
    app(app, { note }) {
      app.get('/:kind', (req, res) => {
        try {
          if (req.params.kind === 'name') res.setHeader('a b', '1')
          if (req.params.kind === 'value') res.setHeader('a', 'x\ny')
          if (req.params.kind === 'undefined') res.setHeader('a', undefined as unknown as string)
          if (req.params.kind === 'status') res.writeHead(1000)
        } catch (error) {
          note(error instanceof Error && 'code' in error && error.code)
        }
        res.end('x')
      })
    },
    say: [get('/name'), get('/value'), get('/undefined'), get('/status')],
  },
  redirects: {
    app(app) {
      app.get('/plain', (_req, res) => void res.redirect('/to?a=b&c'))
      app.get('/301', (_req, res) => void res.redirect(301, 'http://example.com/é ü'))
      app.get('/relative', (_req, res) => void res.redirect('../up'))
      app.get('/inside', (req, res) => void res.redirect(`${req.baseUrl}/plain`))
      app.get('/location', (_req, res) => void res.location('/x').status(201).end())
    },
    say: [
      get('/plain'),
      get('/plain', { Accept: 'text/html' }),
      get('/plain', { Accept: 'application/json' }),
      get('/301'),
      get('/relative'),
      get('/inside'),
      get('/location'),
      head('/plain'),
    ],
  },
  'redirects back to where the client came from': {
    app(app, { major }) {
      app.get('/', (req, res) => {
        res.redirect(major === 4 ? 'back' : (req.get('Referrer') ?? '/'))
      })
    },
    say: [get('/', { Referer: 'http://example.com/x' }), get('/')],
  },
  'attachment and type': {
    app(app) {
      app.get('/', (_req, res) => void res.attachment('nämé "x".txt').send('x'))
      app.get('/type', (_req, res) => void res.type('svg').send('x'))
      app.get('/charset', (_req, res) => void res.type('text/plain; charset=latin1').send('é'))
    },
    say: [get('/'), get('/type'), get('/charset')],
  },
  'ETags: weak, strong, off, one of its own': {
    app(app, { express }) {
      for (const kind of ['weak', 'strong', false, () => '"mine"']) {
        const name = typeof kind === 'string' ? kind : typeof kind === 'function' ? 'own' : 'off'
        app.use(
          `/${name}`,
          express()
            .set('etag', kind)
            .get('/', (_req, res) => void res.send('body')),
        )
      }
    },
    say: [get('/weak'), get('/strong'), get('/off'), get('/own'), get('/own', { 'If-None-Match': '"mine"' })],
  },
  '304 drops what belongs to a body': {
    app(app) {
      app.get('/', (_req, res) => void res.set('Cache-Control', 'max-age=1').set('X-a', '1').json({ a: 1 }))
    },
    say: [get('/', { 'If-None-Match': 'W/"7-n4nHQM60bXQYySSnisV5QdXpZSA"' }), head('/')],
  },
  'writeHead and end that a middleware has replaced': {
    app(app, { note }) {
      app.use((_req, res, next) => {
        const { writeHead, end } = res
        res.writeHead = function (this: typeof res, ...args: unknown[]) {
          note('writeHead', args.length)
          res.setHeader('X-Late', 'set in writeHead')
          return Reflect.apply(writeHead, this, args)
        } as typeof writeHead
        res.end = function (this: typeof res, ...args: unknown[]) {
          note('end', args.length)
          return Reflect.apply(end, this, args)
        } as typeof end
        next()
      })
      app.get('/', (_req, res) => void res.send('sent'))
      app.get('/write', (_req, res) => {
        res.write('written')
        res.end()
      })
    },
    say: [get('/'), get('/write'), get('/none')],
  },
  'trailers of a response': {
    app(app) {
      app.get('/', (_req, res) => {
        res.set('Trailer', 'X-Sum')
        res.write('body')
        res.addTrailers({ 'X-Sum': '4' })
        res.end()
      })
    },
    say: [get('/')],
  },
  'informational answers before the last': {
    app(app) {
      app.get('/', (_req, res) => {
        res.writeProcessing()
        res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style', 'x-trace': 't' })
        res.send('done')
      })
    },
    say: [get('/')],
  },
  'a length that is too short or too long': {
    app(app) {
      app.get('/:n', (req, res) => void res.set('Content-Length', String(req.params.n)).end('12345'))
    },
    say: [get('/5'), get('/0'), get('/3'), until(/345|HTTP.*HTTP.*HTTP/s)],
  },
  'a strict length': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        res.strictContentLength = true
        try {
          res.writeHead(200, { 'Content-Length': 3 }).end('12345')
        } catch (error) {
          note(error instanceof Error && 'code' in error && error.code)
          res.end('123')
        }
      })
    },
    say: [get('/')],
  },
  'writing when the answer has ended': {
    app(app, { note }) {
      app.get('/', (_req, res) => {
        res.send('first')
        try {
          res.send('second')
        } catch (error) {
          note(error instanceof Error && 'code' in error && error.code)
        }
        res.write('third', error => note(error instanceof Error && 'code' in error && error.code))
        res.on('error', error => note('error', 'code' in error && error.code))
      })
    },
    say: [get('/')],
  },
  'end, with and without chunks and callbacks': {
    app(app, { note }) {
      app.get('/a', (_req, res) => void res.end(() => note('ended')))
      app.get('/b', (_req, res) => void res.end('68656c6c6f', 'hex', () => note('ended')))
      app.get('/c', (_req, res) => {
        res.write('x', () => note('written'))
        res.end(Buffer.from('y'), () => note('ended'))
      })
    },
    say: [get('/a'), get('/b'), get('/c')],
  },
  'an answer to a HEAD, by each way of sending': {
    app(app) {
      app.get('/send', (_req, res) => void res.send('body'))
      app.get('/json', (_req, res) => void res.json({ a: 1 }))
      app.get('/end', (_req, res) => void res.end('body'))
      app.get('/write', (_req, res) => {
        res.write('a')
        res.end('b')
      })
      app.head('/own', (_req, res) => void res.set('X-Own', '1').end())
    },
    say: [head('/send'), head('/json'), head('/end'), head('/write'), head('/own'), get('/own')],
  },
  'OPTIONS, answered by Express and by the app': {
    app(app) {
      app.get('/auto', (_req, res) => void res.send('x')).post('/auto', (_req, res) => void res.send('x'))
      app.options('/own', (_req, res) => void res.set('Allow', 'GET').status(204).end())
      app.all('/all', (req, res) => void res.send(req.method))
    },
    say: [ask('OPTIONS', '/auto'), ask('OPTIONS', '/own'), ask('OPTIONS', '/all'), ask('OPTIONS', '/none')],
  },
  'unusual methods': {
    app(app) {
      app.propfind('/', (req, res) => void res.send(req.method))
      app.report('/', (req, res) => void res.send(req.method))
      app['m-search']('/', (req, res) => void res.send(req.method))
      app.get('/', (_req, res) => void res.send('get'))
    },
    say: ['PROPFIND', 'REPORT', 'M-SEARCH', 'TRACE', 'PURGE', 'BIND'].map(method => ask(method, '/')),
  },
  'a method that Node does not know, and one in small letters': {
    app(app) {
      app.all('/', (req, res) => void res.send(req.method))
    },
    say: [ask('BREW', '/')],
  },
}
