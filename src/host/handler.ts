import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { answer } from './answer.js'
import type { Visited } from './attach.js'

/** A host as a function of Connect's shape. It keeps its identity, and needs no `this`. */
export interface HostHandler {
  /**
   * Serves a request. Where no mount owns it, or the one that does declines it, `next` is called; without one the answer
   * is 404.
   */
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void
  /** Takes an upgrade if a mount that takes upgrades owns its path, and says whether: if not, nothing was done to it. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
}

const hosts = new WeakMap<HostHandler, object>()

export function makeHandler(host: Visited): HostHandler {
  const handler: HostHandler = Object.assign(
    (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) =>
      host.visit('request', req, res, next ?? (error => answer(res, error === undefined ? 404 : 500))),
    { upgrade: (req: IncomingMessage, socket: Duplex, head: Buffer) => host.visitUpgrade(req, socket, head) },
  )
  hosts.set(handler, host)
  return handler
}

/** The host that a handler serves. */
export function hostOf(handler: unknown): object | undefined {
  return typeof handler === 'function' ? hosts.get(handler as HostHandler) : undefined
}
