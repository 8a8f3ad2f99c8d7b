import type { Socket } from 'socket.io'
import * as sio from '../../../src/adapters/socket.io/index.js'
import { channel, enterScope, never } from '../../../src/core/index.js'
import { reported, turns } from '../support.js'
import { clientOf, server as io } from './pairs.js'
import { connected, settled } from './support.js'

test('it ends with the connection, for a reason that tells why, and its tasklets and bridges with it', async () => {
  const { client, server } = await connected()
  const scope = sio.socketScope(server)
  expect(sio.socketScope(server)).toBe(scope)
  const tasklet = scope.go(() => never)
  const moves = enterScope(scope, () => sio.toChannel(server, 'move', { capacity: 1, overflow: 'latest' }))
  const received = settled(moves.next())
  client.disconnect()
  expect(await settled(tasklet)).toMatchObject({
    code: 'TASKLET_KILLED',
    cause: { reason: { code: 'SOCKET_DISCONNECTED', reason: 'client namespace disconnect' } },
  })
  expect(await received).toEqual({ done: true, value: undefined })
  expect([scope.cancelled, scope.ended, server.listenerCount('disconnect')]).toEqual([true, true, 0])
})

test('that of a socket which is gone is cancelled and has ended', async () => {
  const { server } = await connected()
  server.disconnect()
  const scope = sio.socketScope(server)
  expect([scope.cancelled, scope.ended]).toEqual([true, true])
  expect(() => scope.go(() => never)).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }))
})

test('a failure in it disconnects the socket, and is reported', async () => {
  const { client, server } = await connected()
  const gone = new Promise(resolve => client.once('disconnect', resolve))
  const warnings = await reported(async () => {
    sio.socketScope(server).go(() => {
      throw new Error('a bug')
    })
    expect(await gone).toBe('io server disconnect')
  })
  expect(warnings).toEqual([expect.stringContaining('a bug')])
})

test('a lost connection is no failure of it, whatever it ends first', async () => {
  for (const first of ['scope', 'bridge'] as const) {
    const { client, server } = await connected()
    const watched = first === 'bridge' ? sio.toChannel(server, 'move', { capacity: 1, overflow: 'latest' }) : null
    const scope = sio.socketScope(server)
    const drained = enterScope(scope, () => sio.drainTo(channel(), server, 'state'))
    const work = scope.go(function* () {
      if (watched !== null) yield* watched.receive()
      yield* never
    })
    const warnings = await reported(async () => {
      client.io.engine.close()
      await settled(work)
      await settled(drained)
    })
    expect([warnings, scope.cancelled]).toEqual([[], true])
  }
})

test('a client that has connected again has a new one', async () => {
  const { client, server } = await connected({ reconnection: true, reconnectionDelay: 1 })
  const first = sio.socketScope(client)
  const again = new Promise<Socket>(resolve => io.once('connection', resolve))
  server.conn.close()
  await again
  await turns()
  expect(first.cancelled).toBe(true)
  const second = sio.socketScope(client)
  expect([second === first, second.cancelled]).toEqual([false, false])
  client.disconnect()
  await turns()
})

test('that of a client which never connects ends, too: refused, and disconnected by hand', async () => {
  io.of('/closed').use((_socket, next) => next(new Error('log in first')))
  const refused = await clientOf({ reconnection: true }, {}, '/closed')
  const left = await clientOf({ reconnection: true })
  const tasklets = [refused, left].map(client => settled(sio.socketScope(client).go(() => never)))
  left.disconnect()
  const reasons = (await Promise.all(tasklets)).map(error => (error as { cause: { reason: unknown } }).cause.reason)
  expect(reasons).toMatchObject([{ reason: 'connect_error' }, { reason: 'io client disconnect' }])
  // One that has failed is not found again.
  const failing = await clientOf({ reconnection: true })
  const warnings = await reported(async () => {
    await settled(
      sio.socketScope(failing).go(() => {
        throw new Error('a bug')
      }),
    )
  })
  expect([warnings.length, sio.socketScope(failing).cancelled]).toEqual([1, false])
  failing.disconnect()
  await turns()
})

test('what is no socket is refused', () => {
  expect(() => sio.socketScope({} as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
