/** What peers send over WebSockets and Socket.IO: their libraries decode it, and our part bears whatever they hand over. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { Server, type Socket } from 'socket.io'
import { io } from 'socket.io-client'
import WebSocket, { WebSocketServer } from 'ws'
import * as sio from '../../src/adapters/socket.io/index.js'
import * as ws from '../../src/adapters/ws/index.js'
import { meantWarnings } from '../warnings.js'

meantWarnings(/ended with an error that no receiver got/)

test('messages of a WebSocket: text as a string, bytes as a Buffer, each once and in order (property)', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [[socket]] = (await Promise.all([accepted, once(client, 'open')])) as [[WebSocket], unknown]
  const values = ws.toChannel(socket, { capacity: 4 })
  const message = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array().map(bytes => Buffer.from(bytes)),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 20 }), async messages => {
      for (const one of messages) client.send(one)
      for (const one of messages) expect(await values.receive()).toEqual(one)
    }),
    { numRuns: 50, seed: 7 },
  )
  client.terminate()
  await expect(async () => values.receive()).rejects.toMatchObject({ code: 'WEBSOCKET_CLOSED' })
  await new Promise(resolve => server.close(resolve))
})

test('events of Socket.IO: the first argument, or nothing; a failure of the peer has a code whatever it says (property)', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const hub = new Server(server)
  const accepted = new Promise<Socket>(resolve => void hub.on('connection', resolve))
  const { port } = server.address() as AddressInfo
  const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false })
  const socket = await accepted
  const values = sio.toChannel<unknown>(socket, 'value', { capacity: 64, overflow: 'error' })
  const json = fc.jsonValue().map(value => JSON.parse(JSON.stringify(value)))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(json, { maxLength: 3 }), { maxLength: 20 }), async events => {
      for (const args of events) client.emit('value', ...args)
      for (const [first] of events) expect(await values.receive()).toEqual(first)
    }),
    { numRuns: 50, seed: 7 },
  )
  values.cancel()
  await fc.assert(
    fc.asyncProperty(fc.array(json, { maxLength: 2 }), async args => {
      const failing = sio.toChannel(socket, 'value', { capacity: 1, overflow: 'error', error: 'failed' })
      client.emit('failed', ...args)
      await expect(async () => failing.receive()).rejects.toMatchObject({ code: 'SOURCE_FAILED' })
    }),
    { numRuns: 50, seed: 7 },
  )
  client.disconnect()
  await hub.close()
})
