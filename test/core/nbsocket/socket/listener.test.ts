import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { go, Scope, select } from '../../../../src/core/index.js'
import { connect, type Listener, listen, type NbSocket } from '../../../../src/core/nbsocket/index.js'
import { idle, rejection, reported, useVirtualClock, watch } from '../../support.js'
import { client, closing, everything, host, testIpv6, until } from '../support.js'

const time = useVirtualClock()
const kept = closing()
const folder = mkdtempSync(join(tmpdir(), 'listener-'))

afterAll(() => rmSync(folder, { recursive: true }))

async function listening(options: object = {}): Promise<Listener> {
  return kept(await listen({ port: 0, host, ...options }))
}

async function connected(server: Listener): Promise<NbSocket> {
  return kept(await connect({ port: server.port, host }))
}

test('accepts in the order of coming, and of asking', async () => {
  const server = await listening()
  const first = await connected(server)
  await until(() => server.statistics().waiting === 1)
  const second = await connected(server)
  await until(() => server.statistics().waiting === 2)
  const accepted = [kept(await server.accept()), kept(await server.accept())]
  expect(accepted.map(sock => sock.remoteAddress)).toEqual([first.localAddress, second.localAddress])
  const waiting = [watch(server.accept().map(kept)), watch(server.accept().map(kept))]
  await connected(server)
  await until(() => waiting[0]?.outcome !== 'pending')
  expect(waiting[1]?.outcome).toBe('pending')
  expect(server.statistics()).toEqual({ accepted: 3, waiting: 0, dropped: 0, failed: 0 })
  server.close()
  await idle()
  expect(waiting[1]?.outcome).toMatchObject({ code: 'SOCKET_CLOSED' })
})

test('an accept that loses takes no connection', async () => {
  const server = await listening()
  const chosen = await select({ sock: server.accept() }, { orElse: 'nobody' })
  expect(chosen.key).toBe('orElse')
  const killed = go(() => server.accept())
  await idle()
  await killed.kill()
  server.timeout = 10
  const late = watch(server.accept())
  await time.clock.advance(10)
  expect(late.outcome).toMatchObject({ code: 'TIMEOUT' })
  const sock = await connected(server)
  expect(kept(await server.accept()).remoteAddress).toEqual(sock.localAddress)
})

test('reads nothing from a connection before it is received from', async () => {
  const server = await listening()
  const sock = await connected(server)
  await sock.send('early')
  await sock.flush()
  const accepted = kept(await server.accept())
  for (let i = 0; i < 20; i++) await idle()
  expect(accepted.buffered).toBe(0)
  expect(String(await accepted.recv())).toBe('early')
})

test('a Unix-domain socket, and its errors', async () => {
  const path = join(folder, 'sock')
  const server = kept(await listen({ path }))
  const sock = kept(await connect({ path }))
  const accepted = kept(await server.accept())
  await sock.send('hello')
  expect(String(await accepted.recv())).toBe('hello')
  expect([sock.remoteAddress, accepted.remoteAddress, server.address, server.port]).toEqual([path, path, path, 0])
  expect(await rejection(listen({ path }))).toMatchObject({ code: 'ADDRESS_IN_USE', systemCode: 'EADDRINUSE' })
  await server.close()
  expect(existsSync(path)).toBe(false)
  expect(await rejection(connect({ path }))).toMatchObject({ code: 'CONNECT_FAILED', systemCode: 'ENOENT' })
  writeFileSync(path, '')
  expect(await rejection(listen({ path }))).toMatchObject({ code: 'ADDRESS_IN_USE' })
  expect(await rejection(listen({ path: join(folder, 'none', 'sock') }))).toMatchObject({ code: expect.any(String) })
})

test('an address that is taken, that is none, and options that make no sense', async () => {
  const server = await listening()
  const taken = await rejection(listen({ port: server.port, host }))
  expect(taken).toMatchObject({
    code: 'ADDRESS_IN_USE',
    systemCode: 'EADDRINUSE',
    message: expect.stringContaining(`${host}:${server.port}`),
  })
  expect(await rejection(listen({ port: 0, host: '192.0.2.1' }))).toMatchObject({ code: 'ADDRESS_IN_USE' })
  expect(await rejection(listen({ port: 70_000 }))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  for (const options of [{}, { port: 1, path: '/x' }, { path: '' }, undefined, { port: 0, timeout: Number.NaN }]) {
    expect(() => listen(options as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  }
})

test('options that would harm only when a connection comes are refused before', () => {
  const wrong = [{ queue: Number.NaN }, { connections: 0 }, { highWaterMark: Number.NaN }, { highWaterMark: 0.5 }]
  for (const each of [...wrong, { queue: -1 }]) {
    expect(() => listen({ port: 0, host, ...each })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  }
})

test('a listen that loses leaves nothing, and the port is free', async () => {
  const server = await listening()
  const { port } = server
  await server.close()
  const killed = go(() => listen({ port, host }))
  await Promise.resolve()
  await killed.kill()
  const again = kept(await listen({ port, host }))
  expect(again.port).toBe(port)
})

test('connections beyond the queue are dropped, and counted', async () => {
  const server = await listening({ queue: 1 })
  await connected(server)
  await until(() => server.statistics().waiting === 1)
  const dropped = await connected(server)
  expect((await dropped.recv().then(null, () => Buffer.alloc(0))).length).toBe(0)
  expect(server.statistics()).toMatchObject({ waiting: 1, dropped: 1 })
})

test('connections beyond the most that may be open are dropped, and counted', async () => {
  const server = await listening({ connections: 1 })
  await connected(server)
  kept(await server.accept())
  const dropped = await connected(server)
  await dropped.recv().then(null, () => {})
  expect(server.statistics()).toMatchObject({ accepted: 1, dropped: 1 })
})

test('close drops who was not accepted, and lets the accepted live', async () => {
  const server = await listening()
  const first = await connected(server)
  const accepted = kept(await server.accept())
  const second = await connected(server)
  await until(() => server.statistics().waiting === 1)
  await server.close()
  expect(server.closed).toBe(true)
  await second.recv().then(null, () => {})
  await accepted.send('alive')
  expect(String(await first.recv())).toBe('alive')
  expect(await rejection(server.accept())).toMatchObject({ code: 'SOCKET_CLOSED' })
  expect(await rejection(connect({ port: server.port, host }))).toMatchObject({ systemCode: 'ECONNREFUSED' })
})

test('a listener is closed with its scope, and so is a connection with the scope of who accepted it', async () => {
  const owner = new Scope()
  const made: { server?: Listener; sock?: NbSocket } = {}
  owner.go(function* () {
    made.server = yield* listen({ port: 0, host })
    made.sock = yield* made.server.accept()
    yield* made.server.accept()
  })
  await until(() => made.server !== undefined)
  const other = await connected(made.server as Listener)
  await until(() => made.sock !== undefined)
  owner.cancel()
  await owner.close()
  expect((await everything(other)).length).toBe(0)
  expect([made.server?.closed, made.sock?.closed]).toEqual([true, true])
})

describe('serve', () => {
  test('runs a handler for each connection, and closes it', async () => {
    const server = await listening()
    const serving = go(() =>
      server.serve(function* (sock) {
        const got = yield* sock.recv()
        go(function* () {
          yield* sock.send(`you said ${got}`)
        })
      }),
    )
    for (const word of ['one', 'two']) {
      const sock = await connected(server)
      await sock.send(word)
      expect(String(await everything(sock))).toBe(`you said ${word}`)
    }
    await server.close()
    await serving
    expect(serving.state).toBe('done')
  })

  test('goes on when a handler fails, and tells of it', async () => {
    const server = await listening()
    const failures: unknown[] = []
    const serving = go(() =>
      server.serve(
        function* (sock) {
          throw new Error(String(yield* sock.recv()))
        },
        { onError: (error, sock) => failures.push([error, sock.closed]) },
      ),
    )
    for (const word of ['one', 'two']) {
      const sock = await connected(server)
      await sock.send(word)
      await everything(sock)
    }
    expect(failures).toEqual([
      [new Error('one'), false],
      [new Error('two'), false],
    ])
    await serving.kill()
  })

  test('reports what is no fault of the connection', async () => {
    const server = await listening()
    const warnings = await reported(async () => {
      const serving = go(() =>
        server.serve(function* (sock) {
          if (String(yield* sock.recv()) === 'bug') throw new Error('a bug')
          yield* sock.recv()
        }),
      )
      const sock = await connected(server)
      await sock.send('bug')
      await everything(sock)
      const reset = await client(server.port)
      reset.write('x')
      await until(() => server.statistics().accepted === 2)
      for (let i = 0; i < 5; i++) await idle()
      reset.resetAndDestroy()
      for (let i = 0; i < 5; i++) await idle()
      await serving.kill()
    })
    expect(warnings).toEqual([expect.stringContaining('a bug')])
  })

  test('a kill ends all handlers', async () => {
    const server = await listening()
    let ended = 0
    const serving = go(() =>
      server.serve(function* (sock) {
        try {
          yield* sock.recv()
        } finally {
          ended++
        }
      }),
    )
    const socks = [await connected(server), await connected(server)]
    await until(() => server.statistics().accepted === 2)
    await serving.kill()
    for (const sock of socks) expect((await everything(sock)).length).toBe(0)
    expect(ended).toBe(2)
  })

  test('takes a function', async () => {
    const server = await listening()
    expect(() => server.serve(null as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

testIpv6('listens over IPv6, alone or for both families', async () => {
  const server = await listening({ host: '::1' })
  const sock = kept(await connect({ port: server.port, host: '::1' }))
  const served = kept(await server.accept())
  const address = { address: '::1', family: 'IPv6' }
  expect([sock.remoteAddress, served.remoteAddress]).toMatchObject([address, address])
  await served.send('over IPv6')
  served.shutdown()
  expect(String(await everything(sock))).toBe('over IPv6')
  const alone = await listening({ host: '::', ipv6Only: true })
  expect(await rejection(connect({ port: alone.port, host }))).toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  const both = await listening({ host: '::' })
  kept(await connect({ port: both.port, host }))
  kept(await both.accept())
})

test('shares its port only with one that shares it as well', async () => {
  const server = await listening({ backlog: 8, exclusive: true })
  const again = { port: server.port, reusePort: true }
  expect(await rejection(listen({ ...again, host }))).toMatchObject({ code: 'ADDRESS_IN_USE' })
  // Node knows the option since 22.12 and 23.1; before, it does nothing.
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 22 || (major === 22 && minor < 12)) return
  const shared = await listening({ reusePort: true })
  const other = await listening({ port: shared.port, reusePort: true })
  expect(other.port).toBe(shared.port)
})
