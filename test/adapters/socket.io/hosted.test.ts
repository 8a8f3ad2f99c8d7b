/** A Socket.IO server on a host. */
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import * as sio from '../../../src/adapters/socket.io/index.js'
import { channel, enterScope } from '../../../src/core/index.js'
import { createHost } from '../../../src/host/index.js'
import { settled } from './support.js'

test.each([['websocket'], ['polling']])('on a host, over %s: values both ways, and the ends', async transport => {
  const host = createHost()
  const server = new Server(host.server('/socket.io'), { serveClient: false })
  const ends: unknown[] = []
  server.on('connection', socket => {
    const scope = sio.socketScope(socket)
    const moves = sio.toChannel<number>(socket, 'move', { capacity: 4, ack: true, end: 'over' })
    const answers = channel<number>()
    enterScope(scope, () => sio.drainTo(answers, socket, 'answer', { end: 'over' }))
    scope.go(function* () {
      yield* moves.each(n => answers.send(-n))
      answers.close()
    })
    scope.signal.addEventListener('abort', () => ends.push(scope.signal.reason.reason.reason))
  })
  const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
  const client = io(`http://127.0.0.1:${port}`, { transports: [transport], forceNew: true, reconnection: false })
  const answers = sio.toChannel<number>(client, 'answer', { capacity: 8, overflow: 'error', end: 'over' })
  const more = sio.toChannel<number>(client, 'more', { capacity: 8, overflow: 'error' })
  const moves = channel<number>(3)
  for (const n of [1, 2, 3]) moves.trySend(n)
  moves.close()
  const drained = sio.drainTo(moves, client, 'move', { ack: { timeout: 60_000 }, end: 'over' })
  const seen: number[] = []
  for await (const n of answers) seen.push(n)
  expect([seen, await drained]).toEqual([[-1, -2, -3], 'ended'])
  // To the client, a Socket.IO server that closes is a connection that is lost.
  const last = settled(more.next())
  expect((await host.close({ deadline: 60_000 })).clean).toBe(true)
  expect(await last).toMatchObject({ code: 'SOCKET_DISCONNECTED', reason: expect.stringMatching(/^transport/) })
  expect(ends).toHaveLength(1)
  client.disconnect()
})
