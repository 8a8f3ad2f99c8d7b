/** `100 Continue` is told once, whoever declines after whom. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Host } from '../../../src/host/index.js'
import { express, fastify } from '../frameworks.js'
import { alone, closeHosts, newHost, RawClient, started } from '../support.js'

afterEach(closeHosts)

type Next = () => void

const legacy = () =>
  express().post('/upload', express.text({ type: '*/*' }), (req, res) => void res.send(`got ${req.body}`))
const declines = (_req: IncomingMessage, _res: ServerResponse, next: Next) => next()
/** Tells the client itself, and then has nothing for it. */
const tellsAndDeclines = (_req: IncomingMessage, res: ServerResponse, next: Next) => {
  res.writeContinue()
  next()
}

async function timesTold(port: number): Promise<number> {
  const client = new RawClient(port)
  client.send(
    'POST /upload HTTP/1.1\nHost: x\nContent-Type: text/plain\nExpect: 100-continue\nContent-Length: 3\nConnection: close\n\n',
  )
  await client.until(/100 Continue/)
  client.send('abc')
  await client.closed
  expect(client.text).toMatch(/got abc$/)
  return client.text.match(/100 Continue/g)?.length ?? 0
}

const fills: Record<string, (host: Host) => unknown> = {
  'no mount there': host => host.mount('/other', express()),
  'a mount that calls next()': host => host.mount('/', declines),
  'a mount that tells, and calls next()': host => host.mount('/', tellsAndDeclines),
  'an app that hands over': host => host.mount('/', express(), { handOver: true }),
  'two apps that hand over': host =>
    host.mount('/', express(), { handOver: true }).mount('/', express().use(tellsAndDeclines), { handOver: true }),
  'a Fastify that hands over': host =>
    host.mount('/', fastify({ routerOptions: { caseSensitive: false, ignoreTrailingSlash: true } }), {
      handOver: true,
      accept: ['spelling'],
    }),
}

test.each(Object.entries(fills))('attached, with %s', async (_name, fill) => {
  const host = newHost()
  fill(host)
  const server = createServer(legacy())
  await host.attach(server)
  await alone(server, async port => expect(await timesTold(port)).toBe(1))
})

test.each(Object.entries(fills))('inside another host, with %s', async (_name, fill) => {
  const inner = newHost()
  fill(inner)
  const outer = newHost().mount('/', inner, { handOver: true }).mount('/', legacy())
  expect(await timesTold((await started(outer)).port)).toBe(1)
})

test('in front of another app, in a chain of three', async () => {
  const host = newHost()
  host.mount('/', tellsAndDeclines, { handOver: true })
  host.mount('/', express().use(tellsAndDeclines), { handOver: true })
  host.mount('/', legacy())
  expect(await timesTold((await started(host)).port)).toBe(1)
})
