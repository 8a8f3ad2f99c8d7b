/** Our own endless answers end by themselves when their host closes, and finite ones go on. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type express from 'express'
import * as expressPort from '../../src/adapters/express/index.js'
import * as fastifyPort from '../../src/adapters/fastify/index.js'
import * as stream from '../../src/adapters/stream/index.js'
import * as web from '../../src/adapters/web/index.js'
import { type Channel, channel } from '../../src/core/index.js'
import { fetchHandler, type Host, taskletHandler } from '../../src/host/index.js'
import { virtualClock } from '../../src/testing/index.js'
import { express as express5, fastify } from './frameworks.js'
import { closeHosts, get, newHost, RawClient, started, turns } from './support.js'

afterEach(closeHosts)

type Format = 'sse' | 'ndjson'
const TYPES: Record<Format, string> = { sse: 'text/event-stream', ndjson: 'application/x-ndjson' }
const encode = (value: string) => `${value}\n`

const ports: Record<string, (host: Host, values: Channel<string>, format: Format) => unknown> = {
  'express.drainTo()': (host, values, format) =>
    host.mount(
      '/',
      express5().get(
        '/',
        (_req: express.Request, res: express.Response) => void expressPort.drainTo(values, res, { format }),
      ),
    ),
  'fastify.drainTo()': (host, values, format) =>
    fastify({ serverFactory: host.serverFactory('/') }).get('/', async (_request, reply) => {
      await fastifyPort.drainTo(values, reply, { format })
      return reply
    }),
  'a Fastify reply of a stream': (host, values, format) =>
    fastify({ serverFactory: host.serverFactory('/') }).get('/', async (_request, reply) =>
      reply.type(TYPES[format]).send(stream.fromChannel(values, { encode })),
    ),
  'stream.fromChannel() that is piped': (host, values, format) =>
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => {
      res.setHeader('Content-Type', TYPES[format])
      stream.fromChannel(values, { encode }).pipe(res)
    }),
  'stream.drainTo()': (host, values, format) =>
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => {
      res.setHeader('Content-Type', TYPES[format])
      stream.drainTo(values, res, { encode })
    }),
  'a tasklet handler': (host, values, format) =>
    host.mount(
      '/',
      taskletHandler(function* (_req, res) {
        yield* expressPort.drainTo(values, res, { format })
      }),
    ),
  'a fetch response': (host, values, format) =>
    host.mount(
      '/',
      fetchHandler(
        () =>
          new Response(web.fromChannel(values, { encode: value => Buffer.from(encode(value)) }) as ReadableStream, {
            headers: { 'content-type': TYPES[format] },
          }),
      ),
    ),
}
const cases = Object.keys(ports).flatMap(port => (['sse', 'ndjson'] as const).map(format => [port, format] as const))

async function serving(port: string, format: Format) {
  const host = newHost()
  const values = channel<string>()
  ports[port]?.(host, values, format)
  const client = new RawClient((await started(host)).port).send(get('/'))
  await values.send('first')
  await client.until(/first/)
  return { host, values, client }
}

test.each(cases)('%s, %s: an answer whose channel stays open ends at the close', async (port, format) => {
  const clock = virtualClock()
  try {
    const { host, client } = await serving(port, format)
    const closed = host.close()
    let over = false
    closed.then(() => {
      over = true
    })
    for (let waited = 0; !over && waited < 3000; waited += 250) {
      await turns()
      await clock.advance(250)
    }
    expect(over).toBe(true)
    await closed
    await client.closed
    // The end of the chunks: the answer is whole.
    expect(client.text).toMatch(/\r\n0\r\n\r\n$/)
  } finally {
    clock.restore()
  }
})

test.each(Object.keys(ports))('%s: NDJSON that goes on, such as an export, is written to its end', async port => {
  const clock = virtualClock()
  try {
    const { host, values, client } = await serving(port, 'ndjson')
    const closed = host.close()
    for (let i = 0; i < 4; i++) {
      await turns()
      await clock.advance(900)
      await values.send(`more ${i}`)
    }
    await values.send('last')
    values.close()
    await closed
    await client.closed
    expect(client.text).toMatch(/more 3[\s\S]*last[\s\S]*\r\n0\r\n\r\n$/)
  } finally {
    clock.restore()
  }
})
