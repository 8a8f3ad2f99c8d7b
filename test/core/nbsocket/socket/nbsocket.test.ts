import { spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import path from 'node:path'
import { getDefaultHighWaterMark, PassThrough } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { go, never, Scope, scope, select, sleep, timeout } from '../../../../src/core/index.js'
import { fromFd, fromSocket, type NbSocket, pipe, socketPair } from '../../../../src/core/nbsocket/index.js'
import { memorySocketPair } from '../../../../src/testing/index.js'
import { idle, rejection, useVirtualClock, watch } from '../../support.js'
import { closing, everything, host, numbered, tcpPair, until, withPeer } from '../support.js'

const time = useVirtualClock()
const kept = closing()

async function pair(): Promise<[NbSocket, NbSocket]> {
  const [left, right] = await socketPair()
  return [kept(left), kept(right)]
}

/** Sends until the kernel and Node take no more; gives how much that was. */
async function fill(sock: NbSocket): Promise<number> {
  let sent = 0
  for (;;) {
    const choice = await select({ sent: sock.send(Buffer.alloc(16_384)) }, { orElse: 'full' })
    if (choice.key === 'orElse') {
      const before = sock.bytesFlushed
      for (let i = 0; i < 10; i++) await idle()
      if (sock.bytesFlushed === before) return sent
    } else sent += 16_384
  }
}

describe('receiving and sending', () => {
  test('bytes cross in both directions, half-open', async () => {
    const [left, right] = await pair()
    await left.send('question')
    await left.shutdown()
    expect(String(await everything(right))).toBe('question')
    await right.send('answer')
    await right.close()
    expect(String(await everything(left))).toBe('answer')
  })

  test('recvExactly, peek and buffered', async () => {
    const [left, right] = await pair()
    await left.send('header|body')
    expect(String(await right.peek(3))).toBe('hea')
    expect(String(await right.recvExactly(7))).toBe('header|')
    expect(right.buffered).toBe(4)
    expect(String(await right.recv(100))).toBe('body')
  })

  test('a receiver that stalls holds the sender back', async () => {
    const [left, right] = await pair()
    const sent = await fill(left)
    expect(sent).toBeLessThan(4_000_000)
    for (let i = 0; i < 20; i++) await idle()
    expect(right.buffered).toBeLessThan(300_000)
    const waiting = watch(left.send('more'))
    await idle()
    expect(waiting.outcome).toBe('pending')
    let got = Buffer.alloc(0)
    while (got.length < sent + 4) got = Buffer.concat([got, await right.recv()])
    expect(String(got.subarray(sent))).toBe('more')
    expect(waiting.outcome).toBe(undefined)
  })

  test('flush waits until the kernel has it', async () => {
    const [left, right] = await pair()
    await left.send('small')
    await left.flush()
    expect(left.bytesFlushed).toBe(5)
    const sent = await fill(left)
    const flushed = watch(left.flush())
    for (let i = 0; i < 10; i++) await idle()
    expect(flushed.outcome).toBe('pending')
    let got = 0
    while (got < sent) got += (await right.recv()).length
    await until(() => flushed.outcome !== 'pending')
    expect(left.bytesFlushed).toBe(sent + 5)
  })

  test('readable and writable wait, and take and send nothing', async () => {
    const [left, right] = await pair()
    const [other, otherEnd] = await pair()
    const chosen = watch(select({ right: right.readable(), other: other.readable() }))
    await idle()
    expect(chosen.outcome).toBe('pending')
    await otherEnd.send('x')
    await until(() => chosen.outcome !== 'pending')
    expect(chosen.outcome).toEqual({ key: 'other', value: undefined })
    expect(String(await other.recv())).toBe('x')
    await left.writable()
    const sent = await fill(left)
    const room = watch(left.writable())
    await idle()
    expect(room.outcome).toBe('pending')
    for (let got = 0; got < sent; ) got += (await right.recv()).length
    await until(() => room.outcome !== 'pending')
    expect(room.outcome).toBe(undefined)
  })

  test('two readers at once are an error of the second', async () => {
    const [left, right] = await pair()
    const first = watch(right.recv().map(String))
    await idle()
    expect(await rejection(right.recvExactly(2))).toMatchObject({ code: 'BUSY' })
    await left.send('x')
    await until(() => first.outcome !== 'pending')
    expect(first.outcome).toBe('x')
  })
})

describe('sendAll', () => {
  test('sends all of it, and waits until the kernel has it', async () => {
    const [left, right] = await pair()
    const data = numbered(3_000_000)
    const got = everything(right)
    await left.sendAll(data)
    expect(left.bytesFlushed).toBe(data.length)
    await left.shutdown()
    expect(data.equals(await got)).toBe(true)
  })

  test('an error says how many bytes went', async () => {
    const { sock, peer } = await withPeer()
    kept(sock)
    await sock.sendAll('before')
    peer.pause()
    const sending = watch(sock.sendAll(Buffer.alloc(20_000_000)))
    await until(() => sock.bytesFlushed > 1_000_000)
    peer.resetAndDestroy()
    await until(() => sending.outcome !== 'pending')
    const { bytesSent } = sending.outcome as { bytesSent: number }
    expect(sending.outcome).toMatchObject({ code: 'SOCKET_BROKEN', systemCode: 'ECONNRESET' })
    expect(bytesSent).toBe(sock.bytesFlushed - 6)
    expect(bytesSent).toBeGreaterThan(900_000)
    expect(bytesSent).toBeLessThan(20_000_000)
  })

  test('a timeout of one wait says so, too', async () => {
    const [left] = await pair()
    left.timeout = 50
    const sending = watch(left.sendAll(Buffer.alloc(20_000_000)))
    for (let i = 0; i < 20; i++) await idle()
    await time.clock.advance(50)
    expect(sending.outcome).toMatchObject({ code: 'TIMEOUT', bytesSent: left.bytesFlushed })
  })

  test('what is sent meanwhile is refused, and can be sent after it', async () => {
    const [left, right] = await pair()
    const sending = watch(left.sendAll(Buffer.alloc(3_000_000)))
    await idle()
    expect(await rejection(left.send('mixed in'))).toMatchObject({ code: 'BUSY' })
    expect(await rejection(left.sendAll('mixed in'))).toMatchObject({ code: 'BUSY', bytesSent: 0 })
    for (let got = 0; got < 3_000_000; ) got += (await right.recv()).length
    await until(() => sending.outcome !== 'pending')
    await left.send('after it')
    expect(String(await right.recv())).toBe('after it')
  })

  test('its error can be caught in a scope', async () => {
    const [left, right] = await pair()
    await right.close()
    const code = await scope(function* () {
      try {
        yield* left.sendAll(Buffer.alloc(1_000_000))
        return 'sent'
      } catch (error) {
        return (error as { code: string }).code
      }
    })
    expect(code).toBe('SOCKET_BROKEN')
  })
})

describe('closing', () => {
  test('wakes everyone who waits, and every later operation fails', async () => {
    const [left] = await pair()
    await fill(left)
    const waiting = [left.recv(), left.readable(), left.send('x'), left.flush(), left.writable()].map(watch)
    await idle()
    left.close()
    await idle()
    for (const { outcome } of waiting) expect(outcome).toMatchObject({ code: 'SOCKET_CLOSED' })
    const later = [left.recv(), left.recvExactly(1), left.peek(1), left.send('x'), left.flush(), left.readable()]
    for (const op of [...later, left.writable(), left.shutdown(), left.sendAll('x'), left.startTls()]) {
      expect(await rejection(op)).toMatchObject({ code: 'SOCKET_CLOSED' })
    }
    expect(left.closed).toBe(true)
  })

  test('delivers what was sent, and settles when the connection is gone', async () => {
    const [left, right] = await pair()
    const sent = await fill(left)
    const gone = watch(left.close())
    for (let i = 0; i < 10; i++) await idle()
    expect(gone.outcome).toBe('pending')
    expect((await everything(right)).length).toBe(sent)
    await until(() => gone.outcome !== 'pending')
    await left.close()
    expect(time.clock.pending).toBe(0)
  })

  test('gives up on a peer that takes nothing', async () => {
    const [left, right] = await pair()
    await fill(left)
    const gone = watch(left.close())
    await time.clock.advance(4999)
    expect(gone.outcome).toBe('pending')
    await time.clock.advance(1)
    await until(() => gone.outcome !== 'pending')
    await everything(right).catch(() => {})
  })

  test('destroy drops what was not sent', async () => {
    const [left, right] = await pair()
    const sent = await fill(left)
    left.destroy()
    const got = await everything(right).catch(() => Buffer.alloc(0))
    expect(got.length).toBeLessThan(sent)
  })

  test('using closes at the end of a block', async () => {
    const [left, right] = await pair()
    {
      using sock = left
      await sock.send('bye')
    }
    expect(String(await everything(right))).toBe('bye')
    expect(left.closed).toBe(true)
    {
      await using _ = right
    }
    expect(right.closed).toBe(true)
  })
})

describe('scopes', () => {
  test('a socket is destroyed with the scope in which it was made', async () => {
    const owner = new Scope({ name: 'owner' })
    const made: NbSocket[] = []
    owner.go(function* () {
      made.push(...(yield* socketPair()))
      yield* never
    })
    await until(() => made.length > 0)
    const [left, right] = made as [NbSocket, NbSocket]
    const outside = watch(left.recv())
    await idle()
    owner.cancel()
    await owner.close()
    await idle()
    expect(outside.outcome).toMatchObject({ code: 'SOCKET_CLOSED', cause: { code: 'SCOPE_CLOSED' } })
    expect([left.closed, right.closed]).toEqual([true, true])
  })

  test('the cleanup of a tasklet that is ended may still use it', async () => {
    const { here, there } = await tcpPair()
    kept(there)
    const owner = new Scope({ name: 'owner' })
    const { stream } = here
    owner.go(function* () {
      const sock = fromSocket(stream)
      try {
        yield* sock.recv()
      } finally {
        yield* sock.send('QUIT')
        yield* sock.flush()
      }
    })
    await idle()
    owner.cancel()
    expect(String(await everything(there))).toBe('QUIT')
    await owner.close()
    expect(stream.destroyed).toBe(true)
  })

  test('one that is detached lives on', async () => {
    const [left, right] = await scope(function* () {
      const ends = yield* socketPair()
      for (const end of ends) end.detach()
      return ends
    })
    kept(left)
    kept(right)
    await left.send('alive')
    expect(String(await right.recv())).toBe('alive')
  })

  test('one that is not ends with the block, also where that ends well', async () => {
    const left = await scope(function* () {
      const [left] = yield* socketPair()
      return left
    })
    await idle()
    expect(await rejection(left.recv())).toMatchObject({ code: 'SOCKET_CLOSED' })
  })
})

describe('times', () => {
  test('each operation that waits too long fails, and has done nothing', async () => {
    const [left, right] = await pair()
    right.timeout = 50
    for (const op of [right.recv(), right.recvExactly(3), right.peek(1), right.readable()]) {
      const late = watch(op)
      await time.clock.advance(50)
      expect(late.outcome).toMatchObject({ code: 'TIMEOUT', ms: 50 })
    }
    await left.send('xyz')
    expect(String(await right.recvExactly(3))).toBe('xyz')
    await fill(right)
    for (const op of [right.send('x'), right.flush(), right.writable()]) {
      const late = watch(op)
      await time.clock.advance(50)
      expect(late.outcome).toMatchObject({ code: 'TIMEOUT' })
    }
    expect(time.clock.pending).toBe(0)
  })

  test('a connection whose life is over is destroyed', async () => {
    const { here, there } = await tcpPair({ lifetime: 100 })
    kept(here)
    kept(there)
    const waiting = watch(here.recv())
    await time.clock.advance(99)
    expect(waiting.outcome).toBe('pending')
    await time.clock.advance(1)
    expect(waiting.outcome).toMatchObject({ code: 'TIMEOUT', ms: 100 })
    expect(await rejection(here.send('x'))).toMatchObject({ code: 'TIMEOUT' })
    await everything(there).catch(() => {})
  })

  test('a block has its time by timeout()', async () => {
    const [left, right] = await pair()
    const late = watch(
      timeout(100, function* () {
        yield* left.send('question')
        return yield* left.recvExactly(6)
      }),
    )
    expect(String(await right.recv())).toBe('question')
    await right.send('ans')
    await until(() => left.buffered > 0)
    await time.clock.advance(100)
    expect(late.outcome).toMatchObject({ code: 'TIMEOUT' })
    await right.send('wer')
    expect(String(await left.recvExactly(6))).toBe('answer')
  })

  test('options that are none are refused', () => {
    const none = null as never
    const code = 'INVALID_ARGUMENT'
    for (const misuse of [
      () => socketPair(none),
      () => pipe(none),
      () => fromSocket(new PassThrough(), none),
      () => fromFd(0, none),
      () => fromFd(undefined as never),
    ]) {
      expect(misuse).toThrow(expect.objectContaining({ code }))
    }
  })

  test('times that are none are refused', () => {
    expect(() => fromSocket(new PassThrough(), { timeout: Number.NaN })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
    expect(() => fromSocket(new PassThrough(), { lifetime: 'long' as never })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  })
})

describe('addresses', () => {
  test('are known, also after the connection is gone', async () => {
    const { here, there, server } = await tcpPair()
    await Promise.all([here.close(), there.close()])
    expect(there.remoteAddress).toEqual({ address: host, port: server.port, family: 'IPv4' })
    expect(here.localAddress).toEqual(there.remoteAddress)
    expect(here.remoteAddress).toEqual(there.localAddress)
    expect(there.name).toBe(`socket 127.0.0.1:${server.port}`)
  })
})

describe('sockets that exist', () => {
  test('fromSocket takes a net.Socket, also one that connects, and a stream in memory', async () => {
    const { here, there } = await tcpPair()
    const raw = there.stream
    kept(here)
    const again = kept(fromSocket(raw))
    await again.send('over a net.Socket')
    expect(String(await here.recv())).toBe('over a net.Socket')
    expect(again.remoteAddress).toEqual(here.localAddress)
    const [left, right] = memorySocketPair()
    kept(right)
    const memory = kept(fromSocket(left))
    right.end('in memory')
    expect(String(await everything(memory))).toBe('in memory')
    expect(() => fromSocket({} as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    expect(() => fromSocket(new PassThrough({ objectMode: true }))).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  })

  test('one that is gone already leaves no timer, and no bond', async () => {
    const owner = new Scope()
    const over = new PassThrough()
    over.destroy()
    await idle()
    await owner.go(function* () {
      const sock = fromSocket(over, { lifetime: 1000 })
      expect(time.clock.pending).toBe(0)
      try {
        yield* sock.recv()
      } catch (error) {
        expect(error).toMatchObject({ code: 'SOCKET_BROKEN' })
      }
      yield* sock.close()
    })
    expect(getEventListeners(owner.signal, 'abort')).toHaveLength(0)
    await owner.close()
  })

  test('a socket that is not to keep the process alive', async () => {
    const { here, there } = await tcpPair()
    const active = () => process.getActiveResourcesInfo().filter(kind => kind === 'TCPSocketWrap').length
    const before = active()
    kept(here).ref(false)
    kept(there).ref(false)
    expect(active()).toBe(before - 2)
    here.ref()
    expect(active()).toBe(before - 1)
  })

  test('a socket has one nbsocket', async () => {
    const { here, there } = await tcpPair()
    kept(here)
    const { stream } = there
    const again = kept(fromSocket(stream))
    expect(() => fromSocket(stream)).toThrow(expect.objectContaining({ code: 'ALREADY_CONSUMED' }))
    await here.send('to one')
    expect(String(await again.recv())).toBe('to one')
    kept(fromSocket(again.stream))
  })

  test('stream gives the socket back with what has arrived, and gives the nbsocket up', async () => {
    const { here, there } = await tcpPair()
    kept(there)
    await there.send('one, two')
    expect(String(await here.recv(5))).toBe('one, ')
    const { stream } = here
    kept(stream)
    const chunks: Buffer[] = []
    stream.on('data', chunk => chunks.push(chunk))
    await there.send(', three')
    await until(() => Buffer.concat(chunks).length >= 10)
    expect(String(Buffer.concat(chunks))).toBe('two, three')
    for (const op of [here.recv(), here.send('x'), here.flush()]) {
      expect(await rejection(op)).toMatchObject({ code: 'SOCKET_CLOSED', message: expect.stringContaining('taken') })
    }
    expect(() => here.stream).toThrow(expect.objectContaining({ code: 'SOCKET_CLOSED' }))
    here.close()
    here.destroy()
    expect(stream.destroyed).toBe(false)
    for (const event of ['readable', 'drain', 'connect']) expect(stream.listenerCount(event)).toBe(0)
    stream.end('bye')
    expect(String(await everything(there))).toBe('bye')
  })

  test('a stream that nobody has received from flows for who takes it', async () => {
    const { here, there } = await tcpPair()
    kept(there)
    const { stream } = here
    kept(stream)
    const data = once(stream, 'data')
    await there.send('hello')
    expect(String((await data)[0])).toBe('hello')
  })

  test('a stream outlives the scope of its nbsocket', async () => {
    const [left, right] = await pair()
    const stream = await scope(function* () {
      return fromSocket(left.stream).stream
    })
    kept(stream)
    stream.end('alive')
    expect(String(await everything(right))).toBe('alive')
  })

  test('stream refuses while something waits', async () => {
    const [left, right] = await pair()
    const waiting = watch(left.recv())
    await idle()
    expect(() => left.stream).toThrow(expect.objectContaining({ code: 'BUSY' }))
    await right.send('x')
    await until(() => waiting.outcome !== 'pending')
    expect(left.stream).toBeDefined()
  })

  test('fromFd takes a descriptor that a parent process has left open, and refuses one of a file', async () => {
    const library = pathToFileURL(path.resolve('dist/core/nbsocket/index.js'))
    const program = `
      import { fromFd } from '${library}'
      const sock = fromFd(3)
      await sock.send('from ' + await sock.recv())
      await sock.close()`
    const stdio = ['ignore', 'inherit', 'inherit', 'pipe'] as const
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: [...stdio] })
    const parent = kept(fromSocket(child.stdio[3] as Socket))
    await parent.send('the child')
    expect(String(await everything(parent))).toBe('from the child')
    const closed = once(child, 'close')
    await parent.close()
    await closed
    const fd = openSync(__filename, 'r')
    expect(() => fromFd(fd)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    closeSync(fd)
  })
})

test('options of TCP reach the socket, at both ends', async () => {
  const noDelay = jest.spyOn(Socket.prototype, 'setNoDelay')
  const keepAlive = jest.spyOn(Socket.prototype, 'setKeepAlive')
  try {
    const { here, there } = await tcpPair()
    kept(here).setNoDelay(false).setKeepAlive(true, 1000)
    kept(there).setKeepAlive(false)
    expect(noDelay.mock.calls).toEqual([[false]])
    expect(keepAlive.mock.calls).toEqual([
      [true, 1000],
      [false, 0],
    ])
    expect(here.stream.readableHighWaterMark).toBe(getDefaultHighWaterMark(false))
  } finally {
    noDelay.mockRestore()
    keepAlive.mockRestore()
  }
  const { here, there } = await tcpPair({ highWaterMark: 1000 }, { highWaterMark: 2000 })
  const streams = [here.stream, there.stream].map(kept)
  expect(streams.map(stream => [stream.readableHighWaterMark, stream.writableHighWaterMark])).toEqual([
    [1000, 1000],
    [2000, 2000],
  ])
})

test('a pipe goes one way', async () => {
  const { reader, writer } = await pipe()
  await writer.send('through')
  await writer.close()
  expect(String(await everything(reader))).toBe('through')
  await reader.close()
  const second = await pipe()
  await second.reader.close()
  await until(() => second.writer.closed || second.reader.closed)
  let error: unknown
  while (error === undefined)
    error = await second.writer.sendAll('x').then(
      () => undefined,
      e => e,
    )
  expect(error).toMatchObject({ code: 'SOCKET_BROKEN' })
  await second.writer.close()
})

test('a tasklet that is killed while it receives leaves the connection whole', async () => {
  const [left, right] = await pair()
  const reader = go(() => right.recvExactly(10))
  await left.send('12345')
  await until(() => right.buffered === 5)
  await reader.kill()
  expect(String(await right.recv())).toBe('12345')
})

test('a losing branch leaves the connection whole', async () => {
  const [left, right] = await pair()
  const choice = go(() => select({ got: right.recv(), late: sleep(10) }))
  await idle()
  await time.clock.advance(10)
  expect((await choice).key).toBe('late')
  await left.send('all of it')
  expect(String(await right.recv())).toBe('all of it')
})
