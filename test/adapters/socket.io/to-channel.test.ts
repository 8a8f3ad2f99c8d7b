import type { Socket } from 'socket.io'
import * as sio from '../../../src/adapters/socket.io/index.js'
import { type Channel, channel, go, type Receiver } from '../../../src/core/index.js'
import { TestScope, turns } from '../support.js'
import { clientOf, server as io, pair } from './pairs.js'
import { connected, plateau, settled } from './support.js'

const options = { capacity: 8, overflow: 'drop-newest' } as const

/** Emits 0, 1, 2, ... with at most `window` events that are not acknowledged. */
function emitter(socket: { emit(event: string, ...args: unknown[]): unknown }, window: number) {
  const state = { emitted: 0, outstanding: 0, stopped: false }
  const next = () => {
    while (!state.stopped && state.outstanding < window) {
      state.outstanding++
      socket.emit('move', state.emitted++, () => {
        state.outstanding--
        next()
      })
    }
  }
  next()
  return state
}

async function take<T>(receiver: Receiver<T>, count: number): Promise<T[]> {
  const seen: T[] = []
  for (let i = 0; i < count; i++) seen.push(await receiver.receive())
  return seen
}

test('a window of 8 and a capacity of 4: exactly 12 are sent while nobody receives, then one for each that is', async () => {
  const { client, server } = await connected()
  const moves = sio.toChannel<number>(server, 'move', { capacity: 4, ack: 'buffered', window: 8 })
  const state = emitter(client, 8)
  expect(await plateau(() => state.emitted)).toBe(12)
  expect(moves.statistics()).toMatchObject({ buffered: 12, dropped: 0 })
  for (let taken = 1; taken <= 20; taken++) {
    expect(await moves.receive()).toBe(taken - 1)
    expect(await plateau(() => state.emitted)).toBe(12 + taken)
  }
  state.stopped = true
  moves.cancel()
})

test('a channel of 4 that is drained with a window of 8: exactly 12 are sent, and acknowledged when received', async () => {
  const { client, server } = await connected()
  const moves = sio.toChannel<number>(server, 'move', { capacity: 8, ack: true })
  const source = channel<number>(4)
  const drained = new TestScope().run(() =>
    sio.drainTo(source, client, 'move', { ack: { timeout: 60_000, window: 8 } }),
  )
  let sent = 0
  const producer = go(function* () {
    for (;;) {
      yield* source.send(sent)
      sent++
    }
  })
  expect(await plateau(() => sent)).toBe(12)
  for (let taken = 1; taken <= 20; taken++) {
    expect(await moves.receive()).toBe(taken - 1)
    expect(await plateau(() => sent)).toBe(12 + taken)
  }
  await producer.kill()
  source.cancel()
  moves.cancel()
  expect(await settled(drained)).toBe('ended')
})

test('without acknowledgements, what is dropped is counted exactly', async () => {
  const { client, server } = await connected()
  const moves = sio.toChannel<number>(server, 'move', { capacity: 4, overflow: 'drop-oldest' })
  server.on('flush', (answer: () => void) => answer())
  for (let i = 0; i < 1000; i++) client.emit('move', i)
  await client.emitWithAck('flush')
  expect(moves.statistics()).toMatchObject({ buffered: 4, dropped: 996 })
  expect(await take(moves, 4)).toEqual([996, 997, 998, 999])
  moves.cancel()
})

test('a peer that does not wait for acknowledgements ends with OVERFLOW; what is dropped is acknowledged as such', async () => {
  const { client, server } = await connected()
  const moves = sio.toChannel<number>(server, 'move', { capacity: 2, ack: true, leave: 'enough' })
  const answers: unknown[] = []
  let told = 0
  client.on('enough', () => told++)
  for (let i = 0; i < 4; i++) client.emit('move', i, (answer: unknown) => answers.push([i, answer]))
  await plateau(() => told)
  expect(await take(moves, 2)).toEqual([0, 1])
  expect(await settled(moves.receive())).toMatchObject({ code: 'OVERFLOW' })
  await plateau(() => answers.length)
  expect([told, answers]).toEqual([
    1,
    [
      [2, 'dropped'],
      [0, undefined],
      [1, undefined],
    ],
  ])
})

test.each([
  [
    'drop-oldest',
    [
      [0, 'dropped'],
      [1, 'dropped'],
      [2, undefined],
      [3, undefined],
    ],
  ],
  [
    'latest',
    [
      [0, 'dropped'],
      [1, 'dropped'],
      [2, undefined],
      [3, undefined],
    ],
  ],
  [
    'drop-newest',
    [
      [2, 'dropped'],
      [3, 'dropped'],
      [0, undefined],
      [1, undefined],
    ],
  ],
] as const)('each event is acknowledged once, as taken or as dropped: %s', async (overflow, expected) => {
  const { client, server } = await connected()
  const moves = sio.toChannel<number>(server, 'move', { capacity: 2, ack: true, overflow })
  const answers: unknown[] = []
  for (let i = 0; i < 4; i++) client.emit('move', i, (answer: unknown) => answers.push([i, answer]))
  await plateau(() => answers.length)
  await take(moves, 2)
  await plateau(() => answers.length)
  expect(answers).toEqual(expected)
  moves.cancel()
})

test('what was buffered when the channel is cancelled is acknowledged as dropped, and the socket stays connected', async () => {
  const { client, server } = await connected()
  const before = server.eventNames()
  const moves = sio.toChannel<number>(server, 'move', { capacity: 2, ack: true })
  const answer = client.emitWithAck('move', 1)
  await plateau(() => moves.statistics().buffered)
  moves.cancel()
  expect(await answer).toBe('dropped')
  expect([client.connected, server.connected, server.eventNames()]).toEqual([true, true, before])
})

test('what a channel still holds that has ended is acknowledged as dropped when it is cancelled', async () => {
  const { client, server } = await connected()
  const moves = sio.toChannel<number>(server, 'move', { capacity: 2, ack: true, end: 'over' })
  const answer = client.emitWithAck('move', 1)
  client.emit('over')
  await plateau(() => moves.statistics().buffered)
  moves.cancel()
  expect([await answer, moves.statistics().dropped]).toEqual(['dropped', 1])
})

test('the peer is told once that nothing more is wanted, whatever the reason here, and not of its own end', async () => {
  const { client, server } = await connected()
  const told: string[] = []
  client.onAny((event: string) => told.push(event))
  const fails = () => {
    throw new Error('failure')
  }
  const move = { ...options, leave: 'a map that fails', map: fails }
  const failing = sio.toChannel(server, 'move', move)
  const ended = sio.toChannel(server, 'other', { ...options, end: 'over', leave: 'its own end' })
  client.emit('move')
  client.emit('over')
  expect(await settled(failing.receive())).toMatchObject({ message: 'failure' })
  expect((await ended.next()).done).toBe(true)
  await plateau(() => told.length)
  expect(told).toEqual(['a map that fails'])
})

test('binary crosses, in objects too, and several arguments are mapped', async () => {
  const { client, server } = await connected()
  const files = sio.toChannel<{ name: string; body: Buffer }>(server, 'file', options)
  const sums = sio.toChannel<number>(server, 'sum', { ...options, map: (a: number, b: number) => a + b })
  client.emit('file', { name: 'a', body: Buffer.from([0, 255]) })
  client.emit('sum', 1, 2)
  expect(await files.receive()).toEqual({ name: 'a', body: Buffer.from([0, 255]) })
  expect(await sums.receive()).toBe(3)
  const answers = sio.toChannel<Buffer>(client, 'answer', options)
  server.emit('answer', Buffer.alloc(100_000, 7))
  expect((await answers.receive()).equals(Buffer.alloc(100_000, 7))).toBe(true)
  for (const receiver of [files, sums, answers]) receiver.cancel()
})

test('what map throws ends the channel', async () => {
  const { client, server } = await connected()
  const failure = new Error('failure')
  const moves = sio.toChannel<never>(server, 'move', {
    ...options,
    map: () => {
      throw failure
    },
  })
  client.emit('move', 1)
  expect(await settled(moves.receive())).toBe(failure)
})

test.each([
  ['client', 'server', (one: { disconnect(): unknown }) => one.disconnect()],
  ['server', 'client', (one: { disconnect(): unknown }) => one.disconnect()],
  ['server', 'server', (one: { disconnect(): unknown }) => one.disconnect()],
  ['client', 'client', (one: { disconnect(): unknown }) => one.disconnect()],
] as const)('a disconnect by the %s is the end on the %s, after what was received', async (by, at, disconnect) => {
  const both = await connected()
  const moves = sio.toChannel<number>(both[at], 'move', options)
  both[at === 'server' ? 'client' : 'server'].emit('move', 1)
  await plateau(() => moves.statistics().buffered)
  disconnect(both[by])
  expect((await moves.next()).value).toBe(1)
  expect((await moves.next()).done).toBe(true)
})

test('a connection that is lost is an error that tells the reason, on both sides', async () => {
  const { client, server } = await connected()
  const [here, there] = [sio.toChannel(client, 'move', options), sio.toChannel(server, 'move', options)]
  server.conn.close()
  const errors = [await settled(here.receive()), await settled(there.receive())]
  expect(errors).toEqual([
    expect.objectContaining({ code: 'SOCKET_DISCONNECTED', reason: 'transport close' }),
    expect.objectContaining({ code: 'SOCKET_DISCONNECTED', reason: 'forced close' }),
  ])
  expect(errors[0]).toBeInstanceOf(sio.SocketDisconnected)
  const late = sio.toChannel(server, 'move', options)
  expect(await settled(late.receive())).toMatchObject({ reason: 'was not connected' })
})

test('a client is bridged before it connects; that a middleware refuses it is an error, with its cause', async () => {
  const refuse = Object.assign(new Error('log in first'), { data: { retry: false } })
  const namespace = io
    .of('/guarded')
    .use((socket, next) => next(socket.handshake.auth.token === 1 ? undefined : refuse))
  namespace.on('connection', socket => socket.emit('price', 10))
  const welcome = await clientOf({}, { token: 1 }, '/guarded')
  const prices = sio.toChannel<number>(welcome, 'price', options)
  expect(await prices.receive()).toBe(10)
  welcome.disconnect()
  expect((await prices.next()).done).toBe(true)

  const stranger = await clientOf({ reconnection: true }, {}, '/guarded')
  const refused = sio.toChannel(stranger, 'price', options)
  expect(await settled(refused.receive())).toMatchObject({
    code: 'SOCKET_DISCONNECTED',
    reason: 'connect_error',
    message: expect.stringContaining('log in first'),
    cause: { data: { retry: false } },
  })
  stranger.io.engine.close()
  namespace.removeAllListeners()
})

test.each([
  ['does not try again', { reconnection: false }],
  ['has tried again in vain', { reconnection: true, reconnectionAttempts: 2, reconnectionDelay: 1 }],
])('a client that cannot connect and %s gives an error', async (_, reconnecting) => {
  const client = await clientOf({ ...reconnecting, path: '/nowhere' })
  const moves = sio.toChannel(client, 'move', options)
  expect(await settled(moves.receive())).toMatchObject({ code: 'SOCKET_DISCONNECTED', reason: 'connect_error' })
  client.disconnect()
})

test('with reconnects, a channel of a client outlives a loss of the connection', async () => {
  const { client, server } = await connected({ reconnection: true, reconnectionDelay: 1 })
  const moves = sio.toChannel<number>(client, 'move', { ...options, reconnects: true })
  server.emit('move', 1)
  expect(await moves.receive()).toBe(1)
  const again = new Promise<Socket>(resolve => io.once('connection', resolve))
  server.conn.close()
  const next = await again
  next.emit('move', 2)
  expect(await moves.receive()).toBe(2)
  client.disconnect()
  expect((await moves.next()).done).toBe(true)
})

test('reconnects is of no use to a client that does not connect again', async () => {
  const { client, server } = await connected({ reconnection: false })
  const moves = sio.toChannel<number>(client, 'move', { ...options, reconnects: true })
  server.conn.close()
  expect(await settled(moves.receive())).toMatchObject({ code: 'SOCKET_DISCONNECTED', reason: 'transport close' })
})

test.each([
  ['before it has connected', false],
  ['while it waits to connect again', true],
])('a client that is disconnected by hand %s ends its bridges', async (_, again) => {
  const reconnecting = { reconnection: true, reconnectionDelay: 60_000 }
  const client = again ? (await connected(reconnecting)).client : await clientOf(reconnecting)
  const moves = sio.toChannel<number>(client, 'move', { ...options, reconnects: true })
  const state = channel<number>()
  const drained = new TestScope().run(() => sio.drainTo(state, client, 'state', { reconnects: true }))
  if (again) {
    const lost = new Promise<void>(resolve => client.once('disconnect', () => resolve()))
    client.io.engine.close()
    await lost
  }
  client.disconnect()
  expect([await settled(moves.next()), await settled(drained)]).toEqual([{ done: true, value: undefined }, 'left'])
})

test('the events of a namespace come with their sockets, those of later ones too; a room is a choice of them', async () => {
  const [first, second] = [await connected(), await connected()]
  const before = [io.sockets.listenerCount('connection'), first.server.eventNames()]
  const all = sio.toChannel<string, Socket>(io, 'word', options)
  const some = sio.toChannel<string, Socket>(io.of('/'), 'word', { ...options, room: 'red' })
  const third = await pair()
  second.server.join('red')
  for (const { client } of [first, second, third]) client.emit('word', 'hello')
  await plateau(() => all.statistics().buffered)
  const seen = [...(await take(all, 3)), ...(await take(some, 1))].map(({ socket, value }) => [socket.id, value])
  expect(new Set(seen.map(([id]) => id))).toEqual(new Set([first, second, third].map(({ server }) => server.id)))
  expect(seen[3]).toEqual([second.server.id, 'hello'])
  third.client.disconnect()
  await plateau(() => third.server.listenerCount('word'))
  expect(third.server.listenerCount('word')).toBe(0)
  all.cancel()
  some.cancel()
  expect([io.sockets.listenerCount('connection'), first.server.eventNames()]).toEqual(before)
})

test('a socket that a namespace already has when it tells of it is read once', async () => {
  const namespace = io.of('/early')
  const opened = new Promise<Receiver<unknown>>(resolve =>
    namespace.on('connect', () => resolve(sio.toChannel<string>(namespace, 'word', options))),
  )
  const client = await clientOf({}, {}, '/early')
  client.emit('word', 'hello')
  client.emit('word', 'bye')
  const words = await opened
  await plateau(() => words.statistics().buffered)
  expect(words.statistics().buffered).toBe(2)
  words.cancel()
  namespace.removeAllListeners()
  client.disconnect()
  await plateau(() => namespace.sockets.size)
})

test('a dynamic namespace gives those of its children, and nothing stays on these when it is left', async () => {
  const parent = io.of(/^\/dynamic-\d$/)
  const words = sio.toChannel<string, Socket>(parent, 'word', options)
  const client = await clientOf({}, {}, '/dynamic-1')
  client.emit('word', 'hello')
  const { socket, value } = await words.receive()
  expect([socket.nsp.name, value]).toEqual(['/dynamic-1', 'hello'])
  words.cancel()
  const [late] = (await Promise.all([
    new Promise(resolve => io.of('/dynamic-1').once('connection', resolve)),
    clientOf({}, {}, '/dynamic-1').then(other => {
      other.on('connect', () => other.disconnect())
    }),
  ])) as [Socket, void]
  expect(late.listenerCount('word')).toBe(0)
  client.disconnect()
  await plateau(() => io.of('/dynamic-1').sockets.size)
})

test('end, error and leave have no names by default: a cancel leaves the peer alone', async () => {
  const { client, server } = await connected()
  const heard: unknown[] = []
  client.onAny((...args) => heard.push(args))
  sio.toChannel(server, 'move', options).cancel()
  const request = new TestScope()
  request.run(() => sio.toChannel(server, 'move', options))
  request.scope.cancel()
  await turns()
  server.emit('last')
  await plateau(() => heard.length)
  expect(heard).toEqual([['last']])
})

test('bridges share the listeners that each of them needs: Node takes more than ten for a leak', async () => {
  const { client, server } = await connected()
  const counts = () => [
    io.sockets.listenerCount('connection'),
    server.listenerCount('disconnect'),
    server.conn.listenerCount('drain'),
  ]
  const before = counts()
  const bridges: Receiver<unknown>[] = []
  const drains: Channel<number>[] = []
  for (let i = 0; i < 20; i++) {
    bridges.push(sio.toChannel(io, `word ${i}`, options))
    bridges.push(sio.toChannel(server, `move ${i}`, options))
    drains.push(channel<number>())
    sio.drainTo(drains[i] as Channel<number>, server, `state ${i}`)
  }
  expect(counts()).toEqual(before.map(count => count + 1))
  client.emit('move 19', 'x')
  expect(await bridges.at(-1)?.receive()).toBe('x')
  for (const end of [...bridges, ...drains]) end.cancel()
  await turns()
  expect(counts()).toEqual(before)
})

test('wrong options are refused', () => {
  const socket = Object.assign({}, { on() {}, off() {}, emit() {}, disconnect() {}, connected: true })
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  const cases: readonly [unknown, unknown][] = [
    ['move', undefined],
    ['move', { capacity: 1 }],
    ['move', { capacity: 1, ack: 'buffered', window: 0 }],
    ['move', { capacity: 1, ack: 'taken' }],
    ['move', { capacity: 1, ack: true, end: 5 }],
    ['move', { capacity: 1, ack: true, error: null }],
    ['move', { capacity: 1, ack: true, leave: 'disconnect' }],
    [5, { capacity: 1, ack: true }],
  ]
  for (const [event, wrong] of cases) {
    expect(() => sio.toChannel(socket as never, event as never, wrong as never)).toThrow(invalid)
  }
})
