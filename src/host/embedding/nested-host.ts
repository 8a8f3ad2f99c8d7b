/** A host as an app of another one: the outer host is then the server to which it is attached. */
import type { AppPolicy, HostPort, MountedApp, MountServer } from '../../adapters/port.js'
import type { DispatchHost } from '../dispatch/dispatch-host.js'
import type { Mount } from '../mounts/mount.js'
import { HostedServer } from '../mounts/mount-server.js'

interface NestedHost extends DispatchHost {
  enter(server: MountServer): void
  attach(server: MountServer): Promise<unknown>
  close(options: { readonly deadline: number }): Promise<unknown>
}

/** `isHost` knows what is a host, which this file cannot without needing it. */
export function nestedHostPort(isHost: (app: unknown) => app is NestedHost): HostPort {
  const nested = (app: unknown): NestedHost | undefined => [app, hostOf(app)].find(isHost)
  return {
    name: 'host',
    accepts: app => nested(app) !== undefined,
    policies: app => policiesOf(nested(app)),
    open(app, server): MountedApp {
      const host = nested(app)
      if (host === undefined) throw new TypeError('not a host')
      host.enter(server)
      if (server instanceof HostedServer) server.nested = host
      return {
        async ready() {
          await host.attach(server)
        },
        async close(deadline) {
          await host.close({ deadline })
          await server.quiesce()
        },
      }
    },
  }
}

/** Of the apps that it has now, whenever they are looked at. */
function policiesOf(host: NestedHost | undefined): Iterable<AppPolicy> {
  return {
    *[Symbol.iterator]() {
      for (const mount of host?.mounts ?? []) for (const policy of mount.policies) yield inside(mount, policy)
    },
  }
}

function inside({ strip, path }: Mount, policy: AppPolicy): AppPolicy {
  return strip ? { ...policy, strips: [path, ...(policy.strips ?? [])] } : policy
}

/** The host of a handler. */
function hostOf(app: unknown): unknown {
  return typeof app === 'function' && 'host' in app ? app.host : undefined
}
