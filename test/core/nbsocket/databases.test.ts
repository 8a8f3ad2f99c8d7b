/**
 * Libraries that want a stream of Node's take an nbsocket's. The servers are small, true to the protocols, and made of nbsockets:
 * one answers a simple query of PostgreSQL, one a text query of MySQL, each with the query itself.
 */
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { type Co, go } from '../../../src/core/index.js'
import type { NbSocket } from '../../../src/core/nbsocket/index.js'
import { tcpPair } from './support.js'

test('mysql2 takes the stream of an nbsocket', async () => {
  const { here, there } = await tcpPair()
  const serving = go(serveMysql, here)
  const connection = await createConnection({ user: 'u', stream: there.stream })
  expect((await connection.query('SELECT asked'))[0]).toEqual([{ asked: 'SELECT asked' }])
  await connection.end()
  await serving
})

test('pg takes the stream of an nbsocket', async () => {
  const { here, there } = await tcpPair()
  const serving = go(servePostgres, here)
  // pg connects its stream by itself; this one is connected.
  const stream = Object.assign(there.stream, { connect: () => setImmediate(() => stream.emit('connect')) })
  const client = new Client({ user: 'u', database: 'd', stream: () => stream } as never)
  await client.connect()
  expect((await client.query('SELECT asked')).rows).toEqual([{ asked: 'SELECT asked' }])
  await client.end()
  await serving
})

/** A packet of MySQL's: the length of what it carries, its number in the exchange, and that. */
function packet(number: number, ...parts: (string | number[] | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))))
  return Buffer.concat([Buffer.from([body.length & 255, body.length >> 8, 0, number]), body])
}

/** A string after its length. */
function counted(text: string): Buffer {
  return Buffer.from(`${String.fromCharCode(text.length)}${text}`)
}

function* receivePacket(sock: NbSocket): Co<Buffer> {
  const head = yield* sock.recvExactly(4)
  return yield* sock.recvExactly(head.readUIntLE(0, 3))
}

function* serveMysql(sock: NbSocket): Co<void> {
  const salt = 'x'.repeat(8)
  const zeros = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  const greeting = packet(
    0,
    [10],
    '8.0.0\0',
    [1, 0, 0, 0],
    salt,
    [0, 0x09, 0xa2, 33, 2, 0, 0x08, 0, 21],
    zeros,
    salt,
    'xxxx\0mysql_native_password\0',
  )
  yield* sock.send(greeting)
  yield* receivePacket(sock)
  yield* sock.send(packet(2, [0, 0, 0, 2, 0, 0, 0]))
  const end = [0xfe, 0, 0, 2, 0]
  for (;;) {
    const command = yield* receivePacket(sock)
    if (command[0] === 1) break
    const names = ['def', '', '', '', 'asked', ''].map(counted)
    const answer = [
      packet(1, [1]),
      packet(2, ...names, [12, 33, 0, 255, 0, 0, 0, 253, 0, 0, 0, 0, 0]),
      packet(3, end),
      packet(4, counted(String(command.subarray(1)))),
      packet(5, end),
    ]
    yield* sock.send(Buffer.concat(answer))
  }
  yield* sock.close()
}

/** A message of PostgreSQL's: its type, the length of what follows, and that. */
function message(type: string, ...parts: (string | number | Buffer)[]): Buffer {
  const body = Buffer.concat(
    parts.map(part => {
      if (Buffer.isBuffer(part)) return part
      if (typeof part === 'string') return Buffer.from(`${part}\0`)
      const number = Buffer.alloc(4)
      number.writeInt32BE(part)
      return number
    }),
  )
  const head = Buffer.alloc(5, type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const ready = message('Z', Buffer.from('I'))

function* servePostgres(sock: NbSocket): Co<void> {
  const startup = (yield* sock.recvExactly(4)).readInt32BE()
  yield* sock.recvExactly(startup - 4)
  yield* sock.send(Buffer.concat([message('R', 0), ready]))
  for (;;) {
    const head = yield* sock.recvExactly(5)
    const body = yield* sock.recvExactly(head.readInt32BE(1) - 4)
    if (head[0] === 'X'.charCodeAt(0)) break
    const sql = body.subarray(0, -1)
    const one = Buffer.from([0, 1])
    const column = Buffer.concat([
      Buffer.from('asked\0'),
      Buffer.alloc(6),
      Buffer.from([0, 0, 0, 25, 255, 255]),
      Buffer.alloc(6, 255),
    ])
    column.writeInt16BE(0, column.length - 2)
    yield* sock.send(
      Buffer.concat([message('T', one, column), message('D', one, sql.length, sql), message('C', 'SELECT 1'), ready]),
    )
  }
  yield* sock.close()
}
