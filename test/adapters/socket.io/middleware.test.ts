import type { Socket } from 'socket.io'
import * as sio from '../../../src/adapters/socket.io/index.js'
import { never, schedule, type TaskletExit } from '../../../src/core/index.js'
import { clientOf, server as io } from './pairs.js'
import { connected, plateau } from './support.js'

test('a coroutine lets a client in, or refuses it with the message and the data of its error', async () => {
  const refuse = Object.assign(new Error('log in first'), { data: { code: 401 } })
  const namespace = io.of('/coroutine').use(
    sio.middleware(function* (socket: Socket) {
      yield* schedule()
      if (socket.handshake.auth.token !== 'secret') throw refuse
    }),
  )
  const welcome = await clientOf({}, { token: 'secret' }, '/coroutine')
  await new Promise<void>(resolve => welcome.on('connect', resolve))
  const stranger = await clientOf({}, {}, '/coroutine')
  const error = await new Promise<Error>(resolve => stranger.on('connect_error', resolve))
  expect(error).toMatchObject({ message: 'log in first', data: { code: 401 } })
  welcome.disconnect()
  stranger.io.engine.close()
  await plateau(() => namespace.sockets.size)
})

test('a coroutine is killed when the connection is lost, and leaves no listener on it', async () => {
  const waits: Socket[] = []
  let reason: unknown
  const namespace = io.of('/waits').use(
    sio.middleware(function* (socket: Socket) {
      waits.push(socket)
      try {
        yield* never
      } catch (error) {
        reason = (error as TaskletExit).reason
        throw error
      }
    }),
  )
  const client = await clientOf({}, {}, '/waits')
  await plateau(() => waits.length)
  const [socket] = waits as [Socket]
  const before = socket.conn.listenerCount('close') - 1
  client.io.engine.close()
  await plateau(() => reason)
  expect(reason).toMatchObject({ code: 'SOCKET_DISCONNECTED', reason: 'transport close' })
  expect([socket.conn.listenerCount('close') <= before, namespace.sockets.size]).toEqual([true, 0])
})

test('an async one refuses a packet, which then reaches no channel', async () => {
  const { client, server } = await connected()
  const errors: unknown[] = []
  server.on('error', error => errors.push(error))
  server.use(
    sio.middleware(async ([, value]: readonly unknown[]) => {
      if (value === 2) throw 'no twos'
    }) as never,
  )
  const numbers = sio.toChannel<number>(server, 'number', { capacity: 4, overflow: 'drop-newest' })
  for (const n of [1, 2, 3]) client.emit('number', n)
  expect([await numbers.receive(), await numbers.receive()]).toEqual([1, 3])
  expect(errors).toEqual([expect.objectContaining({ code: 'HANDLER_FAILED', cause: 'no twos' })])
  numbers.cancel()
})

test('what is no function is refused', () => {
  expect(() => sio.middleware({} as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
