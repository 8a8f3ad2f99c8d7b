/** The hooks of apps run once, in the order in which they run on a server of their own. */
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import websocket from '@fastify/websocket'
import express from 'express'
import fastify from 'fastify'
import { Server } from 'socket.io'
import { io as connectClient } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from './support.js'

afterEach(closeHosts)

const fastify4: typeof fastify = jest.requireActual('fastify4')
const express4: typeof express = jest.requireActual('express4')
const fastifies = { 'Fastify 5': fastify, 'Fastify 4': fastify4 }
const expresses = { 'Express 5': express, 'Express 4': express4 }

describe.each(Object.entries(fastifies))('%s', (_name, make) => {
  /** An app that notes what happens to it, with a request that is under way while it closes. */
  function noting(app: ReturnType<typeof fastify>) {
    const log: string[] = []
    const [begun, finish, closing] = [defer(), defer(), defer()]
    app.register(async (child: ReturnType<typeof fastify>) => {
      log.push('plugin')
      child.addHook('onReady', async () => void log.push('child onReady'))
      child.addHook('onClose', async () => void log.push('child onClose'))
    })
    app.addHook('onRegister', () => void log.push('onRegister'))
    app.addHook('onReady', async () => void log.push('onReady'))
    app.addHook('onListen', async () => void log.push(`onListen ${app.server.listening}`))
    app.addHook('preClose', async () => {
      log.push('preClose')
      closing.resolve()
    })
    app.addHook('onClose', async () => void log.push('onClose'))
    app.addHook('onRequest', async () => void log.push('onRequest'))
    app.addHook('onResponse', async () => void log.push('onResponse'))
    app.get('/slow', async () => {
      begun.resolve()
      await finish.promise
      return 'slow'
    })
    app.server.on('listening', () => log.push('server listening'))
    app.server.on('close', () => log.push('server close'))
    return { app, log, begun, finish, closing }
  }

  async function closeUnderWay(
    { log, begun, finish, closing }: ReturnType<typeof noting>,
    port: number,
    close: () => Promise<unknown>,
  ) {
    const answer = exchange(port, get('/slow'))
    await begun.promise
    const closed = close().then(() => log.push('closed'))
    await closing.promise
    await turns()
    finish.resolve()
    expect(await answer).toMatch(/slow$/)
    await closed
    return log
  }

  async function bare(): Promise<string[]> {
    const server = createServer()
    const program = noting(
      make({
        serverFactory: handler => {
          server.on('request', handler)
          return server
        },
      }),
    )
    await program.app.listen({ port: 0, host: '127.0.0.1' })
    return closeUnderWay(program, (server.address() as AddressInfo).port, () => program.app.close())
  }

  test.each([
    ['the host starts and closes it', false, 'host'],
    ['it is told to listen, and the host closes it', true, 'host'],
    ['it is told to listen and to close itself', true, 'app'],
  ] as const)('its hooks run as they do alone, where %s', async (_how, listens, closer) => {
    const host = newHost()
    const program = noting(make({ serverFactory: host.serverFactory('/') }))
    const listened = listens ? program.app.listen({ port: 0 }) : undefined
    const { port } = await started(host)
    await listened
    await turns()
    const log = await closeUnderWay(program, port, () => (closer === 'host' ? host.close() : program.app.close()))
    await host.close()
    // The response ends, and its hook runs, while the app's close waits for it.
    expect(log).toEqual(await bare())
    // Fastify 4 alone calls `preClose` once for each plugin, too.
    expect(log.filter((line, at) => log.indexOf(line) !== at && line !== 'preClose')).toEqual([])
  })

  test('a second close, and a start that had failed, run no hook twice', async () => {
    const host = newHost()
    const program = noting(make({ serverFactory: host.serverFactory('/') }))
    const taken = newHost()
    const { port } = await started(taken)
    await expect(host.listen({ port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    expect(program.log.filter(line => line.endsWith('onReady'))).toEqual(['onReady', 'child onReady'])
    const { port: free } = await started(host)
    await turns()
    await closeUnderWay(program, free, () => Promise.all([host.close(), program.app.close(), host.close()]))
    expect(program.log).toEqual(await bare())
  })

  test('one that is made while the host listens, and one that has no route', async () => {
    const host = newHost()
    await started(host)
    const log: string[] = []
    const late = make({ serverFactory: host.serverFactory('/late') })
    for (const hook of ['onReady', 'onListen', 'preClose', 'onClose'] as const) {
      late.addHook(hook, async () => void log.push(hook))
    }
    while (log.length < 2) await turns()
    await host.close()
    expect(log).toEqual(['onReady', 'onListen', 'preClose', 'onClose'])
  })

  test('a prebuilt one has all of them but onListen', async () => {
    const host = newHost()
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const program = noting(make())
    host.mount('/', program.app)
    const { port } = await started(host)
    await closeUnderWay(program, port, () => host.close())
    warn.mockRestore()
    const hooks = program.log.filter(line => /^(child )?on(Ready|Listen|Close)|^preClose/.test(line))
    expect([...new Set(hooks)]).toEqual(['onReady', 'child onReady', 'preClose', 'child onClose', 'onClose'])
  })
})

describe.each(Object.entries(expresses))('%s', (_name, make) => {
  test("'mount' is told to a nested app by its parent, and not by the host", async () => {
    const mounted: string[] = []
    const [parent, child] = [make(), make()]
    parent.on('mount', () => mounted.push('parent'))
    child.on('mount', () => mounted.push('child'))
    parent.use('/child', child)
    child.get('/', (req, res) => void res.send(`${req.baseUrl} ${(req.app as unknown) === child} ${child.path()}`))
    const host = newHost()
    host.mount('/', parent)
    const { port } = await started(host)
    expect(await exchange(port, get('/child/'))).toMatch(/\/child true \/child$/)
    await host.close()
    expect(mounted).toEqual(['child'])
  })

  test('the callback of listen() on its server comes once, when the host listens, and that of close() after its responses', async () => {
    const log: string[] = []
    const [begun, finish] = [defer(), defer()]
    const app = make()
    app.get('/', async (_req, res) => {
      begun.resolve()
      await finish.promise
      res.send('slow')
      log.push('answered')
    })
    const host = newHost()
    const server = host.server('/').on('request', app)
    server.on('listening', () => log.push('listening')).on('close', () => log.push('close'))
    server.listen(3000, () => log.push('listen callback'))
    await turns()
    expect(log).toEqual([])
    const { port } = await started(host)
    await turns()
    expect(log).toEqual(['listening', 'listen callback'])
    const answer = exchange(port, get('/'))
    await begun.promise
    const closed = new Promise(resolve => server.close(resolve))
    await turns()
    finish.resolve()
    expect(await closed).toBe(undefined)
    expect(await answer).toMatch(/slow$/)
    await host.close()
    expect(log).toEqual(['listening', 'listen callback', 'answered', 'close'])
  })
})

describe('servers on a mount server', () => {
  test.each([
    ['io.close()', 'io'],
    ['host.close()', 'host'],
  ] as const)('%s: each Socket.IO client is told once, and the server’s close comes once', async (_how, closer) => {
    const log: string[] = []
    const host = newHost()
    const server = host.server('/socket.io')
    server.on('close', () => log.push('server close'))
    const io = new Server(server)
    const gone = [defer(), defer()]
    let count = 0
    io.on('connection', socket => {
      socket.on('disconnect', () => {
        log.push('disconnect')
        gone[count++]?.resolve()
      })
    })
    const { url } = await started(host)
    const clients = ['polling', 'websocket'].map(transport =>
      connectClient(url, { transports: [transport], forceNew: true, reconnection: false }),
    )
    await Promise.all(clients.map(client => new Promise<void>(resolve => client.on('connect', resolve))))
    const left = clients.map(client => new Promise<void>(resolve => client.on('disconnect', () => resolve())))
    if (closer === 'io') await io.close()
    await host.close()
    await Promise.all([...left, ...gone.map(({ promise }) => promise)])
    expect(log.sort()).toEqual(['disconnect', 'disconnect', 'server close'])
    if (closer === 'host') await io.close()
  })

  test('wss.close() lets go of the upgrades, and of nothing else', async () => {
    const log: string[] = []
    const host = newHost()
    const server = host.server('/ws').on('request', (_req, res) => res.end('http'))
    const wss = new WebSocketServer({ server })
    wss.on('listening', () => log.push('listening')).on('close', () => log.push('close'))
    server.listen()
    const { port } = await started(host)
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    await new Promise(resolve => ws.once('open', resolve))
    const closed = new Promise(resolve => wss.close(resolve))
    const second = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    const refused = await new Promise<number | undefined>(resolve => {
      second.on('unexpected-response', (_req, res) => resolve(res.statusCode))
      second.on('error', () => {})
    })
    expect(refused).toBe(404)
    expect(await exchange(port, get('/ws'))).toMatch(/http$/)
    ws.close()
    await closed
    expect(log).toEqual(['listening', 'close'])
  })

  test('@fastify/websocket says goodbye in its preClose, before onClose', async () => {
    const log: string[] = []
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/') })
    app.register(websocket)
    app.register(async routes => {
      routes.get('/ws', { websocket: true }, socket => {
        socket.on('close', () => log.push('socket close'))
      })
    })
    app.addHook('onClose', async () => void log.push('onClose'))
    const { port } = await started(host)
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    const closed = new Promise(resolve => ws.once('close', resolve))
    await new Promise(resolve => ws.once('open', resolve))
    expect((await host.close()).clean).toBe(true)
    await closed
    expect(log.sort()).toEqual(['onClose', 'socket close'])
  })
})

describe('closing one mount does not touch its neighbours', () => {
  interface Closable {
    close: () => Promise<unknown>
    ready?: Promise<unknown>
  }

  const kinds: [string, (host: ReturnType<typeof newHost>) => Closable][] = [
    ...Object.entries(fastifies).map(([name, make]): [string, (host: ReturnType<typeof newHost>) => Closable] => [
      name,
      host => {
        const app = make({ serverFactory: host.serverFactory('/mine') })
        app.get('/mine', async () => 'mine')
        return { close: () => app.close() }
      },
    ]),
    [
      'a prebuilt Fastify',
      host => {
        const app = fastify()
        app.get('/mine', async () => 'mine')
        host.mount('/mine', app)
        return { close: () => app.close() }
      },
    ],
    [
      'Socket.IO',
      host => {
        const io = new Server(host.server('/mine'), { path: '/mine/socket.io' })
        return { close: () => io.close() }
      },
    ],
    [
      'an http.Server',
      host => {
        const server: HttpServer = host.server('/mine').on('request', (_req, res) => res.end('mine'))
        return { close: () => new Promise(resolve => server.close(resolve)) }
      },
    ],
  ]

  test.each(kinds)('%s', async (_kind, open) => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const host = newHost()
    const mine = open(host)
    const finish = defer()
    const begun = defer()
    const app = express()
    app.get('/now', (_req, res) => void res.send('NOW'))
    app.get('/slow', async (_req, res) => {
      begun.resolve()
      await finish.promise
      res.send('SLOW')
    })
    app.get('/stream', (_req, res) => {
      res.write('BEGUN ')
      finish.promise.then(() => res.end('ENDED'))
    })
    host.mount('/', app)
    const io = new Server(host.server('/socket.io'))
    const wss = new WebSocketServer({ server: host.server('/ws') })
    wss.on('connection', ws => ws.on('message', data => ws.send(String(data))))
    const { port, url } = await started(host)
    warn.mockRestore()

    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    await new Promise(resolve => ws.once('open', resolve))
    const client = connectClient(url, { transports: ['polling'], forceNew: true, reconnection: false })
    await new Promise<void>(resolve => client.on('connect', resolve))
    const [shared, stream] = [new RawClient(port), new RawClient(port)]
    shared.send('GET /mine HTTP/1.1\nHost: x\n\n')
    await shared.until(/HTTP\/1.1 (200|404)/)
    stream.send('GET /stream HTTP/1.1\nHost: x\n\n')
    await stream.until(/BEGUN/)
    // On the connection that both have used, and with a request for the closing app between two of the neighbour's.
    shared.send('GET /slow HTTP/1.1\nHost: x\n\n')
    await begun.promise
    const closed = mine.close()
    shared.send('GET /mine HTTP/1.1\nHost: x\n\nGET /now HTTP/1.1\nHost: x\n\n')
    await closed
    shared.send('GET /mine HTTP/1.1\nHost: x\n\nGET /now HTTP/1.1\nHost: x\n\n')
    finish.resolve()
    await shared.until(/NOW/, 2)
    expect(shared.text.match(/HTTP\/1.1 \d+|SLOW|NOW/g)?.slice(1)).toEqual([
      'HTTP/1.1 200',
      'SLOW',
      'HTTP/1.1 503',
      'HTTP/1.1 200',
      'NOW',
      'HTTP/1.1 503',
      'HTTP/1.1 200',
      'NOW',
    ])
    expect(shared.text).not.toContain('Connection: close')
    await stream.until(/ENDED/)
    expect(client.connected).toBe(true)
    ws.send('echo')
    expect(String(await new Promise(resolve => ws.once('message', resolve)))).toBe('echo')
    expect(host.listening).toBe(true)
    client.disconnect()
    shared.socket.destroy()
    stream.socket.destroy()
    await io.close()
  })

  test('a Fastify that says goodbye slowly answers its own, and cuts nobody off', async () => {
    const [closing, goodbye] = [defer(), defer()]
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/mine') })
    app.addHook('preClose', () => {
      closing.resolve()
      return goodbye.promise
    })
    host.mount('/', (_req, res) => res.end('NOW'))
    const { port } = await started(host)
    const closed = app.close()
    await closing.promise
    const client = new RawClient(port).send('GET /mine HTTP/1.1\nHost: x\n\nGET /now HTTP/1.1\nHost: x\n\n')
    await client.until(/NOW/)
    expect(client.text).toMatch(/^HTTP\/1.1 503/)
    goodbye.resolve()
    await closed
    client.socket.destroy()
  })

  test('one that wants to serve while it closes does', async () => {
    const [closing, goodbye] = [defer(), defer()]
    const host = newHost()
    const app = fastify({ serverFactory: host.serverFactory('/mine'), return503OnClosing: false })
    app.get('/mine', async () => 'still here')
    app.addHook('preClose', () => {
      closing.resolve()
      return goodbye.promise
    })
    const { port } = await started(host)
    const closed = app.close()
    await closing.promise
    expect(await exchange(port, get('/mine'))).toContain('still here')
    goodbye.resolve()
    await closed
    expect(await exchange(port, get('/mine'))).toMatch(/^HTTP\/1.1 503/)
  })
})
