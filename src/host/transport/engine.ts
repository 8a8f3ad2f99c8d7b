/**
 * The seam between the host and whatever speaks HTTP: a connection goes in, parsed requests with their responses come
 * out. What listens, and how a connection came to be, is the transport's affair; nothing outside knows which engine runs.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { MessagePrototypes } from '../../adapters/port.js'
import type { SynclessError } from '../../core/base/errors.js'

/** How Node tells of a request. */
export type RequestEvent = 'request' | 'checkContinue' | 'checkExpectation'

/** A connection that carries several requests at once, as in HTTP/2. */
export interface Session {
  /** How many are under way. */
  readonly streams: number
  /** Takes no more of them, and ends the connection after the last. */
  close(): void
}

/** The events that an engine reports to the host. None of these throws. */
export interface EngineSink {
  /** A connection, before anything of it was read. One that is given to `accept` comes again. */
  connection(socket: Duplex, session?: Session): void
  request(req: IncomingMessage, res: ServerResponse): void
  /** A request with `Expect: 100-continue`, before anything was answered. */
  checkContinue(req: IncomingMessage, res: ServerResponse): void
  /** A request with any other `Expect`. */
  checkExpectation(req: IncomingMessage, res: ServerResponse): void
  /** Whether an `Upgrade` is to be taken; asked where the engine can still serve the request without it. */
  wantsUpgrade(req: IncomingMessage): boolean
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Whether a mount takes an upgrade; asked where listeners of others wait for those that none takes. */
  takesUpgrade(req: IncomingMessage): boolean
  /** Leaves an upgrade to listeners of others, on `server`. False if it cannot be served, and was ended. */
  leaveUpgrade(req: IncomingMessage, socket: Duplex, server: object): boolean
  /** A request that listeners of others see before `request` is called, if it is called at all. */
  overhear(req: IncomingMessage, res: ServerResponse): void
  /** Bytes that were no request, or one that came too slowly. The engine has answered them and ended the connection. */
  malformed(error: Error): void
  /** A connection has failed, and has been dealt with. */
  failed(error: SynclessError): void
}

/** Speaks one version of HTTP on the connections that it is given. */
export interface Engine {
  accept(connection: Duplex): void
  /** The messages made from now on are meant to have these prototypes; null: Node's own. It need not comply. */
  usePrototypes(prototypes: MessagePrototypes | null): void
  /** Gives back what it holds beside its connections, when there are none any more. */
  close(): void
}
