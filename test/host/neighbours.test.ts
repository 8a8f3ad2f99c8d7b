/** Several frameworks on one port, each as if it were alone. */
import express from 'express'
import fastify from 'fastify'
import { channel, go, sleep } from '../../src/core/index.js'
import { closeHosts, newHost, RawClient, started } from './support.js'

afterEach(closeHosts)
afterEach(() => {
  jest.restoreAllMocks()
})

async function both() {
  const host = newHost()
  const app = express()
  const api = fastify({ serverFactory: host.serverFactory('/f') })
  host.mount('/', app)
  return { host, app, api }
}

test('Express, Fastify, Express on one connection', async () => {
  const { host, app, api } = await both()
  app.get('/e', (_req, res) => {
    res.send('from express')
  })
  api.get('/f', async () => 'from fastify')
  const { port } = await started(host)
  const client = new RawClient(port)
  for (const [path, answer] of [
    ['/e', 'from express'],
    ['/f', 'from fastify'],
    ['/e', 'from express'],
  ]) {
    client.text = ''
    client.send(`GET ${path} HTTP/1.1\nHost: x\n\n`)
    const text = await client.until(new RegExp(`${answer}$`))
    expect(/^X-Powered-By: Express/m.test(text)).toBe(path === '/e')
  }
  client.socket.destroy()
})

test('pipelined answers keep the order of their requests', async () => {
  const { host, app, api } = await both()
  const gate = channel<string>()
  app.get('/e', (_req, res) => {
    go(function* () {
      const text = yield* gate.receive()
      yield* sleep(1)
      res.send(text)
    })
  })
  api.get('/f', async () => {
    await gate.send('from express')
    return 'from fastify'
  })
  const { port } = await started(host)
  const client = new RawClient(port).send('GET /e HTTP/1.1\nHost: x\n\nGET /f HTTP/1.1\nHost: x\n\n')
  expect(await client.until(/from fastify$/)).toMatch(/from express[\s\S]*from fastify/)
  client.socket.destroy()
})

test('one that throws does not hurt the other', async () => {
  jest.spyOn(console, 'error').mockImplementation(() => {})
  const { host, app, api } = await both()
  app.get('/e', () => {
    throw new Error('express')
  })
  api.get('/f', async () => {
    throw new Error('fastify')
  })
  const { url } = await started(host)
  for (let i = 0; i < 2; i++) {
    const [e, f] = await Promise.all([fetch(`${url}/e`), fetch(`${url}/f`)])
    expect([e.status, e.headers.get('content-type')]).toEqual([500, 'text/html; charset=utf-8'])
    expect([f.status, f.headers.get('content-type')]).toEqual([500, 'application/json; charset=utf-8'])
  }
})

test('an Express handler and a Fastify handler meet on a channel', async () => {
  const { host, app, api } = await both()
  const jobs = channel<string>()
  app.use(express.json()).post('/jobs', (req, res) => {
    go(function* () {
      yield* jobs.send(req.body.job)
      res.status(202).send('taken')
    })
  })
  api.get('/f/next', async () => await jobs.receive())
  const { url } = await started(host)
  const posted = fetch(`${url}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"job":"paint"}',
  })
  expect(await (await fetch(`${url}/f/next`)).text()).toBe('paint')
  expect([(await posted).status, await (await posted).text()]).toEqual([202, 'taken'])
})
