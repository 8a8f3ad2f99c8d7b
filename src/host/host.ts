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
   * Serves a request. If no mount owns the request, or its mount declines it, `next` is called; without `next` the
   * answer is 404. A request that the host already serves in one of its own apps is refused with `HOST_LOOP`: `next`
   * gets the error, and without `next` it is thrown.
   */
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void
  /**
   * Takes an upgrade if a mount that takes upgrades owns its path, and returns whether it did. If it returns false,
   * nothing was done to the upgrade. Throws `HOST_LOOP` for an upgrade that the host has given to one of its own
   * apps.
   */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** The host behind the function. */
  readonly host: Host
}

/** A handler of Connect's shape. If it returns a promise, a rejection is handled. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => unknown

/** A mountable app: a plain function, or an app of a framework. The host recognises its kind when it is mounted. */
export type App = Middleware | object

/**
 * One server and one port for many apps, made by `createHost()`. A request goes to the mount with the longest path
 * that is a prefix of the request's path and ends where a segment ends. If no mount owns the request, the answer is
 * 404.
 */
export interface Host extends AsyncDisposable {
  /** Whether the host accepts connections. */
  readonly listening: boolean
  /**
   * Aborted when the host stops accepting connections. Streams without an end of their own, such as server-sent
   * events, use it to end in time.
   */
  readonly closing: AbortSignal
  /** Returns the address of the admin port, or null if the host has none or the port does not listen. */
  adminAddress(): AddressInfo | null
  /** Returns the address of the host in the form of `server.address()`, or null while the host does not listen. */
  address(): AddressInfo | string | null
  /**
   * Returns all addresses of the host, in the order of `listen`; empty while it does not listen. A Unix socket has
   * the form that `listen` resolves with.
   */
  addresses(): AddressInfo[]

  /**
   * Mounts an app at a path, also while the host listens. Returns the host. The app is one of Express, Fastify,
   * Connect, Koa, Hono or h3, any object with a `fetch` method, a host, or a function `(req, res, next)`. Wrap a
   * tasklet handler in `taskletHandler()` and a fetch function in `fetchHandler()`.
   *
   * Throws `UNKNOWN_APP` (no adapter knows the app, or two do), `MOUNT_TAKEN`, `INVALID_ARGUMENT` (the path, the
   * options, or a host inside itself), `APP_ALREADY_READY` (a Fastify instance that has started), `HTTP2_UNSUPPORTED`
   * and `HOST_STATE` (after `close()`).
   */
  mount(path: string, app: App, options?: MountOptions): this

  /**
   * Makes an `http.Server` for the path, for code that wants a server: `new Server(host.server('/socket.io'))`. The
   * server gets the requests and upgrades of the path as events. Its `listen()` calls back when the host listens, and
   * its `close()` waits for its own responses. Neither touches the port.
   *
   * Throws `MOUNT_TAKEN`, `INVALID_ARGUMENT` and `HOST_STATE` as `mount` does. If another mount takes the upgrades of
   * the path, adding the first upgrade listener throws `UPGRADE_TAKEN`.
   */
  server(path: string, options?: MountOptions): Server

  /**
   * Makes the factory for `fastify({ serverFactory })`. The host mounts, starts and closes the instance. You need not
   * call the instance's `listen()`. If you do, it resolves when the host listens: do not await it before
   * `host.listen()`. An instance that is made while the host listens starts in the next turn: add its plugins and
   * routes before you await anything.
   *
   * Throws as `server` does: for the path at once, for the rest when Fastify calls the factory.
   */
  serverFactory(path: string, options?: MountOptions): (handler: RequestListener, appOptions?: unknown) => Server

  /**
   * Waits for the apps to be ready, then listens at every given address, or at none of them if one fails. Resolves
   * with the first address once the host accepts connections. It installs no signal handler; {@link Host.run} does.
   * You may call it again after a failure.
   *
   * Rejects with `ADDRESS_IN_USE`, `STALE_SOCKET`, `INVALID_ARGUMENT`, `HTTP2_UNSUPPORTED`, `HOST_STATE` (the host
   * listens already, or was closed), `PATH_MISMATCH` or `TRUST_MISMATCH` (an app disagrees with one to which it hands
   * over), or with the error of an app's own start.
   */
  listen(options: HostListenOptions): Promise<AddressInfo>

  /**
   * Listens, and closes on SIGINT or SIGTERM. The process exits when every host that runs or starts has closed. The
   * exit code is `process.exitCode` if the program has set one, 1 if something was left, else 0. A second signal
   * exits at once.
   *
   * Two lines go to stderr. At the signal, the line says for what the host waits, and until when. At the end, it says
   * what was left, if anything. The process does not wait for other async listeners of these signals, and warns of
   * them once: use {@link Host.onClose}.
   *
   * Resolves and rejects as {@link Host.listen} does. If a signal ends the start, the promise never settles: the
   * process exits when the apps that had started are closed.
   */
  run(options: RunOptions): Promise<AddressInfo>

  /**
   * Sends a request to the host in memory: through its parser, its mounts and their apps, without a port, whether the
   * host listens or not. It first starts the apps, as `listen` does. A string or a URL is the `url`. Each call has a
   * connection of its own. Requests in memory and requests over the network may be mixed freely.
   *
   * Rejects with `INVALID_ARGUMENT`, `HOST_STATE` (after `close()`), `INJECT_FAILED` (the connection was broken off,
   * or the app changed the protocol), or with the reason of `signal`.
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
   * An agent for clients of the host in memory: `http.request({ agent })`, `new WebSocket(url, { agent })`. Its
   * connections lead to this host, whatever the URL says. They speak HTTP/1.1, are kept alive, count as any other
   * connection, and end with the host. After `close()` they are refused with `ECONNREFUSED`.
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
   * Starts the apps without listening, for a host that is reached through its {@link Host.handler}. You rarely need
   * it: `listen` and `attach` start the apps, and so does the first request of a handler. May be called again.
   * Rejects with `HOST_STATE` after `close()`, with `PATH_MISMATCH` or `TRUST_MISMATCH`, and with the error of an
   * app's own start.
   */
  ready(): Promise<void>

  /**
   * The host as a function `(req, res, next)`, for a server that is not its own: as middleware of Express or Connect,
   * or called by the handler of a custom server. Requests that no mount owns go to `next`. Its `upgrade` method does
   * the same for upgrades. Apps, request scopes, admission and `close()` work as in a host that listens. Connections
   * belong to the server, and stay open when the host closes.
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
   * Puts the host in front of the listeners of an existing server, such as that of Next, Nest or Vite. The order in
   * which listeners are added does not matter. Requests and upgrades that a mount owns go to the mount. All others go
   * on to the server's own listeners as if the host were not there. Starts the apps; they get `listening` when the
   * server listens. A host may be attached to several servers, and listen itself as well. `close()` detaches the host
   * when its requests are over.
   *
   * Rejects with `INVALID_ARGUMENT` (no server, or one of the host's own), `HOST_STATE` (the host is attached there
   * already, or was closed), `HTTP2_UNSUPPORTED`, `PATH_MISMATCH`, `TRUST_MISMATCH`, or with the error of an app's
   * own start.
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
   * Adds a callback for the close of the host, such as one that closes database connections that several apps use.
   * The host calls it when its requests are over and its apps are closed, and waits for the promise that it returns.
   * The callback added last is called first, and each one waits for the one before it. All share the deadline of the
   * close. The report lists their errors. A callback that has not finished at the deadline is reported as a
   * `TIMEOUT`, and the callbacks after it get 500 ms more. Returns the host.
   *
   * A callback runs in the async context in which it was added. Throws `INVALID_ARGUMENT` for anything except a
   * function, and for a generator function; `HOST_STATE` after the close.
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
   * Closes the host, in these steps:
   *
   * - It keeps serving for `readinessDelay`, then stops accepting connections.
   * - It closes the apps: Fastify runs its `preClose` and `onClose` hooks, and Socket.IO and WebSocket clients are
   *   told.
   * - It waits for unfinished responses, their tasklets and upgraded connections.
   * - It calls the callbacks of {@link Host.onClose}.
   *
   * At the deadline it cancels the tasklets and destroys the connections. The apps' own cleanup has 500 ms more, and
   * the callbacks have another 500 ms after it. Resolves with a report of what was left, and never rejects for that.
   * Later calls return the promise of the first call. Rejects with `INVALID_ARGUMENT` for bad options.
   */
  close(options?: CloseOptions): Promise<CloseReport>
}
