import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, request as httpsRequest } from 'node:https'
import { type AddressInfo, connect as connectPlain, type Socket } from 'node:net'
import { type ConnectionOptions, connect, createSecureContext, type TLSSocket } from 'node:tls'
import express from 'express'
import fastify from 'fastify'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import type { SynclessError } from '../../../src/core/base/errors.js'
import { requestScope, type TlsOptions } from '../../../src/host/index.js'
import * as certificates from '../certificates.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, turns } from '../support.js'

const { ca, server: tls } = certificates

afterEach(closeHosts)

const local = { port: 0, host: '127.0.0.1' }
const plain = (req: IncomingMessage, res: ServerResponse) => {
  res.end(`${'encrypted' in req.socket ? 'https' : 'http'} ${req.method} ${req.url}`)
}

/** A secure connection; the whole of what comes in until it is closed, without the date. */
function secure(port: number, request: string, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca, ...options }, () => {
      socket.write(request.replaceAll('\n', '\r\n'))
    })
    let text = ''
    socket.setEncoding('latin1').on('data', chunk => {
      text += chunk
    })
    socket.on('error', reject).on('close', () => resolve(text.replace(/^Date: .*$/gm, 'Date: -')))
  })
}

function ask(port: number, path: string, options: object = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = httpsRequest({ port, host: '127.0.0.1', path, ca, agent: false, ...options }, async res => {
      let text = ''
      for await (const chunk of res) text += chunk
      resolve(text)
    })
    req.on('error', reject).end()
  })
}

describe('HTTPS', () => {
  test('every kind of app knows that the connection is secure', async () => {
    const host = newHost({ tls })
    host.mount('/', plain)
    host.mount(
      '/express',
      express().get('/express', (req, res) => void res.send(`${req.protocol} ${req.secure}`)),
    )
    const app = fastify({ serverFactory: host.serverFactory('/fastify') })
    app.get('/fastify', async req => req.protocol)
    const { port } = await host.listen(local)
    expect(await ask(port, '/x')).toBe('https GET /x')
    expect(await ask(port, '/express')).toBe('https true')
    expect(await ask(port, '/fastify')).toBe('https')
  })

  test('answers byte for byte as https.Server does', async () => {
    const bare = createServer(tls, plain).listen(local)
    await new Promise(resolve => bare.once('listening', resolve))
    const host = newHost({ tls }).mount('/', plain)
    const { port } = await host.listen(local)
    const requests = [
      get('/a'),
      'GET /a HTTP/1.0\n\n',
      'GET / HTTP/1.1\n\n',
      'rubbish\n\n',
      `${'GET / HTTP/1.1\nHost: x\n\n'.repeat(3)}${get('/')}`,
    ]
    for (const request of requests) {
      expect(await secure(port, request)).toBe(await secure((bare.address() as AddressInfo).port, request))
    }
    await new Promise(resolve => bare.close(resolve))
  })

  test('SNI chooses a certificate, ALPN a protocol, and the app sees both', async () => {
    const seen: unknown[] = []
    const options: TlsOptions = {
      ...tls,
      SNICallback: (name, done) =>
        done(null, name === 'other.example' ? createSecureContext(certificates.other) : createSecureContext(tls)),
    }
    const host = newHost({ tls: options })
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      const { servername, alpnProtocol } = req.socket as TLSSocket
      seen.push([servername, alpnProtocol])
      res.end()
    })
    const { port } = await host.listen(local)
    for (const servername of ['localhost', 'other.example']) {
      await new Promise<void>((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', ca, servername, ALPNProtocols: ['http/1.1'] }, () => {
          seen.push(socket.getPeerCertificate().subject.CN, socket.alpnProtocol)
          socket.end(get('/').replaceAll('\n', '\r\n'))
        })
        socket
          .on('error', reject)
          .on('close', () => resolve())
          .resume()
      })
    }
    expect(seen).toEqual([
      'server',
      'http/1.1',
      ['localhost', 'http/1.1'],
      'other',
      'http/1.1',
      ['other.example', 'http/1.1'],
    ])
  })

  test('ALPNProtocols and ALPNCallback of one’s own are used', async () => {
    for (const options of [{ ALPNProtocols: ['x', 'http/1.1'] }, { ALPNCallback: () => 'x' }]) {
      const host = newHost({ tls: { ...tls, ...options } }).mount('/', plain)
      const { port } = await host.listen(local)
      const socket = connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['x'] })
      await new Promise(resolve => socket.once('secureConnect', resolve))
      expect(socket.alpnProtocol).toBe('x')
      socket.destroy()
    }
  })

  test('client certificates are asked for, shown to the app, and required', async () => {
    const host = newHost({ tls: { ...tls, ca, requestCert: true, rejectUnauthorized: true } })
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      const socket = req.socket as TLSSocket
      res.end(`${socket.authorized} ${socket.getPeerCertificate().subject.CN}`)
    })
    const { port } = await host.listen(local)
    expect(await ask(port, '/', certificates.client)).toBe('true client')
    await expect(ask(port, '/')).rejects.toThrow()
    expect(await ask(port, '/', certificates.client)).toBe('true client')
  })

  test('a handshake that fails is reported, and hurts nobody', async () => {
    const errors: SynclessError[] = []
    const host = newHost({ tls, onError: error => void errors.push(error) }).mount('/', plain)
    const { port } = await host.listen(local)
    expect(await exchange(port, get('/'))).toBe('')
    await expect(ask(port, '/', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow()
    await expect(ask(port, '/', { ca: undefined })).rejects.toThrow()
    new RawClient(port).socket.destroy()
    expect(await ask(port, '/')).toBe('https GET /')
    expect(errors.length).toBeGreaterThanOrEqual(2)
    for (const error of errors) expect(error.code).toBe('TLS_HANDSHAKE_FAILED')
  })

  test('functions of the options that throw or reject fail the handshake, and nothing else', async () => {
    const failure = new Error('no')
    const fail = (): never => {
      throw failure
    }
    for (const SNICallback of [fail, async () => fail()]) {
      const told = defer<SynclessError>()
      const host = newHost({ tls: { ...tls, SNICallback }, onError: told.resolve }).mount('/', plain)
      const { port } = await host.listen(local)
      await expect(ask(port, '/', { servername: 'localhost' })).rejects.toThrow()
      expect(await told.promise).toMatchObject({ code: 'TLS_HANDSHAKE_FAILED', cause: failure })
    }
  })

  test('a client that resets in the middle of one is nothing to report', async () => {
    const errors: SynclessError[] = []
    const host = newHost({ tls, onError: error => void errors.push(error) }).mount('/', plain)
    const { port } = await host.listen(local)
    const client = new RawClient(port)
    client.socket.write(Buffer.of(22, 3, 1, 2, 0, 1))
    await turns()
    client.socket.resetAndDestroy()
    await turns()
    // Later than the reset was noticed.
    expect(await exchange(port, get('/'))).toBe('')
    await turns()
    expect(errors).toMatchObject([{ cause: { message: expect.stringContaining('http request') } }])
  })

  test('a handshake that does not come to its end is given up after handshakeTimeout', async () => {
    const errors: SynclessError[] = []
    const host = newHost({ tls: { ...tls, handshakeTimeout: 20 }, onError: error => void errors.push(error) })
    const { port } = await host.listen(local)
    const [silent, begun] = [new RawClient(port), new RawClient(port)]
    begun.socket.write(Buffer.of(22, 3, 1, 2, 0, 1))
    await Promise.all([silent.closed, begun.closed])
    expect(errors.map(({ code }) => code)).toEqual(['TLS_HANDSHAKE_FAILED', 'TLS_HANDSHAKE_FAILED'])
  })

  test('a bad certificate is refused where the host is made', () => {
    const bad = expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('tls') })
    expect(() => newHost({ tls: { key: 'no', cert: 'no' } })).toThrow(bad)
    expect(() => newHost({ tls: { ...tls, ALPNProtocols: ['x'], ALPNCallback: () => 'x' } })).toThrow(bad)
  })

  test('the scope of a request is cancelled when its client leaves', async () => {
    const here = defer()
    const host = newHost({ tls })
    const gone = new Promise<string>(resolve => {
      host.mount('/', (req: IncomingMessage) => {
        const { signal } = requestScope(req)
        signal.addEventListener('abort', () => resolve(signal.reason.reason.code))
        here.resolve()
      })
    })
    const { port } = await host.listen(local)
    const socket = connect({ port, host: '127.0.0.1', ca }, () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
    await here.promise
    socket.destroy()
    expect(await gone).toBe('CLIENT_GONE')
  })

  test('WebSockets and Socket.IO', async () => {
    const host = newHost({ tls })
    new WebSocketServer({ server: host.server('/ws') }).on('connection', ws =>
      ws.on('message', data => ws.send(`${data}!`)),
    )
    new Server(host.server('/socket.io')).on('connection', socket => socket.on('double', (n, done) => done(2 * n)))
    const { port } = await host.listen(local)
    const ws = new WebSocket(`wss://127.0.0.1:${port}/ws`, { ca })
    await new Promise(resolve => ws.once('open', resolve))
    ws.send('hi')
    expect(String(await new Promise(resolve => ws.once('message', resolve)))).toBe('hi!')
    ws.close()
    for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
      const client = io(`https://127.0.0.1:${port}`, {
        transports,
        ca: ca.toString(),
        forceNew: true,
        reconnection: false,
      })
      expect(await client.emitWithAck('double', 21)).toBe(42)
      client.disconnect()
    }
  })
})

describe('HTTP and HTTPS on one port', () => {
  async function both(options: object = {}) {
    const host = newHost({ tls, ...options }).mount('/', plain)
    const { port } = await host.listen({ ...local, protocol: 'both' })
    return { host, port }
  }

  test('are told apart by the first byte', async () => {
    const { port } = await both()
    expect(await exchange(port, get('/a'))).toContain('http GET /a')
    expect(await ask(port, '/b')).toBe('https GET /b')
    const many = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? ask(port, `/${i}`) : exchange(port, get(`/${i}`))))
    const texts = await Promise.all(many)
    texts.forEach((text, i) => {
      expect(text).toContain(`${i % 2 === 0 ? 'https' : 'http'} GET /${i}`)
    })
  })

  test('the first byte is not lost when it comes alone, nor are those behind it', async () => {
    const { port } = await both()
    const client = new RawClient(port)
    for (const char of get('/slow')) {
      client.send(char === '\n' ? '\r\n' : char)
      await new Promise(resolve => setImmediate(resolve))
    }
    await client.closed
    expect(client.text).toContain('http GET /slow')

    // The same for TLS: what the client's library writes goes out byte by byte.
    const raw = connectPlain(port, '127.0.0.1')
    const { Duplex } = jest.requireActual('node:stream')
    const dribble = new Duplex({
      read() {},
      async write(chunk: Buffer, _encoding: string, done: () => void) {
        for (const byte of chunk.subarray(0, 20)) {
          raw.write(Buffer.of(byte))
          await new Promise(resolve => setImmediate(resolve))
        }
        raw.write(chunk.subarray(20))
        done()
      },
    })
    raw.on('data', chunk => dribble.push(chunk)).on('end', () => dribble.push(null))
    const socket = connect({ socket: dribble, ca, host: '127.0.0.1' }, () =>
      socket.write(get('/tls').replaceAll('\n', '\r\n')),
    )
    let text = ''
    for await (const chunk of socket) text += chunk
    expect(text).toContain('https GET /tls')
    raw.destroy()
  })

  test('requests in one packet, and a body of many', async () => {
    const host = newHost({ tls })
    host.mount('/', async (req: IncomingMessage, res: ServerResponse) => {
      let length = 0
      for await (const chunk of req) length += chunk.length
      res.end(`<${length}>`)
    })
    const { port } = await host.listen({ ...local, protocol: 'both' })
    expect(await exchange(port, `${'GET / HTTP/1.1\nHost: x\n\n'.repeat(3)}${get('/')}`)).toMatch(/(<0>[\s\S]*){4}/)
    const size = 8 << 20
    const head = `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`
    for (const scheme of ['http', 'https']) {
      const where = { port, host: '127.0.0.1' }
      const socket: Socket = scheme === 'http' ? connectPlain(where) : connect({ ...where, ca })
      socket.write(head)
      socket.write(Buffer.alloc(size))
      let text = ''
      for await (const chunk of socket) text += chunk
      expect(text).toContain(`<${size}>`)
    }
  })

  test('the end of the client’s half', async () => {
    const { port } = await both()
    const half = connectPlain({ port, host: '127.0.0.1', allowHalfOpen: true })
    half.end(get('/').replaceAll('\n', '\r\n'))
    let text = ''
    for await (const chunk of half) text += chunk
    expect(text).toContain('http GET /')
  })

  test('upgrades on both', async () => {
    const host = newHost({ tls })
    new WebSocketServer({ server: host.server('/ws') }).on('connection', ws =>
      ws.on('message', data => ws.send(`${data}!`)),
    )
    const { port } = await host.listen({ ...local, protocol: 'both' })
    for (const scheme of ['ws', 'wss']) {
      const ws = new WebSocket(`${scheme}://127.0.0.1:${port}/ws`, { ca })
      await new Promise(resolve => ws.once('open', resolve))
      ws.send(scheme)
      expect(String(await new Promise(resolve => ws.once('message', resolve)))).toBe(`${scheme}!`)
      ws.close()
    }
  })

  test('a client that says nothing is let go after headersTimeout', async () => {
    const { port } = await both({ http: { headersTimeout: 20 } })
    await new RawClient(port).closed
    expect(await ask(port, '/')).toBe('https GET /')
  })

  test('a client that ends or resets without a word is let go at once', async () => {
    const { port } = await both()
    const ending = new RawClient(port, { allowHalfOpen: true })
    ending.socket.end()
    await ending.closed
    const resetting = new RawClient(port)
    await new Promise(resolve => resetting.socket.once('connect', resolve))
    resetting.socket.resetAndDestroy()
    expect(await ask(port, '/')).toBe('https GET /')
  })

  test('sockets are half-open where Node’s own servers have them so', async () => {
    const halfOpen = (req: IncomingMessage, res: ServerResponse) => void res.end(`${req.socket.allowHalfOpen}`)
    const host = newHost({ tls }).mount('/', halfOpen)
    await host.listen({
      addresses: [
        { ...local, protocol: 'http' },
        { ...local, protocol: 'https' },
        { ...local, protocol: 'both' },
      ],
    })
    const [http = 0, https = 0, either = 0] = host.addresses().map(({ port }) => port)
    const bare = [createPlainServer(halfOpen).listen(local), createServer(tls, halfOpen).listen(local)]
    await Promise.all(bare.map(server => new Promise(resolve => server.once('listening', resolve))))
    const [plainPort = 0, securePort = 0] = bare.map(server => (server.address() as AddressInfo).port)
    const last = (text: string) => text.slice(-5)
    const plainly = last(await exchange(plainPort, get('/')))
    expect([last(await exchange(http, get('/'))), last(await exchange(either, get('/')))]).toEqual([plainly, plainly])
    const securely = await ask(securePort, '/')
    expect([await ask(https, '/'), await ask(either, '/')]).toEqual([securely, securely])
    expect(plainly).not.toContain(securely)
    for (const server of bare) server.close()
  })

  test('what waited for the first byte leaves nothing on the socket', async () => {
    const shown = ({ socket }: IncomingMessage, res: ServerResponse) => {
      const listeners = ['timeout', 'error', 'readable', 'end'].map(event => socket.listenerCount(event))
      res.end(JSON.stringify([socket.timeout ?? 0, listeners]))
    }
    const host = newHost({ tls }).mount('/', shown)
    await host.listen({ addresses: [local, { ...local, protocol: 'http' }, { ...local, protocol: 'both' }] })
    const [https = 0, http = 0, either = 0] = host.addresses().map(({ port }) => port)
    expect(await ask(either, '/')).toBe(await ask(https, '/'))
    const last = async (port: number) => (await exchange(port, get('/'))).split('\r\n').at(-1)
    expect(await last(either)).toBe(await last(http))
  })

  test('a close waits for the plain requests on it as well', async () => {
    const [begun, finish] = [defer(), defer()]
    const host = newHost({ tls }).mount('/', async (_req: IncomingMessage, res: ServerResponse) => {
      begun.resolve()
      await finish.promise
      res.end('answered')
    })
    const { port } = await host.listen({ ...local, protocol: 'both' })
    const answer = exchange(port, get('/'))
    await begun.promise
    const report = host.close()
    await turns()
    finish.resolve()
    expect(await answer).toMatch(/answered$/)
    expect((await report).clean).toBe(true)
  })

  test('each address speaks what it is told to', async () => {
    const host = newHost({ tls }).mount('/', plain)
    await host.listen({ addresses: [{ ...local, protocol: 'http' }, local] })
    const [http, https] = host.addresses()
    expect(await exchange(http?.port ?? 0, get('/'))).toContain('http GET /')
    expect(await ask(https?.port ?? 0, '/')).toBe('https GET /')
  })
})

test.each(['https', 'both'] as const)('%s: a close waits for no client that has not shaken hands', async protocol => {
  const host = newHost({ tls }).mount('/', plain)
  const { port } = await host.listen({ ...local, protocol })
  const silent = new RawClient(port)
  const begun = new RawClient(port)
  // The head of a handshake record that does not come.
  begun.socket.write(Buffer.of(22, 3, 1, 2, 0, 1))
  const idle = connect({ port, host: '127.0.0.1', ca })
  await new Promise(resolve => idle.once('secureConnect', resolve))
  await turns()
  const ended = new Promise(resolve => idle.resume().once('close', resolve))
  expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
  await Promise.all([silent.closed, begun.closed, ended])
})
