import { createServer } from 'node:http'
import express from 'express'
import { channel, never, type Scope, type SynclessError, sleep } from '../../../src/core/index.js'
import { requestScope, type TaskletHandler, taskletHandler } from '../../../src/host/index.js'
import { closeHosts, defer, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

async function serve(handler: TaskletHandler) {
  const errors: SynclessError[] = []
  const host = newHost({ onError: error => void errors.push(error) })
  host.mount('/', taskletHandler(handler))
  return { errors, ...(await started(host)) }
}

test('waits in a straight line and answers', async () => {
  const jobs = channel<string>()
  const { url } = await serve(function* (req, res) {
    yield* jobs.send(`${req.method} ${req.url}`)
    yield* sleep(1)
    res.writeHead(202).end('taken')
  })
  const response = fetch(`${url}/a`)
  expect(await jobs.receive()).toBe('GET /a')
  expect([(await response).status, await (await response).text()]).toEqual([202, 'taken'])
})

test('is killed when the client leaves; its cleanup runs', async () => {
  const [begun, cleaned] = [defer(), defer<string>()]
  const { port, errors } = await serve(function* () {
    try {
      begun.resolve()
      yield* never
    } finally {
      yield* sleep(1)
      cleaned.resolve('cleaned')
    }
  })
  const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
  await begun.promise
  client.socket.destroy()
  expect(await cleaned.promise).toBe('cleaned')
  expect(errors).toEqual([])
})

test('a waiting send that is killed has sent nothing', async () => {
  const jobs = channel<string>()
  const [begun, over] = [defer(), defer()]
  const { port } = await serve(function* () {
    begun.resolve()
    try {
      yield* jobs.send('lost')
    } finally {
      over.resolve()
    }
  })
  const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
  await begun.promise
  client.socket.destroy()
  await over.promise
  expect(jobs.tryReceive()).toEqual({ ok: false, done: false })
})

test('what it throws is a 500, at once or later', async () => {
  const { url, errors } = await serve(function* (req) {
    if (req.url === '/later') yield* sleep(1)
    throw new Error('no')
  })
  expect((await fetch(url)).status).toBe(500)
  expect((await fetch(`${url}/later`)).status).toBe(500)
  expect(errors).toMatchObject([
    { code: 'HANDLER_FAILED', message: 'GET /, mounted at "/", failed', cause: { message: 'no' } },
    { code: 'HANDLER_FAILED', message: 'GET /later, mounted at "/", failed', cause: { message: 'no' } },
  ])
})

test.each([undefined, null])('%s, thrown, is an error too', async thrown => {
  const { url, errors } = await serve(function* () {
    throw thrown
  })
  expect((await fetch(url)).status).toBe(500)
  expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: { message: `the tasklet handler threw ${thrown}` } }])
})

test('what it throws in the middle of a response breaks it off', async () => {
  const { url } = await serve(function* (_req, res) {
    res.write('half')
    yield* sleep(1)
    throw new Error('no')
  })
  await expect(fetch(url).then(response => response.text())).rejects.toThrow()
})

test('in an Express route it has Express’s own objects and error page', async () => {
  const app = express().set('env', 'production')
  app.get(
    '/users/:id',
    taskletHandler(function* (req: express.Request, res: express.Response) {
      yield* sleep(1)
      if (req.params.id === '0') throw Object.assign(new Error('who?'), { status: 404 })
      res.json({ id: req.params.id })
    }),
  )
  app.use((error: Error, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
    res.status(418).send(`page: ${error.message}`)
  })
  const errors: SynclessError[] = []
  const host = newHost({ onError: error => void errors.push(error) })
  host.mount('/', app)
  const { url } = await started(host)
  expect(await (await fetch(`${url}/users/7`)).json()).toEqual({ id: '7' })
  const page = await fetch(`${url}/users/0`)
  expect([page.status, await page.text()]).toEqual([418, 'page: who?'])
  expect(errors).toEqual([])
})

test('works on a bare server, where it is killed with its client too', async () => {
  const [begun, over] = [defer(), defer()]
  const scopes: Scope[] = []
  const server = createServer(
    taskletHandler(function* (req, res) {
      scopes.push(requestScope(req))
      if (req.url === '/fine') return void res.end('fine')
      try {
        begun.resolve()
        yield* never
      } finally {
        over.resolve()
      }
    }),
  ).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  expect(await (await fetch(`http://127.0.0.1:${port}/fine`)).text()).toBe('fine')
  while (scopes[0]?.ended !== true) await turns()
  const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
  await begun.promise
  client.socket.destroy()
  await over.promise
  await new Promise(resolve => server.close(resolve))
})
