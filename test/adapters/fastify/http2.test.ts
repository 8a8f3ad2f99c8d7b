/** Fastify alone over HTTP/2, whose requests and responses are others than those of HTTP/1. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { type FastifyInstance, fastify as fastify5 } from 'fastify'
import { fastify as fastify4 } from 'fastify4'
import { drainTo, hook, syncless, toChannel } from '../../../src/adapters/fastify/index.js'
import { type Channel, channel, go, never, sleep } from '../../../src/core/index.js'
import { once, reported, turns } from '../support.js'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const failure = new Error('failure')

/** A frame of HTTP/2, as Latin-1. */
const frame = (type: number, flags: number, stream: number, payload: string): string =>
  `${String.fromCharCode(0, 0, payload.length, type, flags, 0, 0, 0, stream)}${payload}`

describe.each([
  ['Fastify 5', fastify5],
  ['Fastify 4', fastify4 as unknown as typeof fastify5],
])('%s', (_name, make) => {
  async function instance(): Promise<FastifyInstance> {
    const app = make({ http2: true }) as unknown as FastifyInstance
    closers.push(() => app.close())
    await app.register(syncless)
    app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload))
    return app
  }

  async function session(app: FastifyInstance): Promise<ClientHttp2Session> {
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
    closers.push(() => client.destroy())
    return client
  }

  const upload = (client: ClientHttp2Session): ClientHttp2Stream =>
    client.request({ ':method': 'POST', ':path': '/', 'content-type': 'application/x-ndjson' })

  async function answer(stream: ClientHttp2Stream): Promise<{ status: number; text: string; code: number }> {
    let status = 0
    let text = ''
    stream.on('response', headers => {
      status = headers[':status'] ?? 0
    })
    stream.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
    stream.on('error', () => {})
    await once(stream, 'close')
    return { status, text, code: stream.rstCode ?? 0 }
  }

  test('handlers and hooks, the scope of the request and its end', async () => {
    const app = await instance()
    const after = channel<string>(1)
    app.addHook(
      'onResponse',
      hook(function* (request) {
        yield* sleep(1)
        after.trySend(request.scope.name)
      }),
    )
    app.get('/', function* (request) {
      const before = request.scope.size
      go(function* () {
        yield* sleep(1)
      })
      return request.scope.size - before
    })
    const client = await session(app)
    expect(await answer(client.request({ ':path': '/' }))).toEqual({ status: 200, text: '0', code: 0 })
    expect(await after.receive()).toBe('request GET /')
    expect(await answer(client.request({ ':path': '/', ':method': 'HEAD' }))).toMatchObject({ status: 200, code: 0 })
  })

  test('a stream that is reset ends its handler, and fails its body: it has not come to its end', async () => {
    const app = await instance()
    const log = channel<unknown>(4)
    app.get('/', function* () {
      log.trySend('arrived')
      try {
        yield* never
      } finally {
        log.trySend('ended')
      }
    })
    // Outside the scope of the request, which would end with the stream as well.
    const bodies = channel<Channel<unknown>>(1)
    go(function* () {
      const body = yield* bodies.receive()
      log.trySend(yield* body.receive())
      try {
        log.trySend(yield* body.next())
      } catch (error) {
        log.trySend(error)
      }
    })
    app.post('/', async request => {
      const body = toChannel(request, { format: 'ndjson' })
      bodies.trySend(body as Channel<unknown>)
      await never
    })
    const client = await session(app)
    const get = client.request({ ':path': '/' })
    expect(await log.receive()).toBe('arrived')
    get.close(constants.NGHTTP2_CANCEL)
    expect(await log.receive()).toBe('ended')
    const socket = net.connect((app.server.address() as AddressInfo).port, '127.0.0.1')
    closers.push(() => socket.destroy())
    // A client of Node's would end the body first, as if it had been all of it.
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
    const head = ['\x83\x86\x84', '\x41\x01a', '\x5f\x14application/x-ndjson'].join('')
    socket.write(`${preface}${frame(4, 0, 0, '')}${frame(1, 4, 1, head)}${frame(0, 0, 1, '1\n2')}`, 'latin1')
    expect(await log.receive()).toBe(1)
    socket.write(frame(3, 0, 1, '\0\0\0\x08'), 'latin1')
    expect(await log.receive()).toMatchObject({ code: 'CLIENT_GONE' })
  })

  test('a body is a channel; one that is too large is answered, and the session goes on', async () => {
    const app = await instance()
    app.post('/', function* (request) {
      let sum = 0
      yield* toChannel<number>(request, { format: 'ndjson', limit: 1000 }).each(value => {
        sum += value
      })
      return { sum }
    })
    const client = await session(app)
    const small = upload(client)
    small.end('1\n2\n')
    expect(await answer(small)).toMatchObject({ status: 200, text: '{"sum":3}' })
    const large = upload(client)
    // Does not end before it has its answer.
    large.write('1\n'.repeat(1000))
    large.on('response', () => large.end())
    expect(await answer(large)).toMatchObject({ status: 413 })
    const again = upload(client)
    again.end('4\n')
    expect(await answer(again)).toMatchObject({ status: 200, text: '{"sum":4}' })
  })

  test('a channel is the reply: its end, its failure, a client that leaves, and HEAD', async () => {
    const app = await instance()
    const open = channel<number>(1)
    app.get('/:how', function* (request, reply) {
      const { how } = request.params as { how: string }
      const ch = how === 'open' ? open : channel<number>(1)
      ch.trySend(1)
      if (how === 'end') ch.close()
      if (how === 'fail') {
        go(function* () {
          while (!reply.raw.headersSent) yield* sleep(1)
          ch.close(failure)
        })
      }
      yield* drainTo(ch, reply, { format: 'ndjson' })
    })
    const client = await session(app)
    expect(await answer(client.request({ ':path': '/end' }))).toEqual({ status: 200, text: '1\n', code: 0 })
    expect(await answer(client.request({ ':path': '/end', ':method': 'HEAD' }))).toMatchObject({ status: 200, code: 0 })
    await reported(async () => {
      const failed = await answer(client.request({ ':path': '/fail' }))
      expect([failed.status, failed.code]).toEqual([200, constants.NGHTTP2_INTERNAL_ERROR])
    })
    const left = client.request({ ':path': '/open' })
    await once(left, 'response')
    left.close(constants.NGHTTP2_CANCEL)
    expect(await open.ended).toMatchObject({ by: 'cancel', reason: { code: 'CLIENT_GONE' } })
    await turns()
  })
})
