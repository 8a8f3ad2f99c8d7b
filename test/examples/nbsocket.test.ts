import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import path from 'node:path'
import { createServer, connect as tlsConnect } from 'node:tls'
import { ca, server as certificate } from '../host/certificates.js'
import { sized } from '../sized.js'
import { Program } from './program.js'

const certificates = path.resolve('test/fixtures/tls')

async function portOf(program: Program): Promise<number> {
  return Number((await program.printed(/listening on port (\d+)/))[1])
}

/** A client that collects what it is told. */
async function client(port: number): Promise<{ socket: Socket; heard(text: string): Promise<string> }> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let all = ''
  socket.setEncoding('utf8').on('data', text => {
    all += text
  })
  return {
    socket,
    heard: async text => {
      while (!all.includes(text)) await once(socket, 'data')
      return all
    },
  }
}

test('echo-server.ts and echo-client.ts', async () => {
  await using server = new Program('nbsocket/echo-server.js')
  const env = { PORT: String(await portOf(server)) }
  await using program = new Program('nbsocket/echo-client.js', ['one', 'two'], env)
  expect(await program.ended()).toBe(0)
  expect(program.output).toBe('echo: one\necho: two\n')
})

test('heartbeat.ts notices a peer that is silent', async () => {
  await using program = new Program('nbsocket/heartbeat.js')
  expect(await program.ended()).toBe(0)
  expect(program.output).toBe('left: no beat for 1000 ms (TIMEOUT)\nright: the other one has left\n')
})

test('tls-echo.ts', async () => {
  await using program = new Program('nbsocket/tls-echo.js', [certificates])
  expect(await program.ended()).toBe(0)
  expect(program.output).toBe(
    'secured by TLSv1.3 with server\necho: nobody else can read this\nwithout the authority: CERTIFICATE_REJECTED\n',
  )
})

test('starttls.ts', async () => {
  await using program = new Program('nbsocket/starttls.js', [certificates])
  expect(await program.ended()).toBe(0)
  expect(program.output).toBe('220 say STARTTLS\n220 go ahead\nyou are alice, over TLSv1.3\n')
})

test('many-connections.ts serves as many at once as it is told and the limit allows, and says how many', async () => {
  await using program = new Program('nbsocket/many-connections.js', [String(sized(1000, 13_371))])
  expect(await program.ended()).toBe(0)
  const [, answered, count] = /^(\d+) of (\d+) connections at once/.exec(program.output) ?? []
  expect(answered).toBe(count)
  expect(Number(count)).toBeGreaterThan(400)
})

test('chat-server.ts: what one says, the others hear', async () => {
  await using server = new Program('nbsocket/chat-server.js')
  const port = await portOf(server)
  const ada = await client(port)
  await ada.heard('your name? ')
  ada.socket.write('ada\n')
  await ada.heard('* ada has come')
  const bob = await client(port)
  bob.socket.write('bob\n')
  await ada.heard('* bob has come')
  bob.socket.write('hello\nall\n')
  await ada.heard('bob: hello\nbob: all\n')
  bob.socket.destroy()
  await ada.heard('* bob has left')
  ada.socket.destroy()
})

test('line-protocol.ts parses lines and counted values, however they are cut', async () => {
  await using server = new Program('nbsocket/line-protocol.js')
  const { socket, heard } = await client(await portOf(server))
  for (const letter of 'set a 4\r\n\r\n\r\nget a\r\nget b\r\nnonsense\r\n') {
    socket.write(letter)
    await new Promise(resolve => setImmediate(resolve))
  }
  expect(await heard('ERROR\r\n')).toBe('STORED\r\nVALUE 4\r\n\r\n\r\nNONE\r\nERROR\r\n')
  socket.destroy()
})

test('connect-proxy.ts tunnels TLS, both directions to their ends, and says why it cannot', async () => {
  await using proxy = new Program('nbsocket/connect-proxy.js')
  const port = await portOf(proxy)
  const origin = createServer({ ...certificate, allowHalfOpen: true }, socket => socket.pipe(socket)).listen(
    0,
    '127.0.0.1',
  )
  await once(origin, 'listening')
  const target = (origin.address() as AddressInfo).port
  const first = await client(port)
  first.socket.write(`CONNECT 127.0.0.1:${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await first.heard('established\r\n\r\n')
  first.socket.removeAllListeners('data')
  const secured = tlsConnect({ socket: first.socket, ca, servername: 'localhost' })
  secured.setEncoding('utf8').end('nobody on the way can read this')
  let echo = ''
  for await (const text of secured) echo += text
  expect(echo).toBe('nobody on the way can read this')
  origin.close()
  const early = await client(port)
  await using server = new Program('nbsocket/echo-server.js')
  early.socket.write(`CONNECT 127.0.0.1:${await portOf(server)} HTTP/1.1\r\n\r\nearly`)
  await early.heard('established\r\n\r\nearly')
  early.socket.end(', and late')
  await early.heard('early, and late')
  await once(early.socket, 'close')
  const refused = await client(port)
  refused.socket.write('CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n')
  expect(await refused.heard('ECONNREFUSED')).toMatch(/^HTTP\/1\.1 502 /)
})
