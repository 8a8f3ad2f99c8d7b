/** The host itself: it ties the engine, the mounts and their connections together, and knows what state it is in. */
import { AsyncResource } from 'node:async_hooks'
import { EventEmitter, setMaxListeners } from 'node:events'
import type { Agent, IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { HostPort } from '../adapters/port.js'
import { hostPorts } from '../adapters/registry.js'
import { destroyStream, underlyingStream } from '../adapters/underlying-stream.js'
import { assertFunction, assertOptions } from '../core/base/arguments.js'
import { type ErrorCode, SynclessError } from '../core/base/errors.js'
import { report } from '../core/base/report.js'
import { listener, tell } from '../core/loop/callback.js'
import type { Scope } from '../core/scope/scope.js'
import type { DispatchHost } from './dispatch/dispatch-host.js'
import { Dispatcher } from './dispatch/dispatcher.js'
import { overlooked, unseen } from './dispatch/overlooked.js'
import { assertAgreement, differentTrust, outside, type Party } from './dispatch/policy-agreement.js'
import type { Attachment, Visited } from './embedding/emit-tap.js'
import { makeHandler } from './embedding/handler.js'
import { nestedHostPort } from './embedding/nested-host.js'
import { OuterServers } from './embedding/outer-servers.js'
import type { App, Host, HostHandler } from './host.js'
import { type InjectedResponse, type InjectOptions, inject, type StreamedResponse } from './memory/inject.js'
import { MemoryAgent, type MemoryHost } from './memory/memory-agent.js'
import { choosePort } from './mounts/choose-port.js'
import { Mount, type MountHost } from './mounts/mount.js'
import { assertMountOptions, assertNoProtocols, type MountOptions } from './mounts/mount-options.js'
import { mountPath } from './mounts/mount-path.js'
import { HostedServer } from './mounts/mount-server.js'
import { MountTable } from './mounts/mount-table.js'
import { type CloseCallback, CloseCallbacks } from './operations/close-callbacks.js'
import { closeOnSignals, exitsSoon, reportListeners } from './operations/close-on-signals.js'
import { type CloseOptions, checkedCloseOptions } from './operations/close-options.js'
import type { Awaited, CloseReport } from './operations/close-report.js'
import { type DrainHost, drain, keepServing } from './operations/drain.js'
import type { HealthHandler } from './operations/health.js'
import type { Metrics } from './operations/metrics.js'
import { Operations } from './operations/operations.js'
import { assertHostOptions, type HostOptions, type RunOptions } from './options.js'
import { BorrowedConnections } from './request/borrowed-connections.js'
import type { Connection } from './request/connection.js'
import type { Exchange, PendingHandOver } from './request/exchange.js'
import { StageChooser } from './stages/choose-stages.js'
import { checkedLimits, type LimitOptions } from './stages/limits.js'
import type { RequestIdStage } from './stages/request-id.js'
import type { RequestEvent } from './transport/engine.js'
import type { ListenAddress } from './transport/listen-address.js'
import { addressInfo, checkedAddresses, type HostListenOptions } from './transport/listen-options.js'
import { Transport } from './transport/transport.js'

type HostState = 'idle' | 'starting' | 'listening' | 'leaving' | 'closing'

export class HttpHost implements Host, MountHost, DispatchHost, DrainHost, MemoryHost, Visited {
  readonly transport: Transport
  readonly mounts = new MountTable()
  readonly connections = new Set<Connection>()
  readonly guests = new BorrowedConnections()
  readonly lingering = new Set<Scope>()
  readonly closeCallbacks = new CloseCallbacks()
  readonly limits: Required<LimitOptions>
  readonly handler: HostHandler
  readonly #ports: readonly HostPort[]
  readonly #onError: ((error: SynclessError) => void) | null
  readonly #stages: StageChooser
  readonly #dispatcher: Dispatcher
  readonly #embedding = new OuterServers()
  readonly #operations: Operations
  leaving = false
  /** Whether the apps have been started, and those that come later are to be. */
  #started = false
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
    this.#ports = [...hostPorts, nestedHostPort(isHost), ...(options.ports ?? [])]
    this.#onError = options.onError === undefined ? null : listener('onError of a syncless host', options.onError)
    // As many as there are streams that want to end in time.
    setMaxListeners(0, this.closing)
    this.#operations = new Operations(this, options)
    this.#stages = new StageChooser(options, this.metrics)
    this.limits = checkedLimits(options.limits)
    this.#dispatcher = new Dispatcher(this)
    this.transport = new Transport(this.#dispatcher, { ...options, connections: this.limits.connections })
    this.handler = makeHandler(this)
    for (const [path, handler] of this.#operations.healthMounts) this.#mountHealth(path, handler)
  }

  #mountHealth(path: string, handler: HealthHandler): void {
    const mount = new Mount(mountPath(path), {}, this, true)
    this.mounts.add(mount)
    mount.use(handler, choosePort(handler, this.#ports))
  }

  get listening(): boolean {
    return this.#state === 'listening' || this.#state === 'leaving' || this.#embedding.address() !== null
  }

  get starts(): boolean {
    return this.#state === 'starting' || this.#embedding.attached
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
    return this.transport.speaksHttp2 || this.#embedding.speaksHttp2
  }

  get draining(): boolean {
    return this.#state === 'leaving' || this.#state === 'closing'
  }

  address(): AddressInfo | string | null {
    return this.transport.addresses()[0] ?? this.#embedding.address()
  }

  addresses(): AddressInfo[] {
    return this.transport.addresses().map(addressInfo)
  }

  mount(path: string, app: App, options: MountOptions = {}): this {
    assertMountOptions('host.mount()', options)
    assertNoProtocols('host.mount()', options)
    const checked = mountPath(path)
    const port = choosePort(app, this.#ports)
    // An instance that was made with this mount's server factory is there already.
    if (this.mounts.at(checked).some(mount => mount.serves(app, options.strip))) return this
    const mount = this.#add(checked, options)
    try {
      this.#assertServable(mount, [app])
      mount.use(app, port, options.next)
    } catch (error) {
      this.mounts.remove(mount)
      throw error
    } finally {
      this.#choosePrototypes()
    }
    this.#announce(mount)
    return this
  }

  server(path: string, options: MountOptions = {}): Server {
    assertMountOptions('host.server()', options)
    return this.#add(mountPath(path), options).server
  }

  serverFactory(path: string, options: MountOptions = {}): (handler: RequestListener, appOptions?: unknown) => Server {
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

  #add(path: string, options: MountOptions): Mount {
    if (this.draining) throw new SynclessError('HOST_STATE', `"${path}" cannot be mounted: the host has been closed`)
    const mount = new Mount(path, options, this)
    mount.stages = this.#stages.make(mount, options)
    this.mounts.add(mount)
    this.#choosePrototypes()
    return mount
  }

  /** Throws `HTTP2_UNSUPPORTED` where the host speaks HTTP/2 and one of `apps` cannot. */
  #assertServable(mount: Mount, apps: readonly unknown[]): void {
    if (!this.speaksHttp2) return
    for (const app of apps) {
      const port = this.#ports.find(candidate => candidate.http1Only !== undefined && candidate.accepts(app))
      if (port === undefined) continue
      throw new SynclessError(
        'HTTP2_UNSUPPORTED',
        `the ${port.name} at "${mount.path}" cannot be served over HTTP/2: ${port.http1Only}. Mount it on a host ` +
          'without http2',
      )
    }
  }

  #choosePrototypes(): void {
    this.transport.usePrototypes(this.mounts.sole?.prototypes ?? null)
  }

  listenRequested(server: HostedServer): void {
    const mount = this.mounts.of(server)
    if (mount !== undefined) this.#announce(mount)
  }

  /** Starts a mount that was made after the host, unless it has been started. One that fails is reported. */
  async #startLate(mount: Mount): Promise<boolean> {
    if (!this.#started) return false
    try {
      await mount.start()
    } catch (error) {
      // Two may have waited for the same start.
      if (mount.startFailure === error) return false
      mount.startFailure = error
      this.report(new SynclessError('HANDLER_FAILED', `"${mount.path}" did not start`, { cause: error }))
      return false
    }
    return true
  }

  /** Says on a mount's server that the host listens, once the mount has started. */
  async #announce(mount: Mount): Promise<void> {
    if ((await this.#startLate(mount)) && this.listening) mount.server.hostListens()
  }

  async listen(options: HostListenOptions): Promise<AddressInfo> {
    const addresses = checkedAddresses('host.listen()', options)
    if (this.#state !== 'idle') {
      const why = this.draining ? 'it has been closed: make another with createHost()' : 'it listens already'
      throw new SynclessError('HOST_STATE', `host.listen(): ${why}`)
    }
    this.#state = 'starting'
    try {
      const abandoned = new Promise<never>((_, reject) => {
        this.#abandonStart = reject
      })
      await Promise.race([this.#start(addresses), abandoned])
    } catch (error) {
      if (!this.#embedding.attached) await this.#operations.stop()
      if (this.#state === 'starting') this.#state = 'idle'
      throw error
    }
    this.#state = 'listening'
    this.#announceAll()
    return addressInfo(this.address())
  }

  #announceAll(): void {
    for (const mount of this.mounts) this.#announce(mount)
  }

  async #start(addresses: readonly ListenAddress[]): Promise<void> {
    this.#assertAllServable()
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
    if (this.#started) return
    for (const mount of this.mounts) mount.readPolicies()
    assertAgreement(
      this.mounts,
      this.#embedding.servers.map(server => this.#outside(server)),
    )
    this.#started = true
    this.#reportTrust()
  }

  /** Of an app that comes later; those that come together are looked at together. */
  assertAgreement(mount: Mount): void {
    if (!this.#started) return
    mount.readPolicies()
    assertAgreement(
      this.mounts,
      this.#embedding.servers.map(server => this.#outside(server)),
      mount,
    )
    this.#reportTrust(mount)
  }

  /** What the listeners of a server are, as far as the ports know them. */
  #outside(server: NetServer): Party {
    const listeners = server.listeners('request')
    return outside(
      listeners.flatMap(listener => {
        const port = this.#ports.find(candidate => candidate.accepts(listener))
        return [...(port?.policies?.(listener, server) ?? [])]
      }),
    )
  }

  get beyond(): readonly Party[] {
    const { servers } = this.#embedding
    return servers.length > 0 && !this.#embedding.nested ? servers.map(server => this.#outside(server)) : [unseen]
  }

  #reportTrust(only?: Mount): void {
    const difference = differentTrust(this.mounts, only)
    if (difference !== undefined) this.report(difference)
  }

  #assertAllServable(): void {
    for (const mount of this.mounts) this.#assertServable(mount, [mount.app, ...mount.server.listeners('request')])
  }

  async attach(server: NetServer): Promise<Attachment> {
    if (!isServer(server)) throw new SynclessError('INVALID_ARGUMENT', 'host.attach() takes an http.Server')
    this.#assertOpen('host.attach()')
    this.enter(server)
    if (speaksHttp2(server)) this.#embedding.speaksHttp2 = true
    this.#assertAllServable()
    try {
      await this.#operations.start()
      await this.ready()
      if (!(server instanceof HostedServer)) assertAgreement(this.mounts, [this.#outside(server)])
    } catch (error) {
      if (this.#state === 'idle' && !this.#embedding.attached) await this.#operations.stop()
      throw error
    }
    this.#assertOpen('host.attach()')
    const attachment = this.#embedding.attach(server, this, () => this.#announceAll())
    if (server.listening) this.#announceAll()
    return attachment
  }

  enter(server: NetServer): void {
    this.#embedding.enter(server, this)
  }

  isInside(host: object): boolean {
    return host === this || this.#embedding.isInside(host)
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
    if (this.#started || this.draining) {
      if (this.#embedding.sees(req.socket)) this.#announceAll()
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
    const exchanges = [...this.connections].flatMap(connection => connection.exchanges)
    exchanges.push(...this.guests.exchanges)
    const scopes = new Set(this.lingering)
    for (const { startedScope } of exchanges) if (startedScope !== null) scopes.add(startedScope)
    const upgraded = [...this.connections].filter(({ upgradedBy }) => upgradedBy !== null)
    return {
      requests: exchanges.length,
      tasklets: [...scopes].reduce((sum, scope) => sum + scope.size, 0),
      upgrades: upgraded.length + this.guests.upgrades.size,
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
    const report = await drain(this, deadline).finally(() => this.#embedding.detach())
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
    const own = [...this.connections].flatMap(connection => connection.exchanges)
    const exchanges = [...own, ...this.guests.exchanges]
    return exchanges.flatMap(({ handOver }) => (handOver?.mayReach(mount) === true ? [handOver] : []))
  }

  handOver(exchange: Exchange): void {
    this.#dispatcher.handOver(exchange)
  }

  destroyConnections(server: HostedServer): void {
    for (const connection of this.connections) {
      const mine = connection.upgradedBy === server || connection.exchanges.some(({ owner }) => isOf(owner, server))
      if (mine) destroyStream(connection.socket)
    }
    for (const exchange of this.guests.exchanges)
      if (isOf(exchange.owner, server)) destroyStream(underlyingStream(exchange.req))
    for (const [socket, taker] of this.guests.upgrades) if (taker === server) socket.destroy()
  }

  whenClosing(fn: () => void): () => void {
    // Each of its own, should one function be given twice.
    const entry = () => fn()
    this.#whenClosing.add(entry)
    if (this.closing.aborted) entry()
    return () => void this.#whenClosing.delete(entry)
  }

  lingers(scope: Scope): void {
    const end = scope.close()
    if (scope.ended) return
    this.lingering.add(scope)
    end.then(() => this.lingering.delete(scope))
  }

  report(error: SynclessError): void {
    if (this.metrics !== null && error.code === 'MALFORMED_REQUEST') this.metrics.malformed++
    if (this.#onError !== null) this.#onError(error)
    else if (!anyoneCanCause.has(error.code)) report(error, 'syncless host')
  }
}

const anyoneCanCause: ReadonlySet<ErrorCode> = new Set([
  'AMBIGUOUS_PATH',
  'HAND_OVER_LIMIT',
  'MALFORMED_REQUEST',
  'TLS_HANDSHAKE_FAILED',
])

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

function isOf(owner: unknown, server: HostedServer): boolean {
  return owner instanceof Mount && owner.server === server
}
