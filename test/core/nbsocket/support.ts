/** Connections of the tests: real ones, through the kernel. */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket, connect as tcp } from 'node:net'
import { networkInterfaces } from 'node:os'
import {
  type ConnectOptions,
  connect,
  type Listener,
  type ListenOptions,
  listen,
  type NbSocket,
} from '../../../src/core/nbsocket/index.js'

export const host = '127.0.0.1'

/** Closes what a test has opened, whether it passed or not. */
export function closing(): <T extends { close?(): unknown; destroy?(): unknown }>(thing: T) => T {
  const things: { close?(): unknown; destroy?(): unknown }[] = []
  afterEach(async () => {
    for (const thing of things.splice(0)) {
      if (thing.destroy) thing.destroy()
      else await thing.close?.()
    }
  })
  return thing => {
    things.push(thing)
    return thing
  }
}

/** Two ends of a TCP connection, and who listened. */
export async function tcpPair(
  listening: Partial<ListenOptions> = {},
  connecting: Partial<ConnectOptions> = {},
): Promise<{ server: Listener; here: NbSocket; there: NbSocket }> {
  const server = await listen({ port: 0, host, ...listening })
  const [here, there] = await Promise.all([server.accept(), connect({ port: server.port, host, ...connecting })])
  await server.close()
  return { server, here, there }
}

/** An nbsocket, and Node's own socket at the other end. */
export async function withPeer(connecting: Partial<ConnectOptions> = {}): Promise<{ sock: NbSocket; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, host)
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const sock = await connect({ port: portOf(server), host, ...connecting })
  const [peer] = (await accepted) as [Socket]
  peer.on('error', () => {})
  server.close()
  return { sock, peer }
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** A client of Node's own. */
export async function client(port: number): Promise<Socket> {
  const socket = tcp({ port, host, allowHalfOpen: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Turns of the event loop, until `condition` holds: for what the kernel does in its own time. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}

/** All that comes, to the end. */
export async function everything(sock: Pick<NbSocket, 'recv'>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (;;) {
    const got = await sock.recv()
    if (got.length === 0) return Buffer.concat(pieces)
    pieces.push(got)
  }
}

/** Bytes that tell where they stand. */
export function numbered(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 255
  return bytes
}

const hasIpv6 = Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === '::1'))
/** Some containers have no IPv6. */
export const testIpv6 = hasIpv6 ? test : test.skip
