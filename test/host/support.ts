/** What the host tests share: a host that is closed after each test, and clients that show exact bytes. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { type CloseReport, createHost, type Host, type HostOptions } from '../../src/host/index.js'

const open: Host[] = []

export function newHost(options: HostOptions = {}): Host {
  const host = createHost(options)
  open.push(host)
  return host
}

export async function closeHosts(): Promise<void> {
  await Promise.all(open.splice(0).map(host => host.close({ deadline: 0 })))
}

export async function started(host: Host): Promise<{ port: number; url: string }> {
  const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
  return { port, url: `http://127.0.0.1:${port}` }
}

/** Runs `use` with the port of a server that serves `app` alone, without a host. */
export async function alone<T>(app: RequestListener | Server, use: (port: number) => Promise<T>): Promise<T> {
  const server = typeof app === 'function' ? createServer(app) : app
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  try {
    return await use(typeof address === 'object' && address !== null ? address.port : 0)
  } finally {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}

/** A connection that collects what it gets. */
export class RawClient {
  readonly socket: Socket
  text = ''
  /** Resolves when the server has ended or destroyed the connection. */
  readonly closed: Promise<void>
  #wake = () => {}

  constructor(port: number, options: { allowHalfOpen?: boolean } = {}) {
    this.socket = connect({ ...options, port, host: '127.0.0.1' })
    this.socket.setEncoding('latin1')
    this.closed = new Promise(resolve => {
      this.socket.on('close', () => {
        this.#wake()
        resolve()
      })
    })
    this.socket.on('error', () => {})
    this.socket.on('data', chunk => {
      this.text += chunk
      this.#wake()
    })
  }

  send(text: string): this {
    this.socket.write(text.replaceAll(/\r?\n/g, '\r\n'))
    return this
  }

  /** Resolves when `pattern` has come in `times` times, and rejects when the connection closes before. */
  async until(pattern: RegExp, times = 1): Promise<string> {
    while ([...this.text.matchAll(new RegExp(pattern, 'g'))].length < times) {
      if (this.socket.destroyed) throw new Error(`closed before ${pattern}; got ${JSON.stringify(this.text)}`)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return this.text
  }
}

/** One request on a connection of its own; the whole answer, without its date. */
export async function exchange(port: number, request: string): Promise<string> {
  const client = new RawClient(port).send(request)
  await client.closed
  return client.text.replace(/^Date: .*$/m, 'Date: -')
}

export const get = (path: string, headers = ''): string =>
  `GET ${path} HTTP/1.1\nHost: x\nConnection: close\n${headers}\n`

/** Some turns of the event loop: whatever has arrived is read, and answered where nothing is to be waited for. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** A promise with its settlers outside. */
export function defer<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

export type { CloseReport }
