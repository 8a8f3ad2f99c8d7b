/** The metrics of a host with an admin port. A host without one counts nothing. */

import { isStream } from '../../adapters/underlying-stream.js'
import { loop } from '../../core/loop/loop.js'
import type { Mount } from '../mounts/mount.js'
import type { MountTable } from '../mounts/mount-table.js'
import type { Exchange, ExchangeOwner } from '../request/exchange.js'
import type { Traffic } from '../request/traffic.js'
import { AdmissionStage } from '../stages/admission.js'
import { BodyLimitStage } from '../stages/body-limit.js'
import type { Meter, Stage } from '../stages/stage.js'
import type { Transport } from '../transport/transport.js'
import { EventLoopMeter } from './event-loop-meter.js'
import { Histogram } from './histogram.js'
import { OpenMetricsText } from './open-metrics.js'

/** The values that are read from the host at the time of a scrape. */
export interface MeasuredHost {
  readonly isReady: boolean
  readonly mounts: MountTable
  readonly traffic: Traffic
  readonly transport: Transport
}

/** The label of what no mount owns. */
const NO_MOUNT = ''

export class Metrics {
  /** Bytes that were no request. */
  malformed = 0
  readonly #mounts = new Map<string, MountMeter>()
  readonly #eventLoop = new EventLoopMeter()

  start(): void {
    this.#eventLoop.start()
  }

  stop(): void {
    this.#eventLoop.stop()
  }

  /** The counts of a path; they go on when another app takes it. */
  meter(path: string): MountMeter {
    const known = this.#mounts.get(path)
    if (known !== undefined) return known
    const meter = new MountMeter()
    this.#mounts.set(path, meter)
    return meter
  }

  /** A request came for a mount that could not serve. */
  unavailable(path: string): void {
    this.meter(path).unavailable++
  }

  /** The owner of what the host answers by itself. */
  readonly unowned: ExchangeOwner = {
    server: null,
    failed: () => {},
    passOn: () => {},
    lingers: () => {},
    settled: exchange => this.meter(NO_MOUNT).count(exchange),
  }

  text(host: MeasuredHost): string {
    const text = new OpenMetricsText()
    this.#writeRequests(text)
    this.#writeMounts(text, host)
    this.#writeHost(text, host)
    this.#eventLoop.write(text)
    return text.end()
  }

  #writeRequests(text: OpenMetricsText): void {
    text.family(
      'counter',
      'syncless_http_requests',
      'Requests that are over; "gone": the client left before the answer, "passed": another app got it.',
    )
    for (const [mount, { statuses }] of this.#mounts) {
      for (const [status, count] of statuses) text.sample(count, { mount, status }, '_total')
    }
    text.family('counter', 'syncless_http_requests_refused', 'Requests that never reached their app.')
    for (const [mount, { refused }] of this.#mounts) {
      for (const [reason, count] of refused()) text.sample(count, { mount, reason }, '_total')
    }
    const help = 'From the head of a request to the end of its answer, waiting included.'
    text.family('histogram', 'syncless_http_request_duration_seconds', help, 'seconds')
    for (const [mount, { durations }] of this.#mounts) if (mount !== NO_MOUNT) durations.write(text, { mount })
  }

  #writeMounts(text: OpenMetricsText, { mounts, traffic }: MeasuredHost): void {
    const { connections, borrowed } = traffic
    const measured = [...mounts].filter(({ path }) => this.#mounts.has(path))
    text.family('gauge', 'syncless_http_requests_in_flight', 'Requests that an app has, streams included.')
    for (const mount of measured) text.sample(mount.server.inFlight.count - queued(mount), { mount: mount.path })
    text.family('gauge', 'syncless_http_requests_queued', 'Requests that wait to be admitted.')
    for (const mount of measured) text.sample(queued(mount), { mount: mount.path })
    text.family('gauge', 'syncless_upgrades', 'Upgraded connections, such as WebSockets.')
    const upgrades = new Map<object | null, number>()
    for (const server of [...Array.from(connections, ({ upgradedBy }) => upgradedBy), ...borrowed.upgrades.values()]) {
      upgrades.set(server, (upgrades.get(server) ?? 0) + 1)
    }
    for (const { path, server } of measured) text.sample(upgrades.get(server) ?? 0, { mount: path })
  }

  #writeHost(text: OpenMetricsText, host: MeasuredHost): void {
    const sockets = [...host.traffic.connections].filter(({ socket }) => !isStream(socket))
    text.family('gauge', 'syncless_ready', 'Whether the host is ready: 1, or 0 while it starts and closes.')
    text.sample(host.isReady ? 1 : 0)
    text.family('gauge', 'syncless_connections', 'Open connections, upgraded ones included.').sample(sockets.length)
    text.family('counter', 'syncless_connections_refused', 'Connections beyond the limit.')
    text.sample(host.transport.refused, {}, '_total')
    text
      .family('counter', 'syncless_malformed_requests', 'Requests that were none.')
      .sample(this.malformed, {}, '_total')
    text
      .family('gauge', 'syncless_request_scopes', 'Scopes of requests that have not ended.')
      .sample(host.traffic.scopes().size)
    text.family('gauge', 'syncless_request_tasklets', 'Tasklets in them.')
    text.sample(host.traffic.tasklets())
    text.family('gauge', 'syncless_ready_tasklets', 'Tasklets of the process that could run.').sample(loop.readyCount)
  }
}

/** Counts the requests of one path. */
export class MountMeter implements Meter {
  readonly statuses = new Map<string, number>()
  readonly durations = new Histogram()
  /** Requests that came while the app could not serve. */
  unavailable = 0
  readonly #begun = new Map<Exchange, number>()
  readonly #refusedBefore = { overload: 0, body: 0 }
  #stages: readonly Stage[] = []

  /** Looks at the other stages of the mount that has the path now. */
  watch(stages: readonly Stage[]): void {
    this.#refusedBefore.overload += refusedBy(this.#stages, AdmissionStage)
    this.#refusedBefore.body += refusedBy(this.#stages, BodyLimitStage)
    this.#stages = stages
  }

  begin(exchange: Exchange, next: () => void): void {
    this.#begun.set(exchange, performance.now())
    next()
  }

  end(exchange: Exchange): void {
    const begun = this.#begun.get(exchange)
    this.#begun.delete(exchange)
    if (begun !== undefined) this.durations.observe((performance.now() - begun) / 1000)
    this.count(exchange)
  }

  count({ outcome, res }: Exchange): void {
    const sent = outcome === 'ended' || res.headersSent
    const status = sent ? `${Math.trunc(res.statusCode / 100)}xx` : (outcome ?? 'passed')
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
  }

  readonly refused = (): [reason: string, count: number][] => [
    ['overload', this.#refusedBefore.overload + refusedBy(this.#stages, AdmissionStage)],
    ['body', this.#refusedBefore.body + refusedBy(this.#stages, BodyLimitStage)],
    ['unavailable', this.unavailable],
  ]
}

function refusedBy(stages: readonly Stage[], kind: typeof AdmissionStage | typeof BodyLimitStage): number {
  return stages.reduce((total, stage) => total + (stage instanceof kind ? stage.refused : 0), 0)
}

function queued({ stages }: Mount): number {
  if (stages === null) return 0
  return stages.reduce((total, stage) => total + (stage instanceof AdmissionStage ? stage.waiting.count : 0), 0)
}
