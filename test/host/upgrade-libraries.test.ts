/**
 * The libraries that take upgrades, all on one port, each with a real client. Whatever order they are registered in, each
 * gets its own and nobody else's.
 */
import { once } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import websocket from '@fastify/websocket'
import { createAdaptorServer, upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import WebSocket, { WebSocketServer } from 'ws'
import type { SynclessError } from '../../src/core/index.js'
import type { Host } from '../../src/host/index.js'
import { express, fastify, fastify4 } from './frameworks.js'
import { closeHosts, exchange, get, newHost, RawClient, started, turns } from './support.js'

beforeEach(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
})
afterEach(closeHosts)
afterEach(() => {
  jest.restoreAllMocks()
})

/** A library that is set up on a host. */
interface Installed {
  /** Uses it as its clients do; rejects if it does not work. */
  use(port: number): Promise<void>
  close(): Promise<unknown>
}

type Install = (host: Host, path: string) => Installed

const echoes = (name: string) => (ws: WebSocket) => {
  ws.on('message', data => ws.send(`${name} ${data}`))
}

async function talk(url: string, name: string): Promise<void> {
  const ws = new WebSocket(url)
  await once(ws, 'open')
  const answer = once(ws, 'message')
  ws.send('hi')
  expect(String((await answer)[0])).toBe(`${name} hi`)
  const closed = once(ws, 'close')
  ws.close()
  await closed
}

const page = async (port: number, path: string, text: string) =>
  expect(await exchange(port, get(path))).toMatch(new RegExp(`${text}$`))

const libraries: Record<string, Install> = {
  'Socket.IO': (host, path) => {
    const server = new Server(host.server(path), { path })
    server.on('connection', socket => {
      socket.on('double', (n: number, reply: (n: number) => void) => reply(n * 2))
    })
    const connect = async (port: number, transports: string[]) => {
      const client = io(`http://127.0.0.1:${port}`, { path, transports, forceNew: true, reconnection: false })
      const upgraded = new Promise(resolve => client.io.on('open', () => client.io.engine.once('upgrade', resolve)))
      expect(await client.emitWithAck('double', 21)).toBe(42)
      if (transports.length > 1) await upgraded
      expect(client.io.engine.transport.name).toBe('websocket')
      client.disconnect()
    }
    return {
      async use(port) {
        await connect(port, ['websocket'])
        await connect(port, ['polling', 'websocket'])
      },
      close: () => server.close(),
    }
  },
  'ws on a server': (host, path) => {
    const server = host.server(path)
    const wss = new WebSocketServer({ server })
    wss.on('connection', echoes('server'))
    return {
      use: port => talk(`ws://127.0.0.1:${port}${path}/x`, 'server'),
      close: async () => {
        wss.close()
        await new Promise(resolve => server.close(resolve))
      },
    }
  },
  'ws without a server': (host, path) => {
    const server = host.server(path)
    const [a, b] = [new WebSocketServer({ noServer: true }), new WebSocketServer({ noServer: true })]
    a.on('connection', echoes('a'))
    b.on('connection', echoes('b'))
    server.on('upgrade', (req, socket, head) => {
      const wss = req.url === `${path}/a` ? a : b
      wss.handleUpgrade(req, socket, head, ws => wss.emit('connection', ws, req))
    })
    return {
      async use(port) {
        await talk(`ws://127.0.0.1:${port}${path}/a`, 'a')
        await talk(`ws://127.0.0.1:${port}${path}/b`, 'b')
      },
      close: () => new Promise(resolve => server.close(resolve)),
    }
  },
  'ws in an Express app': (host, path) => {
    const server = host.server(path)
    const app = express().get(`${path}/page`, (_req, res) => void res.send('an Express page'))
    server.on('request', app)
    const wss = new WebSocketServer({ server, path: `${path}/live` })
    wss.on('connection', echoes('Express'))
    return {
      async use(port) {
        await talk(`ws://127.0.0.1:${port}${path}/live`, 'Express')
        await page(port, `${path}/page`, 'an Express page')
      },
      close: () => new Promise(resolve => server.close(resolve)),
    }
  },
  '@fastify/websocket': (host, path) => {
    const app = fastify({ serverFactory: host.serverFactory(path) })
    app.register(websocket)
    app.register(async app => {
      app.get(`${path}/live`, { websocket: true }, echoes('Fastify'))
      app.get(`${path}/page`, async () => 'a Fastify page')
    })
    return {
      async use(port) {
        await talk(`ws://127.0.0.1:${port}${path}/live`, 'Fastify')
        await page(port, `${path}/page`, 'a Fastify page')
      },
      close: () => app.close(),
    }
  },
}

const more: Record<string, Install> = {
  '@fastify/websocket, prebuilt': (host, path) => {
    const app = fastify()
    app.register(websocket)
    app.register(async app => {
      app.get(`${path}/live`, { websocket: true }, echoes('prebuilt'))
    })
    host.mount(path, app)
    return { use: port => talk(`ws://127.0.0.1:${port}${path}/live`, 'prebuilt'), close: () => app.close() }
  },
  'ws in a Fastify 4': (host, path) => {
    const app = fastify4({ serverFactory: host.serverFactory(path) })
    const wss = new WebSocketServer({ server: app.server })
    wss.on('connection', echoes('Fastify 4'))
    app.get(`${path}/page`, async () => 'a page of Fastify 4')
    return {
      async use(port) {
        await talk(`ws://127.0.0.1:${port}${path}/live`, 'Fastify 4')
        await page(port, `${path}/page`, 'a page of Fastify 4')
      },
      close: () => app.close(),
    }
  },
  Hono: (host, path) => {
    const app = new Hono()
    app.get(
      `${path}/live`,
      upgradeWebSocket(() => ({ onMessage: (event, ws) => ws.send(`Hono ${event.data}`) })),
    )
    let server: HttpServer | undefined
    createAdaptorServer({
      fetch: app.fetch,
      overrideGlobalObjects: false,
      websocket: { server: new WebSocketServer({ noServer: true }) as never },
      createServer: ((_options: object, listener: never) => {
        server = host.serverFactory(path)(listener) as HttpServer
        return server
      }) as never,
    })
    return {
      use: port => talk(`ws://127.0.0.1:${port}${path}/live`, 'Hono'),
      close: () => new Promise(resolve => server?.close(resolve)),
    }
  },
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]]
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map(rest => [item, ...rest]),
  )
}

const rotations = <T>(items: readonly T[]): T[][] => items.map((_, i) => [...items.slice(i), ...items.slice(0, i)])

/** Sets them up in an order of its own, each at a path of its own, next to an app that owns everything else. */
function install(host: Host, order: readonly [name: string, install: Install][]): Map<string, Installed> {
  const installed = order.map(([name, at], i) => [name, at(host, `/lib${i}`)] as const)
  host.mount(
    '/',
    express().get('/', (_req, res) => void res.send('the rest')),
  )
  return new Map(installed)
}

const upgrade = (path: string) =>
  `GET ${path} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n'

async function allWork(installed: Map<string, Installed>, port: number): Promise<void> {
  await Promise.all(Array.from(installed.values(), library => library.use(port)))
  expect(await exchange(port, get('/'))).toMatch(/the rest$/)
  for (const path of ['/', '/unknown', '/lib', '/lib00']) {
    expect(await exchange(port, upgrade(path))).toMatch(/^HTTP\/1.1 404 Not Found\r\n/)
  }
}

describe('in every order of registration, all of them work, and an unknown path is a 404', () => {
  const orders = permutations(Object.entries(libraries))

  test.each(Object.keys(libraries))('with %s first', async first => {
    const beginning = orders.filter(([library]) => library?.[0] === first)
    expect(beginning).toHaveLength(24)
    for (const order of beginning) {
      const host = newHost()
      const installed = install(host, order)
      const { port } = await started(host)
      await allWork(installed, port)
      expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
    }
  })
})

const everything = Object.entries({ ...libraries, ...more })

test.each(rotations(everything).flatMap(order => [[order], [[...order].reverse()]]))(
  'all eight of them, in another order',
  async order => {
    const host = newHost()
    const installed = install(host, order)
    const { port } = await started(host)
    await allWork(installed, port)
    expect((await host.close({ deadline: 600_000 })).clean).toBe(true)
  },
)

test.each(everything)('when %s closes, its neighbours go on', async name => {
  const host = newHost()
  const installed = install(host, everything)
  const { port } = await started(host)
  await allWork(installed, port)
  // One that stays connected while the neighbour closes.
  const neighbour = everything.findIndex(([other]) => other.startsWith('ws ') && other !== name)
  const ws = new WebSocket(`ws://127.0.0.1:${port}/lib${neighbour}/a`)
  await once(ws, 'open')
  await installed.get(name)?.close()
  installed.delete(name)
  await allWork(installed, port)
  const answer = once(ws, 'message')
  ws.send('still')
  expect(String((await answer)[0])).toMatch(/still$/)
  ws.terminate()
  const closed = everything.findIndex(([other]) => other === name)
  expect(await exchange(port, upgrade(`/lib${closed}/live`))).toMatch(/^HTTP\/1.1 (503|404)/)
})

describe('several servers on one mount', () => {
  test('Node-RED’s way, beside Socket.IO and ws: each gets the paths that are its own', async () => {
    const errors: SynclessError[] = []
    const host = newHost({ onError: error => void errors.push(error) })
    const server = host.server('/red')
    const seen: unknown[] = []
    // Its editor, its debug view and its dashboard each have a listener on the one server, added while it starts.
    for (const path of ['/red/comms', '/red/debug/ws', '/red/ui/comms']) {
      const sockets = new WebSocketServer({ noServer: true })
      sockets.on('connection', ws => ws.send(path))
      await turns()
      server.on('upgrade', (req, socket, head) => {
        seen.push(req.url)
        if (new URL(req.url ?? '', 'http://h').pathname !== path) return
        sockets.handleUpgrade(req, socket, head, ws => sockets.emit('connection', ws, req))
      })
    }
    new Server(server, { path: '/red/io', destroyUpgrade: false }).on('connection', socket => socket.emit('hello'))
    for (const path of ['/ws', '/redder']) {
      new WebSocketServer({ server: host.server(path) }).on('connection', ws => ws.send(path))
    }
    const { port } = await started(host)
    for (const path of ['/red/ui/comms', '/ws', '/redder', '/red/comms', '/red/debug/ws']) {
      const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`)
      expect(String((await once(ws, 'message'))[0])).toBe(path)
      ws.terminate()
    }
    const client = io(`http://127.0.0.1:${port}`, { path: '/red/io', transports: ['websocket'], reconnection: false })
    await new Promise(resolve => client.on('hello', () => resolve(undefined)))
    client.disconnect()
    expect(errors).toEqual([])
    // The upgrades of others pass by it.
    expect(seen.filter(url => !String(url).startsWith('/red/'))).toEqual([])
  })

  test('two of ws that refuse each other’s paths answer one socket: reported', async () => {
    const errors: SynclessError[] = []
    const host = newHost({ onError: error => void errors.push(error) })
    const server = host.server('/rt')
    for (const path of ['/rt/a', '/rt/b']) new WebSocketServer({ server, path })
    const { port } = await started(host)
    await exchange(port, upgrade('/rt/a'))
    expect(errors).toMatchObject([{ code: 'UPGRADE_TAKEN', message: expect.stringContaining('"/rt"') }])
  })

  test('a plugin of Fastify and a listener that knows its path', async () => {
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/rt') })
    const seen: unknown[] = []
    app.server.on('upgrade', req => void seen.push(req.url))
    app.register(websocket)
    app.register(async routes => {
      routes.get('/rt/live', { websocket: true }, ws => ws.send('Fastify'))
    })
    const { port } = await started(host)
    const ws = new WebSocket(`ws://127.0.0.1:${port}/rt/live`)
    expect(String((await once(ws, 'message'))[0])).toBe('Fastify')
    ws.terminate()
    expect(seen).toEqual(['/rt/live'])
  })
})

describe('two owners of one path', () => {
  test('two mounts at one path: refused at once', () => {
    const host = newHost()
    new WebSocketServer({ server: host.server('/rt') })
    expect(() => host.server('/rt')).toThrow(expect.objectContaining({ code: 'MOUNT_TAKEN' }))
  })
})

test('a client that talks before it was accepted loses nothing, whoever takes it', async () => {
  const host = newHost()
  install(host, everything)
  const { port } = await started(host)
  // A masked text frame: "hi".
  const frame = Buffer.from([0x81, 0x82, 1, 2, 3, 4, 0x68 ^ 1, 0x69 ^ 2])
  for (const [i, [name]] of everything.entries()) {
    if (name === 'Socket.IO') continue
    const client = new RawClient(port)
    client.socket.write(Buffer.concat([Buffer.from(upgrade(`/lib${i}/live`).replaceAll('\n', '\r\n')), frame]))
    await client.until(/ hi/)
    expect(client.text).toMatch(/^HTTP\/1.1 101 /)
    client.socket.destroy()
  }
})
