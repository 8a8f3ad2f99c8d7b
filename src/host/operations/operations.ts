/** The operators' view of a host: metrics, and the health checks on the admin port and on the host's own addresses. */
import type { AddressInfo } from 'node:net'
import { nameOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'
import { addressInfo } from '../transport/listen-options.js'
import { type AdminOptions, AdminPort } from './admin-port.js'
import {
  type HealthHandler,
  type HealthOptions,
  type HealthyHost,
  livez,
  type ReadinessCheck,
  readyz,
} from './health.js'
import { type MeasuredHost, Metrics } from './metrics.js'

export interface OperatedHost extends MeasuredHost, HealthyHost {
  report(error: SynclessError): void
}

/** The options of a host for its operators. */
interface OperationsOptions {
  readonly admin?: AdminOptions
  readonly health?: boolean | HealthOptions
  readonly readiness?: ReadinessCheck
}

export class Operations {
  /** Null where nothing is counted. */
  readonly metrics: Metrics | null
  readonly #admin: AdminPort | null
  readonly #readyz: HealthHandler
  readonly #health: OperationsOptions['health']

  /** Throws `INVALID_ARGUMENT`. */
  constructor(host: OperatedHost, { admin, health, readiness }: OperationsOptions) {
    this.#readyz = readyz(host, readiness)
    this.#health = health
    this.metrics = null
    this.#admin = null
    if (admin === undefined) return
    const metrics = new Metrics()
    this.metrics = metrics
    this.#admin = new AdminPort(admin, {
      livez,
      readyz: this.#readyz,
      metrics: () => metrics.text(host),
      failed: cause => {
        const what = `no connection could be accepted at the admin port (${nameOf(cause)})`
        host.report(new SynclessError('ACCEPT_FAILED', what, { cause }))
      },
    })
  }

  /** The health checks to mount on the host's own addresses. */
  get healthMounts(): [path: string, handler: HealthHandler][] {
    const health = this.#health === true ? {} : this.#health
    if (health === undefined || health === false) return []
    return [
      [health.livez ?? '/livez', livez],
      [health.readyz ?? '/readyz', this.#readyz],
    ]
  }

  /** Rejects where the admin port is taken. */
  async start(): Promise<void> {
    await this.#admin?.listen()
    this.metrics?.start()
  }

  async stop(): Promise<void> {
    this.metrics?.stop()
    await this.#admin?.close()
  }

  adminAddress(): AddressInfo | null {
    const address = this.#admin?.address() ?? null
    return address === null ? null : addressInfo(address)
  }
}
