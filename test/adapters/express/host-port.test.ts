import { createServer } from 'node:http'
import express, { type Express } from 'express'
import { closeHosts, exchange, get, newHost, started } from '../../host/support.js'

afterEach(closeHosts)
// Express prints the errors that it answers.
beforeEach(() => {
  jest.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(() => {
  jest.restoreAllMocks()
})

function sample(): Express {
  const app = express()
  app.set('env', 'production')
  app.use(express.json())
  app.get('/hello/:name', (req, res) => {
    res.json({ name: req.params.name, path: req.path, url: req.url, base: req.baseUrl, original: req.originalUrl })
  })
  app.post('/echo', (req, res) => {
    res.status(201).send(req.body)
  })
  app.get('/throws', () => {
    throw new Error('secret')
  })
  app.get('/rejects', async () => {
    throw Object.assign(new Error('secret'), { status: 418 })
  })
  app.get('/redirect', (_req, res) => {
    res.redirect('/hello/x')
  })
  app.get('/stream', (_req, res) => {
    res.write('one')
    setImmediate(() => res.end('two'))
  })
  return app
}

const requests = {
  json: get('/hello/x?y=1'),
  '404 page': get('/nothing'),
  'thrown error page': get('/throws'),
  'rejected error page': get('/rejects'),
  redirect: get('/redirect'),
  stream: get('/stream'),
  'undecodable path': get('/hello/%zz'),
  HEAD: get('/hello/x').replace('GET', 'HEAD'),
  OPTIONS: get('/hello/x').replace('GET', 'OPTIONS'),
  'HTTP/1.0': get('/hello/x').replace('HTTP/1.1', 'HTTP/1.0'),
  POST: 'POST /echo HTTP/1.1\nHost: x\nConnection: close\nContent-Type: application/json\nContent-Length: 7\n\n{"a":1}',
  'bad JSON':
    'POST /echo HTTP/1.1\nHost: x\nConnection: close\nContent-Type: application/json\nContent-Length: 2\n\n{x',
  'expect continue':
    'POST /echo HTTP/1.1\nHost: x\nConnection: close\nExpect: 100-continue\nContent-Type: application/json\nContent-Length: 7\n\n{"a":1}',
  'unknown expectation': get('/hello/x', 'Expect: foo\n'),
  'missing Host': 'GET /hello/x HTTP/1.1\nConnection: close\n\n',
  malformed: 'NOT HTTP\n\n',
}

async function bare<T>(app: Express, use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer(app).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const address = server.address()
  try {
    return await use(typeof address === 'object' && address !== null ? address.port : 0)
  } finally {
    server.close()
  }
}

describe('a hosted Express app answers byte for byte as a bare one', () => {
  test.each(Object.entries(requests))('%s', async (_what, request) => {
    const app = sample()
    const expected = await bare(app, port => exchange(port, request))
    const host = newHost()
    host.mount('/', app)
    const { port } = await started(host)
    expect(await exchange(port, request)).toBe(expected)
    expect(expected).toMatch(/^HTTP\/1.1 \d{3} /)
  })

  test.each(Object.entries(requests))(
    '%s, under a path with strip, as in app.use(path, app)',
    async (what, request) => {
      if (what === 'malformed' || what === 'missing Host') return
      const under = request.replace(/^(\w+) \//, '$1 /mnt/')
      const outer = express().disable('x-powered-by').set('env', 'production')
      const expected = await bare(outer.use('/mnt', sample()), port => exchange(port, under))
      const host = newHost()
      host.mount('/mnt', sample(), { strip: true })
      const { port } = await started(host)
      expect(await exchange(port, under)).toBe(expected)
    },
  )

  test('the mount path itself, with and without a query, under strip', async () => {
    const app = express().get('/', (req, res) => {
      res.json([req.url, req.baseUrl, req.originalUrl])
    })
    const host = newHost()
    host.mount('/mnt', app, { strip: true })
    const { url } = await started(host)
    expect(await (await fetch(`${url}/mnt`)).json()).toEqual(['/', '/mnt', '/mnt'])
    expect(await (await fetch(`${url}/mnt?a=1`)).json()).toEqual(['/?a=1', '/mnt', '/mnt?a=1'])
    expect(await (await fetch(`${url}/mnt/?a=1`)).json()).toEqual(['/?a=1', '/mnt', '/mnt/?a=1'])
  })
})

test('without strip the app sees full paths, and answers 404 for what it does not route', async () => {
  const host = newHost()
  host.mount('/hello', sample())
  const { url } = await started(host)
  expect(await (await fetch(`${url}/hello/x`)).json()).toMatchObject({ path: '/hello/x', base: '' })
  const missing = await fetch(`${url}/hello/x/y`)
  expect([missing.status, missing.headers.get('x-powered-by')]).toEqual([404, 'Express'])
})

test('a router is mounted as a function; what it does not route is the host’s 404', async () => {
  const host = newHost()
  const router = express.Router()
  router.get('/r/x', (_req, res) => {
    res.end('routed')
  })
  host.mount('/r', router)
  const { url } = await started(host)
  expect(await (await fetch(`${url}/r/x`)).text()).toBe('routed')
  expect((await fetch(`${url}/r/y`)).status).toBe(404)
})
