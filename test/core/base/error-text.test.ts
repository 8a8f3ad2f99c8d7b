/** Messages that go to `onError` and logs are read by people who may not see the secrets of users. The inner error has the rest. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:tls'
import { inspect } from 'node:util'
import fastify from 'fastify'
import { nameOf } from '../../../src/core/base/error-text.js'
import type { SynclessError } from '../../../src/core/base/errors.js'
import { go } from '../../../src/core/scope/go.js'
import { fetchHandler, type Host, type HostOptions, taskletHandler } from '../../../src/host/index.js'
import * as certificates from '../../host/certificates.js'
import { express } from '../../host/frameworks.js'
import { closeHosts, defer, exchange, get, newHost, started } from '../../host/support.js'

afterEach(closeHosts)

const fail = () => {
  throw new Error('password=secret')
}
const plain = (_req: IncomingMessage, res: ServerResponse) => void res.end()

/** Has a host report something, in which the word "secret" is. */
interface Failing {
  readonly code: string
  readonly options?: HostOptions
  mount?(host: Host): unknown
  readonly ask: (port: number, host: Host) => Promise<unknown>
  /** Whether the cause has the word; false where the client sent it. */
  readonly inCause?: false
}

const target = '/x?token=secret#secret'
const asks = (port: number) => exchange(port, get(target, 'Authorization: secret\r\n'))
const handler = (app: object | (() => unknown)): Failing => ({
  code: 'HANDLER_FAILED',
  mount: host => host.mount('/', app as never),
  ask: asks,
})

const failing: Record<string, Failing> = {
  'a handler that throws': handler(fail),
  'a handler that rejects': handler(async () => fail()),
  'a handler with next': handler((_req: unknown, _res: unknown, next: (error: unknown) => void) => {
    next(new Error('secret'))
  }),
  'a value that is no error': handler(() => Promise.reject({ token: 'secret' })),
  'a fetch handler': handler(fetchHandler(fail)),
  'a tasklet handler': handler(
    taskletHandler(function* () {
      fail()
    }),
  ),
  'a tasklet of a request': handler((_req: unknown, res: ServerResponse) => {
    go(fail)
    setImmediate(() => res.end())
  }),
  'a listener of a mount server': {
    code: 'HANDLER_FAILED',
    mount: host => host.server('/').on('request', fail),
    ask: asks,
  },
  'a listener of upgrades': {
    code: 'HANDLER_FAILED',
    mount: host => host.server('/x').on('upgrade', fail),
    ask: port => exchange(port, get(target, 'Connection: Upgrade\r\nUpgrade: secret\r\n')),
  },
  'an app that does not start': {
    code: 'HANDLER_FAILED',
    ask: async (_port, host) =>
      void fastify({ serverFactory: host.serverFactory('/late') }).register(async () => fail()),
  },
  'a readiness check': {
    code: 'HANDLER_FAILED',
    options: { health: true, readiness: fail },
    ask: async port => expect(await exchange(port, get('/readyz'))).not.toContain('secret'),
  },
  'a path that apps read differently': {
    code: 'AMBIGUOUS_PATH',
    mount: host => host.mount('/', express(), { handOver: true }).mount('/', fastify()),
    ask: port => exchange(port, get('/%61?token=secret')),
    inCause: false,
  },
  'a body that is too large to be handed over': {
    code: 'HAND_OVER_LIMIT',
    mount: host =>
      host
        .mount('/', express().use(express.text({ type: () => true })), { handOver: { limit: 4 } })
        .mount('/', express()),
    ask: port => exchange(port, `POST ${target} HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 6\n\nsecret`),
    inCause: false,
  },
  'bytes that are no request': {
    code: 'MALFORMED_REQUEST',
    ask: port => exchange(port, `GET ${target} HTTP/1.1\nHost: x\nsecret: se\u0000cret\n\n`),
    inCause: false,
  },
  'a handshake': {
    code: 'TLS_HANDSHAKE_FAILED',
    options: { tls: { ...certificates.server, SNICallback: (_name, done) => done(new Error('secret')) } },
    ask: port =>
      new Promise(resolve => connect({ port, host: '127.0.0.1', servername: 'secret' }).on('error', resolve)),
  },
}

test.each(Object.keys(failing))('%s', async name => {
  const {
    code,
    options,
    mount = (host: Host) => host.mount('/', plain),
    ask,
    inCause = true,
  } = failing[name] as Failing
  const told = defer<SynclessError>()
  const host = newHost({ ...options, onError: told.resolve })
  mount(host)
  await ask((await started(host)).port, host)
  const error = await told.promise
  expect(error.code).toBe(code)
  expect(error.message).not.toContain('secret')
  if (inCause) expect(inspect(error.cause)).toContain('secret')
})

test('rubbish instead of HTTP/2', async () => {
  const told = defer<SynclessError>()
  const host = newHost({ tls: certificates.server, http2: true, onError: told.resolve }).mount('/', plain)
  const { port } = await started(host)
  const rude = connect({ port, host: '127.0.0.1', ca: certificates.ca, ALPNProtocols: ['h2'] })
  rude.on('error', () => {}).write('GET /secret HTTP/1.1\r\n\r\n')
  const { code, message, cause } = await told.promise
  expect([code, message]).toEqual(['MALFORMED_REQUEST', 'a client does not speak HTTP/2 (ERR_HTTP2_ERROR)'])
  expect(cause).toMatchObject({ code: 'ERR_HTTP2_ERROR' })
  rude.destroy()
})

test('a request in memory: neither its query nor why it failed', async () => {
  const host = newHost().mount('/', (req: IncomingMessage) => void req.socket.destroy(new Error('secret')))
  const answer = host.inject({ url: target, headers: { authorization: 'secret' } })
  await expect(answer).rejects.toMatchObject({ code: 'INJECT_FAILED', message: expect.not.stringContaining('secret') })
  for (const options of [
    { url: 'x?secret' },
    { headers: ['authorization', 'secret', 'odd'] },
    { headers: { a: { b: 'secret' } } },
  ]) {
    const refused = { code: 'INVALID_ARGUMENT', message: expect.not.stringContaining('secret') }
    await expect(Reflect.apply(host.inject, host, [options])).rejects.toMatchObject(refused)
  }
})

test('a warning says it in its detail, for whoever runs the process', async () => {
  const warnings: [unknown, unknown][] = []
  const warn = jest
    .spyOn(process, 'emitWarning')
    .mockImplementation((text, options) => void warnings.push([text, options]))
  const host = newHost().mount('/', fail)
  await asks((await started(host)).port)
  warn.mockRestore()
  expect(warnings).toEqual([
    [
      'syncless host: GET /x, mounted at "/", failed',
      expect.objectContaining({ detail: expect.stringContaining('secret') }),
    ],
  ])
})

test.each<[unknown, string]>([
  [Object.assign(new Error('secret'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [Object.assign(new Error('secret'), { code: 'the secret' }), 'Error'],
  [new RangeError('secret'), 'RangeError'],
  [Object.assign(new Error('secret'), { name: 'a secret' }), 'an error'],
  [Object.assign(new Error('secret'), { name: Symbol('secret') }), 'an error'],
  ['secret', 'a thrown string'],
  [null, 'a thrown object'],
  [new Proxy({}, { has: fail, get: fail }), 'a thrown object'],
])('%# is named without its text', (error, name) => {
  expect(nameOf(error)).toBe(name)
})
