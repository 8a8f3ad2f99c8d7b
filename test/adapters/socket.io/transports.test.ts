/** What the connection is made of, and how it is lost: long polling, a peer that falls silent, recovery. */
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket as NetSocket } from 'node:net'
import { Server, type ServerOptions, type Socket } from 'socket.io'
import { io } from 'socket.io-client'
import * as sio from '../../../src/adapters/socket.io/index.js'
import { channel, enterScope, go, never } from '../../../src/core/index.js'
import { TestScope, watch } from '../support.js'
import { address, server as main } from './pairs.js'
import { connected, plateau, settled } from './support.js'

const listening = async (server: NetServer): Promise<number> => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

describe('over long polling', () => {
  test('values, acknowledgements and ends cross both ways', async () => {
    const { client, server } = await connected({ transports: ['polling'] })
    expect(server.conn.transport.name).toBe('polling')
    const moves = channel<number>(20)
    const drained = watch(sio.drainTo(moves, client, 'move', { ack: { timeout: 60_000, window: 4 }, end: 'over' }))
    const received = sio.toChannel<number>(server, 'move', { capacity: 4, ack: true, end: 'over' })
    const answers = channel<number>()
    const answered = watch(sio.drainTo(answers, server, 'answer', { end: 'over' }))
    const seen: number[] = []
    const answering = sio.toChannel<number>(client, 'answer', { capacity: 20, overflow: 'error', end: 'over' })
    go(function* () {
      yield* received.each(n => answers.send(n * 2))
      answers.close()
    })
    for (let n = 0; n < 20; n++) moves.trySend(n)
    moves.close()
    for await (const n of answering) seen.push(n)
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n * 2))
    await plateau(() => answered.outcome)
    expect([drained.outcome, answered.outcome]).toEqual(['ended', 'ended'])
  })

  test('a client that does not ask holds back', async () => {
    const url = `${await address()}/socket.io/?EIO=4&transport=polling`
    const headers = { connection: 'close' }
    const poll = async (sid: string) => (await fetch(`${url}&sid=${sid}`, { headers })).text()
    const { sid } = JSON.parse((await (await fetch(url, { headers })).text()).slice(1))
    const accepted = new Promise<Socket>(resolve => main.once('connection', resolve))
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '40', headers })
    const socket = await accepted
    await poll(sid)
    const ch = channel<number>()
    let sent = 0
    go(function* () {
      for (; sent < 10; sent++) yield* ch.send(sent)
      ch.close()
    })
    const drained = sio.drainTo(ch, socket, 'state')
    // One waits for the next poll, and one in the hand of the bridge.
    expect(await plateau(() => sent)).toBeLessThanOrEqual(2)
    let text = ''
    while (!text.includes('9]')) text += await poll(sid)
    expect(await drained).toBe('ended')
    expect([...text.matchAll(/\["state",(\d)\]/g)].map(([, n]) => Number(n))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    // The answer to one poll tells of the end, that to another of the close: the server waits for them.
    socket.disconnect(true)
    await poll(sid)
    await poll(sid)
  })

  test('what comes in one read with a disconnect, Socket.IO throws away; what is acknowledged is not lost', async () => {
    const lossy = await connected({ transports: ['polling'] })
    const options = { capacity: 8, overflow: 'error' } as const
    const some = sio.toChannel<number>(lossy.server, 'move', options)
    for (let n = 0; n < 5; n++) lossy.client.emit('move', n)
    lossy.client.disconnect()
    const seen: number[] = []
    for await (const n of some) seen.push(n)
    expect(seen.length).toBeLessThan(5)

    const safe = await connected({ transports: ['polling'] })
    const all = sio.toChannel<number>(safe.server, 'move', { capacity: 8, ack: true })
    const moves = channel<number>(5)
    for (let n = 0; n < 5; n++) moves.trySend(n)
    moves.close()
    const drained = sio.drainTo(moves, safe.client, 'move', { ack: { timeout: 60_000, window: 8 } })
    const received: number[] = []
    for (let n = 0; n < 5; n++) received.push(await all.receive())
    await drained
    safe.client.disconnect()
    expect([received, (await all.next()).done]).toEqual([[0, 1, 2, 3, 4], true])
  })
})

/** A server of its own, that a test is done with in the end. */
async function withServer(
  options: Partial<ServerOptions>,
  use: (server: Server, port: number) => Promise<void>,
): Promise<void> {
  const http = createHttpServer()
  const port = await listening(http)
  const server = new Server(http, { serveClient: false, ...options })
  try {
    await use(server, port)
  } finally {
    await server.close()
  }
}

/** Passes on what comes, until it falls silent. */
class Wire {
  readonly #sockets: NetSocket[] = []
  readonly #server: NetServer
  constructor(to: number) {
    this.#server = createServer(near => {
      const far = connect(to, '127.0.0.1')
      for (const socket of [near, far]) socket.on('error', () => {})
      near.pipe(far)
      far.pipe(near)
      this.#sockets.push(near, far)
    })
  }

  listen(): Promise<number> {
    return listening(this.#server)
  }

  silence(): void {
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

test('a peer that falls silent is a ping timeout on both sides: bridges end with it, and nothing is left', async () => {
  await withServer({ pingInterval: 100, pingTimeout: 200 }, async (server, port) => {
    using wire = new Wire(port)
    const accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
    const url = `http://127.0.0.1:${await wire.listen()}`
    const client = io(url, { transports: ['websocket'], forceNew: true, reconnection: false })
    const far = await accepted
    if (!client.connected) await new Promise<void>(resolve => client.once('connect', () => resolve()))
    const scope = sio.socketScope(far)
    const tasklet = scope.go(() => never)
    const drained = [far, client].map(socket => {
      const jobs = channel<number>(1)
      jobs.trySend(1)
      return new TestScope().run(() => sio.drainTo(jobs, socket, 'job', { ack: { timeout: 600_000 } }))
    })
    const inScope = enterScope(scope, () => sio.drainTo(channel(), far, 'state'))
    const received = [far, client].map(socket => sio.toChannel(socket, 'move', { capacity: 1, ack: true }).receive())
    wire.silence()
    const outcomes = await Promise.all([...received, ...drained].map(settled))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: 'ping timeout' })
    for (const work of [tasklet, inScope]) expect(await settled(work)).toMatchObject({ code: 'TASKLET_KILLED' })
    expect([far.eventNames(), scope.ended]).toEqual([['error'], true])
    client.disconnect()
  })
})

test('with the recovery of Socket.IO, a channel of a client gets what it has missed, once', async () => {
  await withServer({ connectionStateRecovery: {} }, async (server, port) => {
    let accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
    const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true, reconnectionDelay: 1 })
    const prices = sio.toChannel<number>(client, 'price', { capacity: 8, overflow: 'error', reconnects: true })
    const first = await accepted
    const there = sio.toChannel(first, 'move', { capacity: 1, ack: true })
    first.emit('price', 1)
    expect(await prices.receive()).toBe(1)
    accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
    first.conn.close()
    server.emit('price', 2)
    const second = await accepted
    expect([second.recovered, second.id === first.id]).toEqual([true, true])
    server.emit('price', 3)
    expect([await prices.receive(), await prices.receive()]).toEqual([2, 3])
    // The server has another socket.
    expect(await settled(there.receive())).toMatchObject({ reason: 'forced close' })
    await plateau(() => prices.statistics().buffered)
    expect(prices.statistics()).toMatchObject({ buffered: 0, dropped: 0 })
    client.disconnect()
    expect((await prices.next()).done).toBe(true)
  })
})
