/** How apps get onto a host: from what was mounted to a mount that has started and knows whether its host listens. */
import type { RequestListener, Server } from 'node:http'
import type { HostPort } from '../../adapters/port.js'
import { assertFunction } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { StageChooser } from '../stages/choose-stages.js'
import type { Transport } from '../transport/transport.js'
import { choosePort } from './choose-port.js'
import { Mount, type MountHost } from './mount.js'
import { assertMountOptions, assertNoProtocols, type MountOptions } from './mount-options.js'
import { mountPath } from './mount-path.js'
import type { HostedServer } from './mount-server.js'
import type { MountTable } from './mount-table.js'

/** A host on which apps are mounted. */
export interface MountingHost extends MountHost {
  readonly mounts: MountTable
  readonly transport: Transport
  readonly listening: boolean
  readonly draining: boolean
  readonly speaksHttp2: boolean
}

export class Mounting {
  /** Whether the apps have been started, and those that come later are to be. */
  started = false
  readonly #host: MountingHost
  readonly #ports: readonly HostPort[]
  readonly #stages: StageChooser

  constructor(host: MountingHost, ports: readonly HostPort[], stages: StageChooser) {
    this.#host = host
    this.#ports = ports
    this.#stages = stages
  }

  mount(path: string, app: unknown, options: MountOptions): void {
    assertMountOptions('host.mount()', options)
    assertNoProtocols('host.mount()', options)
    const { mounts } = this.#host
    const checked = mountPath(path)
    const port = choosePort(app, this.#ports)
    // An instance that was made with this mount's server factory is there already.
    if (mounts.at(checked).some(mount => mount.serves(app, options.strip))) return
    const mount = this.#add(checked, options)
    try {
      this.#assertServable(mount, [app])
      mount.use(app, port, options.next)
    } catch (error) {
      mounts.remove(mount)
      throw error
    } finally {
      this.#choosePrototypes()
    }
    this.#announce(mount)
  }

  server(path: string, options: MountOptions): Server {
    assertMountOptions('host.server()', options)
    return this.#add(mountPath(path), options).server
  }

  serverFactory(path: string, options: MountOptions): (handler: RequestListener, appOptions?: unknown) => Server {
    assertMountOptions('host.serverFactory()', options)
    assertNoProtocols('host.serverFactory()', options)
    const checked = mountPath(path)
    return (handler, appOptions) => {
      assertFunction('the handler of a server factory', handler)
      const mount = this.#add(checked, options)
      mount.server.on('request', handler)
      for (const port of this.#ports) {
        const found = (app: unknown) => {
          mount.use(app, port)
          // It is being made, and gets its routes next.
          setImmediate(() => this.#startLate(mount))
        }
        port.watch?.(mount.server, found, appOptions)
      }
      return mount.server
    }
  }

  /** Mounts a handler of the host's own. */
  own(path: string, handler: RequestListener): void {
    const mount = new Mount(mountPath(path), {}, this.#host, true)
    this.#host.mounts.add(mount)
    mount.use(handler, choosePort(handler, this.#ports))
  }

  /** Throws `HTTP2_UNSUPPORTED` where the host speaks HTTP/2 and an app cannot. */
  assertAllServable(): void {
    for (const mount of this.#host.mounts) {
      this.#assertServable(mount, [mount.app, ...mount.server.listeners('request')])
    }
  }

  listenRequested(server: HostedServer): void {
    const mount = this.#host.mounts.of(server)
    if (mount !== undefined) this.#announce(mount)
  }

  announceAll(): void {
    for (const mount of this.#host.mounts) this.#announce(mount)
  }

  #add(path: string, options: MountOptions): Mount {
    const { draining, mounts } = this.#host
    if (draining)
      throw new SynclessError(
        'HOST_STATE',
        `make another host with createHost(): "${path}" cannot be mounted, as this one has been closed`,
      )
    const mount = new Mount(path, options, this.#host)
    mount.stages = this.#stages.make(mount, options)
    mounts.add(mount)
    this.#choosePrototypes()
    return mount
  }

  #assertServable(mount: Mount, apps: readonly unknown[]): void {
    if (!this.#host.speaksHttp2) return
    for (const app of apps) {
      const port = this.#ports.find(candidate => candidate.http1Only !== undefined && candidate.accepts(app))
      if (port === undefined) continue
      throw new SynclessError(
        'HTTP2_UNSUPPORTED',
        `mount the ${port.name} at "${mount.path}" on a host without http2: it cannot be served over HTTP/2 (` +
          `${port.http1Only})`,
      )
    }
  }

  #choosePrototypes(): void {
    this.#host.transport.usePrototypes(this.#host.mounts.sole?.prototypes ?? null)
  }

  /** Starts a mount that was made after the host, unless it has been started. One that fails is reported. */
  async #startLate(mount: Mount): Promise<boolean> {
    if (!this.started) return false
    try {
      await mount.start()
    } catch (error) {
      // Two may have waited for the same start.
      if (mount.startFailure === error) return false
      mount.startFailure = error
      this.#host.report(new SynclessError('HANDLER_FAILED', `"${mount.path}" did not start`, { cause: error }))
      return false
    }
    return true
  }

  /** Says on a mount's server that the host listens, once the mount has started. */
  async #announce(mount: Mount): Promise<void> {
    if ((await this.#startLate(mount)) && this.#host.listening) mount.server.hostListens()
  }
}
