/** The port for operators: health checks and metrics, apart from the apps. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answer } from '../answer/answer.js'
import type { ListenAddress } from '../transport/listen-address.js'
import { type Listener, listenAt } from '../transport/listener.js'
import { answerOperator, type HealthHandler } from './health.js'
import { OPEN_METRICS_TYPE } from './open-metrics.js'

/**
 * The address of the admin port: a TCP `port`, by default on the loopback address only, or the `path` of a Unix
 * socket.
 */
export type AdminOptions = Omit<ListenAddress, 'protocol'>

/** The sources of the admin port's answers. */
export interface AdminSource {
  readonly livez: HealthHandler
  readonly readyz: HealthHandler
  metrics(): string
  /** No connection could be accepted. */
  failed(error: Error): void
}

const LOOPBACK = '127.0.0.1'

export class AdminPort {
  readonly #options: AdminOptions
  readonly #source: AdminSource
  #server: Server | null = null
  #listener: Listener | null = null

  constructor(options: AdminOptions, source: AdminSource) {
    this.#options = options.path === undefined ? { host: LOOPBACK, ...options } : options
    this.#source = source
  }

  /** Listens; does nothing if it listens already. Rejects as `host.listen()` does if the address is taken. */
  async listen(): Promise<void> {
    if (this.#server !== null) return
    const server = createServer((req, res) => this.#serve(req, res))
    this.#server = server
    // On this event it begins to watch its connections, as a server that listens does.
    server.emit('listening')
    const listener = await listenAt(
      this.#options,
      {},
      {
        accept: socket => void server.emit('connection', socket),
        failed: error => this.#source.failed(error),
      },
    )
    // It may have been closed meanwhile.
    if (this.#server === server) this.#listener = listener
    else await listener.close()
  }

  address(): AddressInfo | string | null {
    return this.#listener?.address() ?? null
  }

  async close(): Promise<void> {
    const closed = this.#listener?.close()
    this.#listener = null
    this.#server?.close()
    this.#server?.closeAllConnections()
    this.#server = null
    await closed
  }

  #serve(req: IncomingMessage, res: ServerResponse): void {
    const [path] = (req.url ?? '').split('?')
    if (path === '/livez') this.#source.livez(req, res)
    else if (path === '/readyz') this.#source.readyz(req, res)
    else if (path === '/metrics') answerOperator(req, res, 200, OPEN_METRICS_TYPE, this.#source.metrics())
    else answer(res, 404)
  }
}
