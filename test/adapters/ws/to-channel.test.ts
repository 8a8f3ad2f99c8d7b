import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import * as ws from '../../../src/adapters/ws/index.js'
import { channel, type Receiver } from '../../../src/core/index.js'
import { reported, TestScope, turns, watch } from '../support.js'
import { listeners } from './pairs.js'
import { closeOf, connected, nobody, plateau } from './support.js'

async function all<T>(receiver: Receiver<T>): Promise<T[]> {
  const seen: T[] = []
  for await (const value of receiver) seen.push(value)
  return seen
}

/** How a receive ends that waits for the network. */
const failureOf = (receiver: Receiver<unknown>) =>
  receiver.receive().then(
    value => ({ value }),
    (error: unknown) => error,
  )

test('text comes as strings, binary as Buffers, empty messages too', async () => {
  const { client, server } = await connected()
  const messages = ws.toChannel(server, { capacity: 4 })
  client.send('text')
  client.send(Buffer.from([0, 255]))
  client.send('')
  client.send(Buffer.alloc(0))
  client.close()
  expect(await all(messages)).toEqual(['text', Buffer.from([0, 255]), '', Buffer.alloc(0)])
})

test('messages are decoded', async () => {
  const { client, server } = await connected()
  const orders = ws.toChannel(client, { decode: (text): { id: number } => JSON.parse(String(text)) })
  server.send('{"id":1}')
  expect((await orders.receive()).id).toBe(1)
  orders.cancel()
})

test('a message that cannot be decoded ends the channel with the error, and the WebSocket with 1007', async () => {
  const { client, server } = await connected()
  const closed = closeOf(client)
  const orders = ws.toChannel(server, { capacity: 1, decode: text => JSON.parse(String(text)) })
  client.send('1')
  client.send('{')
  client.send('2')
  expect(await orders.receive()).toBe(1)
  expect(await failureOf(orders)).toMatchObject({ name: 'SyntaxError' })
  expect(await closed).toEqual([1007, 'a message that cannot be decoded'])
  if (server.readyState !== WebSocket.CLOSED) await closeOf(server)
  expect(listeners(server)).toBe(1)
})

test('one that cannot be decoded closes it at once, also while an earlier one has paused it', async () => {
  const { client, server, socket } = await connected()
  const closed = closeOf(server)
  const orders = ws.toChannel(client, { decode: text => JSON.parse(String(text)) })
  socket.cork()
  server.send('1')
  server.send('{')
  for (let i = 0; i < 100; i++) server.send(Buffer.alloc(16 * 1024))
  socket.uncork()
  expect((await closed)[0]).toBe(1007)
  expect(await orders.receive()).toBe(1)
  expect(await failureOf(orders)).toMatchObject({ name: 'SyntaxError' })
})

test('a receiver that stalls stops the peer by TCP, and loses nothing', async () => {
  const { client, server } = await connected()
  const count = 3000
  const chunk = Buffer.alloc(64 * 1024)
  let sent = 0
  const next = () => {
    if (sent === count) client.close()
    else {
      chunk.writeUInt32BE(sent)
      client.send(Buffer.from(chunk), () => {
        sent++
        next()
      })
    }
  }
  const messages = ws.toChannel(server, { capacity: 4, decode: data => (data as Buffer).readUInt32BE() })
  next()
  const stalled = await plateau(() => sent)
  expect(server.isPaused).toBe(true)
  expect(messages.statistics().buffered).toBeLessThanOrEqual(8)
  expect(stalled).toBeLessThan(count / 3)
  expect(await all(messages)).toEqual(Array.from({ length: count }, (_, i) => i))
})

test('what one read brings is kept beyond the capacity, and its end comes behind it', async () => {
  const { client, server, socket } = await connected()
  const messages = ws.toChannel(client, { capacity: 1 })
  socket.cork()
  for (let i = 0; i < 100; i++) server.send(String(i))
  server.close(4000, 'enough')
  socket.uncork()
  await closeOf(server)
  expect(messages.statistics().buffered).toBe(100)
  const seen: unknown[] = []
  for (let i = 0; i < 100; i++) seen.push(await messages.receive())
  expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => String(i)))
  expect(await failureOf(messages)).toMatchObject({ closeCode: 4000, reason: 'enough' })
})

test('it is paused by the first message that has no room, and goes on when that was received', async () => {
  const { client, server } = await connected()
  const messages = ws.toChannel(server, { capacity: 1 })
  client.send('1')
  await plateau(() => messages.statistics().buffered)
  expect(server.isPaused).toBe(false)
  client.send('2')
  await plateau(() => messages.statistics().buffered)
  expect([messages.statistics().buffered, server.isPaused]).toEqual([2, true])
  expect(await messages.receive()).toBe('1')
  await turns(1)
  expect(server.isPaused).toBe(false)
  messages.cancel()
})

test('pings are answered while nobody receives and nothing waits, and pongs reach their listeners', async () => {
  const { client, server } = await connected()
  const messages = ws.toChannel(server)
  client.ping('are you there?')
  const [data] = await once(client, 'pong')
  expect(String(data)).toBe('are you there?')
  server.ping()
  await once(server, 'pong')
  messages.cancel()
})

test.each([
  ['1000', (peer: WebSocket) => peer.close(1000)],
  ['1001', (peer: WebSocket) => peer.close(1001, 'going away')],
  ['no code', (peer: WebSocket) => peer.close()],
])('a close with %s is the end', async (_, close) => {
  const { client, server } = await connected()
  const messages = ws.toChannel(server)
  close(client)
  expect(await messages.next()).toEqual({ done: true, value: undefined })
})

test.each([
  [1003, 'no binary', (peer: WebSocket) => peer.close(1003, 'no binary')],
  [1011, 'the disk is full', (peer: WebSocket) => peer.close(1011, 'the disk is full')],
  [4999, '', (peer: WebSocket) => peer.close(4999)],
  [1006, '', (peer: WebSocket) => peer.terminate()],
])('a close with %i is an error that tells the code and the reason', async (closeCode, reason, close) => {
  const { client, server } = await connected()
  const messages = ws.toChannel(client)
  close(server)
  const error = await failureOf(messages)
  expect(error).toBeInstanceOf(ws.WebSocketClosed)
  expect(error).toMatchObject({ code: 'WEBSOCKET_CLOSED', closeCode, reason })
  expect((error as Error).message).toContain(reason)
})

test('an error of ws is the cause', async () => {
  const server = new WebSocketServer({ port: 0, maxPayload: 10 })
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [accepted] = (await once(server, 'connection')) as [WebSocket]
  const messages = ws.toChannel(accepted)
  await once(client, 'open')
  client.send('more than ten characters')
  expect(await failureOf(messages)).toMatchObject({
    code: 'WEBSOCKET_CLOSED',
    cause: { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' },
  })
  server.close()
})

test('a connection that is refused is an error, and its error event is not unhandled', async () => {
  const client = new WebSocket(nobody)
  expect(await failureOf(ws.toChannel(client))).toMatchObject({
    code: 'WEBSOCKET_CLOSED',
    closeCode: 1006,
    message: expect.stringContaining('ECONNREFUSED'),
    cause: { code: 'ECONNREFUSED' },
  })
  expect(listeners(client)).toBe(0)
})

test('one that is connecting is bridged, and can be left before it has connected', async () => {
  const server = new WebSocketServer({ port: 0 })
  server.on('connection', socket => socket.send('welcome'))
  await once(server, 'listening')
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  const messages = ws.toChannel(new WebSocket(url))
  expect(await messages.receive()).toBe('welcome')
  messages.cancel()

  const request = new TestScope()
  for (const leave of ['cancel', 'scope'] as const) {
    const client = new WebSocket(url)
    const closed = closeOf(client)
    const left = request.run(() => ws.toChannel(client))
    const received = watch(left.next())
    if (leave === 'cancel') left.cancel()
    else request.scope.cancel()
    expect(await closed).toEqual([1006, ''])
    expect(received.outcome).toMatchObject(leave === 'cancel' ? { done: true } : { code: 'SCOPE_CLOSED' })
    expect(listeners(client)).toBe(0)
  }
  server.close()
})

test('one that is closed already gives an error; one that is closing, what still comes', async () => {
  const { client, server } = await connected()
  const closed = Promise.all([closeOf(client), closeOf(server)])
  server.send('the last')
  client.close()
  const closing = ws.toChannel(client, { name: 'prices' })
  expect(await closing.receive()).toBe('the last')
  expect((await closing.next()).done).toBe(true)
  await closed
  expect(await failureOf(ws.toChannel(server, { name: 'prices' }))).toMatchObject({
    code: 'WEBSOCKET_CLOSED',
    message: 'the WebSocket "prices" was closed before it was bridged',
  })
  expect(listeners(server)).toBe(1)
})

const unreadable = Object.defineProperty(new Error(), 'message', {
  get() {
    throw new Error('refused')
  },
})

test.each([
  ['without a reason', undefined, [1000, '']],
  ['with one that is no error', 'enough', [1000, '']],
  ['with an error', new Error('out of paper'), [1011, 'out of paper']],
  ['with a long error', new Error(`${'x'.repeat(122)}€`), [1011, 'x'.repeat(122)]],
  ['with an error that cannot be read', unreadable, [1011, 'an error whose message cannot be read']],
])('a cancel %s closes it', async (_, reason, status) => {
  const { client, server } = await connected()
  const closed = closeOf(client)
  ws.toChannel(server).cancel(reason)
  expect(await closed).toEqual(status)
})

test('a cancel closes it behind what is on its way, also while it is paused', async () => {
  const { client, server } = await connected()
  const closed = closeOf(client)
  const messages = ws.toChannel(server)
  for (let i = 0; i < 200; i++) client.send(Buffer.alloc(16 * 1024))
  await plateau(() => messages.statistics().buffered)
  expect(server.isPaused).toBe(true)
  messages.cancel()
  expect(await closed).toEqual([1000, ''])
})

test('closeWith says what an error is closed with; what cannot be sent is reported', async () => {
  const one = await connected()
  const closed = closeOf(one.client)
  ws.toChannel(one.server, { closeWith: () => ({ code: 4000 }) }).cancel(new Error('a secret'))
  expect(await closed).toEqual([4000, ''])

  const other = await connected()
  const broken = closeOf(other.client)
  const warnings = await reported(async () => {
    ws.toChannel(other.server, { closeWith: () => ({ code: 1 }) }).cancel(new Error('a secret'))
    expect(await broken).toEqual([1006, ''])
  })
  expect(warnings).toEqual([expect.stringContaining('First argument must be a valid error code number')])
})

test('it is terminated when its scope is cancelled', async () => {
  const { client, server } = await connected()
  const closed = closeOf(client)
  const request = new TestScope()
  const messages = request.run(() => ws.toChannel(server))
  const received = watch(messages.receive())
  request.scope.cancel()
  expect(await closed).toEqual([1006, ''])
  expect(received.outcome).toMatchObject({ code: 'SCOPE_CLOSED' })
})

test('options that are none are refused, and leave the WebSocket free', async () => {
  const { client } = await connected()
  const bridges: ((options: never) => unknown)[] = [
    options => ws.toChannel(client, options),
    options => ws.connect(client, options),
    options => ws.drainTo(channel(), client, options),
  ]
  for (const bridge of bridges) {
    for (const options of [null, 5] as never[]) {
      expect(() => bridge(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    }
  }
  expect(listeners(client)).toBe(0)
  ws.toChannel(client).cancel()
})

test('the WebSocket of browsers is refused', () => {
  const like = Object.assign(new EventTarget(), { readyState: 1, send() {}, close() {} })
  expect(() => ws.toChannel(like as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
