import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import connect from 'connect'
import type { SynclessError } from '../../src/core/index.js'
import type { Host } from '../../src/host/index.js'
import { reported } from '../adapters/support.js'
import { express, fastify, fastify4 } from './frameworks.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from './support.js'

afterEach(closeHosts)
afterEach(() => {
  jest.restoreAllMocks()
})

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown

async function serve(handler: Handler) {
  const errors: SynclessError[] = []
  const host = newHost({ onError: error => void errors.push(error) })
  host.mount('/', handler)
  return { host, errors, ...(await started(host)) }
}

describe('an address that cannot be had', () => {
  test('is in use: ADDRESS_IN_USE; another listen() may follow', async () => {
    const { port } = await serve(() => {})
    const host = newHost()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end('second try'))
    await expect(host.listen({ port, host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(`port ${port} on 127.0.0.1 is taken`),
      cause: { code: 'EADDRINUSE' },
    })
    const { url } = await started(host)
    expect(await (await fetch(url)).text()).toBe('second try')
  })

  test('is no address of this machine', async () => {
    await expect(newHost().listen({ port: 0, host: '192.0.2.1' })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
  })

  test('may not be used', async () => {
    await expect(newHost().listen({ path: '/proc/syncless.sock' })).rejects.toMatchObject({
      code: expect.stringMatching(/^(ADDRESS_IN_USE|INVALID_ARGUMENT)$/),
      message: expect.stringContaining('/proc/syncless.sock'),
    })
  })

  test.each([undefined, null, 3000, '3000'])('is not given as options: %j', async options => {
    const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('pass { port: 3000 }') }
    const host = newHost()
    await expect(Reflect.apply(host.listen, host, [options])).rejects.toMatchObject(refused)
    await expect(Reflect.apply(host.run, host, [options])).rejects.toMatchObject(refused)
  })

  test('is no address at all', async () => {
    await expect(newHost().listen({ port: 70_000 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('a state that forbids it', () => {
  test('a second listen(), and one after close()', async () => {
    const { host } = await serve(() => {})
    await expect(host.listen({ port: 0 })).rejects.toMatchObject({ code: 'HOST_STATE' })
    expect(host.listening).toBe(true)
    await host.close()
    expect([host.listening, host.address()]).toEqual([false, null])
    await expect(host.listen({ port: 0 })).rejects.toMatchObject({ code: 'HOST_STATE' })
  })
})

describe('a handler that fails', () => {
  test.each<[string, Handler]>([
    [
      'throws',
      () => {
        throw new Error('oops')
      },
    ],
    ['rejects', () => Promise.reject(new Error('oops'))],
    [
      'throws later in an async function',
      async req => {
        await new Promise(resolve => req.on('end', resolve).resume())
        throw new Error('oops')
      },
    ],
  ])('%s: 500, HANDLER_FAILED once, and the server goes on', async (_what, handler) => {
    const { url, errors } = await serve((req, res) => (req.url === '/fine' ? res.end('fine') : handler(req, res)))
    const response = await fetch(`${url}/bad?token=secret`)
    expect([response.status, await response.text()]).toEqual([500, 'Internal Server Error\n'])
    expect(errors).toMatchObject([
      { code: 'HANDLER_FAILED', message: 'GET /bad, mounted at "/", failed', cause: { message: 'oops' } },
    ])
    expect(await (await fetch(`${url}/fine`)).text()).toBe('fine')
  })

  test('when its response has begun, the connection is broken off', async () => {
    const { port, errors } = await serve(async (_req, res) => {
      res.write('half')
      throw new Error('oops')
    })
    expect(await exchange(port, get('/'))).not.toMatch(/\r\n0\r\n/)
    expect(errors).toHaveLength(1)
  })

  test('its answer keeps what the server says of the connection, and the date', async () => {
    const { port } = await serve((_req, res) => {
      res.setHeader('Connection', 'close').setHeader('Date', 'never').setHeader('Set-Cookie', 'a=b')
      throw new Error('oops')
    })
    const answer = await exchange(port, 'GET / HTTP/1.1\nHost: x\n\n')
    expect(answer).toMatch(/^Connection: close$/m)
    expect(answer).toMatch(/^Date: -$/m)
    expect(answer).not.toContain('Set-Cookie')
  })

  test('while the host closes: its answer says that the connection ends', async () => {
    const [begun, fail] = [defer(), defer()]
    const { host, port } = await serve(async () => {
      begun.resolve()
      await fail.promise
      throw new Error('oops')
    })
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await begun.promise
    const report = host.close()
    fail.resolve()
    expect((await report).clean).toBe(true)
    await client.closed
    expect(client.text).toMatch(/^HTTP\/1.1 500 [\s\S]*Connection: close/)
  })

  test('as a listener of a mount server', async () => {
    const errors: SynclessError[] = []
    const host = newHost({ onError: error => void errors.push(error) })
    host.server('/raw').on('request', () => {
      throw new Error('oops')
    })
    const { url } = await started(host)
    expect((await fetch(`${url}/raw`)).status).toBe(500)
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED' }])
  })

  test('without onError it is a process warning; an onError that throws is one, too', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const fail = () => {
      throw new Error('oops')
    }
    const plain = newHost()
    plain.mount('/', fail)
    expect((await fetch((await started(plain)).url)).status).toBe(500)
    expect(warn).toHaveBeenLastCalledWith(
      'syncless host: GET /, mounted at "/", failed',
      expect.objectContaining({ code: 'HANDLER_FAILED', detail: expect.stringContaining('oops') }),
    )
    const worse = newHost({
      onError: () => {
        throw new Error('worse')
      },
    })
    worse.mount('/', fail)
    expect((await fetch((await started(worse)).url)).status).toBe(500)
    expect(warn).toHaveBeenLastCalledWith(expect.stringContaining('worse'), expect.anything())
  })
})

describe('bytes that are no request', () => {
  const bad = {
    garbage: 'NOT HTTP\n\n',
    'a bad header': 'GET / HTTP/1.1\nHost: x\nX: a\x00b\n\n',
    smuggling: 'POST / HTTP/1.1\nHost: x\nContent-Length: 3\nTransfer-Encoding: chunked\n\n0\n\n',
    'headers that are too large': `GET / HTTP/1.1\nHost: x\nX: ${'x'.repeat(20_000)}\n\n`,
  }

  test.each(Object.entries(bad))('%s: one answer, which is Node’s own, and MALFORMED_REQUEST', async (_what, bytes) => {
    const node = createServer(() => {}).listen(0, '127.0.0.1')
    await new Promise(resolve => node.once('listening', resolve))
    const address = node.address()
    const expected = await exchange(typeof address === 'object' && address !== null ? address.port : 0, bytes)
    node.close()
    const { port, errors, host } = await serve((_req, res) => res.end('fine'))
    // Frameworks add listeners of their own; none may be asked.
    host.server('/other').on('clientError', (_error, socket) => socket.write('HTTP/1.1 400 from a framework\r\n\r\n'))
    expect(await exchange(port, bytes)).toBe(expected)
    expect(expected).toMatch(/^HTTP\/1.1 4\d\d /)
    expect(errors).toMatchObject([{ code: 'MALFORMED_REQUEST' }])
    expect(await exchange(port, get('/'))).toContain('fine')
  })

  test('behind a request whose response has begun, they end the connection without an answer', async () => {
    const { port, errors } = await serve((_req, res) => res.write('begun'))
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await client.until(/begun/)
    client.send('NOT HTTP\n\n')
    await client.closed
    expect(client.text).not.toContain('400')
    expect(errors).toMatchObject([{ code: 'MALFORMED_REQUEST' }])
  })

  test.each([
    ['behind a request', 'GET /app HTTP/1.1\nHost: x\n\nNOT HTTP\n\n', '200'],
    ['behind a request to no mount', 'GET /none HTTP/1.1\nHost: x\n\nNOT HTTP\n\n', '404'],
    ['in a body', 'POST /app HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nzz\n', '200'],
    ['in a coding', 'POST /app HTTP/1.1\nHost: x\nTransfer-Encoding: gzip\n\nabcd', '200'],
  ])('%s that was answered at once: no second answer', async (_where, bytes, status) => {
    const host = newHost({ onError: () => {} })
    host.mount('/app', (_req: IncomingMessage, res: ServerResponse) => res.end('fine'))
    const { port } = await started(host)
    const text = await exchange(port, bytes)
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`])
  })

  test('a reset is not one', async () => {
    const { port, errors, url } = await serve((_req, res) => res.end('fine'))
    const client = new RawClient(port).send('GET / HT')
    await new Promise(resolve => client.socket.once('connect', resolve))
    client.socket.resetAndDestroy()
    expect(await (await fetch(url)).text()).toBe('fine')
    expect(errors).toEqual([])
  })

  test('by default they are not reported: anyone could fill the log', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const host = newHost()
    const { port } = await started(host)
    expect(await exchange(port, 'NOT HTTP\n\n')).toContain('400 Bad Request')
    expect(warn).not.toHaveBeenCalled()
  })
})

test('a mount server that waits in listen() when the process runs out of work is reported', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const host = newHost()
  host.server('/api').listen()
  process.emit('beforeExit', 0)
  expect(warn).toHaveBeenCalledWith(expect.stringContaining('"/api"'), expect.objectContaining({ code: 'HOST_STATE' }))
})

describe('queries and passwords of targets stay out of messages', () => {
  test.each(['/x?token=secret', 'http://user:secret@host/x?token=secret', '/x#secret'])('%s', async target => {
    const { errors, port, host } = await serve(() => {
      throw new Error('handler')
    })
    host.server('/up').on('upgrade', () => {
      throw new Error('upgrade')
    })
    await exchange(port, get(target))
    const upgrade = target.replace('/x', '/up')
    await exchange(port, `GET ${upgrade} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: foo\n\n`)
    expect(errors).toHaveLength(2)
    for (const { message } of errors) expect(message).not.toContain('secret')
  })
})

describe('errors that carry a status or headers, passed to next()', () => {
  const failing: Record<string, (res: ServerResponse) => unknown> = {
    '/busy': () =>
      Object.assign(new Error('no'), { status: 503, headers: { 'Retry-After': '7', 'Content-Length': '999' } }),
    '/put': () => Object.assign(new Error('no'), { statusCode: 405, headers: { Allow: ['PUT', 'DELETE'] } }),
    '/conflict': res => {
      res.statusCode = 409
      return new Error('no')
    },
    '/odd': () =>
      Object.assign(new Error('no'), { status: 400, headers: { 'bad name': '1', ok: 'bad\nvalue', fine: '1' } }),
    '/plain': () => new Error('no'),
    '/headers-only': () => Object.assign(new Error('no'), { headers: { 'Retry-After': '7' } }),
  }
  const fail = (req: IncomingMessage, res: ServerResponse, next: (error: unknown) => void) =>
    next(failing[req.url ?? '']?.(res))
  const apps: Record<string, (host: Host) => void> = {
    'a function': host => void host.mount('/', fail),
    'Express 5 that hands over': host =>
      void host.mount('/', express().set('env', 'test').use(fail), { handOver: true }).mount('/', express()),
    'Connect that hands over': host =>
      void host.mount('/', connect().use(fail), { handOver: true }).mount('/', express()),
  }

  test.each(Object.entries(apps))('%s: the answer has them, as finalhandler gives them', async (_name, mount) => {
    const host = newHost({ onError: () => {} })
    mount(host)
    const { url } = await started(host)
    const seen: Record<string, unknown[]> = {}
    for (const path of Object.keys(failing)) {
      const { status, headers } = await fetch(url + path)
      seen[path] = [status, ...['retry-after', 'allow', 'fine'].map(name => headers.get(name))]
    }
    expect(seen).toEqual({
      '/busy': [503, '7', null, null],
      '/put': [405, null, 'PUT, DELETE', null],
      '/conflict': [409, null, null, null],
      '/odd': [400, null, null, '1'],
      '/plain': [500, null, null, null],
      '/headers-only': [500, null, null, null],
    })
  })
})

describe('what the host tells cannot hurt it', () => {
  test('onError that throws or rejects is reported, and requests are served', async () => {
    const told: string[] = []
    for (const onError of [
      () => {
        throw new Error('threw')
      },
      async () => {
        throw new Error('rejected')
      },
    ]) {
      const host = newHost({ onError })
      host.mount('/', (_req: IncomingMessage, _res: ServerResponse) => {
        throw new Error('no')
      })
      const { port } = await started(host)
      const warnings = await reported(async () => {
        expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1\.1 500 /)
        expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1\.1 500 /)
      })
      told.push(...warnings)
    }
    expect(told).toEqual([
      'onError of a syncless host threw: threw',
      'onError of a syncless host threw: threw',
      'onError of a syncless host was rejected: rejected',
      'onError of a syncless host was rejected: rejected',
    ])
  })

  test('onError may close the host', async () => {
    const closed = defer<unknown>()
    const host: Host = newHost({ onError: () => closed.resolve(host.close()) })
    host.mount('/', (_req: IncomingMessage, _res: ServerResponse) => {
      throw new Error('no')
    })
    const { port } = await started(host)
    expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1\.1 500 /)
    expect(await closed.promise).toMatchObject({ clean: true })
  })

  const odd: Record<string, () => unknown> = {
    'a message that is no text': () => Object.assign(new Error(), { message: Symbol('no') }),
    'a message that throws': () =>
      Object.defineProperty(new Error(), 'message', {
        get() {
          throw new Error('inner')
        },
      }),
    'an object without a prototype': () => Object.create(null),
    'a symbol': () => Symbol('no'),
    undefined: () => undefined,
    'a proxy that throws': () =>
      new Proxy(
        {},
        {
          get() {
            throw new Error('inner')
          },
          has() {
            throw new Error('inner')
          },
        },
      ),
    'a status that throws': () =>
      Object.defineProperty(new Error('no'), 'status', {
        get() {
          throw new Error('inner')
        },
      }),
  }
  test.each(Object.keys(odd))('a handler that throws %s is answered with 500', async name => {
    const { port, errors } = await serve(() => {
      throw odd[name]?.()
    })
    expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1\.1 500 /)
    expect(errors.map(({ code, message }) => [code, message])).toEqual([
      ['HANDLER_FAILED', 'GET /, mounted at "/", failed'],
    ])
  })
})

test('an app that waits in listen() for longer than 5 s is told of once, and none after a clean close', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] })
  try {
    const warnings = await reported(async () => {
      const waiting = newHost()
      waiting.server('/waits').listen()
      const clean = newHost()
      clean.server('/closed').listen()
      await clean.close()
      const listens = newHost()
      listens.server('/listens').listen()
      await started(listens)
      jest.advanceTimersByTime(4999)
      jest.advanceTimersByTime(10_000)
    })
    expect(warnings).toEqual([
      expect.stringMatching(/the app at "\/waits" waits in listen\(\) for its host: call host\.listen\(\)/),
    ])
  } finally {
    jest.useRealTimers()
  }
})

test('an app that was closed while it waited in listen() is told of by nobody', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] })
  try {
    const warnings = await reported(async () => {
      const host = newHost()
      const server = host.server('/express').on('request', express())
      server.listen(3000).close()
      for (const make of [fastify, fastify4]) {
        const app = make({ serverFactory: host.serverFactory(`/fastify-${make === fastify ? 5 : 4}`) })
        const listening = app.listen({ port: 3000 }).catch(() => {})
        await app.ready()
        while (!app.server.listenerCount('listening')) await turns()
        await app.close()
        void listening
      }
      jest.advanceTimersByTime(5001)
      process.emit('beforeExit', 0)
    })
    expect(warnings).toEqual([])
  } finally {
    jest.useRealTimers()
  }
})
