import { once } from 'node:events'
import type { Socket } from 'socket.io'
import { WebSocket } from 'ws'
import * as sio from '../../../src/adapters/socket.io/index.js'
import { type Channel, channel, go } from '../../../src/core/index.js'
import { TestScope, watch } from '../support.js'
import { address, clientOf, server as io } from './pairs.js'
import { connected, plateau, settled } from './support.js'

/** Drains in a scope, so that the failure of the tasklet is kept and is not the process's. */
const drain = <T>(...args: Parameters<typeof sio.drainTo<T>>) => new TestScope().run(() => sio.drainTo<T>(...args))

/** Sends until it is stopped. */
function producer<T>(to: Channel<T>, make: (n: number) => T, count = Number.POSITIVE_INFINITY) {
  const state = { sent: 0 }
  go(function* () {
    try {
      for (; state.sent < count; state.sent++) yield* to.send(make(state.sent))
      to.close()
    } catch {}
  })
  return state
}

test('a socket of the server is held back by its connection', async () => {
  const accepted = new Promise<Socket>(resolve => io.once('connection', resolve))
  const raw = new WebSocket(`${(await address()).replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
  await once(raw, 'open')
  raw.send('40')
  const socket = await accepted
  raw.pause()
  const ch = channel<Buffer>()
  const count = 3000
  const state = producer(ch, () => Buffer.alloc(64 * 1024), count)
  const drained = watch(drain(ch, socket, 'chunk'))
  expect(await plateau(() => state.sent)).toBeLessThan(count / 3)
  let received = 0
  raw.on('message', (_, isBinary) => {
    if (isBinary) received++
  })
  raw.resume()
  await plateau(() => received)
  expect([drained.outcome, received]).toEqual(['ended', count])
  raw.terminate()
})

test('to make it leaves what others emit alone: nothing becomes volatile', async () => {
  const { client, server } = await connected()
  const heard: unknown[] = []
  client.onAny((event: string) => heard.push(event))
  server.emit('large', Buffer.alloc(10_000_000))
  const ch = channel<number>(1)
  ch.trySend(1)
  // The connection is busy.
  drain(ch, server, 'state')
  await plateau(() => heard.length)
  expect(heard).toEqual(['large', 'state'])
  ch.close()

  const connecting = await clientOf({}, { name: 'nobody waits for this one' })
  const moves = channel<number>()
  drain(moves, connecting, 'move')
  const accepted = new Promise<Socket>(resolve => io.once('connection', resolve))
  // Socket.IO keeps this until the client has connected.
  connecting.emit('hello')
  const socket = await accepted
  await new Promise<void>(resolve => socket.once('hello', () => resolve()))
  connecting.disconnect()
})

test('what is volatile is dropped while the connection is busy, and counted', async () => {
  const { client, server } = await connected()
  const ch = channel<number>()
  const seen: number[] = []
  client.on('state', n => seen.push(n))
  const drained = drain(ch, server, 'state', { volatile: true })
  for (let i = 0; i < 100; i++) await ch.send(i)
  ch.close()
  expect(await drained).toBe('ended')
  await plateau(() => seen.length)
  expect(ch.statistics().dropped).toBeGreaterThan(0)
  expect(seen.length + ch.statistics().dropped).toBe(100)
})

test('no more than window events are outstanding, and the end waits for all', async () => {
  const { client, server } = await connected()
  const ch = channel<number>()
  const state = producer(ch, n => n, 10)
  const answers: (() => void)[] = []
  client.on('job', (_job: number, answer: () => void) => answers.push(answer))
  const drained = watch(drain(ch, server, 'job', { ack: { timeout: 60_000, window: 3 } }))
  expect([await plateau(() => answers.length), state.sent]).toEqual([3, 3])
  // In any order.
  answers[2]?.()
  answers[0]?.()
  expect(await plateau(() => answers.length)).toBe(5)
  for (let i = 0; i < 10; i++) {
    answers[i]?.()
    await plateau(() => answers.length)
    if (i === 8) expect(drained.outcome).toBe('pending')
  }
  expect(drained.outcome).toBe('ended')
})

test('an acknowledgement that does not come in time fails it with TIMEOUT, also while the channel has nothing', async () => {
  const { server } = await connected()
  const ch = channel<number>()
  const drained = drain(ch, server, 'job', { ack: { timeout: 20, window: 2 } })
  await ch.send(1)
  const error = await settled(drained)
  expect(error).toMatchObject({ code: 'TIMEOUT', ms: 20 })
  await expect(async () => ch.send(2)).rejects.toMatchObject({ code: 'CHANNEL_CANCELLED', cause: error })
  expect([server.eventNames(), server.conn.listenerCount('drain')]).toEqual([['error'], 0])
})

test.each(['a socket', 'a room'])(
  'an acknowledgement of %s may take longer than the timers of Node know',
  async target => {
    const { client, server } = await connected()
    server.join('patient')
    const answers: (() => void)[] = []
    client.on('job', (_job: number, answer: () => void) => answers.push(answer))
    const ch = channel<number>(1)
    ch.trySend(1)
    ch.close()
    const sink = target === 'a room' ? io.to('patient') : server
    const drained = watch(drain(ch, sink as typeof server, 'job', { ack: { timeout: 2 ** 31 } }))
    await plateau(() => answers.length)
    expect([answers.length, drained.outcome]).toEqual([1, 'pending'])
    answers[0]?.()
    while (drained.outcome === 'pending') await plateau(() => drained.outcome)
    expect(drained.outcome).toBe('ended')
  },
)

test('a kill while events are outstanding leaves no timer', async () => {
  const { server } = await connected()
  const timers = () => process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
  const before = timers()
  const ch = channel<number>()
  const drained = drain(ch, server, 'job', { ack: { timeout: 60_000, window: 3 } })
  await ch.send(1)
  await ch.send(2)
  await plateau(timers)
  expect(timers()).toBe(before + 2)
  await drained.kill()
  expect(timers()).toBe(before)
})

test('what a client gives up by itself is not acknowledged', async () => {
  for (const givingUp of [{ ackTimeout: 5 }, { ackTimeout: 5, retries: 1 }]) {
    const { client } = await connected(givingUp)
    const ch = channel<number>(2)
    ch.trySend(1)
    ch.trySend(2)
    ch.close()
    expect(await settled(drain(ch, client, 'job', { ack: { timeout: 60 } }))).toMatchObject({ code: 'TIMEOUT', ms: 60 })
    expect(ch.statistics().dropped).toBe(1)
  }
})

test('what was taken in the turn in which the socket goes is counted as dropped', async () => {
  const { server } = await connected()
  const ch = channel<number>()
  const drained = drain(ch, server, 'state')
  await plateau(() => ch.balance)
  ch.trySend(1)
  server.disconnect()
  expect([await settled(drained), ch.statistics().dropped]).toEqual(['left', 1])
})

test('a room: every socket gets it, and acknowledges it where that is asked for', async () => {
  const [one, other] = [await connected(), await connected()]
  const seen: string[] = []
  for (const [name, { client, server }] of Object.entries({ one, other })) {
    server.join('red')
    client.on('plain', value => seen.push(`${name} ${value}`))
    client.on('asked', (value, answer) => {
      seen.push(`${name} ${value}`)
      if (value !== 'silent' || name === 'one') answer()
    })
  }
  const plain = channel<number>(3)
  for (let i = 0; i < 3; i++) plain.trySend(i)
  plain.close()
  expect(await drain(plain, io.to('red'), 'plain', { end: 'over' })).toBe('ended')
  await plateau(() => seen.length)
  expect(seen.sort()).toEqual(['one 0', 'one 1', 'one 2', 'other 0', 'other 1', 'other 2'])

  const asked = channel<string>(2)
  asked.trySend('loud')
  asked.trySend('silent')
  expect(await settled(drain(asked, io.to('red'), 'asked', { ack: { timeout: 100 } }))).toMatchObject({
    code: 'TIMEOUT',
  })
  expect(seen.slice(6).sort()).toEqual(['one loud', 'one silent', 'other loud', 'other silent'])
  const volatile = channel<number>(1)
  volatile.trySend(9)
  volatile.close()
  expect(await drain(volatile, io.of('/'), 'plain', { volatile: true })).toBe('ended')
})

test('a disconnect by one of the two sides: it was left, and the channel is cancelled', async () => {
  for (const by of ['client', 'server'] as const) {
    const both = await connected()
    const ch = channel<number>()
    const drained = drain(ch, both.server, 'state')
    both[by].disconnect()
    expect(await drained).toBe('left')
    expect(ch.closed).toBe(true)
    expect(await drain(channel(), both.server, 'state')).toBe('left')
  }
})

test('a lost connection fails it, and is the reason of the cancel', async () => {
  const { client, server } = await connected()
  const ch = channel<number>()
  const drained = drain(ch, server, 'job', { ack: { timeout: 60_000 } })
  await ch.send(1)
  client.io.engine.close()
  const error = await settled(drained)
  expect(error).toMatchObject({ code: 'SOCKET_DISCONNECTED', reason: 'transport close' })
  await expect(async () => ch.send(2)).rejects.toMatchObject({ cause: error })
})

test('the event until is the wish to stop, with its reason', async () => {
  const { client, server } = await connected()
  const ch = channel<number>()
  const drained = drain(ch, server, 'state', { until: 'enough' })
  client.emit('enough', 'I have seen it all')
  expect(await drained).toBe('left')
  expect(await ch.ended).toEqual({ by: 'cancel', reason: 'I have seen it all' })
  expect(server.connected).toBe(true)
})

test('a client is waited for, and with reconnects again', async () => {
  const { client, server } = await connected({ reconnection: true, reconnectionDelay: 1 })
  const seen: number[] = []
  server.on('move', n => seen.push(n))
  const ch = channel<number>()
  const drained = drain(ch, client, 'move', { reconnects: true })
  await ch.send(1)
  await plateau(() => seen.length)
  const again = new Promise<Socket>(resolve => io.once('connection', resolve))
  server.conn.close()
  const next = await again
  next.on('move', n => seen.push(n))
  await ch.send(2)
  await plateau(() => seen.length)
  expect(seen).toEqual([1, 2])
  ch.close()
  expect(await drained).toBe('ended')
})

test('with reconnects, events of which nobody knows whether they have arrived fail it', async () => {
  const { client, server } = await connected({ reconnection: true, reconnectionDelay: 1 })
  const ch = channel<number>()
  const drained = drain(ch, client, 'job', { reconnects: true, ack: { timeout: 100 } })
  await ch.send(1)
  const again = new Promise<Socket>(resolve => io.once('connection', resolve))
  server.conn.close()
  await again
  expect(await settled(drained)).toMatchObject({ code: 'TIMEOUT', ms: 100 })
})

test('an error of the channel or of map is the very error of the tasklet, and its message reaches the peer', async () => {
  const failure = new Error('out of paper')
  for (const how of ['channel', 'map'] as const) {
    const { client, server } = await connected()
    const told = new Promise(resolve => client.once('failed', resolve))
    const ch = channel<number>(1)
    const map = () => {
      throw failure
    }
    const drained = drain(ch, server, 'state', how === 'map' ? { error: 'failed', map } : { error: 'failed' })
    if (how === 'map') ch.trySend(1)
    else ch.close(failure)
    expect(await settled(drained)).toBe(failure)
    expect(await told).toBe('out of paper')
    expect(ch.closed).toBe(true)
  }
})

test('an error without a text, or whose message throws, reaches the peer as well', async () => {
  const unreadable = {
    get message() {
      throw new Error('unreadable')
    },
  }
  for (const failure of [Object.create(null), unreadable]) {
    const { client, server } = await connected()
    const told = new Promise(resolve => client.once('failed', resolve))
    const ch = channel<number>(1)
    const drained = drain(ch, server, 'state', { error: 'failed' })
    ch.close(failure)
    expect(await settled(drained)).toBe(failure)
    expect(await told).toEqual(expect.any(String))
  }
})

test('several arguments are mapped', async () => {
  const { client, server } = await connected()
  const ch = channel<number>(1)
  const got = new Promise(resolve => client.once('state', (...args) => resolve(args)))
  drain(ch, server, 'state', { map: n => [n, Buffer.from([n])] })
  ch.trySend(7)
  expect(await got).toEqual([7, Buffer.from([7])])
  ch.close()
})

test('wrong options are refused', async () => {
  const { server } = await connected()
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  for (const wrong of [
    { ack: { timeout: 0 } },
    { ack: { timeout: Number.NaN } },
    { ack: { timeout: 1, window: 0 } },
    { ack: { timeout: '1' } },
    { ack: null },
    { ack: { timeout: 1 }, volatile: true },
    { end: 'disconnect' },
    { error: 'connect_error' },
    { until: 5 },
    null,
  ]) {
    expect(() => sio.drainTo(channel(), server, 'state', wrong as never)).toThrow(invalid)
  }
  expect(() => sio.drainTo(channel(), server, 'disconnect')).toThrow(invalid)
  expect(() => sio.drainTo(channel(), io.to('red'), 'state', { until: 'enough' })).toThrow(invalid)
  expect(() => sio.drainTo(channel(), server, undefined as never)).toThrow(invalid)
})
