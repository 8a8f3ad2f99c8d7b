import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Host, NodeHttpOptions } from 'syncless/host'
import {
  type Alteration,
  type Arrangement,
  addNeighbours,
  fastifyOf,
  type Guest,
  LOCAL,
  listening,
  makeHost,
  type Opened,
} from './arrangement.js'
import type { FastifyProgram } from './program.js'

type Guests = readonly Guest<FastifyProgram>[]

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

async function openBare([guest]: Guests, place: Place, more?: FastifyServerOptions): Promise<Opened> {
  if (guest === undefined) throw new Error('nothing to run')
  const app = makeApp(guest, place, more ?? ({ http: guest.program.http ?? {} } as FastifyServerOptions))
  await app.listen({ ...LOCAL })
  const address = app.server.address()
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, close: () => app.close() }
}

type Mounting = (host: Host, guest: Guest<FastifyProgram>, path: string, place: Place, alter: Alteration) => void

async function openHosted(guests: Guests, place: Place, mount: Mounting, alter: Alteration = same): Promise<Opened> {
  const [first] = guests
  if (first === undefined) throw new Error('nothing to run')
  const host = makeHost({ ...FASTIFYS_SERVER, ...first.program.http })
  if (first.session.at !== '') addNeighbours(host, first.session.major)
  for (const guest of guests) mount(host, guest, guest.session.at === '' ? '/' : guest.session.at, place, alter)
  return listening(host)
}

const same: Alteration = handler => handler

const byFactory: Mounting = (host, guest, path, place, alter) => {
  const factory = host.serverFactory(path)
  makeApp(guest, place, { serverFactory: (handler, options) => factory(alter(handler), options) })
}

const prebuilt: Mounting = (host, guest, path, place) => {
  host.mount(path, makeApp(guest, place, {}))
}

/** The host does not know of the app, which starts and ends by itself. */
async function openOnServer([guest]: Guests, alter: Alteration = same): Promise<Opened> {
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

export const fastifyArrangements: readonly Arrangement<FastifyProgram>[] = [
  { name: 'bare', like: null, crowd: false, takes: anything, open: guests => openBare(guests, 'root') },
  {
    name: 'serverFactory(/)',
    like: 'bare',
    crowd: false,
    takes: anything,
    open: (guests, alter) => openHosted(guests, 'root', byFactory, alter),
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
    open: guests => openHosted(guests, 'prefix', byFactory),
  },
  {
    name: 'prebuilt under a path',
    like: 'bare, under a path',
    crowd: true,
    takes: inACrowd,
    open: guests => openHosted(guests, 'prefix', prebuilt),
  },
]
