import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { HostPort } from '../../src/adapters/port.js'
import { createHost } from '../../src/host/index.js'
import { closeHosts, defer, exchange, get, newHost, started, turns } from './support.js'

afterEach(closeHosts)

const says = (text: string) => (req: IncomingMessage, res: ServerResponse) => {
  res.end(`${text} ${req.url}`)
}

async function body(url: string): Promise<string> {
  return (await fetch(url)).text()
}

describe('which mount owns a request', () => {
  test('the longest path wins, whatever the order of mounting', async () => {
    const host = newHost()
    host.mount('/a', says('a')).mount('/', says('root')).mount('/a/b', says('a/b'))
    const { url } = await started(host)
    expect(await body(`${url}/a/b/c?q=1`)).toBe('a/b /a/b/c?q=1')
    expect(await body(`${url}/a/c`)).toBe('a /a/c')
    expect(await body(`${url}/c`)).toBe('root /c')
  })

  test('a path owns whole segments only, with or without a query', async () => {
    const host = newHost()
    host.mount('/', says('root')).mount('/api/', says('api'))
    const { url } = await started(host)
    expect(await body(`${url}/api`)).toBe('api /api')
    expect(await body(`${url}/api/`)).toBe('api /api/')
    expect(await body(`${url}/api?x`)).toBe('api /api?x')
    expect(await body(`${url}/apis`)).toBe('root /apis')
    expect(await body(`${url}/ap`)).toBe('root /ap')
  })

  test('a fragment, which clients should not send, ends a path as a query does', async () => {
    const host = newHost()
    host.mount('/', says('root')).mount('/api', says('api'))
    const { port } = await started(host)
    expect(await exchange(port, get('/api#x'))).toContain('api /api#x')
    expect(await exchange(port, get('http://x?/api/y'))).toContain('root http://x?/api/y')
    expect(await exchange(port, get('http://x/api#/y'))).toContain('api http://x/api#/y')
  })

  test('absolute targets and * are routed by their path', async () => {
    const host = newHost()
    host.mount('/', says('root')).mount('/api', says('api'))
    const { port } = await started(host)
    expect(await exchange(port, get('http://x/api/y'))).toMatch(/\r\napi http:\/\/x\/api\/y|api http:\/\/x\/api\/y/)
    expect(await exchange(port, get('http://x'))).toContain('root http://x')
    expect(await exchange(port, 'OPTIONS * HTTP/1.1\nHost: x\nConnection: close\n\n')).toContain('root *')
  })

  test('a path that no mount owns is 404, as plain text', async () => {
    const host = newHost()
    host.mount('/api', says('api'))
    const { url } = await started(host)
    const response = await fetch(`${url}/other`)
    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await response.text()).toBe('Not Found\n')
  })

  test('a mount added while the host listens serves at once', async () => {
    const host = newHost()
    const { url } = await started(host)
    host.mount('/late', says('late'))
    await new Promise(resolve => setImmediate(resolve))
    expect(await body(`${url}/late`)).toBe('late /late')
  })
})

describe('a path whose app was closed', () => {
  test('answers 503 until another app is mounted there', async () => {
    const host = newHost()
    const server = host.server('/a')
    host.mount('/', says('root'))
    const { url } = await started(host)
    const held = defer<ServerResponse>()
    server.on('request', (_req, res) => held.resolve(res))
    const last = body(`${url}/a`)
    const res = await held.promise
    const closed = new Promise(resolve => server.close(resolve))
    expect(() => host.mount('/a', says('second'))).toThrow(expect.objectContaining({ code: 'MOUNT_TAKEN' }))
    expect((await fetch(`${url}/a/x`)).status).toBe(503)
    res.end('last')
    expect(await last).toBe('last')
    await closed
    expect((await fetch(`${url}/a/x`)).status).toBe(503)
    host.mount('/a', says('second'))
    await new Promise(resolve => setImmediate(resolve))
    expect(await body(`${url}/a/x`)).toBe('second /a/x')
  })
})

describe('functions', () => {
  test('next() after an answer has begun changes nothing', async () => {
    const errors: unknown[] = []
    const host = newHost({ onError: error => void errors.push(error) })
    host.mount('/', (_req: IncomingMessage, res: ServerResponse, next: () => void) => {
      res.write('one ')
      next()
      res.end('two')
    })
    const { url } = await started(host)
    expect(await body(url)).toBe('one two')
    expect(errors).toEqual([])
  })

  test.each(['status', 'statusCode'])(
    'next(error) with a %s of the 400s is that answer, and nothing to report',
    async key => {
      const errors: unknown[] = []
      const host = newHost({ onError: error => void errors.push(error) })
      host.mount('/', (_req: IncomingMessage, _res: ServerResponse, next: (error: unknown) => void) => {
        next(Object.assign(new Error('not yours'), { [key]: 403 }))
      })
      const { url } = await started(host)
      expect((await fetch(url)).status).toBe(403)
      expect(errors).toEqual([])
    },
  )

  test('next() is 404, next(error) is 500, and both are answered once', async () => {
    const errors: string[] = []
    const host = newHost({ onError: error => void errors.push(`${error.code} ${error.message}`) })
    host.mount('/', (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => {
      res.setHeader('X-Leftover', '1')
      next(req.url === '/bad' ? new Error('no luck') : undefined)
    })
    const { url } = await started(host)
    const missing = await fetch(`${url}/x`)
    expect([missing.status, missing.headers.get('x-leftover')]).toEqual([404, null])
    const bad = await fetch(`${url}/bad`)
    expect([bad.status, await bad.text()]).toEqual([500, 'Internal Server Error\n'])
    expect(errors).toEqual(['HANDLER_FAILED GET /bad, mounted at "/", failed'])
  })

  test('the request and the response are the native ones, with nothing added', async () => {
    const seen = defer<{ req: IncomingMessage; res: ServerResponse }>()
    const host = newHost()
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      seen.resolve({ req, res })
      res.end()
    })
    const { url } = await started(host)
    await fetch(url)
    const { req, res } = await seen.promise
    const { createServer, IncomingMessage: Incoming, ServerResponse: Response } = await import('node:http')
    expect(Object.getPrototypeOf(req)).toBe(Incoming.prototype)
    expect(Object.getPrototypeOf(res)).toBe(Response.prototype)
    const bare = defer<IncomingMessage>()
    const server = createServer((request, response) => {
      bare.resolve(request)
      response.end()
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const address = server.address()
    await fetch(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`)
    server.close()
    expect(Reflect.ownKeys(req)).toEqual(Reflect.ownKeys(await bare.promise))
  })
})

test('a method whose name begins with "class" is a function like any other', async () => {
  const host = newHost()
  const handlers = {
    classify(_req: IncomingMessage, res: ServerResponse) {
      res.end('classified')
    },
  }
  host.mount('/', handlers.classify)
  const { url } = await started(host)
  expect(await body(url)).toBe('classified')
})

test('a function that carries methods of its own, as proxies do, is a function like any other', async () => {
  const host = newHost()
  host.mount('/', Object.assign(says('proxied'), { upgrade: () => {} }))
  const { url } = await started(host)
  expect(await body(url)).toBe('proxied /')
})

describe('an app that does not start', () => {
  test('is asked again by the next listen()', async () => {
    const [app, failures] = [{}, ['no database']]
    const flaky: HostPort = {
      name: 'flaky',
      accepts: candidate => candidate === app,
      open: () => ({
        handle: (_req, res) => void res.end('up'),
        async ready() {
          const failure = failures.pop()
          if (failure !== undefined) throw new Error(failure)
        },
      }),
    }
    const host = newHost({ ports: [flaky] })
    host.mount('/', app)
    await expect(host.listen({ port: 0 })).rejects.toThrow('no database')
    const { url } = await started(host)
    expect(await body(url)).toBe('up')
  })
})

describe('an app that starts slowly', () => {
  function slow() {
    const [app, ready] = [{}, defer()]
    let starts = 0
    const port: HostPort = {
      name: 'slow',
      accepts: candidate => candidate === app,
      open: () => ({
        handle: (_req, res) => void res.end('up'),
        ready() {
          starts++
          return ready.promise
        },
      }),
    }
    return { app, ready, ports: [port], starts: () => starts }
  }

  test('is started once, whoever asks', async () => {
    const { app, ready, ports, starts } = slow()
    const host = newHost({ ports })
    host.mount('/', app)
    const asked = [host.ready(), host.inject('/'), host.ready(), started(host)]
    ready.resolve()
    await Promise.all(asked)
    await host.ready()
    expect(starts()).toBe(1)
  })

  test('answers 503 until it has, where it is mounted late', async () => {
    const { app, ready, ports } = slow()
    const host = newHost({ ports })
    host.mount('/', says('root'))
    const { port } = await started(host)
    host.mount('/late', app)
    expect(await exchange(port, get('/late'))).toMatch(/^HTTP\/1.1 503[\s\S]*Retry-After: 1/)
    expect(await exchange(port, get('/'))).toMatch(/root \/$/)
    ready.resolve()
    await turns()
    expect(await exchange(port, get('/late'))).toMatch(/up$/)
  })

  test('is not started any more when its server has been closed', async () => {
    let starts = 0
    const app = {}
    const own: Server[] = []
    const port: HostPort = {
      name: 'app',
      accepts: candidate => candidate === app,
      open(_app, server) {
        own.push(server)
        return { ready: async () => void starts++ }
      },
    }
    const host = newHost({ ports: [port] })
    host.mount('/', app)
    await new Promise(resolve => own[0]?.close(resolve))
    await started(host)
    expect(starts).toBe(0)
  })

  test('that fails is reported once, though several have waited for it', async () => {
    const errors: string[] = []
    const [app, ready] = [{}, defer()]
    const port: HostPort = {
      name: 'failing',
      accepts: candidate => candidate === app,
      open: () => ({ ready: () => ready.promise.then(() => Promise.reject(new Error('no database'))) }),
    }
    const host = newHost({ ports: [port], onError: error => void errors.push(error.message) })
    await started(host)
    host.mount('/late', app)
    host.server('/other').listen()
    // As the mount's own listen() does.
    const [late] = (host as unknown as { mounts: Iterable<{ server: { listen(): void } }> }).mounts
    late?.server.listen()
    ready.resolve()
    await turns()
    expect(errors).toEqual(['"/late" did not start'])
  })
})

describe('what cannot be mounted', () => {
  test.each([
    ['api', 'start with'],
    ['', 'start with'],
    ['/users/:id', 'pattern'],
    ['/a*', 'pattern'],
    ['/a?x', 'query'],
    ['/a//b', 'empty segment'],
    ['/a/../b', 'segment'],
    ['/ä', 'percent'],
    [undefined, 'not a string'],
    [1n, 'mount path 1n is not a string'],
  ])('the path %p', (path, why) => {
    const host = newHost()
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
    expect(() => Reflect.apply(host.mount, host, [path, says('x')])).toThrow(refused)
    expect(() => Reflect.apply(host.server, host, [path])).toThrow(why)
    expect(() => Reflect.apply(host.serverFactory, host, [path])).toThrow(why)
  })

  test('a second app at a path', () => {
    const host = newHost()
    host.mount('/a', says('1'))
    const taken = expect.objectContaining({ code: 'MOUNT_TAKEN', message: expect.stringContaining('"/a"') })
    expect(() => host.mount('/a/', says('2'))).toThrow(taken)
    expect(() => host.server('/a')).toThrow(taken)
    expect(() => host.serverFactory('/a')(() => {})).toThrow(taken)
  })

  test('the same app again, with another wish', () => {
    const host = newHost()
    const app = says('1')
    expect(host.mount('/a', app).mount('/a', app, {})).toBe(host)
    const taken = expect.objectContaining({ code: 'MOUNT_TAKEN' })
    expect(() => host.mount('/a', app, { strip: true })).toThrow(taken)
  })

  test.each([null, 'strip'])('options that are none: %j', options => {
    const host = newHost()
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
    expect(() => Reflect.apply(createHost, undefined, [options])).toThrow(refused)
    expect(() => Reflect.apply(host.mount, host, ['/a', says('1'), options])).toThrow(refused)
    expect(() => Reflect.apply(host.server, host, ['/a', options])).toThrow(refused)
    expect(() => Reflect.apply(host.serverFactory, host, ['/a', options])).toThrow(refused)
  })

  test.each([
    ['an object', {}, 'no adapter recognises an object'],
    ['a promise', Promise.resolve(), 'await the app'],
    ['a generator function', function* handler() {}, 'taskletHandler()'],
    ['undefined', undefined, 'no adapter recognises undefined'],
    ['a class', class App {}, 'no adapter recognises function App'],
  ])('%s', (_what, app, why) => {
    expect(() => newHost().mount('/', app as object)).toThrow(expect.objectContaining({ code: 'UNKNOWN_APP' }))
    expect(() => newHost().mount('/', app as object)).toThrow(why)
  })

  test('an app that two ports accept', () => {
    const greedy: HostPort = { name: 'greedy', accepts: app => typeof app === 'function', open: () => ({}) }
    const mount = () => newHost({ ports: [greedy] }).mount('/', says('x'))
    expect(mount).toThrow(expect.objectContaining({ code: 'UNKNOWN_APP', message: expect.stringContaining('greedy') }))
  })

  test('anything, once the host is closed', async () => {
    const host = newHost()
    await host.close()
    expect(() => host.mount('/', says('x'))).toThrow(expect.objectContaining({ code: 'HOST_STATE' }))
  })

  test('a path is free again when the app was refused', () => {
    const refused = {}
    const refusing: HostPort = {
      name: 'refusing',
      accepts: app => app === refused,
      open() {
        throw new Error('no')
      },
    }
    const host = newHost({ ports: [refusing] })
    expect(() => host.mount('/', refused)).toThrow('no')
    expect(host.mount('/', says('x'))).toBe(host)
  })
})
