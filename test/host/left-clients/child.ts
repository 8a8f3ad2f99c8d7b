/** Many clients that come so far and leave, and a look at what this process keeps of them. */
import { EventEmitter, once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as http2Connect } from 'node:http2'
import { connect } from 'node:net'
import { queryObjects } from 'node:v8'
import { Scope } from '../../../src/core/index.js'
import type { HttpHost } from '../../../src/host/http-host.js'
import { createHost } from '../../../src/host/index.js'
import { AdmissionStage } from '../../../src/host/stages/admission.js'
import { virtualClock } from '../../../src/testing/index.js'
import { busy, get, type Way, ways } from './ways.js'

/** What a process has more than before, for each client. */
export interface Kept {
  readonly emitters: number
  readonly scopes: number
  readonly bytes: number
}

/** Lets clients come and leave, and resolves when the host has noticed. */
type Visit = (clients: number) => Promise<void>

const [, , clients, together, key, cert] = process.argv
const count = Number(clients)
/** How many are connected at once. */
const AT_ONCE = 50
/** The end of a connection that is not read is looked for from time to time. */
const clock = virtualClock()

const turn = () => new Promise<void>(resolve => setImmediate(resolve))
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}

async function inBatches(clients: number, batch: () => Promise<void>): Promise<void> {
  for (let left = clients; left > 0; left -= AT_ONCE) await batch()
}

/** Messages, sockets and streams are emitters. All that is kept for a request has one of them, or its scope. */
function look(): Kept {
  // The query collects garbage before it counts.
  const [emitters, scopes] = [EventEmitter, Scope].map(kind => queryObjects(kind as typeof EventEmitter))
  const { heapUsed, external } = process.memoryUsage()
  return { emitters: Number(emitters), scopes: Number(scopes), bytes: heapUsed + external }
}

async function measure(visits: readonly Visit[]): Promise<Kept> {
  const visitAll = async (clients: number) => {
    for (const visit of visits) await visit(clients)
    for (let i = 0; i < 5; i++) await turn()
  }
  await visitAll(Math.max(100, count / 10))
  const before = look()
  await visitAll(count)
  const after = look()
  const each = (kind: keyof Kept) => (after[kind] - before[kind]) / count
  return { emitters: each('emitters'), scopes: each('scopes'), bytes: each('bytes') }
}

async function visitOf({ options = {}, mount, send, full = false, deaf = false }: Way): Promise<Visit> {
  const host = createHost({ requestId: {}, ...options }) as HttpHost
  let reached = 0
  mount(host, () => reached++)
  const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
  const visitor = () => connect(port, '127.0.0.1').on('error', () => {})
  if (full) {
    visitor().write(get)
    await until(() => reached === 1)
  }
  const idle = full ? 1 : 0
  const waiting = () => {
    const stages = [...host.mounts].flatMap(({ stages }) => stages ?? [])
    return stages.reduce((sum, stage) => sum + (stage instanceof AdmissionStage ? stage.waiting.count : 0), 0)
  }
  // A head that has not ended reaches no app.
  const isWhole = send.includes('\r\n\r\n')
  return clients =>
    inBatches(clients, async () => {
      reached = 0
      const sockets = Array.from({ length: AT_ONCE }, () => {
        const socket = visitor()
        if (!deaf) socket.resume()
        socket.write(send)
        return socket
      })
      await until(() => host.traffic.connections.size === AT_ONCE + idle)
      if (full) await until(() => waiting() === AT_ONCE)
      else if (isWhole) await until(() => reached === AT_ONCE)
      else await until(() => sockets.every(socket => socket.bytesWritten === send.length))
      for (const [i, socket] of sockets.entries()) {
        if (i % 2 === 0) socket.destroy()
        else socket.resetAndDestroy()
      }
      while (host.traffic.connections.size > idle || waiting() > 0) {
        await clock.advance(1000)
        await turn()
      }
      await until(() => sockets.every(({ closed }) => closed))
    })
}

/** Streams that are reset, many on one connection. */
async function visitByStreams(): Promise<Visit> {
  const host = createHost({ tls: { key, cert }, http2: true }) as HttpHost
  let reached = 0
  host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
    req.once('data', () => busy(() => reached++)(req, res))
  })
  const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
  return clients =>
    inBatches(clients, async () => {
      reached = 0
      // Node ends a session of which very many streams are reset.
      const session = http2Connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
      await once(session, 'connect')
      const streams = Array.from({ length: AT_ONCE }, () => {
        const stream = session.request({ ':path': '/', ':method': 'POST' }).on('error', () => {})
        stream.write('a part')
        return stream
      })
      await until(() => reached === AT_ONCE)
      for (const stream of streams) stream.close(8)
      await until(() => streams.every(({ closed, destroyed }) => closed && destroyed))
      session.destroy()
      await until(() => host.traffic.connections.size === 0)
    })
}

const { 'and are kept on purpose': planted, ...others } = ways
const visits: Record<string, Visit> = {}
for (const [name, way] of Object.entries(others)) visits[name] = await visitOf(way)
visits['with a stream of HTTP/2'] = await visitByStreams()
const results: Record<string, Kept> = {}
if (together === 'together') results['in any way'] = await measure(Object.values(visits))
else for (const [name, visit] of Object.entries(visits)) results[name] = await measure([visit])
if (planted !== undefined) results['and are kept on purpose'] = await measure([await visitOf(planted)])
process.stdout.write(JSON.stringify(results), () => process.exit())
