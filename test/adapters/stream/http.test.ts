/** The stream bridges on real requests and sockets of `node:http` and `node:net`. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import * as stream from '../../../src/adapters/stream/index.js'
import { channel, go } from '../../../src/core/index.js'
import { all, once, producer, turns, watch } from '../support.js'
import { listeners } from './support.js'

const failure = new Error('failure')
const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(closers.splice(0).map(close => close()))
})

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => new Promise(resolve => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

/** Serves with `handler`; what it returns is kept. */
async function serve<R>(handler: (req: IncomingMessage, res: ServerResponse) => R) {
  let served: (value: R) => void = () => {}
  const result = new Promise<R>(resolve => {
    served = resolve
  })
  const server = http.createServer((req, res) => served(handler(req, res)))
  return { port: await listening(server), result, server }
}

function request(port: number, method = 'GET') {
  const req = http.request({ port, host: '127.0.0.1', method, agent: false })
  req.on('error', () => {})
  return req
}

async function response(req: http.ClientRequest): Promise<IncomingMessage> {
  return (await once(req, 'response')) as IncomingMessage
}

async function body(res: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of res) text += chunk
  return text
}

/** Waits, turn by turn, until `reached` holds still for `count` turns. */
async function plateau(value: () => number, count = 200): Promise<number> {
  let last = value()
  for (let still = 0; still < count; still++) {
    await turns(1)
    if (value() !== last) still = 0
    last = value()
  }
  return last
}

test('drainTo answers a request, and leaves its response as it was', async () => {
  const { port, result } = await serve((_req, res) => {
    const before = listeners(res)
    const ch = channel<number>()
    producer(ch, 3)
    return { before, res, drained: stream.drainTo(ch, res, { encode: stream.lines }) }
  })
  const req = request(port)
  req.end()
  expect(await body(await response(req))).toBe('0\n1\n2\n')
  const { before, res, drained } = await result
  expect(await drained).toBe('ended')
  await turns()
  expect(Object.entries(listeners(res)).filter(([name, count]) => count > (before[name] ?? 0))).toEqual([])
})

test('a client that leaves cancels the channel, whether it has nothing or the client reads too slowly', async () => {
  for (const busy of [false, true]) {
    const { port, result } = await serve((_req, res) => {
      const ch = channel<number>()
      const state = busy ? producer(ch) : null
      res.flushHeaders()
      const drained = watch(stream.drainTo(ch, res, { encode: n => Buffer.alloc(65_536, n) }))
      return { ch, state, drained, closed: once(res, 'close') }
    })
    const req = request(port)
    req.end()
    const res = await response(req)
    const { ch, state, drained, closed } = await result
    if (state !== null) await plateau(() => state.sent)
    res.destroy()
    await closed
    expect([ch.closed, ch.balance]).toEqual([true, 0])
    await turns()
    expect(drained.outcome).toBe('left')
    if (state !== null) expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED' })
  }
})

test('a client that does not read holds back the producer, and gets everything when it does', async () => {
  const count = 400
  const size = 65_536
  const { port, result } = await serve((_req, res) => {
    const ch = channel<number>()
    return {
      state: producer(ch, count),
      drained: stream.drainTo(ch, res, { encode: n => Buffer.alloc(size, n % 256) }),
    }
  })
  const req = request(port)
  req.end()
  const res = await response(req)
  const { state, drained } = await result
  // The rest is in the buffers of the kernel, whose size is not ours to know.
  expect(await plateau(() => state.sent)).toBeLessThan(count)
  let bytes = 0
  for await (const chunk of res) bytes += chunk.length
  expect(bytes).toBe(count * size)
  expect(await drained).toBe('ended')
})

test('a channel that fails breaks off the response, which never ends cleanly', async () => {
  const { port, result } = await serve((_req, res) => {
    const ch = channel<number>()
    return { ch, drained: watch(stream.drainTo(ch, res, { encode: stream.lines })) }
  })
  const req = request(port)
  req.end()
  const { ch, drained } = await result
  await ch.send(1)
  const res = await response(req)
  ch.close(failure)
  await expect(body(res)).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(drained.outcome).toBe(failure)
})

test('an upload is a channel; keep-alive goes on after it', async () => {
  const bodies: string[] = []
  const server = http.createServer((req, res) => {
    go(function* () {
      let text = ''
      yield* stream.toChannel<Buffer>(req, { capacity: 1 }).each(chunk => {
        text += chunk
      })
      bodies.push(text)
      res.end()
    })
  })
  const port = await listening(server)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const sockets = new Set<net.Socket>()
  for (const text of ['one', 'two']) {
    const req = http.request({ port, host: '127.0.0.1', method: 'POST', agent })
    req.on('socket', socket => sockets.add(socket))
    req.write(text)
    setImmediate(() => req.end('!'))
    await body(await response(req))
  }
  agent.destroy()
  expect(bodies).toEqual(['one!', 'two!'])
  expect(sockets.size).toBe(1)
})

test('an upload that is reset ends with an error, and leaves nothing', async () => {
  const { port, result } = await serve(req => {
    const ch = stream.toChannel<Buffer>(req)
    return { req, first: ch.receive().then(String), ch }
  })
  const req = request(port, 'POST')
  req.write('part')
  const { ch, first, req: incoming } = await result
  expect(await first).toBe('part')
  const next = Promise.resolve(ch.next())
  req.destroy()
  await expect(next).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|ERR_STREAM_PREMATURE_CLOSE/) })
  await turns()
  expect(listeners(incoming)).toEqual({})
})

test('an upload that is not received is held back', async () => {
  const { port, result } = await serve(req => ({ req, ch: stream.toChannel<Buffer>(req) }))
  const req = request(port, 'POST')
  const chunk = Buffer.alloc(65_536)
  let sent = 0
  const write = () => {
    while (sent < 1000 && req.write(chunk)) sent++
  }
  req.on('drain', write)
  write()
  const { ch, req: incoming } = await result
  await ch.receive()
  expect(await plateau(() => sent)).toBeLessThan(1000)
  expect(incoming.readableLength).toBeLessThanOrEqual(incoming.readableHighWaterMark + 65_536)
  req.destroy()
  await expect(all(ch)).rejects.toMatchObject({ code: expect.any(String) })
})

test('a socket is a channel both ways: an echo server', async () => {
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    stream.drainTo(stream.toChannel<Buffer>(socket), socket)
  })
  const port = await listening(server)
  const client = net.connect(port, '127.0.0.1')
  client.end('hello')
  expect(Buffer.concat(await all(stream.toChannel(client))).toString()).toBe('hello')
})
