/** The host itself: it ties the engine, the mounts and their connections together, and knows what state it is in. */
import { AsyncResource } from 'node:async_hooks'
import { EventEmitter, setMaxListeners } from 'node:events'
import type { Agent, IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { HostPort } from '../adapters/port.js'
import * as hostPorts from '../adapters/registry.js'
import { assertOptions } from '../core/base/arguments.js'
import { SynclessError } from '../core/base/errors.js'
import { tell } from '../core/loop/callback.js'
import type { Scope } from '../core/scope/scope.js'
import type { DispatchHost } from './dispatch/dispatch-host.js'
import { Dispatcher } from './dispatch/dispatcher.js'
import { overlooked, unseen } from './dispatch/overlooked.js'
import { assertAgreement, type Party, PolicyAgreement } from './dispatch/policy-agreement.js'
import type { Attachment, Visited } from './embedding/emit-tap.js'
import { makeHandler } from './embedding/handler.js'
import { nestedHostPort } from './embedding/nested-host.js'
import { OuterServers } from './embedding/outer-servers.js'
import type { App, Host, HostHandler } from './host.js'
import { type InjectedResponse, type InjectOptions, inject, type StreamedResponse } from './memory/inject.js'
import { MemoryAgent, type MemoryHost } from './memory/memory-agent.js'
import type { Mount } from './mounts/mount.js'
import type { MountOptions } from './mounts/mount-options.js'
import { HostedServer } from './mounts/mount-server.js'
import { MountTable } from './mounts/mount-table.js'
import { Mounting, type MountingHost } from './mounts/mounting.js'
import { type CloseCallback, CloseCallbacks } from './operations/close-callbacks.js'
import { closeOnSignals, exitsSoon, reportListeners } from './operations/close-on-signals.js'
import { type CloseOptions, checkedCloseOptions } from './operations/close-options.js'
import type { Awaited, CloseReport } from './operations/close-report.js'
import { type DrainHost, drain, keepServing } from './operations/drain.js'
import { ErrorReports } from './operations/error-reports.js'
import type { Metrics } from './operations/metrics.js'
import { Operations } from './operations/operations.js'
import { assertHostOptions, type HostOptions, type RunOptions } from './options.js'
import type { Exchange, PendingHandOver } from './request/exchange.js'
import { Traffic } from './request/traffic.js'
import { StageChooser } from './stages/choose-stages.js'
import { checkedLimits, type LimitOptions } from './stages/limits.js'
import type { RequestIdStage } from './stages/request-id.js'
import type { RequestEvent } from './transport/engine.js'
import type { ListenAddress } from './transport/listen-address.js'
import { addressInfo, checkedAddresses, type HostListenOptions } from './transport/listen-options.js'
import { Transport } from './transport/transport.js'

type HostState = 'idle' | 'starting' | 'listening' | 'leaving' | 'closing'

export class HttpHost implements Host, MountingHost, DispatchHost, DrainHost, MemoryHost, Visited {
  readonly transport: Transport
  readonly mounts = new MountTable()
  readonly traffic = new Traffic()
  readonly closeCallbacks = new CloseCallbacks()
  readonly limits: Required<LimitOptions>
  readonly handler: HostHandler
  readonly #ports: readonly HostPort[]
  readonly #errors: ErrorReports
  readonly #mounting: Mounting
  readonly #agreement: PolicyAgreement
  readonly #stages: StageChooser
  readonly #dispatcher: Dispatcher
  readonly #outerServers = new OuterServers()
  readonly #operations: Operations
  leaving = false
  readonly #closing = new AbortController()
  /** Endless answers. An AbortSignal would look through all its listeners for each that is removed. */
  readonly #whenClosing = new Set<() => void>()
  usedWithoutListening = false
  #state: HostState = 'idle'
  #agent: Agent | null = null
  #closed: Promise<CloseReport> | null = null
  #abandonStart: ((error: SynclessError) => void) | null = null
  #ignoreSignals: (() => void) | null = null

  constructor(options: HostOptions = {}) {
    assertHostOptions(options)
    this.#ports = [...Object.values(hostPorts), nestedHostPort(isHost), ...(options.ports ?? [])]
    this.#errors = new ErrorReports(options.onError)
    // As many as there are streams that want to end in time.
    setMaxListeners(0, this.closing)
    this.#operations = new Operations(this, options)
    this.#stages = new StageChooser(options, this.metrics)
    this.limits = checkedLimits(options.limits)
    this.#dispatcher = new Dispatcher(this)
    this.transport = new Transport(this.#dispatcher, { ...options, connections: this.limits.connections })
    this.handler = makeHandler(this)
    this.#mounting = new Mounting(this, this.#ports, this.#stages)
    this.#agreement = new PolicyAgreement(
      this.mounts,
      this.#ports,
      () => this.#outerServers.servers,
      error => this.report(error),
    )
    for (const [path, handler] of this.#operations.healthMounts) this.#mounting.own(path, handler)
  }

  get listening(): boolean {
    return this.#state === 'listening' || this.#state === 'leaving' || this.#outerServers.address() !== null
  }

  get starts(): boolean {
    return this.#state === 'starting' || this.#outerServers.attached
  }

  get isReady(): boolean {
    return this.listening && !this.draining
  }

  adminAddress(): AddressInfo | null {
    return this.#operations.adminAddress()
  }

  get metrics(): Metrics | null {
    return this.#operations.metrics
  }

  get ids(): RequestIdStage | null {
    return this.#stages.ids
  }

  get closing(): AbortSignal {
    return this.#closing.signal
  }

  get speaksHttp2(): boolean {
    return this.transport.speaksHttp2 || this.#outerServers.speaksHttp2
  }

  get draining(): boolean {
    return this.#state === 'leaving' || this.#state === 'closing'
  }

  address(): AddressInfo | string | null {
    return this.transport.addresses()[0] ?? this.#outerServers.address()
  }

  addresses(): AddressInfo[] {
    return this.transport.addresses().map(addressInfo)
  }

  mount(path: string, app: App, options: MountOptions = {}): this {
    this.#mounting.mount(path, app, options)
    return this
  }

  server(path: string, options: MountOptions = {}): Server {
    return this.#mounting.server(path, options)
  }

  serverFactory(path: string, options: MountOptions = {}): (handler: RequestListener, appOptions?: unknown) => Server {
    return this.#mounting.serverFactory(path, options)
  }

  listenRequested(server: HostedServer): void {
    this.#mounting.listenRequested(server)
  }

  async listen(options: HostListenOptions): Promise<AddressInfo> {
    const addresses = checkedAddresses('host.listen()', options)
    if (this.#state !== 'idle') {
      const why = this.draining
        ? 'make another host with createHost(): this one has been closed'
        : 'the host listens already'
      throw new SynclessError('HOST_STATE', `host.listen(): ${why}`)
    }
    this.#state = 'starting'
    try {
      const abandoned = new Promise<never>((_, reject) => {
        this.#abandonStart = reject
      })
      await Promise.race([this.#start(addresses), abandoned])
    } catch (error) {
      if (!this.#outerServers.attached) await this.#operations.stop()
      if (this.#state === 'starting') this.#state = 'idle'
      throw error
    }
    this.#state = 'listening'
    this.#mounting.announceAll()
    return addressInfo(this.address())
  }

  async #start(addresses: readonly ListenAddress[]): Promise<void> {
    this.#mounting.assertAllServable()
    await this.#operations.start()
    await this.#startApps()
    if (this.#state !== 'starting') return
    await this.transport.bind(addresses)
  }

  async ready(): Promise<void> {
    if (this.stopped) throw new SynclessError('HOST_STATE', 'host.ready(): the host has been closed')
    this.usedWithoutListening = true
    await this.#startApps()
  }

  async #startApps(): Promise<void> {
    await Promise.all(Array.from(this.mounts, mount => mount.start()))
    if (this.#mounting.started) return
    this.#agreement.assert()
    this.#mounting.started = true
    this.#agreement.reportTrust()
  }

  /** Of an app that comes later; those that come together are looked at together. */
  assertAgreement(mount: Mount): void {
    if (!this.#mounting.started) return
    this.#agreement.assert(mount)
    this.#agreement.reportTrust(mount)
  }

  get beyond(): readonly Party[] {
    const { servers } = this.#outerServers
    return servers.length > 0 && !this.#outerServers.nested
      ? servers.map(server => this.#agreement.outside(server))
      : [unseen]
  }

  async attach(server: NetServer): Promise<Attachment> {
    if (!isServer(server)) throw new SynclessError('INVALID_ARGUMENT', 'host.attach() takes an http.Server')
    this.#assertOpen('host.attach()')
    this.enter(server)
    if (speaksHttp2(server)) this.#outerServers.speaksHttp2 = true
    this.#mounting.assertAllServable()
    try {
      await this.#operations.start()
      await this.ready()
      if (!(server instanceof HostedServer)) assertAgreement(this.mounts, [this.#agreement.outside(server)])
    } catch (error) {
      if (this.#state === 'idle' && !this.#outerServers.attached) await this.#operations.stop()
      throw error
    }
    this.#assertOpen('host.attach()')
    const attachment = this.#outerServers.attach(server, this, () => this.#mounting.announceAll())
    if (server.listening) this.#mounting.announceAll()
    return attachment
  }

  enter(server: NetServer): void {
    this.#outerServers.enter(server, this)
  }

  isInside(host: object): boolean {
    return host === this || this.#outerServers.isInside(host)
  }

  #assertOpen(what: string): void {
    if (this.draining) throw new SynclessError('HOST_STATE', `${what}: the host has been closed`)
  }

  visit(
    event: RequestEvent,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
    behind = false,
  ): void {
    if (this.#mounting.started || this.draining) {
      if (this.#outerServers.sees(req.socket)) this.#mounting.announceAll()
      this.#dispatcher.visit(event, req, res, next, behind)
      return
    }
    const started = AsyncResource.bind(() => this.visit(event, req, res, next, behind))
    this.ready().then(started, AsyncResource.bind(next))
  }

  isFrameworks(listener: unknown): boolean {
    // A port that takes any function knows no framework by it.
    return this.#ports.some(port => port.accepts(listener) && !port.accepts(anyFunction))
  }

  owns(req: IncomingMessage): boolean {
    const { url = '/' } = req
    const mount = this.mounts.find(url)
    // That one it refuses.
    return mount !== undefined || overlooked(this.mounts, url, mount, () => this.beyond) !== undefined
  }

  takesUpgrade(req: IncomingMessage): boolean {
    return this.#dispatcher.takesUpgrade(req)
  }

  visitUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, next: (() => void) | null = null): boolean {
    return this.#dispatcher.visitUpgrade(req, socket, head, next)
  }

  async run(options: RunOptions): Promise<AddressInfo> {
    checkedAddresses('host.run()', options)
    const { deadline, readinessDelay } = checkedCloseOptions(options)
    const { deadline: _deadline, readinessDelay: _delay, ...where } = options
    if (exitsSoon()) return never()
    const awaited = () => this.#awaited
    const ignoreSignals = closeOnSignals({
      close: () => this.close(options),
      failedAtClose: cause => {
        const what = 'an app or an onClose callback failed when the host closed'
        this.report(cause instanceof SynclessError ? cause : new SynclessError('HANDLER_FAILED', what, { cause }))
      },
      patience: deadline + readinessDelay,
      get awaited() {
        return awaited()
      },
    })
    try {
      const address = await this.listen(where)
      this.#ignoreSignals = ignoreSignals
      // Behind what the program does next.
      setImmediate(reportListeners)
      return address
    } catch (error) {
      // The failure of a start that a signal has ended would end the process before the apps have closed.
      if (exitsSoon()) return never()
      ignoreSignals()
      throw error
    }
  }

  get #awaited(): Awaited {
    const exchanges = this.traffic.exchanges()
    return {
      requests: exchanges.length,
      tasklets: this.traffic.tasklets(exchanges),
      upgrades: this.traffic.upgrades(),
      apps: [...this.mounts].filter(({ hasApp, internal }) => hasApp && !internal).length,
      callbacks: this.closeCallbacks.count,
    }
  }

  onClose(callback: CloseCallback): this {
    this.closeCallbacks.add(callback)
    return this
  }

  async close(options: CloseOptions = {}): Promise<CloseReport> {
    assertOptions('host.close()', options)
    const checked = checkedCloseOptions(options)
    this.#closed ??= this.#close(checked).finally(() => this.#ignoreSignals?.())
    return this.#closed
  }

  async #close({ deadline, readinessDelay }: Required<CloseOptions>): Promise<CloseReport> {
    if (this.listening && readinessDelay > 0) {
      this.#state = 'leaving'
      await keepServing(this, readinessDelay)
    }
    this.#state = 'closing'
    this.#abandonStart?.(new SynclessError('HOST_STATE', 'the host was closed while it was about to listen'))
    this.#closing.abort(new SynclessError('HOST_STATE', 'the host closes'))
    for (const fn of this.#whenClosing) tell('an answer that ends with its host', fn)
    const report = await drain(this, deadline).finally(() => this.#outerServers.detach())
    await this.#operations.stop()
    return report
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => {})
  }

  get agent(): Agent {
    this.#agent ??= new MemoryAgent(this)
    return this.#agent
  }

  inject(options: InjectOptions & { stream: true }): Promise<StreamedResponse>
  inject(options: InjectOptions | string | URL): Promise<InjectedResponse>
  async inject(options: InjectOptions | string | URL): Promise<InjectedResponse | StreamedResponse> {
    if (typeof options === 'string' || options instanceof URL) return inject(this, { url: options })
    assertOptions('host.inject()', options)
    return inject(this, options)
  }

  get stopped(): boolean {
    return this.transport.stopped
  }

  get secure(): boolean {
    return this.transport.secure
  }

  accept(socket: Duplex): void {
    this.transport.accept(socket)
  }

  upgradesTaken(server: HostedServer): boolean {
    if (this.mounts.of(server)?.protocols !== null) return false
    return this.mounts.at(server.path).some(other => other.server !== server && other.takesUpgrades)
  }

  expectedBy(mount: Mount): PendingHandOver[] {
    return this.traffic.expectedBy(mount)
  }

  handOver(exchange: Exchange): void {
    this.#dispatcher.handOver(exchange)
  }

  destroyConnections(server: HostedServer): void {
    this.traffic.destroy(server)
  }

  whenClosing(fn: () => void): () => void {
    // Each of its own, should one function be given twice.
    const entry = () => fn()
    this.#whenClosing.add(entry)
    if (this.closing.aborted) entry()
    return () => void this.#whenClosing.delete(entry)
  }

  lingers(scope: Scope): void {
    this.traffic.lingers(scope)
  }

  report(error: SynclessError): void {
    this.#errors.report(error, this.metrics)
  }
}

function anyFunction(_req: IncomingMessage, _res: ServerResponse): void {}

/** For a caller whom the end of the process takes by surprise otherwise. */
function never(): Promise<never> {
  return new Promise(() => {})
}

function isHost(app: unknown): app is HttpHost {
  return app instanceof HttpHost
}

function isServer(value: unknown): value is NetServer {
  return value instanceof EventEmitter && 'address' in value && 'listening' in value
}

/** Node's own has the method; of ours the host knows. */
function speaksHttp2(server: NetServer): boolean {
  return server instanceof HostedServer ? server.speaksHttp2 : 'updateSettings' in server
}
