/**
 * Guards of one kind of app, secrets behind them in another, in every way in which the two can meet in a host: no request gets the
 * secret. It is guarded, or refused, or the host does not start. FUZZ_SEED=7 tries other requests, and other pairs.
 */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:http2'
import { createHost, type Difference, type Host, type MountOptions } from '../../src/host/index.js'
import { full, sized } from '../sized.js'
import { meantWarnings } from '../warnings.js'
import { ca, server as tls } from './certificates.js'
import { express } from './frameworks.js'
import { kinds, type Reader, readers, type Site } from './guard-kinds.js'
import { Statuses, sendAll } from './raw-requests.js'
import { nearRequests, nearTargets } from './request-mutations.js'
import { alone, closeHosts, newHost, started } from './support.js'

meantWarnings(/waits in listen\(\)/)
afterEach(closeHosts)

// Every request that is refused makes an error, and traces in Jest are slow.
const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

const SEED = Number(process.env.FUZZ_SEED ?? 1)
const EACH = sized(40, 100)

/** Sends requests over one session, and the host in a header as well where that is not empty. */
async function sendStreams(port: number, targets: readonly string[], statuses: Statuses): Promise<void> {
  const session = connect(`https://127.0.0.1:${port}`, { ca })
  await once(session, 'connect')
  // What no client of HTTP/2 lets one send says nothing of a host.
  const sendable = targets.filter(target => /^[\x21-\x7e]+$/.test(target))
  await Promise.all(
    sendable.map(async (target, index) => {
      const host = index % 5 === 0 ? { host: index % 2 === 0 ? 'admin' : '127.0.0.1' } : {}
      const stream = session.request({ ':path': target, ...host })
      stream.on('response', headers => statuses.add(`HTTP/1.1 ${headers[':status']} `))
      stream.on('error', () => {})
      await once(stream.resume().end(), 'close').catch(() => {})
    }),
  )
  session.destroy()
}

/** What a way of meeting is given. */
interface Meeting {
  readonly front: string
  readonly back: string
  readonly reads: readonly [Reader, Reader]
  readonly accept: Difference[]
  readonly served: (target: string) => void
  /** Sends requests that are near the secret at `paths`. */
  readonly send: (port: number, paths: readonly string[], offer?: string) => Promise<void>
  readonly sendStreams: (port: number, paths: readonly string[]) => Promise<void>
}

type Way = (meeting: Meeting) => Promise<void>

const quiet = { onError() {} }

function site({ reads, served, accept }: Meeting, host: Host, at: 0 | 1, more: Partial<Site> = {}): Site {
  const { options, ...rest } = more
  const given: MountOptions = { ...options, accept, ...(at === 0 ? { handOver: true } : null) }
  return { host, path: '/', base: '', served, read: reads[at], ...rest, options: given }
}

const paths = ['/admin', '/admin/x', '/admin/x/y']
const under = (base: string) => paths.map(path => base + path)

/** Both are mounts of one host. */
const mounted =
  (front: Partial<Site>, back: Partial<Site>, base: string): Way =>
  async meeting => {
    const host = newHost(quiet)
    kinds[meeting.front]?.guard(site(meeting, host, 0, front))
    kinds[meeting.back]?.secret(site(meeting, host, 1, back))
    const { port } = await started(host)
    await meeting.send(port, under(base))
  }

const strip = { path: '/app', options: { strip: true } }
const app = { base: '/app' }

function listener(kind: string, role: 'guard' | 'secret', where: Site): RequestListener {
  const made = kinds[kind]?.listener?.(role, where)
  if (made === undefined) throw new Error(`${kind} is no listener`)
  return made
}

const isListener = (kind: string) => kinds[kind]?.listener !== undefined
const anyKind = () => true

/** The ways, and which kinds can take part in them. */
const ways: Record<string, { way: Way; fronts?: (kind: string) => boolean; backs?: (kind: string) => boolean }> = {
  'side by side': { way: mounted({}, {}, '') },
  'both stripped': { way: mounted(strip, strip, '/app') },
  'the first stripped': { way: mounted(strip, app, '/app') },
  'the second stripped': { way: mounted({ path: '/app', base: '/app' }, strip, '/app') },
  'a guard at its own path': { way: mounted({ path: '/admin' }, {}, '') },
  'attached to a server': {
    backs: isListener,
    async way(meeting) {
      const host = newHost(quiet)
      kinds[meeting.front]?.guard(site(meeting, host, 0))
      const server = createServer(listener(meeting.back, 'secret', site(meeting, host, 1)))
      await host.attach(server)
      await alone(server, port => meeting.send(port, paths))
    },
  },
  'attached to a server, at the path of the guard': {
    backs: isListener,
    async way(meeting) {
      const host = newHost(quiet)
      kinds[meeting.front]?.guard(site(meeting, host, 0, { path: '/admin' }))
      const server = createServer(listener(meeting.back, 'secret', site(meeting, host, 1)))
      await host.attach(server)
      await alone(server, port => meeting.send(port, paths))
    },
  },
  'a handler behind a guard': {
    // What a function in front of a handler reads, no host can know, nor what else Connect behind it ignores.
    fronts: kind => kind.startsWith('Express') || kind === 'Connect',
    backs: kind => kind !== 'Connect',
    async way(meeting) {
      const host = newHost(quiet)
      kinds[meeting.back]?.secret(site(meeting, host, 1))
      const guard = Object(listener(meeting.front, 'guard', site(meeting, host, 0)))
      await host.ready()
      const app: RequestListener = guard.use(host.handler)
      const safely: RequestListener = (req, res) => {
        try {
          app(req, res)
        } catch {
          // On Node 26, Connect throws for a port that is none: without the host, that ends the process.
          res.writeHead(400).end()
        }
      }
      await alone(safely, port => meeting.send(port, paths))
    },
  },
  'a handler in front of a secret': {
    // Of what is behind a handler, no host can know what else it ignores.
    backs: kind => kind.startsWith('Express'),
    async way(meeting) {
      const host = newHost(quiet)
      kinds[meeting.front]?.guard(site(meeting, host, 0))
      await host.ready()
      const behind = listener(meeting.back, 'secret', site(meeting, host, 1))
      await alone(express().use(host.handler).use(behind), port => meeting.send(port, paths))
    },
  },
  'a handler of a bare server': {
    backs: isListener,
    async way(meeting) {
      const host = newHost(quiet)
      kinds[meeting.front]?.guard(site(meeting, host, 0, { path: '/admin' }))
      await host.ready()
      const behind = listener(meeting.back, 'secret', site(meeting, host, 1))
      await alone(
        (req, res) => host.handler(req, res, () => behind(req, res)),
        port => meeting.send(port, paths),
      )
    },
  },
  'a host in a host': {
    async way(meeting) {
      const inner = createHost(quiet)
      kinds[meeting.front]?.guard(site(meeting, inner, 0, { path: '/admin' }))
      const outer = newHost(quiet).mount('/', inner, { handOver: true, accept: meeting.accept })
      kinds[meeting.back]?.secret(site(meeting, outer, 1))
      const { port } = await started(outer)
      await meeting.send(port, paths)
    },
  },
  'HTTP/2': {
    fronts: kind => kinds[kind]?.http2 !== false,
    backs: kind => kinds[kind]?.http2 !== false,
    async way(meeting) {
      const host = newHost({ ...quiet, tls, http2: true })
      kinds[meeting.front]?.guard(site(meeting, host, 0))
      kinds[meeting.back]?.secret(site(meeting, host, 1))
      const { port } = await started(host)
      await meeting.sendStreams(port, paths)
    },
  },
  'an upgrade': {
    backs: kind => kind === 'a function',
    async way(meeting) {
      const host = newHost(quiet)
      kinds[meeting.front]?.guard(site(meeting, host, 0))
      host.server('/', { accept: meeting.accept }).on('upgrade', (req, socket) => {
        let path = ''
        try {
          path = meeting.reads[1](req.url ?? '')
        } catch {}
        if (/^\/admin(\/|$)/.test(path)) meeting.served(req.url ?? '')
        socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      })
      const { port } = await started(host)
      const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
      await meeting.send(port, paths, `Connection: Upgrade\r\nUpgrade: websocket\r\n${key}`)
    },
  },
}

/** The names of readers take turns. */
function readersOf(index: number): [Reader, Reader] {
  const all = Object.values(readers)
  const at = (n: number) => all[n % all.length] ?? all[0]!
  return [at(index), at(Math.floor(index / all.length) + index)]
}

interface Outcome {
  readonly served: string[]
  readonly statuses: Statuses
  /** What the host did not start with. */
  readonly code: unknown
}

async function meet(
  way: Way,
  front: string,
  back: string,
  index: number,
  accept: Difference[] = [],
  count = EACH,
): Promise<Outcome> {
  const served: string[] = []
  const statuses = new Statuses()
  const send: Meeting['send'] = (port, near, offer) =>
    sendAll(port, nearRequests(near, count, 1000 * SEED + index, offer), text => statuses.add(text))
  const meeting: Meeting = {
    front,
    back,
    reads: readersOf(index + SEED),
    accept,
    served: target => void served.push(target),
    send,
    sendStreams: (port, near) => sendStreams(port, nearTargets(near, count, 1000 * SEED + index), statuses),
  }
  try {
    await way(meeting)
    return { served, statuses, code: undefined }
  } catch (error) {
    return { served, statuses, code: Object(error).code ?? error }
  }
}

/** What a host does not start with: apps that disagree, and two hosts in it that both take the upgrades. */
const REFUSED: ReadonlySet<unknown> = new Set(['PATH_MISMATCH', 'UPGRADE_TAKEN'])

const names = Object.keys(kinds)

/** All pairs; in `npm test` some, in which most kinds come first and second. */
function pairsOf(name: string): [string, string, number][] {
  const { fronts = anyKind, backs = anyKind } = ways[name] ?? {}
  const all = names.filter(fronts).flatMap(front => names.filter(backs).map((back): [string, string] => [front, back]))
  const some = all.map(([front, back], index): [string, string, number] => [front, back, index])
  return full ? some : some.filter(([, , index]) => index % 13 === SEED % 13)
}

// Seconds alone, and on a busy machine minutes.
jest.setTimeout(600_000)

describe(`no request passes a guard by (seed ${SEED})`, () => {
  test.each(Object.keys(ways))('%s', async name => {
    const found: unknown[] = []
    const all = new Statuses()
    let started = 0
    for (const [front, back, index] of pairsOf(name)) {
      const { served, statuses, code } = await meet(ways[name]!.way, front, back, index)
      if (served.length > 0) found.push({ front, back, index, served: served.slice(0, 3) })
      if (code !== undefined && !REFUSED.has(code)) found.push({ front, back, code })
      if (code === undefined) started++
      for (const [status, count] of Object.entries(statuses.counts)) all.counts[status] = all.of(status) + count
    }
    expect(found).toEqual([])
    // It has guarded and refused, and many were about something else.
    expect(started).toBeGreaterThan(0)
    for (const status of [400, 401, 404]) expect([status, all.of(status)]).not.toEqual([status, 0])
  })
})

describe('a host that does not look', () => {
  const everything: Difference[] = ['spelling', 'case', 'trailing-slash', 'duplicate-slashes', 'semicolon', 'extension']

  /** The first pairs of each way for which a host that accepts everything lets requests by. */
  test.each(Object.keys(ways))('is noticed: %s', async name => {
    const { fronts = anyKind, backs = anyKind } = ways[name] ?? {}
    const rows = names
      .filter(fronts)
      .flatMap(front => names.filter(backs).map((back): [string, string] => [front, back]))
    for (const [index, [front, back]] of rows.entries()) {
      const { served } = await meet(ways[name]!.way, front, back, index, everything, 100)
      if (served.length > 0) return
    }
    throw new Error(`no request has passed by, although ${name} nothing was checked`)
  })
})
