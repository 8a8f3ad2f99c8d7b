import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { SynclessError } from '../core/errors.js'
import { answer } from './answer.js'
import type { Visited } from './attach.js'
import { outermostExchange, upgradeTakerOf } from './connection.js'
import type { Host } from './host.js'
import { originalUrl } from './mount-path.js'
import { HostedServer } from './mount-server.js'

/** A host as a function of Connect's shape. It keeps its identity, and needs no `this`. */
export interface HostHandler {
  /**
   * Serves a request. Where no mount owns it, or the one that does declines it, `next` is called; without one the answer
   * is 404. A request that the host serves already, in one of its own apps, is refused with `HOST_LOOP`: it is given to
   * `next`, and thrown where there is none.
   */
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void
  /**
   * Takes an upgrade if a mount that takes upgrades owns its path, and says whether: if not, nothing was done to it. Throws
   * `HOST_LOOP` for one that the host has given to one of its own apps.
   */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** The host that it serves. */
  readonly host: Host
}

export function makeHandler(host: Host & Visited): HostHandler {
  const handle = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => {
    if (isServing(host, req)) {
      if (next === undefined) throw loop(req)
      next(loop(req))
    } else if (next === undefined)
      host.visit('request', req, res, error => answer(res, error === undefined ? 404 : 500))
    else host.visit('request', req, res, next, true)
  }
  const upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isInside(upgradeTakerOf(socket), host)) throw loop(req)
    return host.visitUpgrade(req, socket, head)
  }
  return Object.assign(handle, { upgrade, host })
}

/** Whether an app of the host has the request, or of a host that is mounted on it. */
function isServing(host: Host, req: IncomingMessage): boolean {
  for (let exchange = outermostExchange(req); exchange !== undefined; exchange = exchange.inner ?? undefined) {
    if (isInside(exchange.owner.server, host)) return true
  }
  return false
}

function isInside(server: unknown, host: Host): boolean {
  return server instanceof HostedServer && server.isInside(host)
}

function loop(req: IncomingMessage): SynclessError {
  return new SynclessError(
    'HOST_LOOP',
    `${req.method} ${originalUrl(req)} is served by this host already: give its handler to no app that is mounted on it`,
  )
}
