import { AsyncLocalStorage } from 'node:async_hooks'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import { never } from '../../../src/core/index.js'
import { requestScope, taskletHandler } from '../../../src/host/index.js'
import { type VirtualClock, virtualClock } from '../../../src/testing/index.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

describe('connections', () => {
  test('beyond the bound are closed at once, upgraded ones count, and one that ends makes room', async () => {
    const host = newHost({ limits: { connections: 2 } })
    host.mount('/', (_req, res) => res.end('served'))
    host.server('/raw').on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello')
    })
    const { port } = await started(host)
    const upgraded = new RawClient(port).send('GET /raw HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: raw\n\n')
    await upgraded.until(/hello/)
    const idle = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await idle.until(/served/)
    const third = new RawClient(port).send(get('/'))
    await third.closed
    expect(third.text).toBe('')
    idle.socket.destroy()
    let answer = ''
    while (answer === '') answer = await exchange(port, get('/'))
    expect(answer).toMatch(/served$/)
    upgraded.socket.destroy()
  })

  test('they are bounded over all addresses together', async () => {
    const host = newHost({ limits: { connections: 1 } })
    host.mount('/', (_req, res) => res.end('served'))
    await host.listen({
      addresses: [
        { port: 0, host: '127.0.0.1' },
        { port: 0, host: '127.0.0.1' },
      ],
    })
    const [first, second] = host.addresses().map(({ port }) => port)
    const open = new RawClient(first ?? 0).send('GET / HTTP/1.1\nHost: x\n\n')
    await open.until(/served/)
    expect(await exchange(second ?? 0, get('/'))).toBe('')
    open.socket.destroy()
  })
})

describe('pipelining', () => {
  test('so many are served at once; the rest in order, each in its own context', async () => {
    const store = new AsyncLocalStorage<string>()
    const open: (() => void)[] = []
    const contexts: unknown[] = []
    let most = 0
    const host = newHost({ limits: { pipelining: 3 } })
    host.mount('/', (req, res) => {
      contexts.push(store.getStore())
      open.push(() => res.end(`answer ${req.url};`))
      most = Math.max(most, open.length)
    })
    const { port } = await started(host)
    const client = new RawClient(port)
    client.send(Array.from({ length: 20 }, (_, i) => `GET /${i} HTTP/1.1\nHost: x\n\n`).join(''))
    for (let answered = 0; answered < 20; answered++) {
      while (open.length === 0) await turns()
      await turns()
      store.run('of another request', () => open.shift()?.())
    }
    await client.until(/answer/, 20)
    expect(client.text.match(/answer \/\d+/g)).toEqual(Array.from({ length: 20 }, (_, i) => `answer /${i}`))
    expect(most).toBe(3)
    expect(new Set(contexts)).toEqual(new Set([undefined]))
    client.socket.destroy()
  })

  test('what comes after the last of them is read again', async () => {
    const host = newHost({ limits: { pipelining: 2 } })
    const held: (() => void)[] = []
    host.mount('/', (req, res) => void held.push(() => res.end(`answer ${req.url};`)))
    const { port } = await started(host)
    const ask = (path: string) => `GET ${path} HTTP/1.1\nHost: x\n\n`
    const client = new RawClient(port).send(ask('/1') + ask('/2') + ask('/3'))
    while (held.length < 2) await turns()
    // Not before the third is served.
    client.send(ask('/4'))
    await turns()
    for (let answered = 0; answered < 4; answered++) {
      while (held.length === 0) await turns()
      held.shift()?.()
    }
    await client.until(/answer \/4;/)
    expect(client.text.match(/answer \/\d/g)).toEqual(['answer /1', 'answer /2', 'answer /3', 'answer /4'])
    client.socket.destroy()
  })

  test('a client that never stops is not read, and others are served', async () => {
    const host = newHost()
    let begun = 0
    const finish = defer()
    host.mount('/', async (req, res) => {
      if (req.url === '/now') return res.end('now')
      begun++
      await finish.promise
      res.end()
    })
    const { port } = await started(host)
    const flood = connect(port, '127.0.0.1')
    flood.on('error', () => {})
    const chunk = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10_000)
    let held = 0
    // More than every buffer on the way can take.
    while (held < 10) held = flood.write(chunk) ? 0 : held + 1
    await turns()
    const before = flood.bytesWritten - flood.writableLength
    for (let i = 0; i < 5; i++) await turns()
    expect(flood.bytesWritten - flood.writableLength).toBe(before)
    expect(begun).toBe(100)
    expect(await exchange(port, get('/now'))).toMatch(/now$/)
    flood.destroy()
    finish.resolve()
  })

  test('bodies are received, whoever waits: of the requests served, and of the last one', async () => {
    const host = newHost({ limits: { pipelining: 2 } })
    const app = express()
    app.post('/', express.text(), async (req, res) => {
      await turns()
      res.send(`[${req.body}]`)
    })
    host.mount('/', app)
    const { port } = await started(host)
    const post = (body: string) =>
      `POST / HTTP/1.1\nHost: x\nContent-Type: text/plain\nContent-Length: ${body.length}\n\n${body}`
    const client = new RawClient(port).send([1, 2, 3, 4, 5].map(n => post(`body ${n}`)).join(''))
    const last = post('x'.repeat(50_000))
    client.send(last.slice(0, 1000))
    await turns()
    client.send(last.slice(1000))
    await client.until(/x\]/)
    expect(client.text.match(/\[body \d\]/g)).toHaveLength(5)
    client.socket.destroy()
  })

  test('a client that leaves takes those with it that were not served yet', async () => {
    const host = newHost({ limits: { pipelining: 1 } })
    const served: (string | undefined)[] = []
    const gone = defer()
    host.mount('/', (req, res) => {
      served.push(req.url)
      res.once('close', gone.resolve)
    })
    const { port } = await started(host)
    const client = new RawClient(port).send('GET /1 HTTP/1.1\nHost: x\n\nGET /2 HTTP/1.1\nHost: x\n\n')
    while (served.length === 0) await turns()
    client.socket.resetAndDestroy()
    // Nothing is read from it, so that only the answer shows that it has gone.
    const report = await host.close({ deadline: 50 })
    expect(report.requests).toHaveLength(2)
    await gone.promise
    expect(served).toEqual(['/1'])
  })
})

describe('bodies', () => {
  const chunked = (path: string) => `POST ${path} HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n`
  const chunk = (text: string) => `${text.length.toString(16)}\n${text}\n`

  test('one that says its length is refused before the app sees it; its connection goes on', async () => {
    const host = newHost({ limits: { body: 10 } })
    const handler = jest.fn((_req, res) => res.end('served'))
    host.mount('/', handler)
    const { port } = await started(host)
    const client = new RawClient(port).send('POST / HTTP/1.1\nHost: x\nContent-Length: 11\n\n')
    await client.until(/413 Payload Too Large/)
    expect(handler).not.toHaveBeenCalled()
    client.send('01234567890GET / HTTP/1.1\nHost: x\n\n')
    await client.until(/served/)
    client.send('POST / HTTP/1.1\nHost: x\nContent-Length: 10\n\n0123456789')
    await client.until(/served/, 2)
    client.socket.destroy()
  })

  test('one of which nothing was sent yet is not asked for', async () => {
    const host = newHost({ limits: { body: 10 } })
    host.mount('/', (_req, res) => res.end('served'))
    const { port } = await started(host)
    const client = new RawClient(port)
    client.send('POST / HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 11\n\n')
    await client.closed
    expect(client.text).toMatch(/^HTTP\/1.1 413[\s\S]*Connection: close/)
    expect(client.text).not.toContain('100 Continue')
  })

  test('nor is one with another expectation, and its connection ends', async () => {
    const host = newHost({ limits: { body: 10 } })
    host.mount('/', (_req, res) => res.end('served'))
    const { port } = await started(host)
    const client = new RawClient(port).send('POST / HTTP/1.1\nHost: x\nExpect: more\nContent-Length: 11\n\n')
    await client.closed
    expect(client.text).toMatch(/^HTTP\/1.1 413[\s\S]*Connection: close/)
  })

  test('none at all, where the limit is 0', async () => {
    const host = newHost({ limits: { body: 0 } })
    host.mount('/', (_req, res) => res.end('served'))
    const { port } = await started(host)
    expect(await exchange(port, get('/'))).toMatch(/served$/)
    const post = (length: number) => `POST / HTTP/1.1\nHost: x\nConnection: close\nContent-Length: ${length}\n\n`
    expect(await exchange(port, post(0))).toMatch(/served$/)
    expect(await exchange(port, `${post(1)}x`)).toMatch(/^HTTP\/1.1 413/)
  })

  test('the answers ahead of a refused one are given first', async () => {
    const held = defer<ServerResponse>()
    const host = newHost({ limits: { body: 10 } })
    host.mount('/', req => void req.on('error', () => {}).resume())
    host.mount('/slow', (_req, res) => held.resolve(res))
    const { port } = await started(host)
    const client = new RawClient(port).send(`GET /slow HTTP/1.1\nHost: x\n\n${chunked('/')}`)
    client.send(`${chunk('x'.repeat(20))}0\n\n`)
    const res = await held.promise
    await turns()
    expect(client.text).toBe('')
    res.end('slow')
    await client.closed
    expect(client.text).toMatch(/^HTTP\/1.1 200[\s\S]*slowHTTP\/1.1 413/)
  })

  describe('what comes after the refusal', () => {
    let clock: VirtualClock
    beforeEach(() => {
      clock = virtualClock()
    })
    afterEach(() => clock.restore())

    async function refused() {
      const failed = defer<Error>()
      const host = newHost({ admin: { port: 0 }, limits: { body: 10 } })
      host.mount('/', req => void req.on('error', failed.resolve).resume())
      const { port } = await started(host)
      const client = new RawClient(port).send(`${chunked('/')}${chunk('x'.repeat(20))}`)
      await client.until(/413[\s\S]*Too Large\n/)
      return { host, client, failed: failed.promise }
    }

    test('is thrown away to its end', async () => {
      const { host, client, failed } = await refused()
      client.send(`${chunk('more')}0\n\n`)
      await client.closed
      expect(await failed).toMatchObject({ code: 'BODY_TOO_LARGE' })
      expect(clock.pending).toBe(0)
      const metrics = await (await fetch(`http://127.0.0.1:${host.adminAddress()?.port}/metrics`)).text()
      expect(metrics).toContain('syncless_http_requests_refused_total{mount="/",reason="body"} 1')
    })

    test('is thrown away for so long', async () => {
      const { client, failed } = await refused()
      await clock.advance(499)
      expect(client.socket.destroyed).toBe(false)
      await clock.advance(1)
      await client.closed
      expect(await failed).toMatchObject({ code: 'BODY_TOO_LARGE' })
    })

    test('is thrown away up to so many bytes', async () => {
      const { client, failed } = await refused()
      for (let i = 0; i < 20; i++) client.send(chunk('x'.repeat(1 << 20)))
      await client.closed
      expect(await failed).toMatchObject({ code: 'BODY_TOO_LARGE' })
    })
  })

  test('a refused one that does not end is cut off', async () => {
    const host = newHost({ limits: { body: 10 } })
    host.mount('/', (_req, res) => res.end('served'))
    const { port } = await started(host)
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.setEncoding('latin1').on('data', data => {
      text += data
    })
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${1 << 30}\r\n\r\n`)
    const closed = new Promise(resolve => socket.on('error', () => {}).on('close', resolve))
    const feed = () => {
      while (socket.writable && socket.write(Buffer.alloc(1 << 20))) {}
    }
    socket.on('drain', feed)
    feed()
    await closed
    expect(text).toMatch(/^HTTP\/1.1 413/)
    expect(socket.bytesWritten).toBeLessThan(1 << 29)
  })

  test.each([
    ['Express', 'body-parser'],
    ['a tasklet', 'read by hand'],
  ])('one that is counted as it comes: %s gets no end of it, but an error', async kind => {
    const events: string[] = []
    const cancelled = defer<unknown>()
    const host = newHost({ limits: { body: 10 }, onError: () => {} })
    if (kind === 'Express') {
      const app = express()
      app.post('/', express.raw({ type: () => true }), (_req, res) => void res.send('served'))
      app.use((error: Error & { type?: string }, _req: unknown, _res: unknown, _next: unknown) => {
        events.push(error.message)
        cancelled.resolve(null)
      })
      host.mount('/', app)
    } else {
      host.mount(
        '/',
        taskletHandler(function* (req) {
          for (const event of ['end', 'aborted', 'error']) req.on(event, () => events.push(event))
          req.on('data', data => events.push(String(data)))
          const { signal } = requestScope(req)
          signal.addEventListener('abort', () => cancelled.resolve(signal.reason.reason))
          yield* never
        }),
      )
    }
    const { port } = await started(host)
    const client = new RawClient(port).send(chunked('/'))
    client.send(chunk('01234'))
    await turns()
    client.send(`${chunk('567890')}${chunk('more')}`)
    await client.until(/413 Payload Too Large[\s\S]*Payload Too Large\n/)
    client.send('0\n\n')
    await client.closed
    const reason = await cancelled.promise
    while (kind === 'a tasklet' && !events.includes('error')) await turns()
    if (kind === 'a tasklet') {
      expect(reason).toMatchObject({ code: 'BODY_TOO_LARGE' })
      expect(events).toEqual(['01234', 'aborted', 'error'])
    } else expect(events).toEqual(['request aborted'])
  })

  test('a client that sends on without an end is cut off after a while, and the app told', async () => {
    const host = newHost({ limits: { body: 10 } })
    const failed = defer<Error>()
    host.mount('/', req => void req.on('error', failed.resolve).resume())
    const { port } = await started(host)
    const client = new RawClient(port).send(`${chunked('/')}${chunk('x'.repeat(20))}`)
    await client.closed
    expect(client.text).toMatch(/^HTTP\/1.1 413/)
    expect(await failed.promise).toMatchObject({ code: 'BODY_TOO_LARGE' })
  })

  test('where the answer has begun, it is broken off', async () => {
    const host = newHost({ limits: { body: 10 } })
    host.mount('/', (req, res) => {
      res.write('begun')
      req.pipe(res)
    })
    const { port } = await started(host)
    const client = new RawClient(port).send(chunked('/'))
    await client.until(/begun/)
    client.send(chunk('x'.repeat(20)))
    await client.closed
    expect(client.text).toMatch(/begun\r\n$/)
  })

  test('exactly as much as is allowed goes through, chunked or not; each mount may have a limit of its own', async () => {
    const host = newHost({ limits: { body: 10 } })
    const echo = (kind: string) => {
      const app = express()
      app.use(
        express.raw({ type: () => true, limit: '1mb' }),
        (req, res) => void res.send(`${kind} ${req.body.length}`),
      )
      return app
    }
    host.mount('/', echo('small'))
    host.mount('/large', echo('large'), { limits: { body: 100 } })
    host.mount('/any', echo('any'), { limits: { body: Number.POSITIVE_INFINITY } })
    const api = fastify({ serverFactory: host.serverFactory('/api', { limits: { body: 20 } }) })
    api.post('/api', async request => JSON.stringify(request.body).length)
    const { port } = await started(host)
    const post = async (path: string, size: number) => {
      const client = new RawClient(port)
      client.send(
        `POST ${path} HTTP/1.1\nHost: x\nConnection: close\nTransfer-Encoding: chunked\nContent-Type: text/plain\n\n`,
      )
      client.send(`${chunk('x'.repeat(size))}0\n\n`)
      await client.closed
      return client.text.slice(9, 12) + client.text.slice(-8)
    }
    expect(await post('/', 10)).toBe('200small 10')
    expect(await post('/', 11)).toMatch(/^413/)
    expect(await post('/large', 100)).toBe('200arge 100')
    expect(await post('/large', 101)).toMatch(/^413/)
    expect(await post('/any', 1000)).toBe('200any 1000')
    expect(await post('/api', 20)).toMatch(/^200/)
    expect(await post('/api', 21)).toMatch(/^413/)
  })

  test('the request looks as it would without a limit', async () => {
    const host = newHost({ limits: { body: 10 } })
    let keys: string[] = []
    host.mount('/', (req, res) => {
      keys = Object.keys(req)
      res.end()
    })
    const { port } = await started(host)
    await exchange(port, `${chunked('/').replace('\n\n', '\nConnection: close\n\n')}${chunk('x')}0\n\n`)
    expect(keys).not.toContain('push')
  })
})

test.each([[{ connections: 0 }], [{ pipelining: 0 }], [{ pipelining: 1.5 }], [{ body: -1 }], [{ body: Number.NaN }]])(
  '%j is refused at once',
  limits => {
    expect(() => newHost({ limits })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  },
)
