/** Code that takes the server from a request, `req.socket.server`, as it does where nobody has given it one. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { Server as SocketServer } from 'socket.io'
import { io } from 'socket.io-client'
import WebSocket, { WebSocketServer } from 'ws'
import { express } from './frameworks.js'
import { closeHosts, exchange, get, newHost, RawClient, started } from './support.js'

afterEach(closeHosts)

const serverOf = (req: IncomingMessage): Server => (req.socket as unknown as { server: Server }).server

async function first(port: number, path: string): Promise<string> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  const text = await new Promise<string>(resolve => {
    ws.on('message', data => resolve(String(data))).on('error', error => resolve(error.message))
  })
  ws.terminate()
  return text
}

test('http-proxy-middleware gets the upgrades that no mount takes, and no others', async () => {
  const backend = createServer((_req, res) => res.end('backend')).listen(0, '127.0.0.1')
  await once(backend, 'listening')
  new WebSocketServer({ server: backend }).on('connection', ws => ws.send('backend'))
  const address = backend.address()
  const target = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const host = newHost()
  host.mount('/', express().use('/live', createProxyMiddleware({ target, ws: true })))
  new WebSocketServer({ server: host.server('/live/own') }).on('connection', ws => ws.send('own'))
  const { port } = await started(host)
  expect(await first(port, '/live/x')).toContain('404')
  expect(await exchange(port, get('/live/x'))).toMatch(/backend$/)
  expect(await first(port, '/live/x')).toBe('backend')
  expect(await first(port, '/live/own')).toBe('own')
  backend.closeAllConnections()
  await new Promise(resolve => backend.close(resolve))
})

test('Socket.IO, made from the first request, serves both transports, and the host drains its polls', async () => {
  const host = newHost()
  let made: SocketServer | undefined
  let polls = createServer()
  const app = (req: IncomingMessage, res: ServerResponse) => {
    polls = serverOf(req)
    if (made === undefined) {
      made = new SocketServer(polls, { path: '/rt' })
      made.on('connection', socket => socket.emit('hello'))
    }
    res.end(`app ${req.url}`)
  }
  host.mount('/', app)
  const { port, url } = await started(host)
  await exchange(port, get('/'))
  for (const transports of [['websocket'], ['polling']]) {
    const client = io(url, { path: '/rt', transports, forceNew: true, reconnection: false })
    await new Promise(resolve => client.on('hello', () => resolve(undefined)))
    client.disconnect()
  }
  expect(await exchange(port, get('/x'))).toMatch(/app \/x$/)
  const handshake = await exchange(port, get('/rt/?EIO=4&transport=polling'))
  const { sid } = JSON.parse(handshake.slice(handshake.indexOf('{')))
  const target = `/rt/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\nHost: x\n`
  const client = new RawClient(port).send(`POST ${target}Content-Length: 2\n\n40`)
  await client.until(/ok$/)
  client.send(`GET ${target}\n`)
  await client.until(/hello/)
  client.send(`GET ${target}\n`)
  await new Promise(resolve => polls.once('request', resolve))
  expect((await host.close({ deadline: 0 })).requests).toEqual(['GET /rt/'])
  await made?.close()
})

test('a listener that only looks on sees each request, and each is answered once', async () => {
  const host = newHost()
  const seen: unknown[] = []
  let listening = false
  host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
    if (!listening) serverOf(req).on('request', ({ url }) => seen.push(url))
    listening = true
    res.end(`app ${req.url};`)
  })
  const { port } = await started(host)
  const client = new RawClient(port).send('GET /1 HTTP/1.1\nHost: x\n\n')
  await client.until(/app \/1;/)
  client.send(`GET /2 HTTP/1.1\nHost: x\n\n${get('/3')}`)
  await client.closed
  expect(client.text.match(/app \/\d/g)).toEqual(['app /1', 'app /2', 'app /3'])
  expect(seen).toEqual(expect.arrayContaining(['/2', '/3']))
  expect((await host.close()).clean).toBe(true)
})
