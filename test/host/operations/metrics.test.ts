import type { ServerResponse } from 'node:http'
import express from 'express'
import { WebSocket, WebSocketServer } from 'ws'
import { never } from '../../../src/core/index.js'
import type { Host } from '../../../src/host/index.js'
import { taskletHandler } from '../../../src/host/index.js'
import { OpenMetricsText } from '../../../src/host/operations/open-metrics.js'
import { type Family, readOpenMetrics } from '../open-metrics-reader.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

async function scrape(host: Host): Promise<Map<string, Family>> {
  const answer = await fetch(`http://127.0.0.1:${host.adminAddress()?.port}/metrics`)
  expect(answer.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  return readOpenMetrics(await answer.text())
}

/** The samples of a family, as `label values: value`. */
function samples(families: Map<string, Family>, name: string): string[] {
  return (families.get(name)?.samples ?? []).map(({ labels, value }) => `${Object.values(labels).join(' ')}: ${value}`)
}

test('a host that nobody has used is valid OpenMetrics, with every family and its help', async () => {
  const host = newHost({ admin: { port: 0 } })
  await started(host)
  const families = await scrape(host)
  expect([...families].map(([name, { type }]) => `${type} ${name}`)).toEqual([
    'counter syncless_http_requests',
    'counter syncless_http_requests_refused',
    'histogram syncless_http_request_duration_seconds',
    'gauge syncless_http_requests_in_flight',
    'gauge syncless_http_requests_queued',
    'gauge syncless_upgrades',
    'gauge syncless_ready',
    'gauge syncless_connections',
    'counter syncless_connections_refused',
    'counter syncless_malformed_requests',
    'gauge syncless_request_scopes',
    'gauge syncless_request_tasklets',
    'gauge syncless_ready_tasklets',
    'summary syncless_event_loop_delay_seconds',
    'counter syncless_event_loop_busy_seconds',
    'counter syncless_event_loop_idle_seconds',
  ])
  for (const { help } of families.values()) expect(help).toMatch(/^[A-Z].*\.$/)
  expect(samples(families, 'syncless_ready')).toEqual([': 1'])
})

test('requests are counted by mount and status, with their durations, and what the host answers by itself', async () => {
  const host = newHost({ admin: { port: 0 }, onError: () => {} })
  const app = express()
  app.get('/ok', (_req, res) => void res.send('ok'))
  app.get('/made', (_req, res) => void res.status(201).end())
  host.mount('/shop', app, { strip: true })
  const begun = defer()
  host.mount('/api', (req, res) => {
    if (req.url === '/api/fails') throw new Error('broken')
    if (req.url === '/api/leaves') return begun.resolve()
    res.writeHead(302).end()
  })
  const { port } = await started(host)
  for (const path of ['/shop/ok', '/shop/made', '/shop/none', '/api/', '/api/fails', '/nobody']) {
    await exchange(port, get(path))
  }
  const leaver = new RawClient(port).send(get('/api/leaves'))
  await begun.promise
  expect(samples(await scrape(host), 'syncless_http_requests_in_flight')).toEqual(['/shop: 0', '/api: 1'])
  leaver.socket.destroy()
  let families = await scrape(host)
  while (samples(families, 'syncless_http_requests_in_flight').includes('/api: 1')) families = await scrape(host)
  expect(samples(families, 'syncless_http_requests').sort()).toEqual([
    ' 4xx: 1',
    '/api 3xx: 1',
    '/api 5xx: 1',
    '/api gone: 1',
    '/shop 2xx: 2',
    '/shop 4xx: 1',
  ])
  const durations = families.get('syncless_http_request_duration_seconds')?.samples ?? []
  expect(durations.filter(({ name }) => name.endsWith('_count')).map(({ value }) => value)).toEqual([3, 3])
})

test('what is under way: queued, in flight, refused, connections, upgrades, scopes, tasklets', async () => {
  const host = newHost({
    admin: { port: 0 },
    admission: { inFlight: 2, queue: 1 },
    limits: { body: 10, connections: 6 },
  })
  const held: ServerResponse[] = []
  host.mount('/hold', (_req, res) => held.push(res))
  host.mount(
    '/tasklet',
    taskletHandler(function* (_req, res) {
      res.write('begun')
      yield* never
    }),
  )
  new WebSocketServer({ server: host.server('/ws') })
  const { port } = await started(host)
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  await new Promise(resolve => ws.once('open', resolve))
  const tasklet = new RawClient(port).send(get('/tasklet'))
  await tasklet.until(/begun/)
  const clients = [1, 2, 3].map(n => new RawClient(port).send(`GET /hold/${n} HTTP/1.1\nHost: x\n\n`))
  while (held.length < 2) await turns()
  await turns()
  expect(await exchange(port, get('/hold/4'))).toMatch(/ 503 /)
  expect(
    await exchange(port, 'POST /hold HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 11\n\n12345678901'),
  ).toMatch(/ 413 /)
  expect(await exchange(port, 'no request\n\n')).toMatch(/ 400 /)
  const idle = new RawClient(port).send('GET /nobody HTTP/1.1\nHost: x\n\n')
  await idle.until(/404/)
  expect(await exchange(port, get('/hold/5'))).toBe('')

  const families = await scrape(host)
  expect(samples(families, 'syncless_http_requests_in_flight')).toEqual(['/tasklet: 1', '/hold: 2', '/ws: 0'])
  expect(samples(families, 'syncless_http_requests_queued')).toEqual(['/tasklet: 0', '/hold: 1', '/ws: 0'])
  expect(samples(families, 'syncless_http_requests_refused').filter(line => !line.endsWith(': 0'))).toEqual([
    '/hold overload: 1',
    '/hold body: 1',
  ])
  expect(samples(families, 'syncless_upgrades')).toEqual(['/tasklet: 0', '/hold: 0', '/ws: 1'])
  expect(samples(families, 'syncless_connections')).toEqual([': 6'])
  expect(samples(families, 'syncless_connections_refused')).toEqual([': 1'])
  expect(samples(families, 'syncless_malformed_requests')).toEqual([': 1'])
  expect(samples(families, 'syncless_request_scopes')).toEqual([': 1'])
  expect(samples(families, 'syncless_request_tasklets')).toEqual([': 1'])
  for (const client of [...clients, tasklet, idle]) client.socket.destroy()
  ws.terminate()
})

test('a path that gets another app keeps its counts; one that has none counts what came for it', async () => {
  const host = newHost({ admin: { port: 0 } })
  const serve = () => host.server('/a', { limits: { body: 0 } }).on('request', (_req, res) => res.end('x'))
  const refusedBody = 'POST /a HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 1\n\nx'
  const first = serve()
  const { port } = await started(host)
  await exchange(port, get('/a'))
  await exchange(port, refusedBody)
  await new Promise(resolve => first.close(resolve))
  expect(await exchange(port, get('/a'))).toMatch(/ 503 /)
  serve()
  await exchange(port, get('/a'))
  await exchange(port, refusedBody)
  const families = await scrape(host)
  expect(samples(families, 'syncless_http_requests').sort()).toEqual([' 5xx: 1', '/a 2xx: 2', '/a 4xx: 2'])
  expect(samples(families, 'syncless_http_requests_refused').slice(0, 3)).toEqual([
    '/a overload: 0',
    '/a body: 2',
    '/a unavailable: 1',
  ])
})

test('a request that is handed over is passed by the one, and counted by the other', async () => {
  const admission = { inFlight: 1, queue: 0 }
  const host = newHost({ admin: { port: 0 } })
  host.mount('/a', (_req, _res, next) => next(), { handOver: true, admission, limits: { body: 10 } })
  const app = express()
  app.post('/a', express.text({ type: () => true }), (req, res) => void res.send(`[${req.body}]`))
  host.mount('/', app, { admission })
  const { port } = await started(host)
  for (let n = 0; n < 3; n++) {
    const body = 'POST /a HTTP/1.1\nHost: x\nConnection: close\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\n'
    expect(await exchange(port, body)).toMatch(/\[abc\]$/)
  }
  const families = await scrape(host)
  expect(samples(families, 'syncless_http_requests')).toEqual(['/a passed: 3', '/ 2xx: 3'])
  expect(samples(families, 'syncless_http_requests_in_flight')).toEqual(['/a: 0', '/: 0'])
})

test('a host without an admin port counts nothing', async () => {
  const host = newHost()
  host.mount('/', (_req, res) => res.end('x'))
  await started(host)
  expect(host.adminAddress()).toBe(null)
  expect((host as unknown as { metrics: unknown }).metrics).toBe(null)
})

test('labels and help are escaped', () => {
  const text = new OpenMetricsText().family('gauge', 'g', 'a "b"\\\nc').sample(1, { path: 'x"y\\z\nw' }).end()
  const family = readOpenMetrics(text).get('g')
  expect(family?.samples).toEqual([{ name: 'g', labels: { path: 'x"y\\z\nw' }, value: 1 }])
})
