import type { AddressInfo, Server, Socket } from 'node:net'
import { SynclessError } from '../../core/base/errors.js'
import { HostedServer } from '../mounts/mount-server.js'
import { type Attachment, Tap, type Visited } from './emit-tap.js'

/** Where a host is reached by the servers of others: those it is attached to, and those that call its handler. */
export class OuterServers {
  /** Whether one of them may speak HTTP/2. */
  speaksHttp2 = false
  readonly #taps = new Map<Server, Attachment>()
  /** The mount servers of other hosts through which it is reached, or will be when it has started. */
  readonly #outer = new Set<HostedServer>()
  #reached: AddressInfo | null = null

  /** The address of the first of them that listens. Of one that calls the handler it is known from its first request. */
  address(): AddressInfo | string | null {
    for (const server of this.#taps.keys()) if (server.listening) return server.address()
    return this.#reached
  }

  /**
   * Notes that `host` is going to be attached to `server`. It is said before its apps are started: one that was inside
   * itself would wait for its own start. Throws `INVALID_ARGUMENT` for such a one.
   */
  enter(server: Server, host: object): void {
    if (!(server instanceof HostedServer)) return
    if (server.isInside(host)) {
      throw new SynclessError(
        'INVALID_ARGUMENT',
        `attach the host elsewhere: it cannot be at "${server.path}" of itself, or of a host inside it`,
      )
    }
    this.#outer.add(server)
  }

  isInside(host: object): boolean {
    return [...this.#outer].some(server => server.isInside(host))
  }

  /** Those that it is attached to, other than mount servers, of which their own host sees. */
  get servers(): Server[] {
    return [...this.#taps.keys()].filter(server => !(server instanceof HostedServer))
  }

  /** Whether another host may pass requests on to it. */
  get nested(): boolean {
    return this.#outer.size > 0
  }

  get attached(): boolean {
    return this.#taps.size > 0
  }

  /** Throws `HOST_STATE` if it is attached there already. `listens` is called when the server listens, if not yet. */
  attach(server: Server, host: Visited, listens: () => void): Attachment {
    if (this.#taps.has(server))
      throw new SynclessError('HOST_STATE', 'host.attach(): the host is already attached to this server')
    const tap = new Tap(server, host, server instanceof HostedServer)
    if (!server.listening) server.once('listening', listens)
    const detach = () => {
      if (this.#taps.delete(server)) server.off('listening', listens)
      if (server instanceof HostedServer) this.#outer.delete(server)
      tap.detach()
    }
    const attachment = { detach, [Symbol.dispose]: detach }
    this.#taps.set(server, attachment)
    return attachment
  }

  detach(): void {
    for (const attachment of [...this.#taps.values()]) attachment.detach()
  }

  /** Takes note of a connection that leads here. True if nothing was known before of where the host is reached. */
  sees({ localAddress, localFamily, localPort }: Socket): boolean {
    if (this.#reached !== null || this.address() !== null) return false
    if (localAddress === undefined || localPort === undefined) return false
    this.#reached = { address: localAddress, family: localFamily ?? 'IPv4', port: localPort }
    return true
  }
}
