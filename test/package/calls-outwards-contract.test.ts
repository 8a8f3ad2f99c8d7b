/**
 * Goes through the tables "Calls outwards": whatever a row says is reported, or runs in the context of its registration, is called here
 * with a function that throws, with one that rejects, and from another context.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { of } from 'rxjs'
import { Server as SocketServer } from 'socket.io'
import { io } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import * as emitter from '../../src/adapters/emitter/index.js'
import * as eventTarget from '../../src/adapters/event-target/index.js'
import { traceRequests } from '../../src/adapters/otel/index.js'
import * as rx from '../../src/adapters/rx/index.js'
import * as sio from '../../src/adapters/socket.io/index.js'
import * as ws from '../../src/adapters/ws/index.js'
import { action, addInstrument, channel, go, Scope, sleep } from '../../src/core/index.js'
import { connect, listen } from '../../src/core/nbsocket/index.js'
import * as stackless from '../../src/stackless/index.js'
import { reported, turns } from '../adapters/support.js'
import { closeHosts, exchange, get, newHost, started } from '../host/support.js'
import { type Row, rows } from './calls-outwards.js'

afterEach(closeHosts)

const storage = new AsyncLocalStorage<string>()
/** Runs in another context than that of the registration. */
const elsewhere = <T>(fn: () => T): T => storage.run('elsewhere', fn)

/** Registers `fn` where it is called, and has it called elsewhere. */
type Driver = (fn: () => never) => Promise<unknown>

const hello = (_req: IncomingMessage, res: ServerResponse) => void res.end('hello')
const fails = () => {
  throw new Error('of the handler')
}

async function serving(options: object, handler: () => void = hello as () => void): Promise<void> {
  const host = newHost(options).mount('/', handler)
  // The connections run where the host listens.
  const { port } = await elsewhere(() => started(host))
  await exchange(port, get('/'))
}

const drivers: Record<string, Driver> = {
  'onFailure of a scope': async fn => {
    const scope = new Scope({ onFailure: fn })
    elsewhere(() => scope.go(fails))
    await turns()
  },
  'cancel of action()': async fn => {
    const tasklet = go(function* () {
      yield* action(() => fn)
    })
    await turns()
    await elsewhere(() => tasklet.kill())
  },
  'hooks of an instrument': async fn => {
    const remove = addInstrument({ onSpawn: fn })
    await elsewhere(() => go(() => sleep(0)))
    remove()
  },
  'onError of listen()': async fn => {
    const server = await listen({ host: '127.0.0.1', port: 0, tls: { handshakeTimeout: 1 }, onError: fn })
    await elsewhere(async () => {
      const sock = await connect({ host: '127.0.0.1', port: server.port })
      await sock.recv()
      await sock.close()
    })
    await server.close()
  },
  'onError of serve()': async fn => {
    const server = await listen({ host: '127.0.0.1', port: 0 })
    const serve = go(function* () {
      yield* server.serve(fails, { onError: fn })
    })
    await turns()
    for (let i = 0; i < 2; i++) {
      const sock = await elsewhere(() => connect({ host: '127.0.0.1', port: server.port }))
      await sock.recv()
      await sock.close()
    }
    expect(serve.state).toBe('waiting')
    await server.close()
    await serve
  },
  'setScheduleCallback()': async fn => {
    stackless.setScheduleCallback(fn)
    try {
      await stackless.main(function* () {})
    } finally {
      stackless.setScheduleCallback(null)
    }
  },
  'setChannelCallback()': async fn => {
    stackless.setChannelCallback(fn)
    try {
      await stackless.main(function* () {
        const ch = new stackless.channel<number>()
        ch.preference = 1
        new stackless.tasklet(() => ch.receive()).setup()
        stackless.setChannelCallback(null)
        yield* stackless.run()
        stackless.setChannelCallback(fn)
        yield* ch.send(1)
      })
    } finally {
      stackless.setChannelCallback(null)
    }
  },
  'setErrorHandler()': async fn => {
    stackless.setErrorHandler(fn)
    try {
      await stackless.main(function* () {
        new stackless.tasklet(fails).setup()
        yield* stackless.run()
      })
    } finally {
      stackless.setErrorHandler(null)
    }
  },
  onError: fn => serving({ onError: fn }, fails),
  readiness: async fn => {
    const host = newHost({ health: true, readiness: fn, onError: () => {} })
    const { port } = await elsewhere(() => started(host))
    await exchange(port, get('/readyz'))
  },
  'host.onClose()': async fn => {
    const host = newHost().onClose(fn)
    await elsewhere(() => host.close())
  },
  'admission.exempt': fn => serving({ admission: { inFlight: 9, exempt: fn }, onError: () => {} }),
  'requestId.generate': fn => serving({ requestId: { generate: fn }, onError: () => {} }),
  'attributes of traceRequests()': async fn => {
    const stop = traceRequests({ attributes: fn })
    await serving({})
    stop()
  },
  'ignore of traceRequests()': async fn => {
    const stop = traceRequests({ ignore: fn })
    await serving({})
    stop()
  },
  'map of emitter.toChannel()': async fn => {
    const source = new EventEmitter()
    const values = emitter.toChannel(source, 'x', { capacity: 1, overflow: 'latest', map: fn })
    elsewhere(() => source.emit('x', 1))
    values.cancel()
  },
  'map of eventTarget.toChannel()': async fn => {
    const source = new EventTarget()
    const values = eventTarget.toChannel(source, 'x', { capacity: 1, overflow: 'latest', map: fn })
    elsewhere(() => source.dispatchEvent(new Event('x')))
    values.cancel()
  },
  'map of sio.toChannel()': async fn => {
    const http = createServer().listen(0)
    const server = new SocketServer(http)
    await once(http, 'listening')
    const arrived = new Promise<void>(resolve => {
      server.on('connection', socket => {
        const map = (...args: never[]) => Reflect.apply(fn, null, args)
        storage.run('registered', () => sio.toChannel(socket, 'x', { capacity: 1, overflow: 'latest', map }))
        socket.on('x', () => resolve())
        socket.emit('ready')
      })
    })
    const { port } = http.address() as AddressInfo
    const client = elsewhere(() => io(`http://localhost:${port}`, { transports: ['websocket'] }))
    client.on('ready', () => client.emit('x', 1))
    await arrived
    client.disconnect()
    await server.close()
  },
  'decode of ws.toChannel()': async fn => overWebSocket(socket => ws.toChannel(socket, { decode: fn })),
  'closeWith of ws': async fn =>
    overWebSocket(socket => {
      const values = ws.toChannel(socket, { closeWith: fn })
      elsewhere(() => values.cancel(new Error('why')))
    }),
  'functions of rx.fromTasklet()': async fn => {
    const work = rx.fromTasklet(fn)
    await new Promise<void>(resolve => void work.subscribe({ error: () => resolve(), complete: resolve }))
  },
  'subscribers of rx.fromTasklet()': async fn => {
    const wake = channel<number>()
    const work = rx.fromTasklet(() => wake.receive())
    const done = new Promise<void>(resolve => {
      work.subscribe({
        next: () => {
          resolve()
          fn()
        },
      })
    })
    await elsewhere(() => wake.send(1))
    await done
  },
  'project of rx.fromChannel()': async fn => {
    const jobs = channel<number>(1)
    const done = new Promise<void>(resolve => {
      rx.fromChannel(jobs, { project: fn as () => ReturnType<typeof of> }).subscribe({ error: () => resolve() })
    })
    await elsewhere(() => jobs.send(1))
    await done
  },
}

async function overWebSocket(use: (socket: WebSocket) => void): Promise<void> {
  const server = new WebSocketServer({ port: 0 })
  await once(server, 'listening')
  const closed = new Promise<void>(resolve => {
    server.on('connection', socket => {
      socket.on('close', () => resolve())
      storage.run('registered', () => use(socket))
      // A full bridge pauses it, and would not read the answer to a close.
      socket.on('message', () => socket.terminate())
    })
  })
  const client = elsewhere(() => new WebSocket(`ws://localhost:${(server.address() as AddressInfo).port}`))
  await once(client, 'open')
  client.send('x')
  await closed
  client.close()
  server.close()
}

const named = (cell: keyof Row, ...texts: string[]): [string][] =>
  rows.filter(row => texts.includes(row[cell])).map(({ what }) => [what.replaceAll('`', '')])

function driver(name: string): Driver {
  const found = drivers[name]
  if (found === undefined) throw new Error(`no driver for the row ${name}`)
  return found
}

/** Called with the test's own failure, once. */
function failing(how: () => unknown): { fn: () => never; calls: () => number } {
  let calls = 0
  const fn = () => {
    calls++
    return how() as never
  }
  return { fn, calls: () => calls }
}

test.each(named('context', 'of its registration', 'of its subscription'))(
  '%s: runs in the context of its registration',
  async name => {
    const seen: unknown[] = []
    await storage.run('registered', () => driver(name)(() => seen.push(storage.getStore()) as never)).catch(() => {})
    expect(new Set(seen)).toEqual(new Set(['registered']))
  },
)

test.each(named('throws', 'reported'))('%s: what it throws is reported, each time', async name => {
  const { fn, calls } = failing(() => {
    throw new Error('thrown by the user')
  })
  const warnings = await reported(() => driver(name)(fn))
  expect(calls()).toBeGreaterThan(0)
  expect(warnings.filter(text => text.includes('thrown by the user'))).toHaveLength(calls())
})

test.each(named('rejects', 'reported'))('%s: what it rejects with is reported, each time', async name => {
  const { fn, calls } = failing(() => Promise.reject(new Error('rejected by the user')))
  const warnings = await reported(() => driver(name)(fn))
  expect(calls()).toBeGreaterThan(0)
  expect(warnings.filter(text => text.includes('rejected by the user'))).toHaveLength(calls())
})

test('each driver belongs to a row', () => {
  const known = rows.map(({ what }) => what.replaceAll('`', ''))
  for (const name of Object.keys(drivers)) expect(known).toContain(name)
})
