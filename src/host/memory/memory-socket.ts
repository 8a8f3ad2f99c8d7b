/**
 * Two ends of a connection in memory. Bytes written at one end are read at the other, in a later turn of the event loop,
 * as from a real socket: neither side runs within the other's calls, each keeps its own async context, and a stalled
 * reader stops the writer. An end is a Duplex that also has the members of `net.Socket` which HTTP code uses.
 */

import { AsyncResource } from 'node:async_hooks'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { timerDelay } from '../../core/ops/sleep.js'

/** An incoming item: bytes, with the callback of a waiting writer, or the end of the other side. */
type Arrival = { chunk: Buffer; taken: Done | null } | { error: Error | null }
type Done = (error?: Error | null) => void

/** How many bytes a writer may be ahead of the other end's read buffer before it waits, as a kernel would hold them. */
const WINDOW = 1 << 16

/** An address to show; nothing is looked up. */
export interface MemoryAddress {
  address?: string
  port?: number
}

interface EndOptions {
  allowHalfOpen?: boolean
  encrypted?: boolean
}

/** One end of a connection in memory. */
export class MemorySocket extends Duplex {
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localFamily = 'IPv4'
  readonly remoteFamily = 'IPv4'
  readonly connecting = false
  readonly pending = false
  bytesRead = 0
  bytesWritten = 0
  /** The silence after which 'timeout' is emitted, in ms; undefined for none. */
  timeout: number | undefined
  /** True if the connection passes for one of TLS; absent otherwise, as on Node's sockets. */
  declare encrypted?: true
  /** The `http.Server` that serves this end sets it. */
  server: unknown = null
  #peer: MemorySocket | null = null
  readonly #arrivals: Arrival[] = []
  /** How many bytes are among them. */
  #waiting = 0
  /** Whether the read buffer is. */
  #full = false
  /** Of the writer of the chunk that has filled it. */
  #taken: Done | null = null
  #scheduled = false
  #timer: NodeJS.Timeout | null = null
  readonly #context = new AsyncResource('MemorySocket')

  /** @internal Use {@link memorySocketPair}. */
  constructor(local: MemoryAddress, remote: MemoryAddress, options: EndOptions = {}) {
    super({ allowHalfOpen: options.allowHalfOpen === true })
    this.localAddress = local.address ?? '127.0.0.1'
    this.localPort = local.port ?? 0
    this.remoteAddress = remote.address ?? '127.0.0.1'
    this.remotePort = remote.port ?? 0
    if (options.encrypted === true) this.encrypted = true
  }

  /** @internal */
  static join(one: MemorySocket, other: MemorySocket): void {
    one.#peer = other
    other.#peer = one
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  #send(chunks: Buffer[], taken: Done): void {
    // A copy: the writer may use its buffer again.
    const chunk = Buffer.concat(chunks)
    this.bytesWritten += chunk.length
    this.#touch()
    if (this.#peer === null || this.#peer.destroyed) taken(systemError('EPIPE', 'write'))
    else if (this.#peer.#waiting + chunk.length > WINDOW) this.#tell({ chunk, taken })
    else {
      this.#tell({ chunk, taken: null })
      taken()
    }
  }

  override _final(done: Done): void {
    this.#tell({ error: null })
    done()
  }

  override _read(): void {
    const taken = this.#taken
    this.#taken = null
    this.#full = false
    taken?.()
    this.#schedule()
  }

  #tell(arrival: Arrival): void {
    if (this.#peer !== null) this.#peer.#arrive(arrival)
  }

  #arrive(arrival: Arrival): void {
    if (this.destroyed) return
    this.#arrivals.push(arrival)
    if ('chunk' in arrival) this.#waiting += arrival.chunk.length
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#arrivals.length === 0 || this.#full) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#context.runInAsyncScope(() => this.#deliver())
    })
  }

  // One arrival a turn: what a reader does for one, in its ticks and microtasks, comes before the next, as with a socket.
  #deliver(): void {
    const arrival = this.#arrivals.shift()
    if (arrival === undefined) return
    this.#touch()
    if ('chunk' in arrival) {
      const { chunk, taken } = arrival
      this.bytesRead += chunk.length
      this.#waiting -= chunk.length
      this.#full = !this.push(chunk)
      if (this.#full) this.#taken = taken
      else taken?.()
    } else if (arrival.error === null) this.push(null)
    else this.destroy(arrival.error)
    this.#schedule()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.setTimeout(0)
    const lost = this.#arrivals.splice(0)
    // As the system has it: to close before everything has been taken is a reset.
    const reset = this.#waiting > 0
    this.#taken?.(systemError('ECONNRESET', 'write'))
    this.#taken = null
    for (const arrival of lost) if ('chunk' in arrival) arrival.taken?.(systemError('ECONNRESET', 'write'))
    if (reset) this.#tell({ error: systemError('ECONNRESET', 'read') })
    else if (!this.writableFinished) this.#tell({ error: null })
    done(error)
  }

  /** Ends the stream, and destroys it when everything has been taken. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Resets the connection: the other side sees `ECONNRESET`. */
  resetAndDestroy(): this {
    this.#tell({ error: systemError('ECONNRESET', 'read') })
    return this.destroy()
  }

  setTimeout(ms: number, callback?: () => void): this {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.timeout = ms
    if (ms > 0) {
      if (callback !== undefined) this.once('timeout', callback)
      this.#timer = setTimeout(() => this.#context.runInAsyncScope(() => this.emit('timeout')), timerDelay(ms)).unref()
    } else if (callback !== undefined) this.off('timeout', callback)
    return this
  }

  #touch(): void {
    this.#timer?.refresh()
  }

  address(): AddressInfo {
    return { address: this.localAddress, family: 'IPv4', port: this.localPort }
  }

  /** There is nothing to delay, to probe or to hold the process for. */
  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall })
}

/** Options of {@link memorySocketPair}. */
export interface MemorySocketOptions {
  /** The address of the first end, as both ends show it. */
  first?: MemoryAddress
  /** The address of the second end, as both ends show it. */
  second?: MemoryAddress
  /** Whether the second end stays writable when the first has ended, as a server's does. Default: false. */
  allowHalfOpen?: boolean
}

/**
 * Makes the two ends of a connection in memory, for code that takes a socket or any other Duplex. Bytes, the end and a
 * reset cross in later turns of the event loop; a writer has to wait while the other end does not read.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { createServer, request } from 'node:http'
 * import { memorySocketPair } from 'syncless/testing'
 *
 * const server = createServer((req, res) => res.end(`hello ${req.url}`)) // listens nowhere
 * const [client, other] = memorySocketPair({ allowHalfOpen: true })
 * server.emit('connection', other)
 * const req = request({ path: '/memory', createConnection: () => client }).end()
 * req.on('response', res => {
 *   res.setEncoding('utf8').on('data', text => assert.equal(text, 'hello /memory'))
 * })
 * ```
 */
export function memorySocketPair(options: MemorySocketOptions = {}): [MemorySocket, MemorySocket] {
  const { first = {}, second = {}, allowHalfOpen = false } = options
  const ends: [MemorySocket, MemorySocket] = [
    new MemorySocket(first, second),
    new MemorySocket(second, first, { allowHalfOpen }),
  ]
  MemorySocket.join(...ends)
  return ends
}
