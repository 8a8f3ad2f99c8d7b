/** Our own endless answers end by themselves when their host closes, and finite ones go on. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type express from 'express'
import * as expressPort from '../../src/adapters/express/index.js'
import * as fastifyPort from '../../src/adapters/fastify/index.js'
import * as stream from '../../src/adapters/stream/index.js'
import * as web from '../../src/adapters/web/index.js'
import { type Channel, channel } from '../../src/core/index.js'
import { type CloseReport, fetchHandler, type Host, type HostOptions, taskletHandler } from '../../src/host/index.js'
import { type VirtualClock, virtualClock } from '../../src/testing/index.js'
import { ca, server as tls } from './certificates.js'
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

function hosting(port: string, format: Format, options: HostOptions = {}) {
  const host = newHost(options)
  const values = channel<string>()
  ports[port]?.(host, values, format)
  return { host, values }
}

async function serving(port: string, format: Format) {
  const { host, values } = hosting(port, format)
  const client = new RawClient((await started(host)).port).send(get('/'))
  await values.send('first')
  await client.until(/first/)
  return { host, values, client }
}

/** Closes `host`, and lets time pass until it has. */
async function closedInTime(host: Host, clock: VirtualClock): Promise<CloseReport> {
  let report: CloseReport | undefined
  host.close().then(made => {
    report = made
  })
  for (let waited = 0; report === undefined && waited < 3000; waited += 250) {
    await turns()
    await clock.advance(250)
  }
  if (report === undefined) throw new Error('the host waits for the answer')
  return report
}

/** The end of the chunks: the answer is whole. */
const WHOLE = /\r\n0\r\n\r\n$/

test.each(cases)('%s, %s: an answer whose channel stays open ends at the close', async (port, format) => {
  const clock = virtualClock()
  try {
    const { host, values, client } = await serving(port, format)
    expect(await closedInTime(host, clock)).toMatchObject({ clean: true, errors: [] })
    await client.closed
    // Events go on elsewhere. Who got a part of a list must not take it for all of it.
    if (format === 'sse') expect(client.text).toMatch(WHOLE)
    else expect(client.text).not.toMatch(WHOLE)
    expect(values.trySend('late')).toBe('closed')
  } finally {
    clock.restore()
  }
})

// Hosts refuse Express over HTTP/2.
const overHttp2 = cases.filter(([port]) => port !== 'express.drainTo()')

test.each(overHttp2)('%s, %s, over HTTP/2: the same', async (port, format) => {
  const clock = virtualClock()
  try {
    const { host, values } = hosting(port, format, { tls, http2: true })
    const session = connectHttp2(`https://127.0.0.1:${(await started(host)).port}`, { ca })
    const stream = session.request({ ':path': '/' })
    const ended = { error: null as unknown, whole: false }
    stream.on('error', error => {
      ended.error = error
    })
    stream.on('end', () => {
      ended.whole = stream.rstCode === 0
    })
    await values.send('first')
    await once(stream, 'data')
    const closed = new Promise(resolve => stream.resume().on('close', resolve))
    expect(await closedInTime(host, clock)).toMatchObject({ clean: true, errors: [] })
    await closed
    expect(stream.rstCode).toBe(format === 'sse' ? 0 : 2)
    expect(ended).toEqual(
      format === 'sse'
        ? { error: null, whole: true }
        : { error: expect.objectContaining({ code: 'ERR_HTTP2_STREAM_ERROR' }), whole: false },
    )
    expect(values.trySend('late')).toBe('closed')
  } finally {
    clock.restore()
  }
})

test.each(Object.keys(ports))('%s: NDJSON that its handler ends at the close is whole', async port => {
  const clock = virtualClock()
  try {
    const { host, values, client } = await serving(port, 'ndjson')
    host.closing.addEventListener('abort', () => values.close())
    await closedInTime(host, clock)
    await client.closed
    expect(client.text).toMatch(WHOLE)
  } finally {
    clock.restore()
  }
})

test.each(Object.keys(ports))('%s: NDJSON that waits for its client is not broken off', async port => {
  const clock = virtualClock()
  try {
    const { host, values, client } = await serving(port, 'ndjson')
    client.socket.pause()
    const part = 'x'.repeat(1 << 20)
    const sending = (async () => {
      for (let i = 0; i < 24; i++) await values.send(part)
      values.close()
    })()
    const closed = host.close({ deadline: 60_000 })
    for (let i = 0; i < 12; i++) {
      await turns()
      await clock.advance(250)
    }
    client.socket.resume()
    await sending
    await closed
    await client.closed
    expect(client.text).toMatch(WHOLE)
    expect(client.text.length).toBeGreaterThan(24 << 20)
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
