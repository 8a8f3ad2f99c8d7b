import { createServer, type RequestListener, type Server } from 'node:http'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Host, NodeHttpOptions } from 'syncless/host'
import {
  type Alteration,
  type Arrangement,
  addNeighbours,
  expressOf,
  fastifyOf,
  type Guest,
  LOCAL,
  listening,
  makeHost,
  type Opened,
} from './arrangement.js'
import type { FastifyProgram } from './program.js'

type BorrowedConnections = readonly Guest<FastifyProgram>[]

/** What Fastify sets on a server of its own. A host has to be told, and is. */
const FASTIFYS_SERVER: NodeHttpOptions = { keepAliveTimeout: 72_000, requestTimeout: 0 }

/** Under a path, the program's app is a plugin with a prefix. */
type Place = 'root' | 'prefix'

function makeApp(guest: Guest<FastifyProgram>, place: Place, more: FastifyServerOptions): FastifyInstance {
  const { program, session } = guest
  const app = fastifyOf(session.major)({ ...program.options?.(session), ...more })
  program.root?.(app, session)
  if (place === 'root') program.app(app, session)
  else app.register(async child => void program.app(child, session), { prefix: session.at })
  session.end = () => app.close()
  return app
}

async function openBare([guest]: BorrowedConnections, place: Place, more?: FastifyServerOptions): Promise<Opened> {
  if (guest === undefined) throw new Error('nothing to run')
  const app = makeApp(guest, place, more ?? ({ http: guest.program.http ?? {} } as FastifyServerOptions))
  await app.listen({ ...LOCAL })
  const address = app.server.address()
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, close: () => app.close() }
}

/** What Express makes of a handler under `app.use(path, ...)`: it leaves the path away. */
function stripping({ program, session }: Guest<FastifyProgram>): (handler: RequestListener) => Server {
  return handler => {
    const router = expressOf(5).Router()
    router.use(session.at, (req, res) => handler(req, res))
    const { timeout = 0, maxRequestsPerSocket = 0, ...options } = { ...FASTIFYS_SERVER, ...program.http }
    const listener: RequestListener = (req, res) => router(req as never, res as never, () => res.writeHead(404).end())
    return Object.assign(createServer(options, listener), { timeout, maxRequestsPerSocket })
  }
}

type Mounting = (host: Host, guest: Guest<FastifyProgram>, path: string, place: Place, alter: Alteration) => void

async function openHosted(
  guests: BorrowedConnections,
  place: Place,
  mount: Mounting,
  alter: Alteration = same,
): Promise<Opened> {
  const [first] = guests
  if (first === undefined) throw new Error('nothing to run')
  const host = makeHost({ ...FASTIFYS_SERVER, ...first.program.http })
  if (first.session.at !== '') addNeighbours(host, first.session.major)
  for (const guest of guests) mount(host, guest, guest.session.at === '' ? '/' : guest.session.at, place, alter)
  return listening(host)
}

const same: Alteration = handler => handler

const byFactory =
  (strip: boolean): Mounting =>
  (host, guest, path, place, alter) => {
    const factory = host.serverFactory(path, { strip })
    makeApp(guest, place, { serverFactory: (handler, options) => factory(alter(handler), options) })
  }

const prebuilt: Mounting = (host, guest, path, place) => {
  host.mount(path, makeApp(guest, place, {}))
}

/** The host does not know of the app, which starts and ends by itself. */
async function openOnServer([guest]: BorrowedConnections, alter: Alteration = same): Promise<Opened> {
  if (guest === undefined) throw new Error('nothing to run')
  const host = makeHost({ ...FASTIFYS_SERVER, ...guest.program.http })
  const app = makeApp(guest, 'root', { serverFactory: handler => host.server('/').on('request', alter(handler)) })
  const started = app.listen({ ...LOCAL })
  await app.ready()
  const { port, close } = await listening(host)
  await started
  return {
    port,
    async close() {
      await app.close()
      await close()
    },
  }
}

const anything = () => true
const inACrowd = (program: FastifyProgram) => program.alone !== true
const strippable = (program: FastifyProgram) => inACrowd(program) && program.unstripped !== true

export const fastifyArrangements: readonly Arrangement<FastifyProgram>[] = [
  { name: 'bare', like: null, crowd: false, takes: anything, open: guests => openBare(guests, 'root') },
  {
    name: 'serverFactory(/)',
    like: 'bare',
    crowd: false,
    takes: anything,
    open: (guests, alter) => openHosted(guests, 'root', byFactory(false), alter),
  },
  {
    name: 'prebuilt at /',
    like: 'bare',
    crowd: false,
    takes: anything,
    open: guests => openHosted(guests, 'root', prebuilt),
  },
  {
    name: 'host.server(/)',
    like: 'bare',
    crowd: false,
    takes: anything,
    open: (guests, alter) => openOnServer(guests, alter),
  },
  { name: 'bare, under a path', like: null, crowd: false, takes: inACrowd, open: guests => openBare(guests, 'prefix') },
  {
    name: 'serverFactory under a path',
    like: 'bare, under a path',
    crowd: true,
    takes: inACrowd,
    open: guests => openHosted(guests, 'prefix', byFactory(false)),
  },
  {
    name: 'prebuilt under a path',
    like: 'bare, under a path',
    crowd: true,
    takes: inACrowd,
    open: guests => openHosted(guests, 'prefix', prebuilt),
  },
  {
    name: 'bare, stripped',
    like: null,
    crowd: false,
    takes: strippable,
    open: guests => openBare(guests, 'root', guests[0] && { serverFactory: stripping(guests[0]) }),
  },
  {
    name: 'stripped',
    like: 'bare, stripped',
    crowd: true,
    takes: strippable,
    open: guests => openHosted(guests, 'root', byFactory(true)),
  },
]
