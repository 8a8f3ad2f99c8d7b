import { createSocket, type SocketOptions as NodeOptions, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import { Channel, type Receiver } from '../../channel/channel.js'
import { type Item, Raised, ReceiverNode } from '../../channel/channel-nodes.js'
import { assertOverflow, type Overflow, offer } from '../../channel/overflow.js'
import { Latch } from '../../loop/latched.js'
import type { Op } from '../../loop/op.js'
import { action } from '../../ops/action.js'
import { bondToScope } from '../../scope/scope-bond.js'
import { assertFamily, assertHost, assertPort, nameOf, type SocketAddress } from '../bytes/address.js'
import { assertBytes } from '../bytes/byte-output.js'
import { messageOf, SocketError, systemCodeOf } from '../bytes/socket-error.js'
import { assertSize } from '../file/reader.js'

const DEFAULT_CAPACITY = 64

/** One message, with the address of its sender. */
export interface Datagram extends SocketAddress {
  readonly data: Buffer
}

/** Options of {@link bindUdp}. */
export interface UdpOptions {
  /** The port. Default: 0, a free one. */
  readonly port?: number
  /** The address to listen at. Default: all addresses of the machine. */
  readonly host?: string
  /** The kind of address. Default: that of `host`, or else `'IPv4'`. An IPv6 socket on all addresses takes IPv4, too. */
  readonly family?: 'IPv4' | 'IPv6'
  /** Whether other sockets may be bound to the same port, as members of a multicast group are. Default: false. */
  readonly reuseAddr?: boolean
  /** The number of datagrams that are kept while no receiver waits. Default: 64. */
  readonly capacity?: number
  /** The policy for a datagram without room. Default: `'drop-newest'`, as the kernel does. */
  readonly overflow?: Overflow
  /** The size of the kernel's own buffer, in bytes. Default: the system's. */
  readonly recvBufferSize?: number
  /** The name in descriptions and dumps. */
  readonly name?: string
}

/**
 * The target of a datagram: a port, at an address or a name (default: this machine). A {@link Datagram} as the target
 * means its sender.
 */
export type UdpTarget = { readonly port: number; readonly host?: string } | SocketAddress

/** Receives by `recvFrom()`. After `close()` it fails with an error that says so. */
class RecvFromNode extends ReceiverNode<Datagram, Datagram> {
  describe(): string {
    return `recvFrom on ${this.channel.label}`
  }

  override external(): boolean {
    return true
  }

  accept(item: Item<Datagram>): void {
    if (item instanceof Raised) this.fail(item.error)
    else this.complete(item)
  }

  end(error: { readonly value: unknown } | null): void {
    this.fail(error?.value ?? new SocketError('SOCKET_CLOSED', `${this.describe()}: it was closed here`))
  }
}

/** A UDP socket, made by {@link bindUdp}. */
export class UdpSocket implements AsyncDisposable {
  /** The name in descriptions and errors. */
  readonly name: string
  /**
   * The received datagrams, as a channel. `statistics().dropped` counts the datagrams without room; cancelling the
   * channel closes the socket. The channel and {@link recvFrom} share the datagrams: each goes to one receiver.
   */
  readonly datagrams: Receiver<Datagram>
  readonly #socket: Socket
  readonly #received: Channel<Datagram>
  readonly #gone: Latch<void>
  readonly #unbond: () => void
  /** The sends that wait for a name: Node forgets them when the socket is closed. */
  readonly #sending = new Set<() => void>()
  #closing = false

  /** @internal Use {@link bindUdp}. */
  constructor(socket: Socket, options: UdpOptions) {
    const { capacity = DEFAULT_CAPACITY, overflow = 'drop-newest' } = options
    this.#socket = socket
    this.name = options.name ?? `UDP ${nameOf(addressOf(socket))}`
    this.#gone = new Latch(`close of ${this.name}`)
    this.#received = new Channel(capacity)
    this.#received.name = this.name
    this.datagrams = this.#received
    socket.on('message', (data: Buffer, { address, port, family }: RemoteInfo) => {
      offer(this.#received, { data, address, port, family }, overflow)
    })
    socket.on('error', cause => this.#end(new SocketError('SOCKET_BROKEN', `${this.name}: ${messageOf(cause)}`, cause)))
    socket.on('close', () => {
      for (const closed of this.#sending) closed()
      this.#gone.resolve()
    })
    this.#unbond = bondToScope(this.name, error => this.#end(error))
    this.#received.ended.node().performFor({ wake: () => this.#end() })
  }

  /** The address of the socket. */
  get address(): SocketAddress {
    return addressOf(this.#socket)
  }

  /** Takes the next datagram. Fails with `SOCKET_CLOSED` after `close()`, when all received datagrams have been taken. */
  recvFrom(): Op<Datagram> {
    return new RecvFromNode(this.#received)
  }

  /**
   * Sends one datagram. Settles when the kernel has taken it, which says nothing about its arrival. Fails with
   * `SEND_FAILED` (a {@link SocketError}) if the kernel refuses the datagram, for instance as too large, or if the name
   * is not found. Fails with `SOCKET_CLOSED` after `close()`. A send that loses while it waits may have been sent.
   * Throws `INVALID_ARGUMENT`.
   */
  sendTo(data: Uint8Array | string, target: UdpTarget): Op<void> {
    assertBytes(data, 'sendTo()')
    assertOptions('the target of sendTo()', target)
    const { port } = target
    const host = 'address' in target ? target.address : target.host
    assertPort(port, 1, 'sendTo()')
    assertHost(host, 'sendTo()')
    const what = `sendTo ${nameOf({ host, port })} on ${this.name}`
    return action((resolve, reject) => {
      const closed = () => reject(new SocketError('SOCKET_CLOSED', `${what}: it was closed here`))
      if (this.#received.closed) return closed()
      this.#sending.add(closed)
      this.#socket.send(data, port, host ?? this.#loopback, cause => {
        this.#sending.delete(closed)
        if (cause === null || cause === undefined) resolve()
        else reject(new SocketError('SEND_FAILED', `${what}: ${messageOf(cause)}`, cause))
      })
      return () => this.#sending.delete(closed)
    }, what)
  }

  /** Joins a multicast group at the interface of an address. Default: the interface that the system chooses. */
  addMembership(group: string, interfaceAddress?: string): void {
    this.#set('addMembership', () => this.#socket.addMembership(group, interfaceAddress))
  }

  /** Leaves a multicast group. */
  dropMembership(group: string, interfaceAddress?: string): void {
    this.#set('dropMembership', () => this.#socket.dropMembership(group, interfaceAddress))
  }

  /** Joins a multicast group for the datagrams of one sender. */
  addSourceMembership(source: string, group: string, interfaceAddress?: string): void {
    this.#set('addSourceMembership', () => this.#socket.addSourceSpecificMembership(source, group, interfaceAddress))
  }

  /** Leaves a group that was joined for one sender. */
  dropSourceMembership(source: string, group: string, interfaceAddress?: string): void {
    this.#set('dropSourceMembership', () => this.#socket.dropSourceSpecificMembership(source, group, interfaceAddress))
  }

  /** Sets the interface by which multicasts are sent. */
  setMulticastInterface(interfaceAddress: string): void {
    this.#set('setMulticastInterface', () => this.#socket.setMulticastInterface(interfaceAddress))
  }

  /** Sets the number of routers that multicasts may pass, 0 to 255. At first 1: none. */
  setMulticastTtl(ttl: number): void {
    this.#set('setMulticastTtl', () => this.#socket.setMulticastTTL(ttl))
  }

  /** Sets whether this machine receives the multicasts that it sends. At first it does. */
  setMulticastLoopback(loopback: boolean): void {
    this.#set('setMulticastLoopback', () => this.#socket.setMulticastLoopback(loopback))
  }

  /** Sets whether the socket may send to broadcast addresses. At first it may not. */
  setBroadcast(broadcast: boolean): void {
    this.#set('setBroadcast', () => this.#socket.setBroadcast(broadcast))
  }

  /** Sets the number of routers that datagrams may pass, 1 to 255. */
  setTtl(ttl: number): void {
    this.#set('setTtl', () => this.#socket.setTTL(ttl))
  }

  /**
   * Closes the socket, at once when called. Received datagrams may still be taken. Settles when the socket is gone.
   * Later calls do nothing.
   */
  close(): Op<void> {
    this.#end()
    return this.#gone
  }

  /** Closes the socket: `await using sock = await bindUdp(...)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #end(error?: unknown): void {
    this.#received.close(error)
    if (this.#closing) return
    this.#closing = true
    this.#unbond()
    this.#socket.close()
  }

  get #loopback(): string {
    return isIPv6(this.address.address) ? '::1' : '127.0.0.1'
  }

  /** Throws `SOCKET_CLOSED` if the socket is closed, and `INVALID_ARGUMENT` if the system refuses the value. */
  #set(what: string, set: () => void): void {
    if (this.#closing) throw new SocketError('SOCKET_CLOSED', `${what} on ${this.name}: it was closed here`)
    try {
      set()
    } catch (cause) {
      throw new SocketError('INVALID_ARGUMENT', `${what} on ${this.name}: ${messageOf(cause)}`, cause)
    }
  }
}

function addressOf(socket: Socket): SocketAddress {
  const { address, port, family } = socket.address()
  return { address, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' }
}

/**
 * Opens a UDP socket. It belongs to the scope in which it is made, and is closed with the scope: receivers then get
 * `SCOPE_CLOSED`. UDP has no way to make a sender wait. Up to `capacity` datagrams are kept for receivers; beyond that,
 * `overflow` decides which are dropped, and they are counted. Fails with `ADDRESS_IN_USE` if the address is taken or may
 * not be used, and with `NAME_NOT_FOUND` for an unknown name; both are {@link SocketError}s. Throws `INVALID_ARGUMENT`.
 * Semantics: `bind(2)`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, timeout } from 'syncless'
 * import { bindUdp } from 'syncless/nbsocket'
 *
 * const server = await bindUdp({ host: '127.0.0.1' })
 * go(function* echo() {
 *   const datagram = yield* server.recvFrom()
 *   yield* server.sendTo(datagram.data, datagram)
 * })
 * const client = await bindUdp({ host: '127.0.0.1' })
 * await client.sendTo('hello', server.address)
 * const answer = await timeout(1000, client.recvFrom())
 * assert.equal(String(answer.data), 'hello')
 * await client.close()
 * await server.close()
 * ```
 */
export function bindUdp(options: UdpOptions = {}): Op<UdpSocket> {
  assertOptions('bindUdp()', options)
  const { port = 0, host, reuseAddr = false, recvBufferSize } = options
  const { capacity = DEFAULT_CAPACITY, overflow = 'drop-newest' } = options
  assertPort(port, 0, 'bindUdp()')
  if (!Number.isSafeInteger(capacity) || capacity < 0) {
    throw new SynclessError('INVALID_ARGUMENT', `bindUdp() takes a capacity of 0 or more, and got ${String(capacity)}`)
  }
  assertOverflow(overflow, capacity)
  assertHost(host, 'bindUdp()')
  if (recvBufferSize !== undefined) assertSize(recvBufferSize, 1, 'the recvBufferSize of bindUdp()')
  assertFamily(options.family, 'bindUdp()')
  const family = options.family ?? (host !== undefined && isIPv6(host) ? 'IPv6' : 'IPv4')
  const node: NodeOptions = { type: family === 'IPv6' ? 'udp6' : 'udp4', reuseAddr }
  if (recvBufferSize !== undefined) node.recvBufferSize = recvBufferSize
  const what = `bind of UDP ${nameOf({ host: host ?? '*', port })}`
  return action((resolve, reject) => {
    const socket = createSocket(node)
    const failed = (cause: Error) => {
      socket.close()
      const code = systemCodeOf(cause) === 'ENOTFOUND' ? 'NAME_NOT_FOUND' : 'ADDRESS_IN_USE'
      reject(new SocketError(code, `${what}: ${messageOf(cause)}`, cause))
    }
    socket.once('error', failed)
    socket.bind(port, host, () => {
      socket.off('error', failed)
      try {
        resolve(new UdpSocket(socket, options))
      } catch (error) {
        socket.close()
        reject(error)
      }
    })
    return () => {
      socket.off('error', failed)
      socket.on('error', () => {})
      socket.close()
    }
  }, what)
}
