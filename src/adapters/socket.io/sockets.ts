/**
 * What the bridges use of Socket.IO. Described here and not imported, so that the package loads neither `socket.io` nor
 * `socket.io-client`, and a user of one of them needs no types of the other.
 */
import { SynclessError } from '../../core/base/errors.js'

export type Listener = (...args: unknown[]) => void

export interface Emitter {
  on(event: string, listener: Listener): unknown
  off(event: string, listener: Listener): unknown
}

/** A socket of `socket.io` or of `socket.io-client`. */
export interface SocketLike extends Emitter {
  readonly connected: boolean
  emit(event: string, ...args: unknown[]): unknown
}

/** A namespace or a server of `socket.io`. */
export interface NamespaceLike<S> extends Emitter {
  readonly sockets: Map<string, S> | object
  emit(event: string, ...args: unknown[]): unknown
}

/** What can be emitted to: a socket, a room (`io.to('room')`), a namespace, a server. */
export interface EmitTarget {
  emit(event: string, ...args: unknown[]): unknown
}

/** The connection of a socket on the server, which tells when it has handed on what was written. */
interface Connection extends Emitter {
  readonly transport: { readonly writable: boolean }
}

/** The manager of a socket on the client. */
interface Manager extends Emitter {
  reconnection(): boolean
  readonly engine?: { readonly transport?: { readonly writable?: boolean } }
}

export interface AnySocket extends SocketLike {
  readonly volatile: EmitTarget
  /** Only on the server. */
  readonly conn?: Connection
  readonly rooms?: ReadonlySet<string>
  /** Only on the client. */
  readonly io?: Manager
  readonly active?: boolean
  disconnect(close?: boolean): unknown
}

/** Whether it is a socket, and no namespace or room. */
export function isSocket(value: unknown): value is AnySocket {
  const { on, off, emit, connected, disconnect }: Record<string, unknown> = Object(value)
  return [on, off, emit, disconnect].every(method => typeof method === 'function') && typeof connected === 'boolean'
}

/** The sockets of a namespace; of a server, those of its main namespace. Null for what is neither. */
export function namespaceOf(value: unknown): (Emitter & { readonly sockets: Map<string, AnySocket> }) | null {
  const { of }: { of?: unknown } = Object(value)
  const namespace = typeof of === 'function' ? of.call(value, '/') : value
  const { on, sockets }: { on?: unknown; sockets?: unknown } = Object(namespace)
  return typeof on === 'function' && sockets instanceof Map ? namespace : null
}

/** Throws `INVALID_ARGUMENT` unless it is the name of an event. */
export function assertEvent(event: unknown, bridge: string): void {
  if (typeof event === 'string') return
  throw new SynclessError('INVALID_ARGUMENT', `${bridge} takes the name of an event; got ${String(event)}`)
}

/** What Socket.IO tells by itself, and lets nobody emit. */
const reserved = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']

/** Throws `INVALID_ARGUMENT` unless it is the name of an event that one can emit. */
export function assertEmitted(event: unknown, bridge: string): void {
  assertEvent(event, bridge)
  if (!reserved.includes(event as string)) return
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `${bridge} cannot emit "${event}": choose another name, as Socket.IO reserves this one`,
  )
}
