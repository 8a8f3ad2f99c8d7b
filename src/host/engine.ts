/**
 * The seam between the host and whatever speaks HTTP: a connection goes in, parsed requests with their responses come
 * out. What listens, and how a connection came to be, is the transport's affair; nothing outside knows which engine runs.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** What an engine hands to the host. None of these throws. */
export interface EngineSink {
  /** A connection, before anything of it was read. One that is given to `accept` comes again. */
  connection(socket: Duplex): void
  request(req: IncomingMessage, res: ServerResponse): void
  /** A request with `Expect: 100-continue`, before anything was answered. */
  checkContinue(req: IncomingMessage, res: ServerResponse): void
  /** A request with any other `Expect`. */
  checkExpectation(req: IncomingMessage, res: ServerResponse): void
  /** Whether an `Upgrade` is to be taken; asked where the engine can still serve the request without it. */
  wantsUpgrade(req: IncomingMessage): boolean
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Bytes that are no request, or one that came too slowly. The sink answers and ends the connection. */
  malformed(error: Error, socket: Duplex): void
}

/** Speaks one version of HTTP on the connections that it is given. */
export interface Engine {
  accept(connection: Duplex): void
  /** Gives back what it holds beside its connections, when there are none any more. */
  close(): void
}
