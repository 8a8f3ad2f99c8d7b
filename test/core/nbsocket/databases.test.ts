/**
 * Libraries that want a stream of Node's take an nbsocket's, against real servers: they work, they hear that the server has ended the
 * session, and nothing is left open.
 */
import { once } from 'node:events'
import { Redis, type RedisOptions } from 'ioredis'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import postgres from 'postgres'
import { connect } from '../../../src/core/nbsocket/index.js'
import {
  type Database,
  describeWith,
  mariadbServer,
  openSockets,
  postgresServer,
  redisServer,
  start,
} from './database-servers.js'
import { host, until } from './support.js'

jest.setTimeout(60_000)

let server: Database
let before: number

async function streamOf({ port }: Database) {
  return (await connect({ port, host })).stream
}

/** Between the tests of one server, and around them. */
function running(installed: Parameters<typeof start>[0]): void {
  beforeAll(async () => {
    server = await start(installed)
  })
  afterAll(() => server.stop())
  beforeEach(() => {
    before = openSockets()
  })
  afterEach(() => until(() => openSockets() === before))
}

describeWith(postgresServer)('PostgreSQL', () => {
  running(postgresServer)

  /** pg connects its stream by itself; this one is connected. */
  async function pgClient(): Promise<Client> {
    const taken = await streamOf(server)
    const stream = Object.assign(taken, { connect: () => setImmediate(() => taken.emit('connect')) })
    const client = new Client({ user: 'root', database: 'postgres', stream: () => stream } as never)
    await client.connect()
    return client
  }

  async function terminate(pid: number): Promise<void> {
    const admin = new Client({ user: 'root', database: 'postgres', host, port: server.port })
    await admin.connect()
    await admin.query('SELECT pg_terminate_backend($1)', [pid])
    await admin.end()
  }

  test('pg hears that its session was ended, and its next query fails', async () => {
    const client = await pgClient()
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
    const ended = new Promise<void>(resolve => client.on('end', () => resolve()))
    client.on('error', () => {})
    await terminate(rows[0].pid)
    await ended
    await expect(client.query('SELECT 1')).rejects.toThrow()
  })

  test('pg ends its session itself', async () => {
    const client = await pgClient()
    expect((await client.query('SELECT $1::int + 1 AS sum', [41])).rows).toEqual([{ sum: 42 }])
    await client.end()
  })

  test('postgres.js connects anew for the query after the end of its session', async () => {
    let connections = 0
    const socket = () => {
      connections++
      return streamOf(server)
    }
    let closed = () => {}
    const sql = postgres({ user: 'root', database: 'postgres', max: 1, socket, onclose: () => closed() } as never)
    const [row] = await sql`SELECT pg_backend_pid() AS pid`
    const gone = new Promise<void>(resolve => {
      closed = resolve
    })
    await terminate(row?.pid)
    await gone
    expect(openSockets()).toBe(before)
    expect(await sql`SELECT 42 AS answer`).toMatchObject([{ answer: 42 }])
    expect(connections).toBe(2)
    await sql.end()
  })
})

describeWith(mariadbServer)('MariaDB', () => {
  running(mariadbServer)

  test('mysql2 hears that its session was ended, and its next query fails', async () => {
    const connection = await createConnection({ user: 'root', stream: await streamOf(server) })
    expect((await connection.query('SELECT 41 + 1 AS sum'))[0]).toEqual([{ sum: 42 }])
    const ended = new Promise(resolve => connection.on('end', resolve))
    const failed = new Promise(resolve => connection.on('error', resolve))
    const admin = await createConnection({ user: 'root', host, port: server.port })
    await admin.query(`KILL ${connection.threadId}`)
    await admin.end()
    await Promise.race([ended, failed])
    await until(() => openSockets() === before)
    await expect(connection.query('SELECT 1')).rejects.toThrow()
  })

  test('mysql2 ends its session itself', async () => {
    const connection = await createConnection({ user: 'root', stream: await streamOf(server) })
    expect((await connection.execute('SELECT ? AS asked', ['this']))[0]).toEqual([{ asked: 'this' }])
    await connection.end()
  })
})

describeWith(redisServer)('Redis', () => {
  running(redisServer)

  /** What ioredis asks for a stream each time it connects. */
  class Connector {
    static connections = 0
    #stream: { end(): unknown } | null = null

    check(): boolean {
      return true
    }

    disconnect(): void {
      this.#stream?.end()
    }

    async connect() {
      Connector.connections++
      const stream = await streamOf(server)
      this.#stream = stream
      return stream
    }
  }

  test('ioredis connects anew for the command after the end of its session', async () => {
    const redis = new Redis({ Connector, retryStrategy: () => 1 } as unknown as RedisOptions)
    await redis.set('key', 'value')
    const closed = once(redis, 'close')
    await expect(
      redis.call('CLIENT', 'KILL', 'ID', String(await redis.call('CLIENT', 'ID')), 'SKIPME', 'no'),
    ).resolves.toBe(1)
    await closed
    expect(await redis.get('key')).toBe('value')
    expect(Connector.connections).toBe(2)
    await redis.quit()
  })
})
