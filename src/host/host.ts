import type { Agent, IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Attachment } from './embedding/emit-tap.js'
import type { InjectedResponse, InjectOptions, StreamedResponse } from './memory/inject.js'
import type { MountOptions } from './mounts/mount-options.js'
import type { CloseCallback } from './operations/close-callbacks.js'
import type { CloseOptions } from './operations/close-options.js'
import type { CloseReport } from './operations/close-report.js'
import type { RunOptions } from './options.js'
import type { HostListenOptions } from './transport/listen-options.js'

/** A host as a function of Connect's shape. It keeps its identity, and needs no `this`. */
export interface HostHandler {
  /**
   * Serves a request. Where no mount owns it, or the one that does declines it, `next` is called; without one the answer
   * is 404. A request that the host serves already, in one of its own apps, is refused with `HOST_LOOP`: it is given to
   * `next`, and thrown where there is none.
   */
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void
  /**
   * Takes an upgrade if a mount that takes upgrades owns its path, and says whether: if not, nothing was done to it. Throws
   * `HOST_LOOP` for one that the host has given to one of its own apps.
   */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** The host that it serves. */
  readonly host: Host
}

/** A handler as Connect has it; a promise that it returns is watched for rejection. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => unknown

/** What can be mounted: a plain function, or an app of a framework, which is recognised when it is mounted. */
export type App = Middleware | object

/**
 * One server and one port for many apps; `createHost()` makes it. Requests go to the mount with the longest path that
 * is a prefix of theirs at the end of a segment; one that no mount owns is answered with 404.
 */
export interface Host extends AsyncDisposable {
  /** Whether it accepts connections. */
  readonly listening: boolean
  /**
   * Aborted when the host stops accepting connections: for streams that have no end of their own, such as server-sent
   * events, to end in time.
   */
  readonly closing: AbortSignal
  /** Where its admin port listens; null where there is none, or it does not listen. */
  adminAddress(): AddressInfo | null
  /** Where it listens, as `server.address()` says it; null while it does not. */
  address(): AddressInfo | string | null
  /** All addresses it listens at, in the order of `listen`; empty while it does not. Unix sockets are shown as `listen` does. */
  addresses(): AddressInfo[]

  /**
   * Mounts an app at a path: an app of Express, Fastify, Connect, Koa, Hono or h3, whatever has a `fetch` method, a host, or
   * a function `(req, res, next)`; a tasklet handler is wrapped in `taskletHandler()`, a fetch function in `fetchHandler()`.
   * May be called while the host listens. Returns the host.
   *
   * Throws `UNKNOWN_APP` (no adapter knows the app, or two do), `MOUNT_TAKEN`, `INVALID_ARGUMENT` (the path, the options, or
   * a host inside itself), `APP_ALREADY_READY` (a Fastify instance that has started), `HTTP2_UNSUPPORTED` and `HOST_STATE` (after `close()`).
   */
  mount(path: string, app: App, options?: MountOptions): this

  /**
   * An `http.Server` for the path, for code that wants a server: `new Server(host.server('/socket.io'))`. It gets the
   * path's requests and upgrades as events; its `listen()` calls back when the host listens, its `close()` waits for
   * its own responses, and neither touches the port.
   *
   * Throws `MOUNT_TAKEN`, `INVALID_ARGUMENT` and `HOST_STATE` as `mount` does. If another mount takes the
   * upgrades of the path, the first upgrade listener throws `UPGRADE_TAKEN` where it is added.
   */
  server(path: string, options?: MountOptions): Server

  /**
   * What `fastify({ serverFactory })` takes. The instance is mounted, started and closed by the host; its `listen()`
   * need not be called, and if it is, resolves when the host listens: do not await it before `host.listen()`. One that
   * is made while the host listens is started in the next turn: add its plugins and routes before you await anything.
   * Throws as `server` does, the path at once and the rest when Fastify calls the factory.
   */
  serverFactory(path: string, options?: MountOptions): (handler: RequestListener, appOptions?: unknown) => Server

  /**
   * Waits for the apps to be ready, then listens at every address that it is given, or at none if one cannot be had.
   * Resolves with the first address once connections are accepted. It installs no signal handler; {@link Host.run} does.
   * After a failure it may be called again.
   *
   * Rejects with `ADDRESS_IN_USE`, `STALE_SOCKET`, `INVALID_ARGUMENT`, `HTTP2_UNSUPPORTED`, `HOST_STATE` (it listens
   * already, or was closed), `PATH_MISMATCH` or `TRUST_MISMATCH` (an app disagrees with one to which it hands over), or with
   * what an app's own start failed with.
   */
  listen(options: HostListenOptions): Promise<AddressInfo>

  /**
   * Listens, and closes on SIGINT or SIGTERM. When every host that runs, or starts, has closed, the process exits. The exit
   * code is `process.exitCode` if the program has set one, 1 if something was left, else 0. A second signal exits at once.
   *
   * Two lines go to stderr: at the signal, what the host waits for and until when; at the end, what was left, if anything.
   * The process does not wait for other async listeners of these signals, and warns of them once: use {@link Host.onClose}.
   *
   * Resolves and rejects as {@link Host.listen} does. If a signal ends the start, it does neither: the process exits when
   * the apps that had started are closed.
   */
  run(options: RunOptions): Promise<AddressInfo>

  /**
   * Sends a request to the host in memory: through its parser, its mounts and their apps, by no port, whether it listens
   * or not. The apps are started first, as by `listen`. A string or a URL is the `url`. Each call has a connection of its
   * own.
   * Requests in memory and those by the network may be mixed as one likes.
   *
   * Rejects with `INVALID_ARGUMENT`, `HOST_STATE` (after `close()`), `INJECT_FAILED` (the connection was broken off, or
   * the app changed the protocol), or with the reason of `signal`.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict'
   * import express from 'express'
   * import { createHost } from 'syncless/host'
   *
   * const host = createHost()
   * host.mount('/', express().use(express.json()).post('/double', (req, res) => { res.json(2 * req.body.n) }))
   * const response = await host.inject({ url: '/double', payload: { n: 21 } })
   * assert.equal(response.status, 200)
   * assert.equal(response.json(), 42)
   * await host.close()
   * ```
   */
  inject(options: InjectOptions & { stream: true }): Promise<StreamedResponse>
  inject(options: InjectOptions | string | URL): Promise<InjectedResponse>

  /**
   * An agent for clients of the host in memory: `http.request({ agent })`, `new WebSocket(url, { agent })`. Whatever the
   * URL says, connections lead to this host; they speak HTTP/1.1 and are kept alive, count as any other, and end with it.
   * They are refused with `ECONNREFUSED` after `close()`.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict'
   * import { createHost } from 'syncless/host'
   * import { WebSocket, WebSocketServer } from 'ws'
   *
   * const host = createHost()
   * new WebSocketServer({ server: host.server('/ws') }).on('connection', ws => ws.send('hello'))
   * const ws = new WebSocket('ws://host/ws', { agent: host.agent })
   * ws.on('message', async text => {
   *   assert.equal(String(text), 'hello')
   *   ws.close()
   *   await host.close()
   * })
   * ```
   */
  readonly agent: Agent

  /**
   * Starts the apps without listening, for a host that is reached through its {@link Host.handler}. `listen` and `attach`
   * do it by themselves, and a handler at its first request. May be called again. Rejects with `HOST_STATE` after `close()`,
   * with `PATH_MISMATCH` or `TRUST_MISMATCH`, and with what an app's own start failed with.
   */
  ready(): Promise<void>

  /**
   * The host as a function `(req, res, next)`, for a server that is not its own: as middleware of Express or Connect, or
   * called by the handler of a custom server. What no mount owns goes to `next`. Its `upgrade` method does the same for
   * upgrades. Apps, request scopes, admission and `close()` work as in a host that listens; connections are the server's,
   * and stay open when the host closes.
   *
   * @example
   * ```ts
   * import { createServer } from 'node:http'
   * import { createHost } from 'syncless/host'
   *
   * const host = createHost()
   * host.mount('/api', (_req, res) => res.end('hosted'))
   * await host.ready()
   *
   * const server = createServer((req, res) => host.handler(req, res, () => res.end('not hosted')))
   * server.on('upgrade', (req, socket, head) => {
   *   if (!host.handler.upgrade(req, socket, head)) socket.destroy()
   * })
   * await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
   * const address = server.address()
   * const port = typeof address === 'object' ? address?.port : 0
   * for (const path of ['/api', '/other']) {
   *   console.log(await (await fetch(`http://127.0.0.1:${port}${path}`)).text())
   * }
   * await host.close()
   * server.close()
   * ```
   */
  readonly handler: HostHandler

  /**
   * Puts the host in front of the listeners of a server that exists, such as that of Next, Nest or Vite, in whatever
   * order they are added: requests and upgrades that a mount owns go to it, and all others go on to the server's own
   * listeners as if the host were not there. Starts the apps; they hear of `listening` when the server listens. It may be
   * attached to several servers, and listen itself as well. `close()` detaches it when its requests are over.
   *
   * Rejects with `INVALID_ARGUMENT` (no server, or one of the host's own), `HOST_STATE` (it is attached there already, or was
   * closed), `HTTP2_UNSUPPORTED`, `PATH_MISMATCH`, `TRUST_MISMATCH`, or with what an app's own start failed with.
   *
   * @example
   * ```ts
   * import { createServer } from 'node:http'
   * import { createHost } from 'syncless/host'
   *
   * const server = createServer((_req, res) => res.end('its own'))
   * await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
   *
   * const host = createHost()
   * host.mount('/api', (_req, res) => res.end('hosted'))
   * await host.attach(server)
   *
   * const address = server.address()
   * const port = typeof address === 'object' ? address?.port : 0
   * for (const path of ['/api', '/other']) {
   *   console.log(await (await fetch(`http://127.0.0.1:${port}${path}`)).text())
   * }
   * await host.close() // the server is as it was
   * server.close()
   * ```
   */
  attach(server: NetServer): Promise<Attachment>

  /**
   * Calls `callback` while the host closes, when its requests are over and its apps are closed, and waits for the promise that
   * it returns: for the connections of a database that several apps use. The callback added last is called first, each
   * after the one before it has finished. All share the deadline of the close. The report has their errors; one that has not
   * finished at the deadline is a `TIMEOUT` there, and the callbacks behind it have 500 ms more. Returns the host.
   *
   * A callback runs in the async context in which it was added. Throws `INVALID_ARGUMENT` for anything except a function, and
   * for a generator function; `HOST_STATE` after the close.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict'
   * import { createHost } from 'syncless/host'
   *
   * const log: string[] = []
   * const host = createHost()
   * host.onClose(async () => { log.push('database closed') })
   * host.onClose(async () => { log.push('queue flushed') })
   * const report = await host.close()
   * assert.deepEqual(log, ['queue flushed', 'database closed'])
   * assert(report.clean)
   * ```
   */
  onClose(callback: CloseCallback): this

  /**
   * Serves on for `readinessDelay`; then stops accepting connections, closes the apps (Fastify runs its `preClose` and
   * `onClose` hooks, Socket.IO and WebSocket clients are told), and waits for unfinished responses, their tasklets and
   * upgraded connections; then calls what {@link Host.onClose} was given. At the deadline it cancels the tasklets and
   * destroys the connections; apps' own cleanup has 500 ms more, and the callbacks as much after it. Resolves with what was left; never rejects for that. Later calls return the first one's promise. Rejects
   * with `INVALID_ARGUMENT` for bad options.
   */
  close(options?: CloseOptions): Promise<CloseReport>
}
