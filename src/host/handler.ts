import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { answer } from './answer.js'
import type { Visited } from './attach.js'
import type { Host } from './host.js'

/** A host as a function of Connect's shape. It keeps its identity, and needs no `this`. */
export interface HostHandler {
  /**
   * Serves a request. Where no mount owns it, or the one that does declines it, `next` is called; without one the answer
   * is 404.
   */
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void
  /** Takes an upgrade if a mount that takes upgrades owns its path, and says whether: if not, nothing was done to it. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** The host that it serves. */
  readonly host: Host
}

export function makeHandler(host: Host & Visited): HostHandler {
  const handle = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) =>
    next === undefined
      ? host.visit('request', req, res, error => answer(res, error === undefined ? 404 : 500))
      : host.visit('request', req, res, next, true)
  const upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => host.visitUpgrade(req, socket, head)
  return Object.assign(handle, { upgrade, host })
}
