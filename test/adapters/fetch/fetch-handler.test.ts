/** A fetch handler as a function: in a host, in Express, and on a bare server. */
import type { Request as ExpressRequest, Response as ExpressResponse, NextFunction } from 'express'
import { fetchHandler } from '../../../src/host/index.js'
import { express, express4 } from '../../host/frameworks.js'
import { alone, closeHosts, exchange, get, newHost, RawClient, started, turns } from '../../host/support.js'
import { reported } from '../support.js'

afterEach(closeHosts)

const url = (request: Request) => new Response(new URL(request.url).pathname)
const fails = () => Promise.reject(new Error('no luck'))

test('what is no function is refused', () => {
  const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  expect(() => Reflect.apply(fetchHandler, undefined, [{ fetch: url }])).toThrow(refused)
})

test.each([null, undefined])('a handler that gives %s declines: in a host that is a 404', async nothing => {
  const host = newHost()
  host.mount(
    '/',
    fetchHandler(request => (request.url.endsWith('/mine') ? url(request) : nothing)),
  )
  const { port } = await started(host)
  expect(await exchange(port, get('/mine'))).toMatch(/\r\n\r\n\/mine$/)
  expect(await exchange(port, get('/other'))).toMatch(/^HTTP\/1.1 404 [\s\S]*Not Found\n$/)
})

test('a 404 is an answer: nobody else is asked', async () => {
  const host = newHost()
  host.mount('/', { fetch: () => new Response('mine alone', { status: 404 }) })
  const { port } = await started(host)
  expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 404 [\s\S]*mine alone$/)
})

describe.each([
  ['5', express],
  ['4', express4],
])('as middleware of Express %s', (_version, framework) => {
  const app = () => {
    const app = framework()
    app.set('env', 'production')
    app.use(
      '/fetch',
      fetchHandler(request => (request.url.endsWith('/none') ? null : url(request))),
    )
    app.use('/fails', fetchHandler(fails))
    app.use((_req: ExpressRequest, res: ExpressResponse) => {
      res.status(404).send('Express is next')
    })
    app.use((error: Error, _req: ExpressRequest, res: ExpressResponse, _next: NextFunction) => {
      res.status(500).send(`Express was told: ${error.message}`)
    })
    return app
  }

  test('it sees the URL as a sub-app does, and hands on what it declines or fails at', async () => {
    await alone(app(), async port => {
      expect(await exchange(port, get('/fetch/a'))).toMatch(/\r\n\r\n\/a$/)
      expect(await exchange(port, get('/fetch/none'))).toMatch(/^HTTP\/1.1 404 [\s\S]*Express is next$/)
      expect(await exchange(port, get('/fails'))).toMatch(/^HTTP\/1.1 500 [\s\S]*Express was told: no luck$/)
    })
  })

  test('a body that a parser has read is replayed where it was kept, and an error where it was not', async () => {
    const keep = (req: ExpressRequest & { rawBody?: Buffer }, _res: unknown, bytes: Buffer) => {
      req.rawBody = bytes
    }
    const echo = fetchHandler(async request =>
      request.text().then(
        text => new Response(text),
        error => new Response(error.code),
      ),
    )
    const app = framework()
    app.use('/kept', framework.json({ verify: keep as never }), echo)
    app.use('/lost', framework.json(), echo)
    const post = (path: string) =>
      `POST ${path} HTTP/1.1\nHost: x\nConnection: close\nContent-Type: application/json\nContent-Length: 7\n\n{"a":1}`
    await alone(app, async port => {
      expect(await exchange(port, post('/kept'))).toMatch(/\r\n\r\n\{"a":1\}$/)
      expect(await exchange(port, post('/lost'))).toMatch(/\r\n\r\nALREADY_CONSUMED$/)
    })
  })

  test('it sees the headers as middleware has left them', async () => {
    const app = framework()
    app.use((req: ExpressRequest, _res: unknown, next: () => void) => {
      req.headers['x-user'] = 'verified'
      delete req.headers['x-admin']
      next()
    })
    app.use(fetchHandler(({ headers }) => new Response(`${headers.get('x-user')} ${headers.get('x-admin')}`)))
    await alone(app, async port => {
      expect(await exchange(port, get('/', 'X-User: forged\nX-Admin: yes\n'))).toMatch(/verified null$/)
    })
  })
})

describe('on a bare server', () => {
  test('it answers 404 for what it declines, and 500 for what fails, which is reported', async () => {
    await alone(
      fetchHandler(() => null),
      async port => {
        expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 404 [\s\S]*Not Found\n$/)
      },
    )
    const warnings = await reported(() =>
      alone(fetchHandler(fails), async port => {
        expect(await exchange(port, get('/a?secret'))).toMatch(/^HTTP\/1.1 500 [\s\S]*Internal Server Error\n$/)
      }),
    )
    expect(warnings).toEqual(['GET /a failed: no luck'])
  })

  test('it breaks off what fails in the middle', async () => {
    const broken = fetchHandler(() => {
      let pulls = 0
      return new Response(
        new ReadableStream({
          async pull(controller) {
            if (pulls++ > 0) throw new Error('lost')
            controller.enqueue(new Uint8Array(3))
            await turns()
          },
        }),
      )
    })
    const warnings = await reported(() =>
      alone(broken, async port => {
        const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
        await client.closed
        expect(client.text).not.toContain('\r\n0\r\n')
      }),
    )
    expect(warnings).toEqual(['GET / failed: lost'])
  })

  test('its signal is aborted for a client that leaves, in a pipeline as well', async () => {
    const signals: AbortSignal[] = []
    const waits = fetchHandler(({ signal }) => {
      signals.push(signal)
      return new Promise(() => {})
    })
    await alone(waits, async port => {
      const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n'.repeat(12))
      while (signals.length < 12) await turns()
      client.socket.destroy()
      while (!signals.every(({ aborted }) => aborted)) await turns()
    })
  })
})
