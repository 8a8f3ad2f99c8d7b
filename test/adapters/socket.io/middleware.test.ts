import type { Socket } from 'socket.io'
import * as sio from '../../../src/adapters/socket.io/index.js'
import { schedule } from '../../../src/core/index.js'
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
