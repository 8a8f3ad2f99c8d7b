import { once } from 'node:events'
import { createServer, type Socket, connect as tcp } from 'node:net'
import { createSecureContext, connect as tlsConnect } from 'node:tls'
import { go, scope } from '../../../../src/core/index.js'
import {
  connect,
  fromSocket,
  type Listener,
  listen,
  type NbSocket,
  type ServerTlsOptions,
} from '../../../../src/core/nbsocket/index.js'
import {
  ca,
  server as certificate,
  client as clientCertificate,
  expired,
  other,
  own,
} from '../../../host/certificates.js'
import { idle, rejection, reported, useVirtualClock, watch } from '../../support.js'
import { client, closing, everything, host, numbered, portOf, tcpPair, until, withPeer } from '../support.js'

const time = useVirtualClock()
const kept = closing()

async function listening(options: ServerTlsOptions = certificate, more: object = {}): Promise<Listener> {
  return kept(await listen({ port: 0, host, tls: options, ...more }))
}

/** Two ends of a secure connection. */
async function secure(serverOptions?: ServerTlsOptions, clientOptions: object = {}): Promise<[NbSocket, NbSocket]> {
  const server = await listening(serverOptions)
  const accepted = server.accept().then(kept)
  const sock = kept(await connect({ port: server.port, host: 'localhost', family: 4, tls: { ca, ...clientOptions } }))
  return [await accepted, sock]
}

describe('client and server', () => {
  test('bytes cross, half-open, and both know what was agreed', async () => {
    const [here, there] = await secure({ ...certificate, ALPNProtocols: ['echo'] }, { ALPNProtocols: ['echo'] })
    const data = numbered(1_000_000)
    const sent = there.sendAll(data).then(() => there.shutdown())
    expect((await everything(here)).equals(data)).toBe(true)
    await sent
    await here.send('got it')
    expect(String(await there.recv())).toBe('got it')
    expect(there.tls).toMatchObject({
      protocol: 'TLSv1.3',
      alpnProtocol: 'echo',
      authorized: true,
      authorizationError: null,
      peerCertificate: { subject: { CN: 'server' } },
    })
    expect(here.tls).toMatchObject({ servername: 'localhost', peerCertificate: null })
    await there.close()
    expect(there.tls).toMatchObject({ authorized: true, protocol: null, cipher: null, peerCertificate: null })
  })

  test('a name chooses the certificate (SNI)', async () => {
    const server = await listening({
      ...certificate,
      SNICallback: (name, done) => done(null, createSecureContext(name === 'other.example' ? other : certificate)),
    })
    for (const [servername, name] of [
      ['other.example', 'other'],
      ['localhost', 'server'],
    ]) {
      const accepted = server.accept().then(kept)
      const sock = kept(await connect({ port: server.port, host, tls: { ca, servername } }))
      expect(sock.tls?.peerCertificate?.subject.CN).toBe(name)
      expect((await accepted).tls?.servername).toBe(servername)
    }
  })

  test('functions of the options that throw or reject fail the handshake, and nothing else', async () => {
    const fail = (): never => {
      throw new Error('no')
    }
    const reject = async () => fail()
    const cases: [Partial<ServerTlsOptions>, object][] = [
      [{ SNICallback: fail }, {}],
      [{ SNICallback: reject as never }, {}],
      // Node would crash.
      [{ SNICallback: (_, done) => done(null, { none: 'at all' } as never) }, {}],
      [{ ALPNCallback: fail }, { ALPNProtocols: ['x'] }],
      [{ ALPNCallback: reject as never }, { ALPNProtocols: ['x'] }],
      [{}, { checkServerIdentity: fail }],
      [{}, { checkServerIdentity: reject }],
    ]
    const warnings = await reported(async () => {
      for (const [serverOptions, clientOptions] of cases) {
        const server = await listening({ ...certificate, ...serverOptions })
        const failing = connect({ port: server.port, host, tls: { ca, servername: 'localhost', ...clientOptions } })
        const code = 'checkServerIdentity' in clientOptions ? 'CERTIFICATE_REJECTED' : 'TLS_HANDSHAKE_FAILED'
        expect(await rejection(failing)).toMatchObject({ code })
      }
    })
    // An answer is needed at once.
    expect(warnings).toEqual([
      'ALPNCallback of TLS options threw: no',
      'ALPNCallback of TLS options was rejected: no',
      'checkServerIdentity of TLS options was rejected: no',
    ])
  })

  test('clients show certificates; one without is refused, and the listener goes on', async () => {
    const errors: unknown[] = []
    const server = await listening(
      { ...certificate, ca, requestCert: true, rejectUnauthorized: true },
      { onError: (error: unknown) => errors.push(error) },
    )
    const stranger = connect({ port: server.port, host, tls: { ca } }).then(sock => kept(sock).recv())
    await rejection(stranger)
    await until(() => errors.length === 1)
    expect(errors[0]).toMatchObject({ code: expect.stringMatching(/^(TLS_HANDSHAKE_FAILED|CERTIFICATE_REJECTED)$/) })
    const accepted = server.accept().then(kept)
    kept(await connect({ port: server.port, host, tls: { ca, ...clientCertificate } }))
    expect((await accepted).tls).toMatchObject({ authorized: true, peerCertificate: { subject: { CN: 'client' } } })
    expect(server.statistics().failed).toBe(1)
  })

  test.each([
    ['no authority vouches for', {}, /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/],
    ['is of another name', { ca, servername: 'elsewhere.example' }, /^ERR_TLS_CERT_ALTNAME_INVALID$/],
  ])('a certificate that %s', async (_, tls, systemCode) => {
    const server = await listening()
    expect(await rejection(connect({ port: server.port, host, tls }))).toMatchObject({
      code: 'CERTIFICATE_REJECTED',
      systemCode: expect.stringMatching(systemCode),
      message: expect.stringContaining(`${host}:${server.port}`),
    })
  })

  test.each([
    ['has signed itself', own, { ca }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['has expired', expired, { ca: expired.cert }, 'CERT_HAS_EXPIRED'],
  ])('a certificate that %s', async (_, shown, tls, systemCode) => {
    const server = await listening(shown)
    const code = 'CERTIFICATE_REJECTED'
    expect(await rejection(connect({ port: server.port, host, tls }))).toMatchObject({ code, systemCode })
  })

  test('the host of connect() is what the certificate has to name', async () => {
    const server = await listening(other)
    expect(await rejection(connect({ port: server.port, host: 'localhost', family: 4, tls: { ca } }))).toMatchObject({
      code: 'CERTIFICATE_REJECTED',
      systemCode: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  })

  test('options that Node refuses', async () => {
    expect(await rejection(listen({ port: 0, host, tls: { key: 'no key', cert: 'none' } }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    const server = await listening()
    expect(await rejection(connect({ port: server.port, host, tls: { cert: 'none' } }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })

  test('options that are wrong are refused before a client comes', async () => {
    const code = 'INVALID_ARGUMENT'
    for (const tls of [null, true, { ...certificate, handshakeTimeout: Number.POSITIVE_INFINITY }] as never[]) {
      expect(() => listen({ port: 0, host, tls })).toThrow(expect.objectContaining({ code }))
    }
    for (const tls of [null, 'yes'] as never[]) {
      expect(() => connect({ port: 1, host, tls })).toThrow(expect.objectContaining({ code }))
    }
    const { sock, peer } = await withPeer()
    kept(peer)
    for (const tls of [null, 'yes'] as never[]) {
      expect(() => kept(sock).startTls(tls)).toThrow(expect.objectContaining({ code }))
    }
    expect(sock.closed).toBe(false)
  })

  test('what is no TLS fails on both sides', async () => {
    const errors: unknown[] = []
    const server = await listening(certificate, { onError: (error: unknown) => errors.push(error) })
    const plain = kept(await client(server.port))
    plain.write('GET / HTTP/1.1\r\n\r\n')
    await until(() => errors.length === 1)
    expect(errors[0]).toMatchObject({ code: 'TLS_HANDSHAKE_FAILED' })
    const open = kept(await listen({ port: 0, host }))
    const connecting = rejection(connect({ port: open.port, host, tls: { ca } }))
    const accepted = kept(await open.accept())
    await accepted.send('220 hello\r\n')
    expect(await connecting).toMatchObject({ code: 'TLS_HANDSHAKE_FAILED' })
  })

  test('a client that leaves in the handshake', async () => {
    const errors: unknown[] = []
    const server = await listening(certificate, { onError: (error: unknown) => errors.push(error) })
    const raw = kept(await client(server.port))
    raw.write(Buffer.from([22, 3, 1, 0, 200]))
    for (let i = 0; i < 5; i++) await idle()
    raw.destroy()
    await until(() => errors.length === 1)
    expect(errors[0]).toMatchObject({ code: 'TLS_HANDSHAKE_FAILED' })
  })

  test('a client that does not begin is let go after the time of a handshake', async () => {
    const errors: unknown[] = []
    const onError = (error: unknown) => errors.push(error)
    const server = await listening({ ...certificate, handshakeTimeout: 20 }, { onError })
    const silent = kept(await client(server.port))
    await once(silent.resume(), 'end')
    expect(errors).toEqual([
      expect.objectContaining({ code: 'TLS_HANDSHAKE_FAILED', systemCode: 'ERR_TLS_HANDSHAKE_TIMEOUT' }),
    ])
  })

  test('a handshake that takes too long', async () => {
    const open = kept(await listen({ port: 0, host }))
    const late = watch(connect({ port: open.port, host, tls: { ca }, timeout: 100 }))
    const silent = kept(await open.accept())
    await silent.recvExactly(5)
    await time.clock.advance(100)
    expect(late.outcome).toMatchObject({ code: 'TIMEOUT' })
    await everything(silent).catch(() => {})
  })

  test('handshakes beyond the most that may go on are dropped, and counted', async () => {
    const server = await listening(certificate, { queue: 1 })
    kept(await client(server.port))
    const dropped = kept(await client(server.port))
    await once(dropped.resume(), 'end')
    expect(server.statistics()).toMatchObject({ accepted: 0, dropped: 1 })
  })

  test('closing the listener ends handshakes that go on', async () => {
    const server = await listening()
    const raw = kept(await client(server.port))
    for (let i = 0; i < 5; i++) await idle()
    const closed = once(raw, 'close')
    raw.resume()
    await server.close()
    raw.end()
    await closed
  })
})

describe('startTls', () => {
  test('secures a connection that was in the clear', async () => {
    const { here, there } = await tcpPair({}, { host: 'localhost', family: 4 })
    const serving = go(function* () {
      const line = String(yield* here.recv())
      yield* here.send('220 go ahead\r\n')
      const secured = kept(yield* here.startTls({ isServer: true, ...certificate }))
      yield* secured.send(`${line.trim()} at ${secured.tls?.servername}, ${yield* secured.recv()}`)
    })
    await there.send('STARTTLS\r\n')
    expect(String(await there.recv())).toBe('220 go ahead\r\n')
    const secured = kept(await there.startTls({ ca }))
    expect(secured.tls).toMatchObject({ authorized: true })
    await secured.send('hello')
    expect(String(await secured.recv())).toBe('STARTTLS at localhost, hello')
    await serving
    expect(await rejection(there.recv())).toMatchObject({
      code: 'SOCKET_CLOSED',
      message: expect.stringContaining('startTls'),
    })
    expect(secured.remoteAddress).toEqual(there.remoteAddress)
  })

  test('the host of connect() is what the certificate has to name', async () => {
    const lookup = ((_name: string, _options: unknown, done: (...args: unknown[]) => void) =>
      done(null, [{ address: host, family: 4 }])) as never
    const { here, there } = await tcpPair({}, { host: 'elsewhere.example', lookup })
    const serving = rejection(here.startTls({ isServer: true, ...certificate }))
    expect(await rejection(there.startTls({ ca }))).toMatchObject({
      code: 'CERTIFICATE_REJECTED',
      systemCode: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
    await serving
    expect(there.closed).toBe(true)
  })

  test.each(['client', 'server'] as const)(
    'bytes in the clear before the handshake are refused by a %s',
    async role => {
      const { sock, peer } = await withPeer()
      peer.write('220 go ahead\r\n250 forged: you are logged in\r\n')
      expect(String(await sock.recvExactly(14))).toBe('220 go ahead\r\n')
      const closed = once(peer.resume(), 'close')
      peer.end()
      const options = role === 'client' ? { ca } : { isServer: true as const, ...certificate }
      expect(await rejection(sock.startTls(options))).toMatchObject({
        code: 'STARTTLS_PLAINTEXT',
        message: expect.stringContaining('31 bytes'),
      })
      await closed
      expect(sock.closed).toBe(true)
    },
  )

  test('bytes in the clear that come later break the handshake', async () => {
    const { sock, peer } = await withPeer()
    const securing = rejection(sock.startTls({ ca }))
    peer.write('250 forged\r\n')
    expect(await securing).toMatchObject({ code: 'TLS_HANDSHAKE_FAILED' })
    peer.destroy()
  })

  test('what was sent before goes before the handshake', async () => {
    const { sock, peer } = await withPeer()
    kept(peer)
    const greeting = numbered(3_000_000)
    const sent = go(function* () {
      for (let at = 0; at < greeting.length; at += 100_000) yield* sock.send(greeting.subarray(at, at + 100_000))
      return yield* sock.startTls({ isServer: true, ...certificate })
    })
    const pieces: Buffer[] = []
    for (let left = greeting.length; left > 0; ) {
      const piece: Buffer | null = peer.read(Math.min(left, 10_000)) ?? peer.read()
      if (piece === null) await once(peer, 'readable')
      else {
        pieces.push(piece)
        left -= piece.length
      }
    }
    expect(Buffer.concat(pieces).equals(greeting)).toBe(true)
    const secured = tlsConnect({ socket: peer, ca, servername: 'localhost' })
    await once(secured, 'secureConnect')
    const there = kept(await sent)
    secured.write('hello')
    expect(String(await there.recv())).toBe('hello')
    secured.destroy()
  })

  test('one that is killed or times out leaves the connection destroyed', async () => {
    for (const end of ['kill', 'timeout']) {
      const { sock, peer } = await withPeer()
      const closed = once(peer.resume(), 'close')
      peer.on('end', () => peer.end())
      if (end === 'timeout') sock.timeout = 50
      const securing = go(function* () {
        try {
          yield* sock.startTls({ ca })
        } catch (error) {
          return (error as { code: string }).code
        }
      })
      await once(peer, 'data')
      if (end === 'kill') await securing.kill()
      else {
        await time.clock.advance(50)
        expect(await securing).toBe('TIMEOUT')
      }
      await closed
    }
  })

  test('ends with a close, with the life of the connection, and with its scope', async () => {
    const begun = async (options: object = {}): Promise<{ sock: NbSocket; securing: Promise<unknown> }> => {
      const { sock, peer } = await withPeer(options)
      kept(peer)
      const securing = rejection(kept(sock).startTls({ ca }))
      await idle()
      return { sock, securing }
    }
    const closed = await begun()
    await closed.sock.close()
    expect(await closed.securing).toMatchObject({ code: 'SOCKET_CLOSED' })
    const destroyed = await begun()
    destroyed.sock.destroy()
    expect(await destroyed.securing).toMatchObject({ code: 'SOCKET_CLOSED' })
    const short = await begun({ lifetime: 1000 })
    await time.clock.advance(1000)
    expect(await short.securing).toMatchObject({ code: 'TIMEOUT', ms: 1000 })
    const server = kept(await listen({ port: 0, host }))
    let securing: Promise<unknown> | undefined
    await scope(function* () {
      const sock = yield* connect({ port: server.port, host })
      securing = rejection(sock.startTls({ ca }))
      kept(yield* server.accept())
    })
    expect(await securing).toMatchObject({ code: 'SOCKET_CLOSED' })
  })

  test('fails at once on a connection that is over', async () => {
    const ended = await withPeer()
    kept(ended.peer).end()
    expect(await kept(ended.sock).recv()).toHaveLength(0)
    expect(await rejection(ended.sock.startTls({ ca }))).toMatchObject({ code: 'TLS_HANDSHAKE_FAILED' })
    const shut = await withPeer()
    kept(shut.peer)
    await kept(shut.sock).shutdown()
    expect(await rejection(shut.sock.startTls({ ca }))).toMatchObject({ code: 'SOCKET_CLOSED' })
    const reset = await withPeer()
    reset.peer.resetAndDestroy()
    await rejection(kept(reset.sock).recv())
    expect(await rejection(reset.sock.startTls({ ca }))).toMatchObject({ code: 'SOCKET_BROKEN' })
  })

  test('is refused while something waits on the socket', async () => {
    const { sock, peer } = await withPeer()
    kept(sock)
    const waiting = watch(sock.recv().map(String))
    await idle()
    expect(await rejection(sock.startTls({ ca }))).toMatchObject({ code: 'BUSY' })
    peer.end('still here')
    await until(() => waiting.outcome !== 'pending')
    expect(waiting.outcome).toBe('still here')
  })
})

describe('two protocols on one port', () => {
  test('the first byte tells TLS from the clear', async () => {
    const server = await listening(certificate, { plain: true })
    const serving = go(() =>
      server.serve(function* (sock) {
        const got = yield* sock.recv()
        yield* sock.send(`${sock.tls === null ? 'plain' : 'secure'} ${got}`)
      }),
    )
    const silent = kept(await client(server.port))
    const plain = kept(await connect({ port: server.port, host }))
    await plain.send('one')
    expect(String(await everything(plain))).toBe('plain one')
    const secured = kept(await connect({ port: server.port, host, tls: { ca } }))
    await secured.send('two')
    expect(String(await everything(secured))).toBe('secure two')
    silent.end()
    await once(silent.resume(), 'close')
    await server.close()
    await serving
  })

  test('a server may look for itself', async () => {
    const server = kept(await listen({ port: 0, host }))
    const serving = go(() =>
      server.serve(function* (plain) {
        const first = (yield* plain.peek(1))[0]
        const sock =
          first === 22 ? yield* plain.startTls({ isServer: true, ...certificate, buffered: 'handshake' }) : plain
        yield* sock.send(`${sock.tls === null ? 'plain' : 'secure'} ${yield* sock.recv()}`)
        yield* sock.close()
      }),
    )
    const raw: Socket = kept(tcp({ port: server.port, host }))
    raw.write('one')
    expect(String((await once(raw, 'data'))[0])).toBe('plain one')
    const secured = kept(await connect({ port: server.port, host, tls: { ca } }))
    await secured.send('two')
    expect(String(await everything(secured))).toBe('secure two')
    await server.close()
    await serving
  })

  test('a client that says nothing is let go after the time of a handshake', async () => {
    const server = await listening({ ...certificate, handshakeTimeout: 20 }, { plain: true })
    const silent = kept(await client(server.port))
    await once(silent.resume(), 'end')
    await server.close()
  })
})

describe('startTls() is what the connection is:', () => {
  test('a server of one that was accepted, a client of one that was made', async () => {
    const { here, there } = await tcpPair()
    const [server, client] = await Promise.all([
      here.startTls(certificate),
      there.startTls({ ca, servername: 'localhost' }),
    ])
    await client.send('hello')
    expect(String(await server.recv())).toBe('hello')
    for (const each of [server, client]) each.destroy()
  })

  test('a server of one that a net.Server has accepted', async () => {
    const listener = createServer().listen(0, host)
    await once(listener, 'listening')
    const accepted = once(listener, 'connection')
    const plain = await connect({ port: portOf(listener), host })
    const [socket] = await accepted
    listener.close()
    const [server, client] = await Promise.all([
      fromSocket(socket).startTls(certificate),
      plain.startTls({ ca, servername: 'localhost' }),
    ])
    await client.send('hello')
    expect(String(await server.recv())).toBe('hello')
    for (const each of [server, client]) each.destroy()
  })

  test('a client of one that was accepted, where isServer says so', async () => {
    const { here, there } = await tcpPair()
    const [client, server] = await Promise.all([
      here.startTls({ ca, servername: 'localhost', isServer: false }),
      there.startTls({ ...certificate, isServer: true }),
    ])
    await client.send('hello')
    expect(String(await server.recv())).toBe('hello')
    for (const each of [server, client]) each.destroy()
  })
})
