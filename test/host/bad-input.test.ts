/** What a host is given that it cannot use, and calls at the wrong moment: an error with a code, at once. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { SynclessError } from '../../src/core/index.js'
import {
  createHost,
  fetchHandler,
  type Host,
  type HostOptions,
  requestId,
  requestScope,
  taskletHandler,
} from '../../src/host/index.js'
import { closeHosts, defer, exchange, get, newHost, started, turns } from './support.js'

afterEach(closeHosts)

const local = { port: 0, host: '127.0.0.1' }
const hello = (_req: IncomingMessage, res: ServerResponse): void => void res.end('hello')

/** Values of every kind, with how a test's name shows them. */
const values = {
  null: null,
  zero: 0,
  'minus one': -1,
  'a half': 0.5,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  'an empty string': '',
  'a string': 'x',
  true: true,
  false: false,
  'a symbol': Symbol('x'),
  'a bigint': 10n,
  'a list': [],
  'a list of null': [null],
  'an object': {},
  'a function': () => {},
}

/** What was thrown, if it is no error of ours with the code. */
async function unexpected(call: () => unknown): Promise<unknown> {
  try {
    const value: unknown = await call()
    if (value instanceof Object && 'close' in value && 'inject' in value) await (value as Host).close({ deadline: 0 })
  } catch (error) {
    if (!(error instanceof SynclessError)) return error
  }
  return undefined
}

describe.each(Object.entries(values))('%s', (_what, value) => {
  const bad = value as never

  test('as an option of createHost()', async () => {
    expect(await unexpected(() => createHost(bad))).toBe(undefined)
    const options = ['http', 'tls', 'http2', 'onError', 'admission', 'limits', 'admin', 'health', 'readiness']
    for (const option of [...options, 'requestId', 'ports']) {
      expect([option, await unexpected(() => createHost({ [option]: bad }))]).toEqual([option, undefined])
    }
  })

  test('as an app, a path, and an option of a mount', async () => {
    expect(await unexpected(() => newHost().mount('/', bad))).toBe(undefined)
    expect(await unexpected(() => newHost().mount(bad, hello))).toBe(undefined)
    expect(await unexpected(() => newHost().serverFactory('/')(bad))).toBe(undefined)
    for (const option of ['strip', 'handOver', 'protocols', 'admission', 'limits']) {
      const call = () => newHost().server('/', { [option]: bad })
      expect([option, await unexpected(call)]).toEqual([option, undefined])
    }
  })

  test('as an option of listen(), attach() and close()', async () => {
    const options = ['port', 'host', 'path', 'addresses', 'protocol', 'backlog', 'exclusive', 'ipv6Only']
    for (const option of [...options, 'replaceStale']) {
      // A string would be looked up, or bound in the folder of the test.
      if (typeof value === 'string' && /^(host|path)$/.test(option)) continue
      const host = newHost()
      const call = () => host.listen({ ...local, [option]: bad })
      expect([option, await unexpected(call)]).toEqual([option, undefined])
      await host.close()
    }
    expect(await unexpected(() => newHost().attach(bad))).toBe(undefined)
    for (const option of ['deadline', 'readinessDelay']) {
      const call = () => newHost().close({ [option]: bad })
      expect([option, await unexpected(call)]).toEqual([option, undefined])
    }
  })

  test('as an option of inject()', async () => {
    const host = newHost().mount('/', hello)
    expect(await unexpected(() => host.inject(bad))).toBe(undefined)
    const options = ['url', 'method', 'headers', 'payload', 'trailers', 'remoteAddress', 'stream', 'signal']
    for (const option of options) {
      const call = () => host.inject({ [option]: bad })
      expect([option, await unexpected(call)]).toEqual([option, undefined])
    }
    for (const headers of [{ a: bad }, [bad, 'x'], ['x', bad], ['x']]) {
      expect(await unexpected(() => host.inject({ headers }))).toBe(undefined)
    }
  })

  test('as a handler and as a request', async () => {
    for (const call of [taskletHandler, fetchHandler, requestScope, requestId]) {
      expect([call.name, await unexpected(() => call(bad))]).toEqual([call.name, undefined])
    }
  })
})

describe('what would fail later, or in silence, is refused', () => {
  const code = 'INVALID_ARGUMENT'
  const refused = expect.objectContaining({ code })

  test.each<[string, unknown]>([
    ['http', 0],
    ['tls', true],
    ['http2', 'yes'],
    ['onError', 'log'],
    ['limits', 5],
    ['health', 'yes'],
    ['readiness', true],
    ['ports', {}],
  ])('createHost({ %s: %p })', (option, value) => {
    expect(() => createHost({ [option]: value } as HostOptions)).toThrow(refused)
  })

  test.each<[string, unknown]>([
    ['strip', 'yes'],
    ['limits', 5],
    ['protocols', [null]],
  ])('host.server(path, { %s: %p })', (option, value) => {
    const host = newHost()
    expect(() => host.server('/', { [option]: value })).toThrow(refused)
    expect(host.server('/').listening).toBe(false)
  })

  test.each<[string, unknown]>([
    ['addresses', {}],
    ['addresses', [3000]],
    ['port', 3000n],
    ['path', 5],
    ['backlog', 10n],
  ])('host.listen({ %s: %p }), and it may be called again', async (option, value) => {
    const host = newHost()
    await expect(host.listen({ ...local, [option]: value })).rejects.toMatchObject({ code })
    await started(host)
  })

  test('trailers that cannot be sent', async () => {
    const host = newHost().mount('/', hello)
    const trailers = { 'no name': 'x' }
    await expect(host.inject({ payload: 'x', trailers })).rejects.toMatchObject({ code })
  })

  test('a server factory without a handler takes no path', () => {
    const host = newHost()
    expect(() => host.serverFactory('/')(undefined as never)).toThrow(refused)
    host.mount('/', hello)
  })
})

describe('a host inside itself', () => {
  const circle = expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('of itself') })

  test('is refused where it is mounted, and serves on', async () => {
    const host = newHost()
    expect(() => host.mount('/x', host)).toThrow(circle)
    expect(() => host.mount('/x', host.handler)).toThrow(circle)
    host.mount('/x', hello)
    await started(host)
  })

  test('so it is through others', async () => {
    const [outer, middle, inner] = [newHost(), newHost(), newHost()]
    outer.mount('/m', middle)
    middle.mount('/m/i', inner)
    expect(() => inner.mount('/m/i/o', outer)).toThrow(circle)
    expect(() => inner.mount('/m/i/m', middle.handler)).toThrow(circle)
    inner.mount('/', hello)
    const { port } = await started(outer)
    expect(await exchange(port, get('/m/i/x'))).toMatch(/hello$/)
  })

  test('so it is where it is attached', async () => {
    const [host, other] = [newHost(), newHost()]
    await expect(host.attach(host.server('/x'))).rejects.toEqual(circle)
    await other.attach(host.server('/y'))
    await expect(host.attach(other.server('/z'))).rejects.toEqual(circle)
  })

  test('a host may be at two paths of another, and in another when it has left the first', async () => {
    const [outer, inner] = [newHost(), newHost()]
    inner.mount('/', hello)
    outer.mount('/a', inner).mount('/b', inner)
    const { port } = await started(outer)
    for (const path of ['/a', '/b']) expect(await exchange(port, get(path))).toMatch(/hello$/)
    const [first, second] = [newHost(), newHost()]
    const attachment = await first.attach(second.server('/'))
    attachment.detach()
    await second.attach(first.server('/'))
  })
})

describe('at the wrong moment', () => {
  /** How each of several calls at once has come out: the code of an error, or 'done'. */
  const outcomes = async (...calls: Promise<unknown>[]): Promise<string[]> =>
    (await Promise.allSettled(calls)).map(call => (call.status === 'fulfilled' ? 'done' : call.reason.code))

  test('several at once: one listens, and the others are told', async () => {
    const host = newHost()
    const listening = Array.from({ length: 3 }, () => host.listen(local))
    expect(await outcomes(...listening)).toEqual(['done', 'HOST_STATE', 'HOST_STATE'])
    const before = process.listenerCount('SIGTERM')
    expect(await outcomes(host.run(local))).toEqual(['HOST_STATE'])
    expect(process.listenerCount('SIGTERM')).toBe(before)
  })

  test('after the close, and while it goes on', async () => {
    for (const waits of [true, false]) {
      const host = newHost().mount('/', hello)
      await started(host)
      const closed = host.close()
      if (waits) await closed
      const calls = [host.listen(local), host.run(local), host.attach(createServer()), host.ready(), host.inject('/')]
      expect(await outcomes(...calls)).toEqual(Array(5).fill('HOST_STATE'))
      for (const call of [
        () => host.mount('/x', hello),
        () => host.server('/x'),
        () => host.serverFactory('/x')(hello),
      ])
        expect(call).toThrow(expect.objectContaining({ code: 'HOST_STATE' }))
      expect(await closed).toBe(await host.close())
      await expect(host.close({ deadline: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })

  test('bad options of close() close nothing', async () => {
    const host = newHost().mount('/', hello)
    const { port } = await started(host)
    await expect(host.close({ deadline: Number.NaN })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await exchange(port, get('/'))).toMatch(/hello$/)
  })

  test('bad options of run() start nothing', async () => {
    const host = newHost()
    await expect(host.run({ ...local, deadline: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(host.listening).toBe(false)
    await started(host)
  })

  test('what is mounted by the close of another', async () => {
    const host = newHost()
    const refused = defer<unknown>()
    host.server('/a').on('close', () => {
      try {
        host.mount('/b', hello)
      } catch (error) {
        refused.resolve(error)
      }
    })
    await started(host)
    await host.close()
    expect(await refused.promise).toMatchObject({ code: 'HOST_STATE' })
  })

  test('closed by one of its requests: that one is answered', async () => {
    const host = newHost()
    const report = defer<unknown>()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => {
      host.close({ deadline: 60_000 }).then(report.resolve)
      res.end('hello')
    })
    const { port } = await started(host)
    expect(await exchange(port, get('/'))).toMatch(/hello$/)
    expect(await report.promise).toMatchObject({ clean: true })
  })
})

describe('the admin port', () => {
  test('stays with a host that is attached, when it cannot listen as well', async () => {
    const host = newHost({ admin: { port: 0 } })
    const server = createServer().listen(local)
    await host.attach(server)
    await expect(host.listen({ port: 70_000 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(host.adminAddress()).toMatchObject({ family: 'IPv4' })
    server.close()
  })

  test('is not opened again by a host that is closed', async () => {
    const host = newHost({ admin: { port: 0 } })
    await host.close()
    await expect(host.attach(createServer())).rejects.toMatchObject({ code: 'HOST_STATE' })
    expect(host.adminAddress()).toBe(null)
  })

  test('goes when the host cannot be attached, and not when it listens', async () => {
    for (const listens of [false, true]) {
      const host = newHost({ admin: { port: 0 } })
      if (listens) await started(host)
      const app = fastify({ serverFactory: host.serverFactory('/') })
      app.register(async () => {
        throw new Error('no database')
      })
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
      await expect(host.attach(createServer())).rejects.toThrow('no database')
      warn.mockRestore()
      expect(host.adminAddress() !== null).toBe(listens)
    }
  })
})

test.each<[string, (give: () => never | false) => HostOptions]>([
  ['admission.exempt', exempt => ({ admission: { inFlight: 1, exempt } })],
  ['requestId.generate', give => ({ requestId: { generate: () => String(give()) } })],
])('%s that throws fails its request, and no other', async (_what, options) => {
  let fails = true
  const give = () => fails && fail()
  const errors: SynclessError[] = []
  const host = newHost({ ...options(give), onError: error => void errors.push(error) }).mount('/', hello)
  const { port } = await started(host)
  expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 500 /)
  expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: { message: 'no' } }])
  fails = false
  expect(await exchange(port, get('/'))).toMatch(/hello$/)
  expect((await host.close()).clean).toBe(true)
})

function fail(): never {
  throw new Error('no')
}

test('a thousand hosts that listen and close leave nothing in the process', async () => {
  const events = ['SIGINT', 'SIGTERM', 'exit', 'beforeExit', 'warning', 'uncaughtException', 'unhandledRejection']
  const count = () => ({
    listeners: events.map(event => process.listenerCount(event)),
    resources: process.getActiveResourcesInfo().filter(kind => /TCP|Timeout|Immediate/.test(kind)).length,
  })
  const one = async () => {
    const host = createHost({
      admin: { port: 0 },
      health: true,
      limits: { connections: 10 },
      admission: { inFlight: 1 },
    })
    host.mount('/', hello)
    host.server('/ws').listen()
    const { port } = await host.run(local)
    if (port % 10 === 0) await exchange(port, get('/'))
    if (port % 10 === 1) await host.inject('/')
    expect((await host.close()).clean).toBe(true)
    expect((host.address() as AddressInfo | null) ?? host.adminAddress()).toBe(null)
  }
  await one()
  await turns()
  const before = count()
  for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 10 }, one))
  await turns()
  const after = count()
  expect(after.listeners).toEqual(before.listeners)
  // The runner has timers of its own, which come and go.
  expect(after.resources).toBeLessThan(before.resources + 10)
})
