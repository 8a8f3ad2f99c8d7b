/** Clients of a host that come by no network. */
import { AsyncResource } from 'node:async_hooks'
import { Agent } from 'node:http'
import type { Duplex } from 'node:stream'
import { MemorySocket } from './memory-socket.js'

/** The parts of a host that a connection in memory uses. */
export interface MemoryHost {
  /** Whether it takes no connections any more. */
  readonly stopped: boolean
  /** Whether the connections that come by the network are encrypted. */
  readonly secure: boolean
  /** Resolves when its apps can serve; rejects with what one has failed with. */
  ready(): Promise<void>
  accept(socket: Duplex): void
}

/** A client in memory, as an app sees it. */
export interface MemoryClient {
  /** Default: 127.0.0.1. */
  remoteAddress?: string | undefined
  /** Whether the connection passes for encrypted. Default: as those that come by the network. */
  encrypted?: boolean | undefined
}

// What a host does for a connection has nothing of the context in which its client happens to run.
const root = new AsyncResource('SynclessMemory')

let lastPort = 0

/** Opens a connection to `host`. Where that has stopped it is refused, as by a port at which nobody listens. */
export function connectInMemory(host: MemoryHost, shown: MemoryClient = {}): MemorySocket {
  lastPort = (lastPort % 65_535) + 1
  const { remoteAddress = '127.0.0.1', encrypted = host.secure } = shown
  const here = { address: remoteAddress, port: lastPort }
  const there = { address: '127.0.0.1', port: encrypted ? 443 : 80 }
  const client = new MemorySocket(here, there)
  root.runInAsyncScope(() => {
    const server = new MemorySocket(there, here, { allowHalfOpen: true, encrypted })
    MemorySocket.join(client, server)
    // The client may be gone before the host has it.
    server.on('error', ignore)
    open(host).then(
      () => host.accept(server.off('error', ignore)),
      error => client.destroy(error),
    )
  })
  return client
}

async function open(host: MemoryHost): Promise<void> {
  if (!host.stopped) await host.ready()
  // A turn in which the client gets its listeners.
  else await new Promise(resolve => setImmediate(resolve))
  if (!host.stopped) return
  throw Object.assign(new Error('connect ECONNREFUSED: the host has been closed'), { code: 'ECONNREFUSED' })
}

function ignore(): void {}

/** An agent whose connections lead to a host, wherever a request says that it goes. */
export class MemoryAgent extends Agent {
  readonly #host: MemoryHost

  constructor(host: MemoryHost) {
    super({ keepAlive: true })
    this.#host = host
  }

  override createConnection(): Duplex {
    return connectInMemory(this.#host)
  }
}
