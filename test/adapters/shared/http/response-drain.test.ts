/** Channels as responses: what both Express and Fastify share, on a bare server. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { drainTo } from '../../../../src/adapters/express/index.js'
import { channel, type Tasklet } from '../../../../src/core/index.js'
import { once, reported } from '../../support.js'

const closers: (() => unknown)[] = []
const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function bare(listener: (req: IncomingMessage, res: ServerResponse) => void): Promise<number> {
  const server = http.createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

test('options that make no sense are refused at once, what an event cannot be when it is made', async () => {
  const drained = channel<Tasklet<unknown>>(1)
  const port = await bare((_req, res) => {
    const ch = channel<number>(1)
    for (const options of [
      {},
      undefined,
      { format: 'csv' },
      { format: 'sse', heartbeat: -1 },
      { format: 'sse', retry: 1.5 },
      { format: 'sse', event: 'tick' },
      { format: 'ndjson', retry: 1 },
      { format: 'raw', event: () => ({}) },
    ]) {
      expect(() => drainTo(ch, res, options as never)).toThrow(invalid)
    }
    ch.trySend(1)
    drained.trySend(drainTo(ch, res, { format: 'sse', event: (() => {}) as never }))
  })
  await reported(async () => {
    const response = await fetch(`http://127.0.0.1:${port}`)
    expect(response.status).toBe(500)
    await expect(async () => drained.receive()).rejects.toThrow(invalid)
  })
})

test('an event cannot end its field, and what has no JSON text is an error before the head', async () => {
  const values: unknown[] = [
    { event: 'a\nb' },
    { event: 'a\rb' },
    { id: 'a\nb' },
    { id: 'a\0b' },
    { retry: -1 },
    { data: () => {} },
    { data: 1n },
    { data: circular() },
  ]
  const port = await bare((req, res) => {
    const ch = channel<unknown>(1)
    ch.trySend(values[Number(req.url?.slice(1))])
    drainTo(ch, res, { format: 'sse', event: value => value as object })
  })
  await reported(async () => {
    for (const at of values.keys()) expect((await fetch(`http://127.0.0.1:${port}/${at}`)).status).toBe(500)
  })
})

test('every kind of line break in data is a line, and a client reads it back', async () => {
  const port = await bare((_req, res) => {
    const ch = channel<string>(1)
    ch.trySend('a\nb\rc\r\nd\n\n\uFEFFe')
    ch.close()
    drainTo(ch, res, { format: 'sse' })
  })
  const body = await (await fetch(`http://127.0.0.1:${port}`)).text()
  expect(body).toBe('data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: \uFEFFe\n\n')
})

function circular(): object {
  const value: Record<string, unknown> = {}
  value.self = value
  return value
}

test('a response that somebody else ends while it waits for its turn gets no heartbeat', async () => {
  const drained = channel<Tasklet<unknown>>(1)
  const held = channel<ServerResponse>(1)
  const ch = channel<number>()
  const port = await bare((req, res) => {
    if (req.url === '/first') {
      held.trySend(res)
      return
    }
    drained.trySend(drainTo(ch, res, { format: 'sse', heartbeat: 1 }))
    setImmediate(() => res.end())
  })
  const socket = net.connect(port, '127.0.0.1')
  socket.write('GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n')
  const tasklet = await drained.receive().map(running => ({ running }))
  // Until it has noticed, at the next heartbeat.
  await ch.ended
  const first = await held.receive()
  first.end()
  expect(await tasklet.running).toBe('left')
  socket.destroy()
})
