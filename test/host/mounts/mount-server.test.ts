import { request, Server } from 'node:http'
import express from 'express'
import { Server as SocketServer } from 'socket.io'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

test('is an http.Server with the address of the host, once the host listens', async () => {
  const host = newHost()
  const server = host.server('/a')
  const events: string[] = []
  expect(server).toBeInstanceOf(Server)
  expect([server.listening, server.address()]).toEqual([false, null])
  server.on('listening', () => events.push('listening'))
  expect(server.listen(3000, 'anywhere', () => events.push('callback'))).toBe(server)
  expect(events).toEqual([])
  const { port } = await started(host)
  expect(events).toEqual(['listening', 'callback'])
  expect(server.listening).toBe(true)
  expect(server.address()).toMatchObject({ address: '127.0.0.1', port })
  await new Promise<void>(resolve => host.server('/late').listen(resolve))
})

test('gives requests to whatever listens, an app of createServer style included', async () => {
  const host = newHost()
  const app = express()
  app.get('/a/x', (_req, res) => {
    res.send('express')
  })
  host.server('/a').on('request', app)
  expect(host.server('/b').on('request', app).listeners('request')).toEqual([app])
  const { url } = await started(host)
  expect(await (await fetch(`${url}/a/x`)).text()).toBe('express')
})

test('without a listener it answers 404', async () => {
  const host = newHost()
  host.server('/a')
  const { url } = await started(host)
  expect((await fetch(`${url}/a`)).status).toBe(404)
})

test('close() waits for its own responses only, and closes nothing else', async () => {
  const host = newHost()
  const [mine, other] = [defer(), defer()]
  const bothHere = defer()
  let here = 0
  const hold = (until: Promise<void>) => (_req: unknown, res: import('node:http').ServerResponse) => {
    if (++here === 2) bothHere.resolve()
    until.then(() => res.end('done'))
  }
  const server = host.server('/mine').on('request', hold(mine.promise))
  host.server('/other').on('request', hold(other.promise))
  const { url } = await started(host)
  const answers = [fetch(`${url}/mine`), fetch(`${url}/other`)]
  await bothHere.promise
  const events: unknown[] = []
  const closed = new Promise<void>(resolve => {
    server.on('close', () => events.push('close'))
    server.close(error => {
      events.push(error)
      resolve()
    })
  })
  await new Promise(resolve => setImmediate(resolve))
  expect(events).toEqual([])
  mine.resolve()
  await closed
  expect(events).toEqual(['close', undefined])
  expect(await (await answers[0])?.text()).toBe('done')
  expect((await fetch(`${url}/mine`)).status).toBe(503)
  other.resolve()
  expect(await (await answers[1])?.text()).toBe('done')
  expect(host.listening).toBe(true)
})

test('close() of one that does not listen says so, as Node does; a later listen() is refused', async () => {
  const server = newHost().server('/a')
  const error = await new Promise(resolve => server.close(resolve))
  expect(error).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' })
  expect(() => server.listen()).toThrow(expect.objectContaining({ code: 'HOST_STATE' }))
})

test('closeAllConnections() hits its own connections only', async () => {
  const host = newHost()
  const [a, b] = [host.server('/a'), host.server('/b')]
  const arrived = defer()
  let count = 0
  const count2 = () => {
    if (++count === 2) arrived.resolve()
  }
  a.on('request', count2)
  b.on('request', (_req, res) => {
    count2()
    a.once('destroyed', () => res.end('b lives'))
  })
  const { port } = await started(host)
  const clientA = new RawClient(port).send(get('/a'))
  const answerB = exchange(port, get('/b'))
  await arrived.promise
  a.closeIdleConnections()
  a.closeAllConnections()
  await clientA.closed
  a.emit('destroyed')
  expect(await answerB).toContain('b lives')
})

test('closeAllConnections() hits what it has upgraded, too', async () => {
  const host = newHost()
  const [a, b] = [host.server('/a'), host.server('/b')]
  const taken = [defer(), defer()]
  for (const [at, server] of [a, b].entries()) {
    server.on('upgrade', (_req, socket) => {
      socket.on('error', () => {}).write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello')
      server.once('say', text => socket.write(text))
      taken[at]?.resolve()
    })
  }
  const { port } = await started(host)
  const clients = ['/a', '/b'].map(path =>
    new RawClient(port).send(`GET ${path} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: raw\n\n`),
  )
  await Promise.all(taken.map(({ promise }) => promise))
  a.closeAllConnections()
  await clients[0]?.closed
  b.emit('say', 'lives')
  await clients[1]?.until(/lives/)
  for (const client of clients) client.socket.destroy()
})

test('has none of the listeners by which Node serves connections', () => {
  const server = newHost().server('/a')
  expect(['connection', 'listening', 'upgrade'].map(event => server.listenerCount(event))).toEqual([0, 0, 0])
})

test('closed before the host listens, it does not listen with it, and the process is not told that it waits', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const [host, other] = [newHost(), newHost()]
  const events: string[] = []
  const server = host.server('/a').on('listening', () => events.push('listening'))
  server.on('close', () => events.push('close')).listen()
  await new Promise(resolve => server.close(resolve))
  other.server('/b').listen()
  await other.close()
  process.emit('beforeExit', 0)
  await started(host)
  await turns()
  expect([events, server.listening]).toEqual([['close'], false])
  expect(warn).not.toHaveBeenCalled()
  warn.mockRestore()
})

test('says how many requests are under way, and closes with `await using`', async () => {
  const host = newHost()
  const held = defer<import('node:http').ServerResponse>()
  const server = host.server('/a').on('request', (_req, res) => held.resolve(res))
  const { port } = await started(host)
  const answer = exchange(port, get('/a'))
  const res = await held.promise
  const count = () => new Promise(resolve => server.getConnections((_error, count) => resolve(count)))
  expect(await count()).toBe(1)
  let closed = false
  const disposed = server[Symbol.asyncDispose]().then(() => {
    closed = true
  })
  expect(server.listening).toBe(false)
  await turns()
  expect(closed).toBe(false)
  res.end('done')
  await disposed
  expect(await answer).toContain('done')
  expect(await count()).toBe(0)
})

test('closed with the host, it emits close once, after the last of its answers', async () => {
  const events: string[] = []
  const host = newHost()
  const held: import('node:http').ServerResponse[] = []
  const server = host.server('/a').on('request', (_req, res) => {
    res.on('close', () => events.push('answered'))
    held.push(res)
  })
  server.on('close', () => events.push('close'))
  const { port } = await started(host)
  const answers = [exchange(port, get('/a')), exchange(port, get('/a'))]
  while (held.length < 2) await turns()
  const closed = host.close()
  await turns()
  expect(events).toEqual([])
  held[0]?.end('done')
  while (events.length === 0) await turns()
  await turns()
  expect(events).toEqual(['answered'])
  held[1]?.end('done')
  await Promise.all([closed, ...answers])
  expect(events).toEqual(['answered', 'answered', 'close'])
})

test('an app that is added beside Socket.IO answers what is not Socket.IO’s, alone', async () => {
  const host = newHost()
  const server = host.server('/rt')
  const io = new SocketServer(server, { path: '/rt/io' })
  server.on('request', (req, res) => {
    if (!req.url?.startsWith('/rt/io')) res.end('app')
  })
  const { port } = await started(host)
  expect(await exchange(port, get('/rt/x'))).toMatch(/^HTTP\/1.1 200[\s\S]*app$/)
  expect(await exchange(port, get('/rt/io/?EIO=4&transport=polling'))).toMatch(/"sid"/)
  await io.close()
})

test('an expectation goes to the listener of its own path, and to Node’s answer elsewhere', async () => {
  const host = newHost()
  const strict = host.server('/strict')
  strict.on('request', (_req, res) => res.end('not reached'))
  strict.on('checkContinue', (_req, res) => res.writeHead(413).end())
  strict.on('checkExpectation', (_req, res) => res.writeHead(200).end('as expected'))
  host.server('/lax').on('request', (req, res) => req.pipe(res))
  const { port } = await started(host)
  const put = (path: string) =>
    new Promise<[number | undefined, boolean]>(resolve => {
      let continued = false
      const req = request({ port, host: '127.0.0.1', path, method: 'PUT', headers: { Expect: '100-continue' } })
      req.on('continue', () => {
        continued = true
        req.end('body')
      })
      req.on('response', res => {
        res.resume()
        resolve([res.statusCode, continued])
        req.destroy()
      })
      req.flushHeaders()
    })
  expect(await put('/strict')).toEqual([413, false])
  expect(await put('/lax')).toEqual([200, true])
  expect(await put('/nowhere')).toEqual([404, false])
  expect(await exchange(port, get('/strict', 'Expect: tea\n'))).toContain('as expected')
  expect(await exchange(port, get('/lax', 'Expect: tea\n'))).toContain('417 Expectation Failed')
})
