/** Upgrades that are too large, too many or wrong: refused as Node and ws refuse them, and nothing stays. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import type { Host } from '../../src/host/index.js'
import { bareServer, converse } from './attack/wire.js'
import { closeHosts, exchange, get, newHost, started, turns } from './support.js'

afterEach(closeHosts)

const plain = (_req: IncomingMessage, res: ServerResponse): void => {
  res.end('plain')
}
const offer = (headers = '') =>
  'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`

const connectionsOf = (host: Host) =>
  (host as unknown as { traffic: { connections: Set<unknown> } }).traffic.connections.size

/** A host and a bare server, with the same WebSocket server on each. */
async function both() {
  const host = newHost({ onError: () => {} }).mount('/', plain)
  const options = { maxPayload: 1_000 }
  const closed: number[] = []
  const bare = await bareServer(plain)
  for (const server of [host.server('/ws'), bare.server]) {
    new WebSocketServer({ server, path: '/ws', ...options }).on('connection', ws => {
      ws.on('error', () => {}).on('close', code => closed.push(code))
      ws.on('message', data => ws.send(data))
    })
  }
  const { port } = await started(host)
  const end = async () => {
    bare.server.closeAllConnections()
    bare.server.close()
    await turns()
    expect(connectionsOf(host)).toBe(0)
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
  }
  return { host, port, bare: bare.port, closed, end }
}

/** A frame of a client; its mask is zero. */
function frame(payload: Buffer, { opcode = 1, length = payload.length, fin = true } = {}): Buffer {
  const head = Buffer.alloc(14)
  head[0] = (fin ? 0x80 : 0) | opcode
  head[1] = 0x80 | 127
  head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

test.each<[string, string]>([
  ['a head that is too large', offer(`A: ${'x'.repeat(17_000)}\r\n`)],
  ['too many headers', offer('A: b\r\n'.repeat(6_000))],
  ['a key that is none', offer().replace('dGhlIHNhbXBsZSBub25jZQ==', 'no')],
  ['no key', offer().replace(/Sec-WebSocket-Key.*\r\n/, '')],
  ['another version', offer().replace('Version: 13', 'Version: 12')],
  ['a method that cannot', offer().replace('GET', 'POST')],
  ['a protocol that is no token', offer('Sec-WebSocket-Protocol: a,,b\r\n')],
  ['extensions that are none', offer('Sec-WebSocket-Extensions: ;;=\r\n')],
  ['a thousand extensions', offer(`Sec-WebSocket-Extensions: ${'permessage-deflate; a=b, '.repeat(500)}x\r\n`)],
  ['a frame that is too large', offer() + frame(Buffer.alloc(0), { length: 2 ** 40 }).toString('latin1')],
  ['a frame that is larger than the most', offer() + frame(Buffer.alloc(2_000, 'x')).toString('latin1')],
  ['a frame without a mask', `${offer()}\x81\x02hi`],
  ['a frame of an unknown kind', offer() + frame(Buffer.from('hi'), { opcode: 5 }).toString('latin1')],
  ['a control frame in pieces', offer() + frame(Buffer.from('hi'), { opcode: 9, fin: false }).toString('latin1')],
  ['text that is no UTF-8', offer() + frame(Buffer.of(0xff, 0xfe)).toString('latin1')],
  ['requests behind the offer', `${offer()}${get('/').replaceAll('\n', '\r\n')}`],
])('%s: as on a bare server', async (_what, bytes) => {
  const { port, bare, end } = await both()
  for (const manner of ['at once', 'byte by byte'] as const) {
    const date = (text: string) => text.replaceAll(/Date: .*/g, 'Date: -')
    expect(date(await converse(port, bytes, manner))).toBe(date(await converse(bare, bytes, manner)))
  }
  await end()
})

test('ten megabytes behind an offer that nobody takes are not kept', async () => {
  const { host, port, end } = await both()
  const sockets: Socket[] = []
  for (let i = 0; i < 20; i++) {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {}).resume()
    socket.write(offer().replace('/ws', '/nobody'))
    socket.write(Buffer.alloc(10 << 20))
  }
  await Promise.all(sockets.map(socket => (socket.closed ? undefined : once(socket, 'close').catch(() => {}))))
  while (connectionsOf(host) > 0) await turns()
  expect(await exchange(port, get('/'))).toContain('plain')
  await end()
})

test('ten megabytes before a slow listener takes the socket are held back, and arrive', async () => {
  const host = newHost()
  let seen: { socket: import('node:stream').Duplex; head: Buffer } | null = null
  host.server('/ws').on('upgrade', (_req, socket, head) => {
    seen = { socket, head }
  })
  const { port } = await started(host)
  const client = connect(port, '127.0.0.1')
  client.write(offer())
  client.end(Buffer.alloc(10 << 20, 'x'))
  while (seen === null) await turns()
  const { socket, head } = seen as { socket: import('node:stream').Duplex; head: Buffer }
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(head.length + socket.readableLength).toBeLessThan(1 << 20)
  let length = head.length
  for await (const chunk of socket) length += chunk.length
  expect(length).toBe(10 << 20)
  client.destroy()
})

test('a thousand clients that leave during or after their upgrade leave nothing', async () => {
  const { host, port, closed, end } = await both()
  for (let round = 0; round < 10; round++) {
    const sockets = Array.from({ length: 100 }, () =>
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .resume(),
    )
    for (const [i, socket] of sockets.entries()) {
      socket.write(offer().slice(0, i % 3 === 0 ? -10 : undefined))
      if (i % 3 === 1) socket.once('data', () => socket.resetAndDestroy())
      else socket.end()
    }
    await Promise.all(sockets.map(socket => new Promise(resolve => socket.once('close', resolve))))
  }
  while (connectionsOf(host) > 0) await turns()
  expect(closed.length).toBeGreaterThan(300)
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  await once(ws, 'open')
  ws.send('hi')
  expect(String((await once(ws, 'message'))[0])).toBe('hi')
  ws.close()
  await once(ws, 'close')
  await end()
})
