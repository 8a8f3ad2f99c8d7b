/**
 * What `http.createServer(app)` gives in a hosted run: a server that is a host of its own, with the app mounted on it. Like
 * any server it begins with `listen()` and ends with `close()`; the sockets, the listener and all between are the host's.
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

/** From now on `http.createServer()` gives hosts. */
export function hostAllServers(alter: Alteration = app => app): void {
  http.createServer = ((...args: unknown[]) => {
    const app = args.at(-1)
    if (!isListener(app)) return new HostedServer()
    const server = new HostedServer(app) // Connect asks a server for its listener
    server.host.mount('/', alter(app))
    return server
  }) as typeof http.createServer
}

/** The arguments of `server.listen()` as the options that a host takes. */
export function whereTo(args: readonly unknown[]): { port?: number; host?: string } {
  const [port, host] = args
  if (typeof port === 'object' && port !== null) return port
  return { port: typeof port === 'number' ? port : 0, ...(typeof host === 'string' ? { host } : {}) }
}

function isListener(value: unknown): value is RequestListener & (() => void) {
  return typeof value === 'function'
}

function notRunning(): Error {
  return Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' })
}
