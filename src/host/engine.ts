/**
 * The seam between the host and whatever speaks HTTP/1.1: a connection goes in, parsed requests with their responses
 * come out. `node:http` is the first engine; nothing outside knows which one runs.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, ListenOptions, Socket } from 'node:net'
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

/** Where to listen, as `net.Server.listen()` has it. */
export type BindOptions = Pick<
  ListenOptions,
  'port' | 'host' | 'path' | 'backlog' | 'exclusive' | 'ipv6Only' | 'readableAll' | 'writableAll'
>

/** An HTTP/1.1 engine. */
export interface Engine {
  /** Binds; rejects with the system's own error. It may be called again after a failure. */
  bind(options: BindOptions): Promise<void>
  address(): AddressInfo | string | null
  /** Serves a connection that something else has accepted. */
  accept(connection: Socket): void
  /** Stops accepting, and touches no connection. Resolves when the last one has ended. */
  stop(): Promise<void>
}
