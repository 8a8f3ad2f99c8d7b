import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Duplex, PassThrough } from 'node:stream'
import express from 'express'
import { Server } from 'socket.io'
import { type Socket as ClientSocket, io as connectClient } from 'socket.io-client'
import WebSocket, { WebSocketServer } from 'ws'
import type { SynclessError } from '../../../src/core/index.js'
import { answerWithoutUpgrade } from '../../../src/host/dispatch/without-upgrade.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

const clients: ClientSocket[] = []

afterEach(async () => {
  await Promise.all(
    clients.splice(0).map(async client => {
      if (client.connected) {
        const gone = new Promise(resolve => client.once('disconnect', resolve))
        client.disconnect()
        await gone
      }
      client.io.removeAllListeners()
    }),
  )
  await closeHosts()
})

function connect(url: string, transports: string[]): ClientSocket {
  const client = connectClient(url, { transports, forceNew: true, reconnection: false })
  clients.push(client)
  return client
}

const upgrade = (path: string, protocol = 'websocket', more = '') =>
  `GET ${path} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: ${protocol}\n${more}\n`

/** Accepts every upgrade, says its name, and echoes. */
function echo(name: string) {
  return (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n${name} ${req.url} ${head}`,
    )
    socket.pipe(socket)
  }
}

describe('Socket.IO on a mount server', () => {
  async function chat() {
    const host = newHost()
    const io = new Server(host.server('/socket.io'))
    io.on('connection', socket => {
      socket.on('double', (n: number, reply: (n: number) => void) => reply(n * 2))
    })
    const app = express()
    app.get('/hello', (_req, res) => {
      res.send('Express')
    })
    host.mount('/', app)
    return { host, io, ...(await started(host)) }
  }

  test('works over WebSocket alone', async () => {
    const { url } = await chat()
    const client = connect(url, ['websocket'])
    expect(await client.emitWithAck('double', 21)).toBe(42)
    expect(client.io.engine.transport.name).toBe('websocket')
  })

  test('upgrades from polling to WebSocket', async () => {
    const { url } = await chat()
    const client = connect(url, ['polling', 'websocket'])
    const upgraded = new Promise(resolve => client.io.on('open', () => client.io.engine.once('upgrade', resolve)))
    expect(await client.emitWithAck('double', 21)).toBe(42)
    await upgraded
    expect(client.io.engine.transport.name).toBe('websocket')
    expect(await client.emitWithAck('double', 4)).toBe(8)
  })

  test('serves its client file, and leaves every other path to its owner', async () => {
    const { url } = await chat()
    expect((await fetch(`${url}/socket.io/socket.io.js`)).headers.get('content-type')).toContain('javascript')
    expect(await (await fetch(`${url}/hello`)).text()).toBe('Express')
  })

  test('io.close() ends its clients and leaves the host up', async () => {
    const { url, io } = await chat()
    const client = connect(url, ['websocket'])
    await client.emitWithAck('double', 1)
    const left = new Promise(resolve => client.once('disconnect', resolve))
    await io.close()
    await left
    expect(await (await fetch(`${url}/hello`)).text()).toBe('Express')
    expect((await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).status).toBe(503)
  })

  test.each([[['websocket']], [['polling']]])('host.close() tells its clients over %j', async transports => {
    const { url, host, io } = await chat()
    const client = connect(url, transports)
    await client.emitWithAck('double', 1)
    // Its next long poll is waiting.
    if (transports[0] === 'polling') await new Promise(resolve => io.httpServer.once('request', resolve))
    const left = new Promise(resolve => client.once('disconnect', resolve))
    expect((await host.close()).clean).toBe(true)
    await left
  })

  test('a path that its library does not own is a 404, not silence', async () => {
    const host = newHost()
    new Server(host.server('/rt'))
    const { url } = await started(host)
    expect((await fetch(`${url}/rt/x`)).status).toBe(404)
  })
})

describe('who owns an upgrade', () => {
  test('the mount that owns the path; the bytes after the head are kept', async () => {
    const host = newHost()
    host.server('/a').on('upgrade', echo('a'))
    host.server('/a/b', { strip: true }).on('upgrade', echo('b'))
    const { port } = await started(host)
    const a = new RawClient(port).send(`${upgrade('/a/x?y')}early`)
    await a.until(/a \/a\/x\?y early/)
    a.send(' late')
    await a.until(/ late/)
    const b = new RawClient(port).send(upgrade('/a/b/c'))
    await b.until(/b \/c/)
    a.socket.destroy()
    b.socket.destroy()
  })

  test('nobody: 404 at once', async () => {
    const host = newHost()
    host.server('/ws').on('upgrade', echo('ws'))
    host.mount('/', express())
    const { port } = await started(host)
    expect(await exchange(port, upgrade('/chat'))).toBe(
      'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    )
    expect(await exchange(port, upgrade('/wsx'))).toContain('404')
    // Whoever writes it so means the same.
    expect(await exchange(port, upgrade('/chat', 'WebSocket'))).toContain('404')
  })

  test('nobody: the connection is not kept for a client that does not end it', async () => {
    const host = newHost()
    const { port } = await started(host)
    const client = new RawClient(port, { allowHalfOpen: true }).send(upgrade('/chat'))
    await new Promise(resolve => client.socket.once('end', resolve))
    expect(client.text).toMatch(/^HTTP\/1.1 404/)
    // Only a socket that is gone refuses to take more.
    for (let i = 0; i < 100 && !client.socket.destroyed; i++) await Promise.all([turns(), client.send('here?')])
    expect(client.socket.destroyed).toBe(true)
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
  })

  test('several on one mount that leave each other’s paths alone: all are asked, none is reported', async () => {
    const errors: SynclessError[] = []
    const host = newHost({ onError: error => void errors.push(error) })
    const server = host.server('/rt')
    for (const path of ['/rt/a', '/rt/b', '/rt/c']) {
      const sockets = new WebSocketServer({ noServer: true })
      server.on('upgrade', async (req, socket, head) => {
        if (req.url !== path) return
        // As those do that look a session up.
        await turns()
        sockets.handleUpgrade(req, socket, head, ws => ws.send(path))
      })
    }
    const { port } = await started(host)
    for (const path of ['/rt/b', '/rt/a', '/rt/c']) {
      const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`)
      expect(String(await new Promise(resolve => ws.once('message', resolve)))).toBe(path)
      ws.close()
      await new Promise(resolve => ws.once('close', resolve))
    }
    expect(errors).toEqual([])
  })

  test.each([
    ['at once', async () => {}],
    ['later', turns],
  ])('two that answer one socket %s: reported, and nobody else notices', async (_when, before) => {
    const errors: SynclessError[] = []
    const host = newHost({ onError: error => void errors.push(error) })
    const server = host.server('/rt')
    server.on('upgrade', (_req, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
    server.on('upgrade', async (_req, socket) => {
      await before()
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    host.server('/other').on('upgrade', echo('other'))
    const { port } = await started(host)
    const other = new RawClient(port).send(upgrade('/other'))
    expect(await exchange(port, upgrade('/rt?secret'))).toMatch(/ 101 [\s\S]* 400 /)
    expect(errors).toMatchObject([{ code: 'UPGRADE_TAKEN', message: expect.stringContaining('"/rt"') }])
    expect(errors[0]?.message).not.toContain('secret')
    await other.until(/other \/other/)
    other.socket.destroy()
  })

  test('the next of a chain, when the first has closed', async () => {
    const host = newHost()
    const [first, second] = [host.server('/', { handOver: true }), host.server('/')]
    first.on('upgrade', echo('first'))
    expect(() => second.on('upgrade', echo('second'))).toThrow(expect.objectContaining({ code: 'UPGRADE_TAKEN' }))
    await new Promise(resolve => first.close(resolve))
    expect(() => second.on('upgrade', echo('second'))).not.toThrow()
  })

  test('its listener throws: the connection ends, the error is reported, the server goes on', async () => {
    const errors: SynclessError[] = []
    const host = newHost({ onError: error => void errors.push(error) })
    host.server('/ws').on('upgrade', req => {
      if (req.url === '/ws/bad') throw new Error('no')
    })
    const { port } = await started(host)
    expect(await exchange(port, upgrade('/ws/bad'))).toBe('')
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: { message: 'no' } }])
    expect(await exchange(port, upgrade('/other'))).toContain('404')
  })

  test('a client that resets before the upgrade is accepted harms nobody', async () => {
    const host = newHost()
    const taken = defer<Duplex>()
    host.server('/ws').on('upgrade', (_req, socket) => taken.resolve(socket))
    const { port } = await started(host)
    const client = new RawClient(port).send(upgrade('/ws'))
    const socket = await taken.promise
    const closed = new Promise(resolve => socket.once('close', resolve))
    client.socket.resetAndDestroy()
    socket.resume()
    await closed
    expect(await exchange(port, upgrade('/other'))).toContain('404')
  })
})

describe('who owns an upgrade, by its protocol', () => {
  const offer = (path: string, subprotocol: string, protocol = 'websocket') =>
    upgrade(path, protocol, `Sec-WebSocket-Protocol: ${subprotocol}\n`)

  async function who(port: number, request: string): Promise<string> {
    const client = new RawClient(port).send(request)
    await client.until(/\r\n\r\n\S+ |^HTTP.* 404 /)
    const { text } = client
    client.socket.destroy()
    return /\r\n\r\n(\S+) /.exec(text)?.[1] ?? text.slice(9, 12)
  }

  test('of two at one path, the one that names the protocol; a longer path comes first', async () => {
    const host = newHost()
    host.server('/', { protocols: ['vite-hmr', 'vite-ping'] }).on('upgrade', echo('vite'))
    host.server('/', { protocols: ['graphql-ws'] }).on('upgrade', echo('graphql'))
    host.server('/a').on('upgrade', echo('a'))
    host.server('/a', { protocols: ['x-protocol'], strip: true }).on('upgrade', echo('x'))
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => res.end(`plain ${req.url}`))
    const { port } = await started(host)
    expect(await who(port, offer('/', 'vite-hmr'))).toBe('vite')
    expect(await who(port, offer('/x/y', 'other, vite-ping'))).toBe('vite')
    expect(await who(port, offer('/', 'graphql-ws'))).toBe('graphql')
    expect(await who(port, offer('/', 'VITE-HMR'))).toBe('404')
    expect(await who(port, upgrade('/'))).toBe('404')
    expect(await who(port, offer('/a', 'vite-hmr'))).toBe('a')
    expect(await who(port, offer('/a/b', 'chat', 'X-Protocol'))).toBe('x')
    expect(await who(port, get('/'))).toBe('plain')
    expect((await host.close({ deadline: 0 })).mounts).toEqual([])
  })

  test('two owners of one protocol at one path are refused, until the first has closed', async () => {
    const host = newHost()
    const first = host.server('/', { protocols: ['a', 'b'] })
    const taken = expect.objectContaining({ code: 'UPGRADE_TAKEN', message: expect.stringContaining('one of b, c') })
    expect(() => host.server('/', { protocols: ['b', 'c'] })).toThrow(taken)
    host.server('/', { protocols: ['c'] })
    host.server('/x', { protocols: ['a'] })
    await new Promise(resolve => first.close(resolve))
    expect(() => host.server('/', { protocols: ['b'] })).not.toThrow()
  })

  test.each([['a'], [[]], [['']], [['a b']]])('protocols that are none: %j', protocols => {
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
    expect(() => Reflect.apply(newHost().server, newHost(), ['/', { protocols }])).toThrow(refused)
  })

  test('an app cannot be mounted for protocols alone', () => {
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
    expect(() => newHost().mount('/', express(), { protocols: ['a'] })).toThrow(refused)
    expect(() => newHost().serverFactory('/', { protocols: ['a'] })).toThrow(refused)
  })

  test('a server for one protocol is closed with the host, and its clients are told', async () => {
    const host = newHost()
    const server = host.server('/', { protocols: ['chat'] })
    const wss = new WebSocketServer({ server })
    server.on('close', () => {
      for (const client of wss.clients) client.close(4000)
    })
    const { port } = await started(host)
    const ws = new WebSocket(`ws://127.0.0.1:${port}/`, ['chat'])
    await new Promise(resolve => ws.once('open', resolve))
    const closed = new Promise(resolve => ws.once('close', resolve))
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
    expect(await closed).toBe(4000)
  })

  test('two WebSocket servers share a path', async () => {
    const host = newHost()
    for (const name of ['graphql-ws', 'graphql-transport-ws']) {
      const wss = new WebSocketServer({ server: host.server('/graphql', { protocols: [name] }) })
      wss.on('connection', ws => ws.send(`${name} ${ws.protocol}`))
    }
    const { port } = await started(host)
    for (const name of ['graphql-transport-ws', 'graphql-ws']) {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/graphql`, [name])
      expect(String(await new Promise(resolve => ws.once('message', resolve)))).toBe(`${name} ${name}`)
      ws.close()
      await new Promise(resolve => ws.once('close', resolve))
    }
  })
})

describe('an upgrade to a protocol that nobody takes', () => {
  const asPlain = (req: IncomingMessage, res: ServerResponse) => {
    let body = ''
    req.on('data', chunk => {
      body += chunk
    })
    req.on('end', () => res.end(`${req.method} ${req.url} ${body} ${req.headers.upgrade ?? 'no offer'}`))
  }

  test('is served as if it had not been offered, and the connection stays', async () => {
    const host = newHost()
    host.mount('/', asPlain)
    host.server('/ws').on('upgrade', echo('ws'))
    const { port } = await started(host)
    const offer = 'Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABk\n'
    const client = new RawClient(port).send(`POST /a?b HTTP/1.1\nHost: x\n${offer}Content-Length: 4\n\nbody`)
    // Where Node can be asked first, the app sees the header, as it would alone; elsewhere it has to be taken out.
    await client.until(/POST \/a\?b body (no offer|h2c)/)
    client.send('GET /next HTTP/1.1\nHost: x\nConnection: close\n\n')
    await client.until(/GET \/next {2}no offer/)
    await client.closed
  })

  test('is written again without the offer, and otherwise as it came', () => {
    const rawHeaders = [
      'Host',
      'x',
      'CONNECTION',
      'keep-alive, Upgrade,HTTP2-Settings',
      'X-Empty',
      '',
      'upgrade',
      'h2c',
    ]
    rawHeaders.push('HTTP2-Settings', 'AAMAAABk', 'Connection', 'upgrade', 'X-Last', '\xe4')
    const req = { method: 'POST', url: '/a?b', httpVersion: '1.0', rawHeaders } as IncomingMessage
    const socket = new PassThrough()
    const accept = jest.fn()
    answerWithoutUpgrade(req, socket, Buffer.from('body'), accept)
    expect(accept).toHaveBeenCalledWith(socket)
    expect(socket.read().toString('latin1')).toBe(
      'POST /a?b HTTP/1.0\r\nHost: x\r\nCONNECTION: keep-alive\r\nX-Empty: \r\nX-Last: \xe4\r\n\r\nbody',
    )
  })

  test('leaves HTTP/1.0 as it is: its client waits for the end of the connection', async () => {
    const host = newHost()
    host.mount('/', asPlain)
    const { port } = await started(host)
    const offer = 'GET /old HTTP/1.0\nConnection: Upgrade\nUpgrade: h2c\n\n'
    expect(await exchange(port, offer)).toMatch(/GET \/old {2}(no offer|h2c)$/)
  })

  test.each([400, 1024, 1100])('cannot hide where a request with %i more headers ends', async count => {
    const host = newHost()
    const seen: unknown[] = []
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      seen.push(req.url)
      req.resume().on('end', () => res.end())
    })
    const { port } = await started(host)
    const inner = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
    const offer = `Connection: Upgrade\nUpgrade: h2c\n${'a:\n'.repeat(count)}Content-Length: ${inner.length}\n\n`
    const client = new RawClient(port).send(`POST /front HTTP/1.1\nHost: x\n${offer}${inner}`)
    await client.until(/HTTP\/1.1 \d+/)
    client.send(get('/next'))
    await client.closed
    // Where Node can be asked first, it has parsed the request as a whole, and nothing is to be feared.
    if (client.text.includes(' 431 ')) expect(seen).toEqual([])
    else expect(seen).toEqual(['/front', '/next'])
    if (count < 500) expect(seen).toHaveLength(2)
  })
})

describe('an upgrade behind a request that has not been answered', () => {
  test.each([
    ['that a mount takes', '/ws', 'websocket'],
    ['that nobody takes', '/nobody', 'websocket'],
    ['to a protocol that nobody takes', '/plain', 'h2c'],
  ])('%s: nothing comes before the answer', async (_which, path, protocol) => {
    const host = newHost()
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end('second'))
    host.mount('/slow', (_req: IncomingMessage, res: ServerResponse) => void turns().then(() => res.end('first')))
    host.server('/ws').on('upgrade', echo('second'))
    const { port } = await started(host)
    const offer = `GET ${path} HTTP/1.1\nHost: x\nConnection: close, Upgrade\nUpgrade: ${protocol}\n\n`
    const text = await exchange(port, `GET /slow HTTP/1.1\nHost: x\n\n${offer}`)
    expect(text).toMatch(/^HTTP\/1.1 200 OK[\s\S]*\r\n\r\nfirst(HTTP|$)/)
    // Node's own order, where it can be asked whether to upgrade.
    if (text.includes('second')) expect(protocol).toBe('h2c')
  })

  test('a long answer is finished', async () => {
    const host = newHost()
    const chunk = Buffer.alloc(1 << 20, 'x')
    host.mount('/long', async (_req: IncomingMessage, res: ServerResponse) => {
      await turns()
      for (let i = 0; i < 16; i++) if (!res.write(chunk)) await new Promise(resolve => res.once('drain', resolve))
      res.end('last')
    })
    const { port } = await started(host)
    const client = new RawClient(port).send(`GET /long HTTP/1.1\nHost: x\n\n${upgrade('/ws')}`)
    await client.closed
    expect(client.text).toMatch(/last\r\n0\r\n\r\n$/)
    expect((await host.close()).clean).toBe(true)
  })
})
