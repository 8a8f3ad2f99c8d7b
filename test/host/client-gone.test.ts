/** The scope of a request is cancelled exactly when its client has left before the response was ended. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as connectPlain, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { type WebSocket, WebSocketServer } from 'ws'
import { never, type Scope, type SynclessError, until } from '../../src/core/index.js'
import { Random } from '../../src/core/loop/random.js'
import { type FetchBindings, type Host, type HostOptions, requestScope, taskletHandler } from '../../src/host/index.js'
import { sized } from '../sized.js'
import { meantWarnings } from '../warnings.js'
import { ca, server as tls } from './certificates.js'
import { express, express4, fastify, fastify4 } from './frameworks.js'
import { closeHosts, defer, newHost, started, turns } from './support.js'

// A handler that is killed no longer waits for the body that breaks off.
meantWarnings(/a promise was rejected after all who waited for it had left: Error: aborted/)

afterEach(closeHosts)

/** How far a handler goes with its response before it stops. */
type Moment = 'before headers' | 'mid-stream' | 'after end'

/** What a request asks of its handler, in its path: `/<mount>/<id>/<read>/<moment>`. */
interface Task {
  readonly id: string
  readonly read: boolean
  readonly moment: Moment
}

function taskOf(req: IncomingMessage): Task {
  const [, , id = '', read, moment = ''] = decodeURIComponent(req.url ?? '').split('/')
  return { id, read: read === 'read', moment: moment as Moment }
}

const pathOf = (mount: string, { id, read, moment }: Task): string =>
  `${mount}/${id}/${read ? 'read' : 'unread'}/${encodeURIComponent(moment)}`

/** What the handlers of all kinds tell. */
class Watch {
  readonly scopes = new Map<string, Scope>()
  /** The requests whose scope was cancelled, with the reason. */
  readonly gone = new Map<string, unknown>()
  /** The requests whose tasklet or fetch signal ended with the client. */
  readonly told = new Set<string>()
  #reached = new Set<string>()
  #waiting = new Map<string, () => void>()

  begin(req: IncomingMessage): void {
    const { id } = taskOf(req)
    const scope = requestScope(req)
    this.scopes.set(id, scope)
    scope.signal.addEventListener('abort', () => this.gone.set(id, scope.signal.reason.reason))
  }

  /** The handler has done what it was asked to do. */
  reach(id: string): void {
    this.#reached.add(id)
    this.#waiting.get(id)?.()
  }

  async reached(id: string): Promise<void> {
    if (!this.#reached.has(id)) await new Promise<void>(resolve => this.#waiting.set(id, resolve))
  }
}

type Kind = (host: Host, path: string, watch: Watch) => void

async function plain(req: IncomingMessage, res: ServerResponse, watch: Watch): Promise<void> {
  const { id, read, moment } = taskOf(req)
  watch.begin(req)
  if (read) await buffer(req)
  if (moment === 'mid-stream') res.write('some')
  if (moment === 'after end') res.end(`done ${id};`)
  watch.reach(id)
}

function expressKind(make: typeof express): Kind {
  return (host, path, watch) => {
    const app = make()
    const parse = make.text({ type: '*/*' })
    app.use((req, res, next) => {
      watch.begin(req)
      if (taskOf(req).read) parse(req, res, next)
      else next()
    })
    app.use((req, res) => {
      const { id, moment } = taskOf(req)
      if (moment === 'mid-stream') res.write('some')
      if (moment === 'after end') res.send(`done ${id};`)
      watch.reach(id)
    })
    host.mount(path, app)
  }
}

function fastifyKind(make: typeof fastify): Kind {
  return (host, path, watch) => {
    const app = make({ serverFactory: host.serverFactory(path) })
    app.addHook('onRequest', async request => watch.begin(request.raw))
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (request, payload, done) => {
      if (taskOf(request.raw).read) buffer(payload).then(body => done(null, body), done)
      else done(null)
    })
    app.all('/*', (request, reply) => {
      const { id, moment } = taskOf(request.raw)
      if (moment === 'mid-stream') {
        const stream = new PassThrough()
        stream.write('some')
        reply.send(stream)
      }
      if (moment === 'after end') reply.send(`done ${id};`)
      watch.reach(id)
    })
  }
}

const kinds: Record<string, Kind> = {
  'Express 4': expressKind(express4),
  'Express 5': expressKind(express),
  'Fastify 4': fastifyKind(fastify4),
  'Fastify 5': fastifyKind(fastify),
  'a fetch app': (host, path, watch) => {
    const app = {
      async fetch(request: Request, { incoming }: FetchBindings) {
        const { id, read, moment } = taskOf(incoming)
        watch.begin(incoming)
        request.signal.addEventListener('abort', () => watch.told.add(id))
        if (read) await request.arrayBuffer()
        watch.reach(id)
        if (moment === 'before headers') return new Promise<Response>(() => {})
        if (moment === 'after end') return new Response(`done ${id};`)
        return new Response(new ReadableStream({ start: controller => controller.enqueue(Buffer.from('some')) }))
      },
    }
    host.mount(path, app)
  },
  'a tasklet handler': (host, path, watch) => {
    const handler = taskletHandler(function* (req, res) {
      const { id, read, moment } = taskOf(req)
      watch.begin(req)
      let cut = true
      try {
        if (read) yield* until(buffer(req))
        if (moment === 'mid-stream') res.write('some')
        if (moment === 'after end') res.end(`done ${id};`)
        else {
          watch.reach(id)
          yield* never
        }
        cut = false
      } finally {
        if (cut) watch.told.add(id)
        watch.reach(id)
      }
    })
    host.mount(path, handler)
  },
  'a plain handler': (host, path, watch) => {
    host.mount(path, (req, res) => plain(req, res, watch))
  },
}

/** Whether the kind has a sign of its own that its client is gone. */
const tells = (kind: string): boolean => kind === 'a fetch app' || kind === 'a tasklet handler'

const moments: readonly Moment[] = ['before headers', 'mid-stream', 'after end']

type Method = 'GET' | 'POST'

function message(method: Method, mount: string, task: Task, headers = ''): string {
  const head = `${method} ${pathOf(mount, task)} HTTP/1.1\r\nHost: x\r\n${headers}`
  if (method === 'GET') return `${head}\r\n`
  return `${head}Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody`
}

/** A connection of a client, which knows how to wait for an answer. */
class Client {
  readonly socket: Socket
  text = ''
  #wake = () => {}

  constructor(port: number, secure = false) {
    const options = { port, host: '127.0.0.1' }
    this.socket = secure ? connectTls({ ...options, ca }) : connectPlain(options)
    this.socket.setEncoding('latin1').on('data', chunk => {
      this.text += chunk
      this.#wake()
    })
    this.socket.on('error', () => {}).on('close', () => this.#wake())
  }

  send(...messages: string[]): this {
    this.socket.write(messages.join(''))
    return this
  }

  /** Resolves when `part` has come, and rejects when the connection closes before. */
  async got(part: string): Promise<void> {
    while (!this.text.includes(part)) {
      if (this.socket.destroyed) throw new Error(`closed before ${part}; got ${JSON.stringify(this.text)}`)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}

/** Sends a request in its own way, on a connection on which another has been answered already. */
type Way = (client: Client, request: (task: Task, headers?: string) => string, task: Task) => void

const behind = (task: Task): Task => ({ id: `ahead-of-${task.id}`, read: false, moment: 'before headers' })

const ways: Record<string, Way> = {
  'keep-alive': (client, request, task) => void client.send(request(task)),
  // The one ahead of it holds the connection: nothing of its own response is on the wire.
  pipelined: (client, request, task) => void client.send(request(behind(task)), request(task)),
  'with an offer to upgrade': (client, request, task) =>
    void client.send(
      request(task, 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'),
    ),
  'over TLS': (client, request, task) => void client.send(request(task)),
}

const leaves: ((socket: Socket) => void)[] = [
  socket => socket.destroy(),
  socket => socket.end(),
  socket => socket.resetAndDestroy(),
]

/** A host with apps of these kinds, at `/0`, `/1` and so on; `/hook` tells by `closed` when its connection has closed. */
async function serve(list: readonly Kind[], options: HostOptions = {}) {
  const watch = new Watch()
  const errors: SynclessError[] = []
  const host = newHost({ ...options, onError: error => void errors.push(error) })
  for (const [at, kind] of list.entries()) kind(host, `/${at}`, watch)
  const closes = new Map<string, () => void>()
  host.mount('/hook', (req, res) => {
    req.socket.once('close', () => closes.get(req.url ?? '')?.())
    res.end('hooked;')
  })
  const { port } = await started(host)
  const hook = async (client: Client, id: string): Promise<{ closed: Promise<void> }> => {
    const { promise, resolve } = defer()
    closes.set(`/hook/${id}`, resolve)
    await client.send(`GET /hook/${id} HTTP/1.1\r\nHost: x\r\n\r\n`).got('hooked;')
    return { closed: promise }
  }
  return { host, watch, errors, port, hook }
}

describe.each(Object.entries(kinds))('%s', (name, kind) => {
  describe.each(Object.entries(ways))('%s', (way, send) => {
    const secure = way === 'over TLS'
    const cases = (['GET', 'POST'] as const).flatMap(method =>
      [true, false].flatMap(read => moments.map(moment => ({ method, read, moment }))),
    )

    test.each(cases)('$method, read: $read, $moment', async ({ method, read, moment }) => {
      const { watch, errors, port, hook } = await serve([kind], secure ? { tls } : {})
      const expected: string[] = []
      // A secure connection cannot be reset without its plain one.
      for (const [at, leave] of leaves.slice(0, secure ? 2 : 3).entries()) {
        const task = { id: `x${at}`, read, moment }
        const client = new Client(port, secure)
        const { closed } = await hook(client, task.id)
        send(client, (asked, headers) => message(method, '/0', asked, headers), task)
        await watch.reached(task.id)
        if (way !== 'pipelined' && moment === 'mid-stream') await client.got('some')
        if (way !== 'pipelined' && moment === 'after end') await client.got(`done ${task.id};`)
        await turns()
        expect([...watch.gone.keys()]).toEqual(expected)
        leave(client.socket)
        await closed
        await turns()
        if (way === 'pipelined') expected.push(behind(task).id)
        if (moment !== 'after end') expected.push(task.id)
        expect([...watch.gone.keys()]).toEqual(expected)
      }
      for (const reason of watch.gone.values()) expect(reason).toMatchObject({ code: 'CLIENT_GONE' })
      expect([...watch.told]).toEqual(tells(name) ? expected : [])
      expect(errors).toEqual([])
    })
  })

  test('a client that leaves while it sends the body', async () => {
    const { watch, port, hook } = await serve([kind])
    const client = new Client(port)
    const { closed } = await hook(client, 'x')
    const path = pathOf('/0', { id: 'x', read: true, moment: 'after end' })
    client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nsome`)
    while (!watch.scopes.has('x')) await turns()
    await turns()
    expect(watch.gone.size).toBe(0)
    client.socket.destroy()
    await closed
    await turns()
    expect([...watch.gone.keys()]).toEqual(['x'])
  })
})

test('a connection that becomes a WebSocket: what was answered on it before was answered', async () => {
  const { host, watch, port } = await serve([kinds['a plain handler'] as Kind])
  const sockets = new WebSocketServer({ server: host.server('/ws') })
  const opened = once(sockets, 'connection')
  const client = new Client(port)
  await client.send(message('POST', '/0', { id: 'x', read: true, moment: 'after end' })).got('done x;')
  client.send('GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n')
  client.send('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
  const [socket]: WebSocket[] = await opened
  client.socket.destroy()
  await once(socket as WebSocket, 'close')
  await turns()
  expect(watch.gone.size).toBe(0)
})

test('a client whose large body waits unread is noticed when somebody reads on', async () => {
  const { watch, port, hook } = await serve([
    (host, path, told) =>
      void host.mount(path, req => {
        told.begin(req)
        told.reach('x')
        go.promise.then(() => req.resume().on('error', () => {}))
      }),
  ])
  const go = defer()
  const client = new Client(port)
  const { closed } = await hook(client, 'x')
  client.send('POST /0/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n', 'x'.repeat(1_000_000))
  await watch.reached('x')
  await turns()
  client.socket.destroy()
  await turns()
  expect(watch.gone.size).toBe(0)
  go.resolve()
  await closed
  await turns()
  expect([...watch.gone.keys()]).toEqual(['x'])
})

test('many mixed requests of all kinds on many connections: those that were left are cancelled, and no other', async () => {
  const TOTAL = sized(2000, 10_000)
  const CONNECTIONS = 40
  // On a busy machine a client may be idle for longer than a connection without requests is kept.
  const { host, watch, errors, port } = await serve(Object.values(kinds), { http: { keepAliveTimeout: 60_000 } })
  const random = new Random(4)
  const chance = (oneIn: number) => random.below(oneIn) === 0
  const left = new Set<string>()
  let made = 0

  const next = (moment: Moment): Task => ({ id: String(made++), read: chance(2), moment })
  const encode = (task: Task): string =>
    message(chance(2) ? 'GET' : 'POST', `/${random.below(Object.keys(kinds).length)}`, task)

  /** Some requests at once, all of which are answered. */
  async function ask(client: Client): Promise<void> {
    const tasks = Array.from({ length: 1 + (chance(3) ? random.below(4) : 0) }, () => next('after end'))
    client.text = ''
    client.send(...tasks.map(encode))
    await client.got(`done ${tasks.at(-1)?.id};`)
  }

  /** As `ask`, but one of them is not answered in full, and the client leaves. */
  async function leave(client: Client): Promise<void> {
    const ahead = Array.from({ length: random.below(3) }, () => next('after end'))
    const lost = next(chance(2) ? 'before headers' : 'mid-stream')
    const after = Array.from({ length: random.below(3) }, () => next('after end'))
    const tasks = [...ahead, lost, ...after]
    client.send(...tasks.map(encode))
    await Promise.all(tasks.map(({ id }) => watch.reached(id)))
    // Time for those that answer in a later turn.
    await turns()
    left.add(lost.id)
    leaves[random.below(leaves.length)]?.(client.socket)
  }

  async function visit(): Promise<void> {
    while (made < TOTAL) {
      const client = new Client(port)
      for (let stays = true; stays && made < TOTAL; ) {
        stays = !chance(30)
        await (stays ? ask(client) : leave(client))
      }
      client.socket.destroy()
    }
  }

  await Promise.all(Array.from({ length: CONNECTIONS }, visit))
  const report = await host.close()
  expect(report).toMatchObject({ clean: true, requests: [], tasklets: 0 })
  expect(watch.scopes.size).toBe(made)
  expect(made).toBeGreaterThanOrEqual(TOTAL)
  expect(left.size).toBeGreaterThan(TOTAL / 100)
  expect([...watch.gone.keys()].sort()).toEqual([...left].sort())
  expect(errors).toEqual([])
}, 60_000)
