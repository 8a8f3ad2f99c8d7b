/** A stream that is taken out of an nbsocket goes on as Node's own would. */
import { once } from 'node:events'
import { createServer, connect as netConnect, type Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { connect as tlsConnect, createServer as tlsServer } from 'node:tls'
import { connect, fromSocket, listen, nbfile, socketPair } from '../../../src/core/nbsocket/index.js'
import { ca, server as certificate } from '../../host/certificates.js'
import { closing, everything, host, portOf, tcpPair, until } from './support.js'

const kept = closing()

/** What a stream tells, up to its close. */
async function told(stream: Duplex): Promise<string> {
  const log: string[] = []
  for (const event of ['data', 'end', 'finish', 'close', 'error']) stream.on(event, () => log.push(event))
  await until(() => log.includes('close'))
  return log.join(' ')
}

async function greeter(): Promise<number> {
  const server = kept(createServer(socket => socket.on('error', () => {}).end('bye'))).listen(0, host)
  await once(server, 'listening')
  return portOf(server)
}

const asNode = 'data end finish close'

describe('when the peer ends it, the stream ends, too, and closes:', () => {
  test("Node's own, for comparison", async () => {
    expect(await told(netConnect(await greeter(), host))).toBe(asNode)
  })

  test('of connect()', async () => {
    expect(await told((await connect({ port: await greeter(), host })).stream)).toBe(asNode)
  })

  test('of connect(), when its bytes have been peeked at', async () => {
    const sock = await connect({ port: await greeter(), host })
    expect(String(await sock.peek(3))).toBe('bye')
    expect(await told(sock.stream)).toBe(asNode)
  })

  test.each(['left', 'right'])('of a pair, its %s end', async side => {
    const [left, right] = await socketPair()
    const [ours, theirs] = side === 'left' ? [left, right] : [right, left]
    await theirs.send('bye')
    await theirs.shutdown()
    expect(await told(ours.stream)).toBe(asNode)
    kept(theirs)
  })

  test('of listen(), whether something was read of it or not', async () => {
    for (const reads of [false, true]) {
      const { here, there } = await tcpPair()
      await there.send('well, bye')
      await there.shutdown()
      if (reads) expect(String(await here.recv(6))).toBe('well, ')
      expect(await told(here.stream)).toBe(asNode)
      kept(there)
    }
  })

  test('of connect() over TLS, and of what startTls() gives', async () => {
    const server = kept(await listen({ port: 0, host, tls: certificate }))
    const secured = await connect({ port: server.port, host, tls: { ca, servername: 'localhost' } })
    const peer = kept(await server.accept())
    await peer.send('bye')
    await peer.shutdown()
    expect(await told(secured.stream)).toBe(asNode)
    const { here, there } = await tcpPair()
    const [end, begin] = await Promise.all([
      here.startTls(certificate),
      there.startTls({ ca, servername: 'localhost' }),
    ])
    await end.send('bye')
    await end.shutdown()
    expect(await told(begin.stream)).toBe(asNode)
    kept(end)
  })
})

test('it ends at once where the end of the peer was received before', async () => {
  const sock = await connect({ port: await greeter(), host })
  expect(String(await everything(sock))).toBe('bye')
  expect(await told(sock.stream)).toBe('finish close')
})

test('what is over already is not handed out: nobody would ever be told', async () => {
  const socket = netConnect(await greeter(), host)
  const sock = fromSocket(socket)
  await everything(sock)
  await sock.shutdown()
  await until(() => socket.closed)
  expect(() => sock.stream).toThrow(
    expect.objectContaining({ code: 'SOCKET_CLOSED', message: expect.stringContaining('both sides') }),
  )
  const { here, there } = await tcpPair()
  const [raw, again] = [here.stream as Socket, there]
  raw.resetAndDestroy()
  await expect(async () => again.recv()).rejects.toMatchObject({ code: 'SOCKET_BROKEN' })
  expect(() => again.stream).toThrow(expect.objectContaining({ code: 'SOCKET_BROKEN', systemCode: 'ECONNRESET' }))
})

test('it flows for who listens, also where it had flowed, or was paused, before', async () => {
  for (const before of ['flowed', 'was paused', 'was read']) {
    const { here, there } = await tcpPair()
    const stream = there.stream
    if (before === 'flowed') stream.resume()
    if (before === 'was paused') stream.pause()
    const sock = fromSocket(stream)
    await here.send('one')
    if (before === 'was read') await sock.recv()
    else await sock.readable()
    await here.send('two')
    const taken = kept(sock.stream)
    let text = ''
    taken.on('data', bytes => {
      text += bytes
    })
    const wanted = before === 'was read' ? 'two' : 'onetwo'
    await until(() => text.length >= wanted.length)
    expect(text).toBe(wanted)
    kept(here)
  }
})

test('a stream that flows to nobody is paused by whoever takes it over', async () => {
  const { here, there } = await tcpPair()
  const stream = there.stream
  stream.resume()
  const sock = kept(fromSocket(stream))
  await here.send('not lost')
  await until(() => sock.buffered > 0)
  expect(String(await sock.recv())).toBe('not lost')
  kept(here)
})

describe('fromSocket() of a socket that does not stay half-open', () => {
  test('answers after the peer has ended, and gives it back as it was', async () => {
    const server = kept(createServer()).listen(0, host)
    await once(server, 'listening')
    const accepted = once(server, 'connection')
    const client = kept(await connect({ port: portOf(server), host }))
    const sock = kept(fromSocket((await accepted)[0]))
    await client.send('question')
    await client.shutdown()
    expect(String(await everything(sock))).toBe('question')
    await sock.send('answer')
    const stream = sock.stream
    expect(stream.allowHalfOpen).toBe(false)
    expect(String(await everything(client))).toBe('answer')
  })

  test('answers over TLS, too', async () => {
    const server = kept(tlsServer(certificate)).listen(0, host)
    await once(server, 'listening')
    const accepted = once(server, 'secureConnection')
    const client = kept(await connect({ port: portOf(server), host, tls: { ca, servername: 'localhost' } }))
    const sock = fromSocket((await accepted)[0])
    await client.send('question')
    await client.shutdown()
    expect(String(await everything(sock))).toBe('question')
    await sock.send('answer')
    await sock.close()
    expect(String(await everything(client))).toBe('answer')
  })

  test('answers as the client of a tls.connect() of Node', async () => {
    const server = kept(await listen({ port: 0, host, tls: certificate }))
    const socket = tlsConnect({ port: server.port, host, ca, servername: 'localhost' })
    const peer = await server.accept()
    const sock = kept(fromSocket(socket))
    await peer.shutdown()
    expect((await sock.recv()).length).toBe(0)
    await sock.send('answer')
    await sock.close()
    expect(String(await everything(peer))).toBe('answer')
    kept(peer)
  })

  test('answers over a Duplex that is no socket', async () => {
    const [left, right] = duplexPair({ allowHalfOpen: false })
    const sock = kept(fromSocket(left))
    right.allowHalfOpen = true
    right.end()
    expect((await sock.recv()).length).toBe(0)
    await sock.send('answer')
    expect(String((await once(right, 'data'))[0])).toBe('answer')
  })

  test('says so where it had ended before', async () => {
    const server = kept(createServer({ allowHalfOpen: true })).listen(0, host)
    await once(server, 'listening')
    const accepted = once(server, 'connection')
    const socket = netConnect(portOf(server), host)
    const [peer] = await accepted
    kept(peer).end()
    await once(socket.resume(), 'end')
    const sock = kept(fromSocket(socket))
    await expect(async () => sock.send('late')).rejects.toMatchObject({
      code: 'SOCKET_CLOSED',
      message: expect.stringContaining('its peer ended the stream'),
    })
  })
})

describe('an error says who ended the stream:', () => {
  test('shutdown() here', async () => {
    const { here, there } = await tcpPair()
    await kept(here).shutdown()
    await expect(async () => here.send('x')).rejects.toThrow('it was shut down')
    kept(there)
  })

  test('other code', async () => {
    const { here, there } = await tcpPair()
    const stream = here.stream
    const sock = kept(fromSocket(stream))
    stream.end()
    await expect(async () => sock.send('x')).rejects.toMatchObject({
      code: 'SOCKET_CLOSED',
      message: expect.stringContaining('other code ended the stream'),
    })
    kept(there)
  })

  test('other code, that has destroyed it', async () => {
    const { here, there } = await tcpPair()
    const stream = here.stream
    const sock = fromSocket(stream)
    stream.destroy()
    await expect(async () => sock.recv()).rejects.toMatchObject({
      code: 'SOCKET_BROKEN',
      message: expect.stringContaining('other code has destroyed'),
    })
    kept(there)
  })
})

test('what is held back by cork() goes along', async () => {
  const { here, there } = await tcpPair()
  here.cork()
  await here.send('one ')
  const file = nbfile(here)
  await file.write('two')
  kept(here.stream)
  expect(String(await there.recvExactly(7))).toBe('one two')
  kept(there)
})

// libuv before 1.51 takes a hang-up behind the last bytes for the end.
test("a reset that comes together with bytes is told as Node's own sockets tell it", async () => {
  const server = kept(createServer(socket => socket.on('error', () => {}).on('data', () => resetBehind(socket))))
  await once(server.listen(0, host), 'listening')
  const own = netConnect({ port: portOf(server), host, allowHalfOpen: true })
  own.write('question')
  const log: string[] = []
  for (const event of ['data', 'end']) own.on(event, () => log.push(event))
  own.on('error', (error: NodeJS.ErrnoException) => log.push(String(error.code)))
  await until(() => log.length === 2)
  own.destroy()
  const sock = kept(await connect({ port: portOf(server), host }))
  await sock.send('question')
  const told: string[] = []
  try {
    for (let got = await sock.recv(); told.push(got.length > 0 ? 'data' : 'end') && got.length > 0; )
      got = await sock.recv()
    await sock.send('more')
    await expect(async () => sock.flush()).rejects.toMatchObject({ code: 'SOCKET_BROKEN' })
  } catch (error) {
    told.push(String((error as { systemCode?: unknown }).systemCode))
  }
  expect(told).toEqual(log)
})

function resetBehind(socket: Socket): void {
  socket.write('the last bytes')
  socket.resetAndDestroy()
}
