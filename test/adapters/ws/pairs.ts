/** Two ends of a WebSocket over a real socket. No jest here: child processes load it too. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo, ListenOptions, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { WebSocket, WebSocketServer } from 'ws'

export interface Pair {
  readonly client: WebSocket
  readonly server: WebSocket
  /** The connection of the server. */
  readonly socket: Socket
  terminate(): void
  /** Terminates what has not closed by itself within a moment. */
  end(): Promise<void>
}

/** A server that keeps no process alive, and gives pairs. */
class PairServer {
  readonly #http = createServer()
  readonly #sockets = new WebSocketServer({ server: this.#http, perMessageDeflate: false })
  readonly #listening: Promise<unknown>
  readonly #url: () => string
  readonly #waiting = new Map<string, (accepted: { server: WebSocket; socket: Socket }) => void>()
  #made = 0

  constructor(at: ListenOptions, url: (address: string | AddressInfo) => string) {
    this.#url = () => url(this.#http.address() as string | AddressInfo)
    this.#listening = once(this.#http, 'listening')
    this.#http.listen({ backlog: 4096, ...at }).unref()
    this.#sockets.on('connection', (server, { url, socket }) => this.#waiting.get(url ?? '')?.({ server, socket }))
  }

  async pair(): Promise<Pair> {
    await this.#listening
    const name = `/${++this.#made}`
    // Masking in JavaScript takes more time than all the rest; a mask of zeros is none.
    const generateMask = (mask: Buffer) => void mask.fill(0)
    const client = new WebSocket(`${this.#url()}${name}`, { perMessageDeflate: false, generateMask })
    const accepted = new Promise<{ server: WebSocket; socket: Socket }>(resolve => this.#waiting.set(name, resolve))
    const [{ server, socket }] = await Promise.all([accepted, once(client, 'open')])
    this.#waiting.delete(name)
    const terminate = () => {
      client.terminate()
      server.terminate()
    }
    const end = async () => {
      for (let i = 0; i < 100 && isOpen(client, server); i++) await new Promise(resolve => setTimeout(resolve, 1))
      terminate()
    }
    return { client, server, socket, terminate, end }
  }
}

const isOpen = (...sockets: WebSocket[]) => sockets.some(ws => ws.readyState !== WebSocket.CLOSED)

const folder = mkdtempSync(path.join(tmpdir(), 'syncless-ws-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Over a Unix socket, whose buffers are small and do not grow. */
const unix = new PairServer({ path: path.join(folder, 'socket') }, address => `ws+unix:${address}:`)
const tcp = new PairServer({ port: 0, host: '127.0.0.1' }, address => `ws://127.0.0.1:${(address as AddressInfo).port}`)

export const unixPair = () => unix.pair()
export const tcpPair = () => tcp.pair()

/** How many listeners a WebSocket has. */
export function listeners(ws: WebSocket): number {
  return ws.eventNames().reduce((sum, name) => sum + ws.listenerCount(name), 0)
}
