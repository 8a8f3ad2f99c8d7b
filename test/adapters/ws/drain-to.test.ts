import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import * as ws from '../../../src/adapters/ws/index.js'
import { channel, go, type Tasklet } from '../../../src/core/index.js'
import { TestScope, turns, watch } from '../support.js'
import { listeners } from './pairs.js'
import { closeOf, connected, messageOf, nobody, plateau } from './support.js'

/** Drains in a scope, so that the failure of the tasklet is kept and is not the process's. */
const drain = (...args: Parameters<typeof ws.drainTo>) => new TestScope().run(() => ws.drainTo(...args))

const failureOf = (tasklet: Tasklet<unknown>) =>
  tasklet.then(
    value => ({ value }),
    (error: unknown) => error,
  )

test('strings are sent as text, bytes as binary, other values as they are encoded', async () => {
  const { client, server } = await connected()
  const ch = channel<string | Uint8Array>()
  const drained = drain(ch, client, { end: false })
  for (const value of ['text', Buffer.from([0, 255])]) {
    const [message] = await Promise.all([messageOf(server), ch.send(value)])
    expect(message).toEqual(value)
  }
  ch.close()
  expect(await drained).toBe('ended')
  const orders = channel<{ id: number }>(1)
  drain(orders, client, { encode: JSON.stringify })
  orders.trySend({ id: 1 })
  orders.close()
  expect(await messageOf(server)).toBe('{"id":1}')
  expect(await closeOf(server)).toEqual([1000, ''])
})

test('a peer that stalls holds back the producer: bufferedAmount stays at the mark and one message', async () => {
  const { client, server } = await connected()
  server.pause()
  const ch = channel<Buffer>()
  const size = 32 * 1024
  const drained = drain(ch, client, { highWaterMark: 100_000 })
  let sent = 0
  let highest = 0
  const count = 2000
  go(function* () {
    for (; sent < count; sent++) {
      yield* ch.send(Buffer.alloc(size))
      highest = Math.max(highest, client.bufferedAmount)
    }
    ch.close()
  })
  expect(await plateau(() => sent)).toBeLessThan(count / 3)
  expect(client.bufferedAmount).toBeGreaterThan(0)
  let received = 0
  server.on('message', () => received++)
  server.resume()
  expect(await drained).toBe('ended')
  expect(received).toBe(count)
  expect(highest).toBeLessThanOrEqual(100_000 + size + 14)
})

test('what others send counts: one message at a time lies behind it', async () => {
  const { client, server } = await connected()
  server.pause()
  client.send(Buffer.alloc(50 * 1024 * 1024))
  const ch = channel<string>(10)
  drain(ch, client, { end: false })
  for (let i = 0; i < 10; i++) ch.trySend(String(i))
  expect(await plateau(() => ch.statistics().buffered)).toBe(9)
  server.resume()
  expect(await plateau(() => ch.statistics().buffered)).toBe(0)
  ch.close()
})

test('it ends when the peer has answered the close', async () => {
  const { client, server } = await connected()
  server.pause()
  const ch = channel<string>()
  const drained = watch(drain(ch, client))
  await ch.send('the last')
  ch.close()
  await plateau(() => client.readyState)
  expect(drained.outcome).toBe('pending')
  server.resume()
  await closeOf(client)
  await plateau(() => 0)
  expect(drained.outcome).toBe('ended')
})

test('with end: false it stays open, and several channels drain into one', async () => {
  const { client, server } = await connected()
  const [one, other] = [channel<string>(), channel<string>()]
  const drained = [drain(one, client, { end: false }), drain(other, client, { end: false })]
  const seen: string[] = []
  server.on('message', data => seen.push(String(data)))
  await one.send('one')
  await other.send('other')
  one.close()
  other.close()
  expect([await drained[0], await drained[1]]).toEqual(['ended', 'ended'])
  const killed = drain(channel(), client, { end: false })
  await killed.kill()
  const failing = channel<string>()
  const failed = drain(failing, client, { end: false })
  failing.close(new Error('failure'))
  expect(await failureOf(failed)).toMatchObject({ message: 'failure' })
  expect(client.readyState).toBe(WebSocket.OPEN)
  client.send('still here')
  await plateau(() => seen.length)
  expect(seen).toEqual(['one', 'other', 'still here'])
  expect(listeners(client)).toBe(0)
})

test('with end: false, what a connection that breaks has not handed on is no end', async () => {
  const { client, server } = await connected()
  server.pause()
  const ch = channel<Buffer>(1)
  ch.trySend(Buffer.alloc(50 * 1024 * 1024))
  ch.close()
  // Larger than the message, so that the end of the channel is reached.
  const drained = drain(ch, client, { end: false, highWaterMark: 100_000_000 })
  await plateau(() => client.bufferedAmount)
  expect(client.bufferedAmount).toBeGreaterThan(0)
  server.terminate()
  expect(await failureOf(drained)).toMatchObject({ code: 'WEBSOCKET_CLOSED', closeCode: 1006 })
})

test('nothing is taken for one that is closing, and what was taken in the turn in which it breaks is counted', async () => {
  const one = await connected()
  one.server.pause()
  one.client.close()
  const ch = channel<string>()
  const drained = watch(drain(ch, one.client))
  const sent = watch(ch.send('late'))
  await plateau(() => ch.balance)
  expect([drained.outcome, sent.outcome]).toEqual(['pending', 'pending'])
  one.server.resume()
  await closeOf(one.client)
  await plateau(() => Number(drained.outcome === 'pending'))
  expect([drained.outcome, sent.outcome]).toMatchObject(['left', { code: 'CHANNEL_CANCELLED' }])

  const { client } = await connected()
  const other = channel<string>()
  const broken = failureOf(drain(other, client))
  await plateau(() => other.balance)
  other.trySend('lost')
  client.terminate()
  expect(await broken).toMatchObject({ closeCode: 1006 })
  expect(other.statistics().dropped).toBe(1)
})

test('many at a time share their listeners, and leave none on a WebSocket that was connecting', async () => {
  const server = new WebSocketServer({ port: 0 })
  await once(server, 'listening')
  const seen: string[] = []
  server.on('connection', socket => socket.on('message', data => seen.push(String(data))))
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const drained = Array.from({ length: 12 }, (_, i) => {
    const ch = channel<string>(1)
    ch.trySend(String(i))
    ch.close()
    return drain(ch, client, { end: false })
  })
  await turns(1)
  // Node takes more than ten of one event for a leak.
  expect(['open', 'close', 'error'].map(event => client.listenerCount(event))).toEqual([1, 1, 1])
  for (const one of drained) expect(await one).toBe('ended')
  await plateau(() => seen.length)
  expect([seen.length, listeners(client)]).toEqual([12, 0])
  client.terminate()
  server.close()
})

test('one that is connecting is waited for, and its failure is the error', async () => {
  const server = new WebSocketServer({ port: 0 })
  await once(server, 'listening')
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ch = channel<string>(1)
  ch.trySend('early')
  drain(ch, new WebSocket(url))
  const [accepted] = (await once(server, 'connection')) as [WebSocket]
  expect(await messageOf(accepted)).toBe('early')
  ch.close()
  await closeOf(accepted)
  server.close()
  const late = channel<string>(1)
  late.trySend('late')
  const refused = new WebSocket(nobody)
  const failed = await failureOf(drain(late, refused))
  expect(failed).toMatchObject({ code: 'WEBSOCKET_CLOSED', cause: { code: 'ECONNREFUSED' } })
  expect(late.statistics().dropped).toBe(1)
  expect(listeners(refused)).toBe(0)
})

test('one that is closed already was left', async () => {
  const { client, server } = await connected()
  server.close()
  await closeOf(client)
  const ch = channel<string>()
  expect(await drain(ch, client)).toBe('left')
  expect(ch.closed).toBe(true)
})

test('a peer that closes with an error fails the tasklet, and is the reason of the cancel', async () => {
  const { client, server } = await connected()
  const ch = channel<string>()
  const failed = failureOf(drain(ch, client))
  server.close(4001, 'log in first')
  const error = await failed
  expect(error).toBeInstanceOf(ws.WebSocketClosed)
  expect(error).toMatchObject({ closeCode: 4001, reason: 'log in first' })
  await expect(async () => ch.send('late')).rejects.toMatchObject({ code: 'CHANNEL_CANCELLED', cause: error })
})

test.each([
  ['an error of the channel', undefined, [1011, 'failure']],
  ['an error of encode', () => raise(), [1011, 'failure']],
])('%s closes it, and is the very error of the tasklet', async (_, encode, status) => {
  const { client, server } = await connected()
  const ch = channel<string>(1)
  const failed = failureOf(drain(ch, client, encode === undefined ? {} : { encode }))
  if (encode === undefined) ch.close(failure)
  else ch.trySend('value')
  expect(await closeOf(server)).toEqual(status)
  expect(await failed).toBe(failure)
  await plateau(() => listeners(client))
  expect([ch.closed, listeners(client)]).toEqual([true, 0])
})

const failure = new Error('failure')

function raise(): never {
  throw failure
}

test('closeWith says what an error is closed with', async () => {
  const { client, server } = await connected()
  const ch = channel<string>()
  const failed = failureOf(drain(ch, client, { closeWith: () => ({ code: 4002, reason: 'sorry' }) }))
  ch.close(failure)
  expect(await closeOf(server)).toEqual([4002, 'sorry'])
  expect(await failed).toBe(failure)
})

test('what ws cannot send fails it', async () => {
  const { client, server } = await connected()
  const ch = channel<unknown>(1)
  ch.trySend({ id: 1 })
  expect(await failureOf(drain(ch, client))).toMatchObject({ name: 'TypeError' })
  expect((await closeOf(server))[0]).toBe(1011)
})

test('a kill terminates it, before and after it has begun', async () => {
  for (const begun of [false, true]) {
    const { client, server } = await connected()
    const closed = closeOf(server)
    const tasklet = drain(channel(), client)
    if (begun) await plateau(() => 0)
    await tasklet.kill()
    expect(await closed).toEqual([1006, ''])
  }
})

test('a wrong highWaterMark is refused', () => {
  const socket = { pause() {}, terminate() {}, readyState: 1 }
  for (const highWaterMark of [-1, Number.NaN, '1' as never]) {
    expect(() => ws.drainTo(channel(), socket as never, { highWaterMark })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  }
})
