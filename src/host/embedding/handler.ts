import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { SynclessError } from '../../core/base/errors.js'
import { answer } from '../answer/answer.js'
import { HostedServer } from '../mounts/mount-server.js'
import { outermostExchange, upgradeTakerOf } from '../request/connection.js'
import { originalUrl } from '../transport/request-target.js'
import type { Visited } from './emit-tap.js'

/** `H` is the host. */
interface Handler<H> {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
  readonly host: H
}

export function makeHandler<H extends Visited>(host: H): Handler<H> {
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
function isServing(host: object, req: IncomingMessage): boolean {
  for (let exchange = outermostExchange(req); exchange !== undefined; exchange = exchange.inner ?? undefined) {
    if (isInside(exchange.owner.server, host)) return true
  }
  return false
}

function isInside(server: unknown, host: object): boolean {
  return server instanceof HostedServer && server.isInside(host)
}

function loop(req: IncomingMessage): SynclessError {
  return new SynclessError(
    'HOST_LOOP',
    `do not use the handler of a host in an app that is mounted on that host: it already serves ${req.method} ${originalUrl(req)}`,
  )
}
