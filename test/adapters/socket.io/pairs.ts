/** Two ends of a socket over a real connection. No jest here: child processes load it too. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import { type Socket as Client, io, type ManagerOptions, type SocketOptions } from 'socket.io-client'

export interface Pair {
  readonly client: Client
  readonly server: Socket
}

const http = createServer()
http.listen(0, '127.0.0.1').unref()

/** It keeps no process alive. */
export const server = new Server(http, { serveClient: false, maxHttpBufferSize: 1e8 })
let made = 0
const waiting = new Map<string, (socket: Socket) => void>()
server.on('connection', socket => waiting.get(socket.handshake.auth.name)?.(socket))

export type ClientOptions = Partial<ManagerOptions & SocketOptions>

/** Where it listens. */
export async function address(): Promise<string> {
  if (!http.listening) await once(http, 'listening')
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

/** A client that has not connected yet; websocket only. */
export async function clientOf(options: ClientOptions = {}, auth: object = {}, path = ''): Promise<Client> {
  return io(`${await address()}${path}`, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    auth,
    ...options,
  })
}

/** A socket of the main namespace, connected at both ends. */
export async function pair(options: ClientOptions = {}): Promise<Pair> {
  const name = String(++made)
  const accepted = new Promise<Socket>(resolve => waiting.set(name, resolve))
  const client = await clientOf(options, { name })
  const connected = new Promise<void>(resolve => client.once('connect', () => resolve()))
  const [socket] = await Promise.all([accepted, connected])
  waiting.delete(name)
  return { client, server: socket }
}

/** Disconnects both, and waits until they are. */
export async function end({ client, server }: Pair): Promise<void> {
  const closed = server.conn.readyState === 'closed' ? null : new Promise(resolve => server.conn.once('close', resolve))
  client.disconnect()
  server.disconnect(true)
  await closed
}
