import type { IncomingMessage, ServerResponse } from 'node:http'
import connect, { type NextFunction } from 'connect'
import { alone, closeHosts, exchange, get, newHost, started } from '../../host/support.js'

afterEach(closeHosts)

/** Outside of production Connect shows the stack, in which a host is. */
const error = (message: string, more = {}) => Object.assign(new Error(message), { stack: message, ...more })

function sample(): connect.Server {
  const app = connect()
  app.use('/sub', (req: connect.IncomingMessage, res: ServerResponse) => {
    res.end(`${req.url} ${req.originalUrl}`)
  })
  app.use('/thrown', () => {
    throw error('secret', { status: 418 })
  })
  app.use('/next', (_req: IncomingMessage, _res: unknown, next: NextFunction) => next(error('no luck')))
  app.use('/handled', (_req: IncomingMessage, _res: unknown, next: NextFunction) => next('mine'))
  app.use((thrown: unknown, _req: IncomingMessage, res: ServerResponse, next: NextFunction) => {
    if (thrown === 'mine') res.end('handled')
    else next(thrown)
  })
  app.use(
    '/nested',
    connect().use('/in', (req, res) => void res.end(req.url)),
  )
  return app
}

const requests = Object.entries({
  'a sub-path': get('/sub/a?b'),
  'the sub-path itself': get('/sub?b'),
  thrown: get('/thrown'),
  'next(error)': get('/next'),
  handled: get('/handled'),
  nested: get('/nested/in/x'),
  'its 404': get('/missing/<b>'),
  'its 404 for HEAD': get('/missing').replace('GET', 'HEAD'),
  'its 404 for a POST': 'POST /x HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 2\n\nhi',
})

describe('a hosted Connect app answers byte for byte as a bare one', () => {
  test.each(requests)('%s', async (_what, request) => {
    const expected = await alone(sample(), port => exchange(port, request))
    const host = newHost()
    host.mount('/', sample())
    const { port } = await started(host)
    expect(await exchange(port, request)).toBe(expected)
    expect(expected).toMatch(/^HTTP\/1.1 \d{3} /)
  })

  test.each(requests.filter(([what]) => !what.includes('404')))(
    '%s, under a path with strip',
    async (_what, request) => {
      const under = request.replace(/^(\w+) \//, '$1 /mnt/')
      const expected = await alone(connect().use('/mnt', sample()), port => exchange(port, under))
      const host = newHost()
      host.mount('/mnt', sample(), { strip: true })
      const { port } = await started(host)
      expect(await exchange(port, under)).toBe(expected)
    },
  )
})
