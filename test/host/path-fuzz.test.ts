/**
 * Guards in one framework, handlers behind them in another, and paths that are nearly theirs: whatever reaches a handler
 * has passed its guard.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { MountOptions } from '../../src/host/index.js'
import { type Host, passOn } from '../../src/host/index.js'
import { sized } from '../sized.js'
import { express, express4, fastify, fastify4 } from './frameworks.js'
import { mutants } from './path-mutations.js'
import { sendAll } from './raw-requests.js'
import { alone, closeHosts, newHost, started } from './support.js'

afterEach(closeHosts)

// Every path that is refused makes an error, and traces in Jest are slow.
const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

/** What is guarded, with all that is under it. */
const guarded = ['/admin', '/bank/secret', '/~root', '/users/:id/private']
/** What is not, and is asked for now and then. */
const open = '/open'

const paths = [
  ...[
    '/admin',
    '/admin/some/thing',
    '/bank/secret',
    '/bank/secret/of/all',
    '/~root',
    '/users/ada/private',
    '/users/ada/private/x',
  ],
  open,
]

interface Marked extends IncomingMessage {
  guarded?: boolean
}

/** The targets with which a handler was reached, and those of them that no guard has seen. */
class Log {
  readonly reached = new Set<string>()
  readonly bypasses = new Set<string>()

  handled(req: Marked): void {
    this.reached.add(targetOf(req))
    if (req.guarded !== true) this.bypasses.add(targetOf(req))
  }
}

function targetOf(req: IncomingMessage & { originalUrl?: string }): string {
  return req.originalUrl ?? req.url ?? ''
}

type Settings = Record<string, boolean>

interface Kind {
  /** Guards in front. */
  guard(host: Host, settings: Settings, options: MountOptions): void
  /** Handlers behind. */
  handle(host: Host, settings: Settings, log: Log): void
  /** The same handlers on a server of their own; calls `use` with its port. */
  bare(settings: Settings, log: Log, use: (port: number) => Promise<void>): Promise<void>
}

function expressKind(make: typeof express): Kind {
  const app = (settings: Settings) => {
    const made = make()
    for (const [name, value] of Object.entries(settings)) made.set(name, value)
    return made
  }
  const handlers = (settings: Settings, log: Log) => {
    const made = app(settings)
    for (const path of guarded)
      made.use(path, (req, res) => {
        log.handled(req)
        res.end()
      })
    return made.get(open, (_req, res) => void res.end())
  }
  return {
    guard(host, settings, options) {
      const made = app(settings)
      for (const path of guarded)
        made.use(path, (req: Marked, _res, next) => {
          req.guarded = true
          next()
        })
      host.mount('/', made, { handOver: true, ...options })
    },
    handle: (host, settings, log) => void host.mount('/', handlers(settings, log)),
    bare: (settings, log, use) => alone(handlers(settings, log), use),
  }
}

/** Where its settings belong differs with its major. */
function fastifyKind(make: typeof fastify, optionsOf: (settings: Settings) => object): Kind {
  const routes = guarded.flatMap(path => [path, `${path}/*`])
  const handlers = (app: ReturnType<typeof fastify>, log: Log) => {
    for (const path of routes)
      app.get(path, async (request: FastifyRequest) => {
        log.handled(request.raw)
        return ''
      })
    app.get(open, async () => '')
    return app
  }
  return {
    guard(host, settings, options) {
      const app = make({
        ...optionsOf(settings),
        serverFactory: host.serverFactory('/', { handOver: true, ...options }),
      })
      for (const path of routes)
        app.all(path, async (request, reply) => {
          const raw: Marked = request.raw
          raw.guarded = true
          return passOn(reply)
        })
    },
    handle: (host, settings, log) =>
      void handlers(make({ ...optionsOf(settings), serverFactory: host.serverFactory('/') }), log),
    async bare(settings, log, use) {
      const app = handlers(make(optionsOf(settings)), log)
      await app.listen({ port: 0, host: '127.0.0.1' })
      const address = app.server.address()
      await use(typeof address === 'object' && address !== null ? address.port : 0)
      await app.close()
    },
  }
}

const kinds: Record<string, Kind> = {
  'Express 4': expressKind(express4),
  'Express 5': expressKind(express),
  'Fastify 4': fastifyKind(fastify4, settings => settings),
  'Fastify 5': fastifyKind(fastify, routerOptions => ({ routerOptions })),
}

const lax = { caseSensitive: false, ignoreTrailingSlash: true }
const strict = { 'case sensitive routing': true, 'strict routing': true }
const plain = { useSemicolonDelimiter: false }

/** Settings of front and back with which the host accepts a pair: as near to the defaults as can be, and others. */
function agreed(front: string, back: string): [Settings, Settings][] {
  const [first, last] = [isExpress(front), isExpress(back)]
  const wide = { ...plain, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true }
  return [
    [first ? {} : { ...plain, ...(last ? lax : null) }, last ? {} : plain],
    [first ? strict : wide, last ? strict : plain],
  ]
}

const isExpress = (name: string) => name.startsWith('Express')

/** Sends every target as it is. */
async function send(port: number, targets: readonly string[]): Promise<void> {
  await sendAll(
    port,
    targets.map(target => `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`),
  )
}

const names = Object.keys(kinds)
const pairs = names.flatMap(front =>
  names.filter(back => back !== front).map((back): [string, string] => [front, back]),
)
const EACH = Math.ceil(sized(20_000, 100_000) / pairs.length / 2)

/** What `count` mutated paths reach in `back`, behind the guards of `front`. */
async function fuzz(
  [front, back]: [string, string],
  [first, last]: [Settings, Settings],
  options: MountOptions,
  count: number,
  seed: number,
): Promise<Log> {
  const log = new Log()
  const host = newHost({ onError: () => {} })
  kinds[front]?.guard(host, first, options)
  kinds[back]?.handle(host, last, log)
  const { port } = await started(host)
  await send(port, mutants(paths, count, seed))
  return log
}

// Seconds alone, and on a busy machine minutes.
jest.setTimeout(300_000)

describe('a guard is never passed by', () => {
  test.each(pairs)('%s in front of %s', async (front, back) => {
    for (const [index, settings] of agreed(front, back).entries()) {
      const seed = 2 * pairs.findIndex(pair => pair[0] === front && pair[1] === back) + index
      const log = await fuzz([front, back], settings, {}, EACH, seed)
      expect([...log.bypasses]).toEqual([])
      expect(log.reached.size).toBeGreaterThan(sized(25, 50))

      // And the host has added no way in: without it, each of them gets there, too.
      const own = new Log()
      const some = [...log.reached].slice(0, 300)
      await kinds[back]?.bare(settings[1], own, bare => send(bare, some))
      expect(some.filter(target => !own.reached.has(target))).toEqual([])
    }
  })
})

describe('a guard that is narrower is found', () => {
  test('by the host, at its start, and by the mutated paths, once the difference is accepted', async () => {
    const pair: [string, string] = ['Fastify 5', 'Express 5']
    const settings: [Settings, Settings] = [{}, {}]
    await expect(fuzz(pair, settings, {}, 0, 1)).rejects.toMatchObject({ code: 'PATH_MISMATCH' })
    const log = await fuzz(pair, settings, { accept: ['case', 'trailing-slash'] }, 1000, 1)
    expect(log.bypasses).toContain('/ADMIN')
  })

  test('where escapes are decoded by one alone, and that is accepted', async () => {
    const log = await fuzz(['Express 5', 'Fastify 5'], [{}, {}], { accept: ['spelling'] }, 1000, 1)
    expect([...log.bypasses].some(target => /%[67]/.test(target))).toBe(true)
  })

  test('where the paths of one end at a semicolon', async () => {
    const pair: [string, string] = ['Fastify 4', 'Express 4']
    await expect(fuzz(pair, [lax, {}], {}, 0, 1)).rejects.toMatchObject({ code: 'PATH_MISMATCH' })
    const log = await fuzz(pair, [lax, {}], { accept: ['semicolon'] }, 4000, 1)
    expect([...log.bypasses].some(target => target.includes(';'))).toBe(true)
  })
})
