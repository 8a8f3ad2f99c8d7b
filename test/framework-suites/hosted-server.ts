/**
 * What `http.createServer()` gives in a hosted run: a server that is a host of its own. Like any server it begins with
 * `listen()` and ends with `close()`; the sockets, the listener and all between are the host's.
 */
import http, { type RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHost, type Host } from 'syncless/host'

/** What is wrong with a host, to see that a suite notices. */
export type Alteration = (app: RequestListener) => RequestListener

/** The hosts that have been asked to listen, and are not being closed. */
const open = new Set<Host>()

const closing: Promise<void>[] = []

/** How many hosts nobody closed, when those have closed that somebody did. */
export async function leftOpen(): Promise<number> {
  await Promise.all(closing)
  return open.size
}

/** An app that is mounted. */
class HostedServer extends Server {
  readonly host: Host = createHost()
  /** Supertest tells a server that has no address yet to listen, whoever has done so before, and closes it in the end. */
  #listens = 0
  #opening: Promise<unknown> | null = null
  #closing: Promise<void> | null = null

  override listen(...args: unknown[]): this {
    const callback = args.at(-1)
    if (isListener(callback)) this.once('listening', callback)
    this.#listens++
    if (this.#opening !== null) return this
    open.add(this.host)
    this.#opening = this.host.listen(whereTo(args)).then(
      () => this.emit('listening'),
      error => this.emit('error', error),
    )
    return this
  }

  override address(): AddressInfo | string | null {
    return this.host.address()
  }

  override close(callback?: (error?: Error) => void): this {
    if (this.#listens-- > 1) {
      if (callback !== undefined) process.nextTick(callback)
      return this
    }
    if (callback !== undefined) this.once('close', this.#opening === null ? () => callback(notRunning()) : callback)
    if (this.#closing === null) {
      this.#closing = this.#close()
      closing.push(this.#closing)
    }
    return this
  }

  async #close(): Promise<void> {
    await this.#opening
    open.delete(this.host)
    await this.host.close()
    this.emit('close')
  }
}

/** A server that a host gives: it listens where and when that does, and closes it. */
export function serverOf(host: Host, server: Server): Server {
  const { listen } = server
  server.listen = (...args: unknown[]) => {
    open.add(host)
    Reflect.apply(listen, server, args)
    host.listen(whereTo(args)).catch(error => {
      open.delete(host)
      server.emit('error', error.cause ?? error)
    })
    return server
  }
  server.once('close', () => {
    open.delete(host)
    closing.push(host.close().then(() => {}))
  })
  return server
}

/** From now on `http.createServer()` gives hosts, on which the app is mounted. */
export function hostAllApps(alter: Alteration = app => app): void {
  http.createServer = ((...args: unknown[]) => {
    const app = args.at(-1)
    if (!isListener(app)) return new HostedServer()
    const server = new HostedServer(app) // Connect asks a server for its listener
    server.host.mount('/', alter(app))
    return server
  }) as typeof http.createServer
}

/** From now on `http.createServer()` gives `host.server('/')`, each of a host of its own. */
export function hostAllServers(): void {
  http.createServer = ((...args: unknown[]) => {
    const server = listeningAgain(hostServer())
    const app = args.at(-1)
    if (isListener(app)) server.on('request', app)
    return server
  }) as typeof http.createServer
}

function hostServer(): Server {
  const host = createHost()
  return serverOf(host, host.server('/'))
}

/** A server of Node's may listen again when it has closed, a host may not: another one then takes its place. */
function listeningAgain(server: Server): Server {
  const { listen } = server
  let closed = false
  server.once('close', () => {
    closed = true
  })
  server.listen = (...args: unknown[]) => {
    if (!closed) return Reflect.apply(listen, server, args)
    const next = hostServer()
    for (const event of ['request', 'upgrade']) next.on(event, (...what) => server.emit(event, ...what))
    server.address = () => next.address()
    server.close = callback => {
      next.close(callback)
      return server
    }
    next.listen(...(args as []))
    return server
  }
  return server
}

/** The arguments of `server.listen()` as the options that a host takes. */
function whereTo(args: readonly unknown[]): { port?: number; host?: string } | { path: string } {
  const [port, host] = args
  if (typeof port === 'object' && port !== null) return port
  if (typeof port === 'string') return { path: port }
  return { port: typeof port === 'number' ? port : 0, ...(typeof host === 'string' ? { host } : {}) }
}

function isListener(value: unknown): value is RequestListener & (() => void) {
  return typeof value === 'function'
}

function notRunning(): Error {
  return Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' })
}
