import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import express from 'express'
import { channel, go, never, Scope, SynclessError, type Tasklet, until } from '../../../src/core/index.js'
import { requestScope } from '../../../src/host/index.js'
import { openExchange } from '../../../src/host/request/connection.js'
import { closeHosts, defer, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown

/** A host with one handler; what it is told of errors is collected. */
async function serve(handler: Handler) {
  const errors: SynclessError[] = []
  const host = newHost({ onError: error => void errors.push(error) })
  host.mount('/', handler)
  return { host, errors, ...(await started(host)) }
}

function aborted(scope: Scope): Promise<unknown> {
  return new Promise(resolve => scope.signal.addEventListener('abort', () => resolve(scope.signal.reason.reason)))
}

/** How a tasklet ended. A tasklet is a thenable: it cannot be the value of a promise, hence the arrays below. */
async function ending(task: Tasklet | undefined): Promise<unknown> {
  try {
    return await task
  } catch (error) {
    return error instanceof SynclessError ? error.code : error
  }
}

function* forever() {
  yield* never
}

describe('a client that leaves', () => {
  test('cancels the scope with CLIENT_GONE, before and after the headers', async () => {
    for (const early of [true, false]) {
      const scope = defer<Scope>()
      const { port, errors } = await serve((req, res) => {
        if (!early) res.write('some')
        scope.resolve(requestScope(req))
      })
      const client = new RawClient(port).send('GET /x?secret HTTP/1.1\nHost: x\n\n')
      const reason = aborted(await scope.promise)
      client.socket.destroy()
      expect(await reason).toBeInstanceOf(SynclessError)
      expect(await reason).toMatchObject({
        code: 'CLIENT_GONE',
        message: 'the connection was closed before the response to GET /x had ended',
      })
      expect(errors).toEqual([])
    }
  })

  test('ends a pipelined request whose response never got its turn', async () => {
    const scopes: Scope[] = []
    const both = defer()
    const { port } = await serve(req => {
      if (scopes.push(requestScope(req)) === 2) both.resolve()
    })
    const client = new RawClient(port).send('GET /1 HTTP/1.1\nHost: x\n\nGET /2 HTTP/1.1\nHost: x\n\n')
    await both.promise
    const reasons = Promise.all(scopes.map(aborted))
    client.socket.destroy()
    expect(await reasons).toMatchObject([{ code: 'CLIENT_GONE' }, { code: 'CLIENT_GONE' }])
  })

  test('has left a scope that is asked for later, too', async () => {
    const [arrived, gone] = [defer<IncomingMessage>(), defer()]
    const { port } = await serve((req, res) => {
      res.on('close', () => gone.resolve())
      arrived.resolve(req)
    })
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    const req = await arrived.promise
    client.socket.destroy()
    await gone.promise
    const scope = requestScope(req)
    expect(scope.cancelled).toBe(true)
    expect(await ending(scope.go(forever))).toBe('TASKLET_KILLED')
  })
})

describe('a client that stays', () => {
  test('a body that was read does not cancel, though the request emits close', async () => {
    const [closed, answer] = [defer<Scope>(), defer()]
    const { url } = await serve((req, res) => {
      const scope = requestScope(req)
      req.resume().on('close', () => closed.resolve(scope))
      answer.promise.then(() => res.end('ok'))
    })
    const response = fetch(url, { method: 'POST', body: 'some' })
    const scope = await closed.promise
    expect(scope.cancelled).toBe(false)
    answer.resolve()
    expect(await (await response).text()).toBe('ok')
    expect(scope.cancelled).toBe(false)
  })

  test('after a normal end the tasklets of the request finish', async () => {
    const gate = channel<string>()
    const tasks: Tasklet[] = []
    const { url } = await serve((_req, res) => {
      tasks.push(
        go(function* () {
          return yield* gate.receive()
        }),
      )
      res.end('ok')
    })
    await (await fetch(url)).text()
    await gate.send('after the answer')
    expect(await ending(tasks[0])).toBe('after the answer')
  })

  test('go() after the response has ended still works, and its failure is only reported', async () => {
    const late = new Error('late')
    function* fail() {
      throw late
    }
    const [ended, continued] = [defer(), defer<Tasklet[]>()]
    const { url, errors } = await serve(async (_req, res) => {
      res.end('ok').on('close', () => ended.resolve())
      await ended.promise
      await new Promise(resolve => setImmediate(resolve))
      const first = go(fail)
      await first.then(null, () => {})
      continued.resolve([first, go(fail)])
    })
    expect((await fetch(url)).status).toBe(200)
    for (const task of await continued.promise) expect(await ending(task)).toBe(late)
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: late }, { cause: late }])
    expect((await fetch(url)).status).toBe(200)
  })

  test('no listener outlives its request on a kept connection', async () => {
    const counts: number[][] = []
    const { port } = await serve((req, res) => {
      requestScope(req)
      const { socket } = req
      counts.push(socket.eventNames().map(name => socket.listenerCount(name)))
      res.end('ok')
    })
    const client = new RawClient(port)
    for (let i = 1; i <= 20; i++) {
      client.send('GET / HTTP/1.1\nHost: x\n\n')
      await client.until(/\r\nok/, i)
    }
    client.socket.destroy()
    expect(counts.at(-1)).toEqual(counts[1])
  })
})

describe('go() in a handler', () => {
  test('joins the request, also after an await, and two requests do not share', async () => {
    const seen: Scope[] = []
    const tasks: Tasklet[] = []
    const both = defer()
    const { port } = await serve(async req => {
      await new Promise(resolve => setImmediate(resolve))
      tasks.push(go(forever))
      if (seen.push(requestScope(req)) === 2) both.resolve()
    })
    const clients = [0, 1].map(() => new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n'))
    await both.promise
    expect(seen[0]).not.toBe(seen[1])
    expect(seen.map(scope => scope.size)).toEqual([1, 1])
    for (const client of clients) client.socket.destroy()
    expect(await Promise.all(tasks.map(ending))).toEqual(['TASKLET_KILLED', 'TASKLET_KILLED'])
  })

  test('its failure is a 500, ends the rest, is reported, and the server goes on', async () => {
    const siblings: Tasklet[] = []
    const failure = new Error('no stock')
    const { url, errors } = await serve((req, res) => {
      if (req.url === '/fine') return void res.end('fine')
      res.setHeader('X-Leftover', '1')
      siblings.push(go(forever))
      go(function* () {
        throw failure
      })
    })
    const response = await fetch(`${url}/buy`)
    expect([response.status, await response.text()]).toEqual([500, 'Internal Server Error\n'])
    expect(response.headers.has('x-leftover')).toBe(false)
    expect(await ending(siblings[0])).toBe('TASKLET_KILLED')
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ code: 'HANDLER_FAILED', message: 'GET /buy, mounted at "/", failed' })
    expect(errors[0]?.cause).toBe(failure)
    expect(await (await fetch(`${url}/fine`)).text()).toBe('fine')
  })

  test('ends when the handler itself fails', async () => {
    const tasks: Tasklet[] = []
    const { url } = await serve(() => {
      tasks.push(go(forever))
      throw new Error('oops')
    })
    expect((await fetch(url)).status).toBe(500)
    expect(await ending(tasks[0])).toBe('TASKLET_KILLED')
  })

  test('its failure cuts nothing off an answer that has been given, and not yet been taken', async () => {
    const BIG = 32 << 20
    const answered = defer()
    const { port, errors } = await serve((_req, res) => {
      res.end(Buffer.alloc(BIG))
      go(function* () {
        yield* until(answered.promise)
        throw new Error('late')
      })
    })
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\nConnection: close\n\n')
    client.socket.pause()
    await new Promise(resolve => client.socket.once('connect', resolve))
    answered.resolve()
    while (errors.length === 0) await turns()
    client.socket.resume()
    await client.closed
    expect(client.text.length - client.text.indexOf('\r\n\r\n') - 4).toBe(BIG)
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: { message: 'late' } }])
  })

  test('awaited by a handler whose client leaves: what it throws then is nothing to report', async () => {
    const begun = defer()
    const thrown = defer<unknown>()
    const { port, errors } = await serve(async () => {
      const task = go(forever)
      begun.resolve()
      try {
        await task
      } catch (error) {
        thrown.resolve(error)
        throw error
      }
    })
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await begun.promise
    client.socket.destroy()
    expect(await thrown.promise).toMatchObject({ code: 'TASKLET_KILLED' })
    await turns()
    expect(errors).toEqual([])
  })

  test('its failure breaks off a response that has begun, so that it never looks complete', async () => {
    const { port, errors } = await serve((_req, res) => {
      res.write('half')
      go(function* () {
        throw new Error('broken')
      })
    })
    const error = await new Promise(resolve => {
      request({ port, host: '127.0.0.1' }, res => res.resume().on('error', resolve)).end()
    })
    expect(error).toMatchObject({ code: 'ECONNRESET' })
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED' }])
  })

  test('awaited in an Express handler: its failure is the 500, whatever Express does next', async () => {
    const consoleError = jest.spyOn(console, 'error').mockImplementation(() => {})
    const host = newHost({ onError: () => {} })
    const app = express()
    const fail = () =>
      go(function* () {
        throw new Error('broken')
      })
    app.get('/throws', async () => void (await fail()))
    app.get('/catches', async (_req, res) => {
      try {
        await fail()
      } catch {
        res.status(422).send('caught')
      }
    })
    app.get('/fine', (_req, res) => void res.send('fine'))
    host.mount('/', app)
    const { url } = await started(host)
    for (const path of ['/throws', '/catches']) expect((await fetch(url + path)).status).toBe(500)
    expect(await (await fetch(`${url}/fine`)).text()).toBe('fine')
    consoleError.mockRestore()
  })

  test('in a listener of req, requestScope(req).go() is the request’s own', async () => {
    const { url, errors } = await serve(req => {
      req.resume().on('end', () => {
        requestScope(req).go(function* () {
          throw new Error('broken')
        })
      })
    })
    expect((await fetch(url, { method: 'POST', body: 'some' })).status).toBe(500)
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED' }])
  })

  test('works in an Express handler', async () => {
    const jobs = channel<string>()
    const host = newHost()
    const app = express()
    app.get('/job', (_req, res) => {
      go(function* () {
        res.send(yield* jobs.receive())
      })
    })
    host.mount('/', app)
    const { url } = await started(host)
    const answer = fetch(`${url}/job`)
    await jobs.send('from a channel')
    expect(await (await answer).text()).toBe('from a channel')
  })
})

test('a request for which no tasklet starts has no scope made', async () => {
  const scopes: unknown[] = []
  const { url } = await serve((req, res) => {
    scopes.push(openExchange(req)?.startedScope)
    if (req.url === '/used') requestScope(req)
    res.end().on('close', () => scopes.push(openExchange(req)))
    scopes.push(openExchange(req)?.startedScope)
  })
  await fetch(url)
  expect(scopes).toEqual([null, null, undefined])
  await fetch(`${url}/used`)
  expect(scopes[4]).toBeInstanceOf(Scope)
})

test('a request that no host serves', async () => {
  const server = createServer((req, res) => {
    try {
      requestScope(req)
    } catch (error) {
      res.end(error instanceof SynclessError ? error.code : 'other')
    }
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('HOST_STATE')
  server.close()
})
