import { createServer, type RequestListener, type Server } from 'node:http'
import type { Express } from 'express'
import {
  type Alteration,
  type Arrangement,
  addNeighbours,
  expressOf,
  type Guest,
  LOCAL,
  listening,
  makeHost,
  type Opened,
} from './arrangement.js'
import type { ExpressProgram } from './program.js'

type BorrowedConnections = readonly Guest<ExpressProgram>[]

/** The app with its routes at the root. */
function makeApp({ program, session }: Guest<ExpressProgram>): Express {
  const express = expressOf(session.major)
  const app = express()
  program.app?.(app, Object.assign(session, { express }))
  return app
}

/** An app with the routes under the path they are asked for at. */
function makeUnder(guest: Guest<ExpressProgram>, app: Express): Express {
  return expressOf(guest.session.major)().use(guest.session.at, app)
}

/** What Express makes of an app under `app.use(path, ...)`, with nothing else around it. */
function makeStripped({ session }: Guest<ExpressProgram>, app: Express): RequestListener {
  const router = expressOf(session.major).Router()
  router.use(session.at, (req, res) => app(req, res))
  return (req, res) => router(req as never, res as never, () => res.writeHead(404).end())
}

async function openBare(
  guests: BorrowedConnections,
  around: (guest: Guest<ExpressProgram>, app: Express) => RequestListener,
) {
  const [guest] = guests
  if (guest === undefined) throw new Error('nothing to run')
  const { program, session } = guest
  const app = makeApp(guest)
  const handler = around(guest, app)
  const { timeout = 0, maxRequestsPerSocket = 0, ...options } = program.http ?? {}
  const server = Object.assign(createServer(options, handler), { timeout, maxRequestsPerSocket })
  program.server?.(server, session, app)
  const close = () => new Promise<void>(resolve => server.close(() => resolve()))
  session.end = close
  await new Promise<void>(resolve => server.listen({ ...LOCAL }, resolve))
  return opened(server, close)
}

function opened(server: Server, close: () => Promise<void>): Opened {
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, close }
}

async function openHosted(
  guests: BorrowedConnections,
  mode: 'mount' | 'server',
  around: (guest: Guest<ExpressProgram>, app: Express) => Express,
  strip: boolean,
  alter: Alteration = handler => handler,
): Promise<Opened> {
  const [first] = guests
  if (first === undefined) throw new Error('nothing to run')
  const host = makeHost(first.program.http ?? {})
  if (first.session.at !== '') addNeighbours(host, first.session.major)
  for (const guest of guests) {
    const { program, session } = guest
    const app = makeApp(guest)
    const path = session.at === '' ? '/' : session.at
    const mounted = around(guest, app)
    if (mode === 'mount' && program.server === undefined) {
      host.mount(path, mounted, { strip })
      session.end = async () => {
        await host.close()
      }
    } else {
      const server = host.server(path, { strip })
      server.on('request', alter(mounted))
      program.server?.(server, session, app)
      session.end = () => new Promise<void>(resolve => server.close(() => resolve()))
    }
  }
  return listening(host)
}

const itself = (_guest: unknown, app: Express) => app
const anything = () => true
const inACrowd = (program: ExpressProgram) => program.alone !== true
/** Express strips the paths of requests, and knows no other event. */
const strippable = (program: ExpressProgram) => inACrowd(program) && program.server === undefined

export const expressArrangements: readonly Arrangement<ExpressProgram>[] = [
  { name: 'bare', like: null, crowd: false, takes: anything, open: guests => openBare(guests, itself) },
  {
    name: 'at /',
    like: 'bare',
    crowd: false,
    takes: ({ server }) => server === undefined,
    open: guests => openHosted(guests, 'mount', itself, false),
  },
  {
    name: 'host.server(/)',
    like: 'bare',
    crowd: false,
    takes: anything,
    open: (guests, alter) => openHosted(guests, 'server', itself, false, alter),
  },
  {
    name: 'bare, under a path',
    like: null,
    crowd: false,
    takes: inACrowd,
    open: guests => openBare(guests, makeUnder),
  },
  {
    name: 'under a path',
    like: 'bare, under a path',
    crowd: true,
    takes: inACrowd,
    open: guests => openHosted(guests, 'mount', makeUnder, false),
  },
  {
    name: 'bare, stripped',
    like: null,
    crowd: false,
    takes: strippable,
    open: guests => openBare(guests, makeStripped),
  },
  {
    name: 'stripped',
    like: 'bare, stripped',
    crowd: true,
    takes: strippable,
    open: guests => openHosted(guests, 'mount', itself, true),
  },
]
