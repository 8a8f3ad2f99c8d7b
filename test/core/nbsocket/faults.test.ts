/** What networks and peers do, each on real connections. */
import { spawn } from 'node:child_process'

import { once } from 'node:events'
import type { Socket } from 'node:net'
import path from 'node:path'
import { go, type Tasklet } from '../../../src/core/index.js'
import { connect, listen, type NbSocket, socketPair } from '../../../src/core/nbsocket/index.js'
import { assertNoLeaks } from '../../../src/testing/index.js'
import { idle, rejection, useVirtualClock, watch } from '../support.js'
import { client, closing, everything, host, until, withPeer } from './support.js'

const time = useVirtualClock()
const kept = closing()

test('a connection that is refused says by whom', async () => {
  const server = await listen({ port: 0, host })
  await server.close()
  expect(await rejection(connect({ port: server.port, host }))).toMatchObject({
    name: 'SocketError',
    code: 'CONNECT_FAILED',
    systemCode: 'ECONNREFUSED',
    message: expect.stringContaining(`${host}:${server.port}`),
    cause: { code: 'ECONNREFUSED', syscall: 'connect' },
  })
})

test('a name that is none', async () => {
  const lookup = (_name: string, _options: unknown, done: (error: Error) => void) =>
    done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }))
  expect(await rejection(connect({ port: 1, host: 'nowhere.invalid', lookup: lookup as never }))).toMatchObject({
    code: 'CONNECT_FAILED',
    systemCode: 'ENOTFOUND',
    message: expect.stringContaining('nowhere.invalid:1'),
  })
})

test('a connect that takes too long, loses or is killed leaves nothing', async () => {
  await assertNoLeaks(async () => {
    // A lookup that never answers stands for a network that does not.
    const silent = { port: 1, host: 'silent.example', lookup: () => {} }
    const late = watch(connect({ ...silent, timeout: 100 }))
    await time.clock.advance(100)
    expect(late.outcome).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('silent.example:1') })
    const killed = go(() => connect(silent))
    await idle()
    await killed.kill()
  })
})

test('a connect that is killed while the kernel connects takes the connection back', async () => {
  const server = kept(await listen({ port: 0, host }))
  const killed = go(() => connect({ port: server.port, host }))
  for (let i = 0; i < 3; i++) await new Promise<void>(resolve => process.nextTick(resolve))
  expect(killed.state).toBe('waiting')
  await killed.kill()
  expect(await everything(kept(await server.accept())).then(String, error => error.systemCode)).toMatch(
    /^(|ECONNRESET)$/,
  )
})

test('a reset while receiving', async () => {
  const { sock, peer } = await withPeer()
  const waiting = watch(sock.recv())
  await idle()
  peer.resetAndDestroy()
  await until(() => waiting.outcome !== 'pending')
  expect(waiting.outcome).toMatchObject({
    code: 'SOCKET_BROKEN',
    systemCode: 'ECONNRESET',
    cause: { code: 'ECONNRESET', syscall: 'read' },
  })
  expect(await rejection(sock.recv())).toMatchObject({ code: 'SOCKET_BROKEN' })
  expect(await rejection(sock.send('x'))).toMatchObject({ code: 'SOCKET_BROKEN' })
  await sock.close()
  expect(await rejection(sock.recv())).toMatchObject({ code: 'SOCKET_CLOSED' })
})

test('what arrived before a reset can still be received', async () => {
  const { sock, peer } = await withPeer()
  peer.write('last words')
  await sock.readable()
  peer.resetAndDestroy()
  const broken = rejection(sock.send(Buffer.alloc(1)).then(() => sock.recvExactly(100)))
  expect(await broken).toMatchObject({ code: 'SOCKET_BROKEN' })
  expect(await rejection(sock.peek(4))).toMatchObject({ code: 'SOCKET_BROKEN' })
  expect(String(await sock.recv())).toBe('last words')
  expect(await rejection(sock.recv())).toMatchObject({ code: 'SOCKET_BROKEN' })
})

test('a reset while sending', async () => {
  const { sock, peer } = await withPeer()
  peer.pause()
  await sock.sendAll('x')
  const sending = watch(
    go(function* () {
      for (;;) yield* sock.send(Buffer.alloc(100_000))
    }),
  )
  await until(() => sock.bytesFlushed > 100_000)
  peer.resetAndDestroy()
  await until(() => sending.outcome !== 'pending')
  expect(sending.outcome).toMatchObject({ code: 'SOCKET_BROKEN' })
  sock.destroy()
})

test('EPIPE: sending to who has closed', async () => {
  const [left, right] = await socketPair()
  await right.close()
  let error: unknown
  while (error === undefined) {
    error = await left.sendAll('x').then(
      () => undefined,
      reason => reason,
    )
  }
  expect(error).toMatchObject({ code: 'SOCKET_BROKEN', systemCode: 'EPIPE', bytesSent: 0 })
  await left.close()
})

test('a peer that has said all can still be answered', async () => {
  const { sock, peer } = await withPeer()
  kept(sock)
  peer.end('question')
  expect(String(await everything(sock))).toBe('question')
  const answer = everythingOf(peer)
  await sock.send('answer')
  await sock.shutdown()
  expect(await answer).toBe('answer')
})

async function everythingOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

test('a peer that never reads holds back, and times out', async () => {
  const { sock, peer } = await withPeer({ timeout: 1000, highWaterMark: 65_536 })
  peer.pause()
  const sending = watch(
    go(function* () {
      for (;;) yield* sock.send(Buffer.alloc(65_536))
    }),
  )
  let before = -1
  while (before !== sock.bytesFlushed) {
    before = sock.bytesFlushed
    for (let i = 0; i < 20; i++) await idle()
  }
  expect(sending.outcome).toBe('pending')
  await time.clock.advance(1000)
  expect(sending.outcome).toMatchObject({ code: 'TIMEOUT' })
  sock.destroy()
  peer.destroy()
})

test('a peer that sends one byte at a time', async () => {
  const { sock, peer } = await withPeer()
  kept(sock)
  peer.setNoDelay()
  const text = 'one byte at a time'
  const got = sock.recvExactly(text.length).then(String)
  for (const letter of text) {
    peer.write(letter)
    await idle()
  }
  expect(await got).toBe(text)
  peer.end()
  expect((await sock.recv()).length).toBe(0)
})

test('a close while others wait', async () => {
  const { sock, peer } = await withPeer()
  const waiting = [go(() => sock.recv()), go(() => sock.readable()), go(() => sock.readable())]
  const outcomes = waiting.map(watch)
  await idle()
  await sock.close()
  await idle()
  for (const { outcome } of outcomes) expect(outcome).toMatchObject({ code: 'SOCKET_CLOSED' })
  peer.destroy()
})

test('a thousand connections, killed at random: nothing is left', async () => {
  await assertNoLeaks(async () => {
    let seed = 42
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
      return seed % below
    }
    const server = await listen({ port: 0, host })
    const serving = go(() =>
      server.serve(function* (sock) {
        for (let got = yield* sock.recv(); got.length > 0; got = yield* sock.recv()) yield* sock.send(got)
      }),
    )
    const clients: Tasklet<void>[] = []
    function* run() {
      const sock: NbSocket = yield* connect({ port: server.port, host })
      try {
        for (;;) {
          yield* sock.send('ping')
          yield* sock.recvExactly(4)
        }
      } finally {
        if (random(2) === 0) sock.destroy()
        else sock.close()
      }
    }
    let killed = 0
    while (killed < 1000) {
      while (clients.length < 60 && clients.length < 1000 - killed) clients.push(go(run))
      for (let turns = random(22); turns >= 0; turns--) await new Promise(resolve => setImmediate(resolve))
      for (let victims = 1 + random(20); victims > 0 && clients.length > 0; victims--) {
        const [victim] = clients.splice(random(clients.length), 1)
        killed++
        void victim?.kill()
      }
    }
    await server.close()
    await serving
    expect(server.statistics().accepted).toBeGreaterThan(300)
  })
}, 30_000)

test('want of file descriptors: the server survives, and serves again', async () => {
  const program = path.join(__dirname, 'few-descriptors.mjs')
  const library = path.resolve('dist/core/nbsocket/index.js')
  const child = spawn('sh', ['-c', 'ulimit -n 100; exec "$0" "$@"', process.execPath, program, library], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdout.setEncoding('utf8')
  let output = ''
  child.stdout.on('data', text => {
    output += text
  })
  await until(() => output.includes('\n'))
  const port = Number(output)
  const clients: Socket[] = []
  for (let i = 0; i < 120; i++) clients.push(await client(port))
  for (const each of clients) each.on('data', () => {})
  await until(() => /^(EMFILE|ENFILE)|shed/m.test(output) || clients.some(each => each.readableEnded || each.destroyed))
  for (const each of clients) each.destroy()
  for (;;) {
    const sock = await connect({ port, host })
    const answer = await sock
      .send('hello')
      .then(() => sock.recv())
      .then(String, () => '')
    sock.destroy()
    if (answer === 'hello') break
  }
  child.stdin.end()
  expect(await once(child, 'close')).toEqual([0, null])
})
