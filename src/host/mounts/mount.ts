/** One mount: a path, its mount server, and the app on it, from its start to its close. */
import type { IncomingMessage } from 'node:http'
import type { AppPolicy, HostPort, MessagePrototypes, MountedApp } from '../../adapters/port.js'
import { answerTo } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Op } from '../../core/loop/op.js'
import type { Scope } from '../../core/scope/scope.js'
import { answer, unavailable } from '../answer/answer.js'
import { withdraw } from '../request/connection.js'
import type { Exchange, ExchangeOwner, PendingHandOver } from '../request/exchange.js'
import { exchangeOf } from '../request/request-scope.js'
import { traceError, tracing } from '../request/tracing.js'
import type { Stage } from '../stages/stage.js'
import type { RequestEvent } from '../transport/engine.js'
import { acceptedDifferences, type Difference } from './accepted-differences.js'
import { handOverLimit, runsHooks } from './hand-over-limit.js'
import type { MountOptions } from './mount-options.js'
import { HostedServer, type MountServerHost } from './mount-server.js'

/** The events that a mount reports to its host. */
export interface MountHost extends MountServerHost {
  report(error: SynclessError): void
  /** The requests in flight at other mounts that may be handed over to `mount`. */
  expectedBy(mount: Mount): PendingHandOver[]
  /** Takes an exchange to the next mount. */
  handOver(exchange: Exchange): void
  lingers(scope: Scope): void
  whenClosing(fn: () => void): () => void
  /** Its app has started. Throws if it disagrees with the others, and then does not open. */
  assertAgreement(mount: Mount): void
}

export class Mount implements ExchangeOwner {
  readonly path: string
  readonly strip: boolean
  /** The protocols of which it owns the upgrades, and nothing else; null for a mount like any other. */
  readonly protocols: ReadonlySet<string> | null
  readonly server: HostedServer
  /** How many bytes are kept of a body, for the next mount; null where nothing is handed over. */
  readonly handOverLimit: number | null
  /** The accepted differences between it and the mounts before and after it in a hand-over. */
  readonly accepted: ReadonlySet<Difference>
  /** The policies of its app, once it has started; none if the app cannot be asked. */
  policies: Iterable<AppPolicy> = []
  /** Whether it is the host's own, and no app's. */
  readonly internal: boolean
  /** The stages that its requests pass before they reach the app; null if the options ask for none. */
  stages: readonly Stage[] | null = null
  /** The error of its start, if that was reported. */
  startFailure: unknown = null
  #app: MountedApp | null = null
  #port: HostPort | null = null
  #raw: unknown
  #starting: Promise<void> | null = null
  #ready = true
  /** The last emitted request, until the app has it. */
  #latest: Exchange | null = null
  readonly #host: MountHost

  constructor(path: string, options: MountOptions, host: MountHost, internal = false) {
    const { strip = false, protocols, handOver, accept, hooks } = options
    this.path = path
    this.strip = strip
    this.internal = internal
    this.protocols = protocols === undefined ? null : new Set(protocols)
    this.handOverLimit = handOverLimit(handOver)
    this.accepted = acceptedDifferences(accept)
    this.server = new HostedServer(path, host, this.handOverLimit !== null, runsHooks(hooks))
    this.#host = host
  }

  /** Whether a request may be dispatched to it now. */
  get open(): boolean {
    return this.#ready && !this.server.quiesced
  }

  /** Whether its app was closed and has nothing more to do, so that another may have its path. */
  get over(): boolean {
    return this.server.quiesced && this.server.inFlight.count === 0
  }

  /** The prototypes of the app's messages, where it has its own. */
  get prototypes(): MessagePrototypes | null {
    return this.#app?.prototypes ?? null
  }

  /** Its name in messages. */
  get title(): string {
    return `the ${this.#port?.name ?? 'server'} at "${this.path}"`
  }

  /** Whether anything at all looks at its requests. */
  get hasApp(): boolean {
    return this.#app !== null || this.server.served
  }

  /** Whether its app takes complete handshakes of WebSockets alone, and would serve every other offer as a plain request. */
  get takesWebSocketsOnly(): boolean {
    return this.#app?.takesWebSocketsOnly?.() === true
  }

  get takesUpgrades(): boolean {
    return !this.over && this.server.listenerCount('upgrade') > 0
  }

  /** Whether nothing but what a library such as Socket.IO has attached serves it. */
  get holdsConnections(): boolean {
    return this.#app === null && this.server.listenerCount('upgrade') > 0 && this.server.isLibrarys
  }

  /** What was mounted; undefined for what has attached itself to its server. */
  get app(): unknown {
    return this.#raw
  }

  /** Whether `app` is what it serves, stripped as wished. */
  serves(app: unknown, strip = this.strip): boolean {
    return this.#app !== null && this.#raw === app && strip === this.strip
  }

  /** Opens an app on the mount server. Throws what the port does. */
  use(app: unknown, port: HostPort, next?: boolean): void {
    const opened = port.open(next === undefined ? app : declaring(app, next), this.server)
    this.#app = opened
    this.#port = port
    this.#raw = app
    this.#ready = opened.ready === undefined
    this.server.starting = !this.#ready
    const handle = opened.handle?.bind(opened)
    if (handle === undefined || opened.handle === undefined) return
    this.server.on(
      'request',
      opened.handle.length > 2
        ? (req, res) => {
            const exchange = this.#dispatched(req) ?? exchangeOf(req, res)
            handle(req, res, error => this.#declined(exchange, error))
          }
        : (req, res) => handle(req, res, impossible),
    )
  }

  /** Emits an exchange on the mount server. Never throws. */
  emit(event: RequestEvent, exchange: Exchange): void {
    const { server } = this
    const { req, res } = exchange
    this.#latest = exchange
    try {
      if (server.announced?.begin(exchange) === false) unavailable(res)
      else if (event === 'request' || server.listenerCount(event) > 0) server.emit(event, req, res)
      else if (event === 'checkExpectation') res.writeHead(417).end()
      else {
        res.writeContinue()
        if (exchange.handOver !== null) exchange.handOver.awaitsContinue = false
        server.emit('request', req, res)
      }
    } catch (error) {
      exchange.fail(error)
    }
    exchange.marks?.giveBackHelpers()
  }

  /** The exchange of a request that has just been emitted: what a look-up would find. */
  #dispatched(req: IncomingMessage): Exchange | null {
    const latest = this.#latest
    this.#latest = null
    return latest?.req === req ? latest : null
  }

  /** Resolves when the app can serve; rejects with its own error, and may then be called again. */
  start(): Promise<void> {
    if (this.server.quiesced) return Promise.resolve()
    this.#starting ??= this.#start().catch(error => {
      this.#starting = null
      throw error
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    await this.#app?.ready?.()
    this.server.started()
    try {
      this.#host.assertAgreement(this)
    } catch (error) {
      this.#ready = false
      throw error
    }
    this.#ready = true
  }

  /** Asks the app, which may have got other settings or routes since. */
  readPolicies(): void {
    this.policies = this.#port?.policies?.(this.#raw, this.server) ?? []
  }

  /** Closes the app, or says so to what listens on the mount server. Resolves when its requests and cleanup are over. */
  async close(deadline: number): Promise<void> {
    this.server.quiesce()
    await this.#letIn()
    if (this.#app?.close !== undefined) await this.#app.close(deadline)
    else await this.server.closeWithHost()
  }

  /** Whether something there tells its clients when it is closed. */
  get saysGoodbye(): boolean {
    return this.#app?.close !== undefined || this.server.listenerCount('close') > 0
  }

  /** Those that were taken on before the close are still to be served. */
  async #letIn(): Promise<void> {
    for (;;) {
      const expected = this.#host.expectedBy(this)
      if (expected.length === 0) break
      await Promise.all(expected.map(handOver => handOver.decided()))
    }
    if (this.stages !== null) await Promise.all(this.stages.map(stage => stage.idle?.()))
  }

  #declined(exchange: Exchange, error: unknown): Op<void> {
    if (error === undefined || error === null) this.passOn(exchange)
    else {
      const { status, headers } = answerTo(error, exchange.res)
      exchange.fail(error, status, headers)
    }
    return exchange.answered
  }

  /** Once more than is needed, by an app that declines twice or has answered, it does nothing. */
  passOn(exchange: Exchange): void {
    const { handOver, res, visit } = exchange
    if (exchange.owner !== this || exchange.outcome !== null || res.headersSent) return
    if (handOver !== null) this.#host.handOver(exchange)
    else if (visit === null) answer(res, 404)
    else {
      withdraw(exchange)
      visit.next()
    }
  }

  failed(exchange: Exchange, error: unknown): void {
    if (tracing()) traceError(exchange, error)
    this.#host.report(
      new SynclessError('HANDLER_FAILED', `${exchange.label}, mounted at "${this.path}", failed`, { cause: error }),
    )
  }

  settled(exchange: Exchange): void {
    this.server.inFlight.leave()
    this.server.announced?.over(exchange)
    if (this.stages !== null) for (const stage of this.stages) stage.end?.(exchange)
  }

  lingers(scope: Scope): void {
    this.#host.lingers(scope)
  }

  whenClosing(fn: () => void): () => void {
    return this.#host.whenClosing(fn)
  }
}

/** A function that says by its parameters whether it takes `next`. */
function declaring(app: unknown, takesNext: boolean): unknown {
  if (typeof app !== 'function') throw new SynclessError('INVALID_ARGUMENT', 'use the option next with functions only')
  return takesNext
    ? (req: unknown, res: unknown, next: unknown) => app(req, res, next)
    : (req: unknown, res: unknown) => app(req, res)
}

function impossible(): void {}
