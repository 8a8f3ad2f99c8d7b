/** Handshakes on existing connections. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type CipherNameAndProtocol,
  type ConnectionOptions,
  createServer,
  type DetailedPeerCertificate,
  type TlsOptions as NodeServerOptions,
  type Server,
  type TLSSocket,
  connect as tlsConnect,
} from 'node:tls'
import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import { timerDelay } from '../../ops/sleep.js'
import { ignoreError, messageOf, SocketError } from '../bytes/socket-error.js'
import { guarded } from './tls-callbacks.js'

type OfConnection =
  | 'allowHalfOpen'
  | 'highWaterMark'
  | 'noDelay'
  | 'keepAlive'
  | 'keepAliveInitialDelay'
  | 'pauseOnConnect'

/**
 * Options of `tls.connect()` for the handshake: `ca`, `cert` and `key`, `servername`, `ALPNProtocols`,
 * `checkServerIdentity`, `rejectUnauthorized` and the rest. `servername` is the name that is asked for (SNI), and that
 * the certificate has to carry. Default: the host of `connect()`.
 */
export type ClientTlsOptions = Omit<
  ConnectionOptions,
  OfConnection | 'host' | 'port' | 'path' | 'socket' | 'timeout' | 'onread' | 'lookup'
>

/**
 * Options of `tls.createServer()` for the handshake: `key` and `cert`, `SNICallback` for several names, `ca`, `requestCert` and
 * `rejectUnauthorized` for client certificates, `ALPNProtocols`, `handshakeTimeout` (ms) and the rest.
 */
export type ServerTlsOptions = Omit<NodeServerOptions, OfConnection | 'blockList'>

/** Options of {@link NbSocket.startTls}, for a client or a server. Default: the side that the socket was made as. */
export type StartTlsOptions = {
  /**
   * The use of bytes that have arrived and were not received. `'refuse'`, the default, fails with `STARTTLS_PLAINTEXT`.
   * With `'handshake'` they are the beginning of the handshake, for instance after a server has peeked at the first
   * byte.
   */
  buffered?: 'refuse' | 'handshake'
} & (({ isServer?: false } & ClientTlsOptions) | ({ isServer?: true } & ServerTlsOptions))

/** The result of a handshake. */
export interface TlsState {
  /** The protocol, such as `TLSv1.3`; null when the connection is gone. */
  readonly protocol: string | null
  readonly cipher: CipherNameAndProtocol | null
  /** The protocol that ALPN chose, if it was used; null when the connection is gone. */
  readonly alpnProtocol: string | null
  /** The name that the client asked for (SNI), if it did. */
  readonly servername: string | null
  /** Whether the peer has shown a certificate that a `ca` vouches for. */
  readonly authorized: boolean
  /** The reason if the peer is not authorized, such as `CERT_HAS_EXPIRED`. */
  readonly authorizationError: string | null
  /** The certificate of the peer; null if it showed none, and when the connection is gone. */
  readonly peerCertificate: DetailedPeerCertificate | null
}

/** @internal */
export function tlsStateOf(socket: TLSSocket): TlsState {
  const certificate = socket.getPeerCertificate(true)
  const { servername } = socket as { servername?: string | false | null }
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher() as CipherNameAndProtocol | null,
    alpnProtocol: socket.alpnProtocol || null,
    servername: servername || null,
    authorized: socket.authorized,
    authorizationError: socket.authorizationError ? String(socket.authorizationError) : null,
    peerCertificate: certificate && Object.keys(certificate).length > 0 ? certificate : null,
  }
}

/** @internal Throws `INVALID_ARGUMENT` for options that Node would refuse only when a client comes. */
export function assertTlsOptions(options: StartTlsOptions | ServerTlsOptions, what: string): void {
  assertOptions(`the tls option of ${what}`, options)
  const { handshakeTimeout } = options as ServerTlsOptions
  if (handshakeTimeout === undefined || (Number.isFinite(handshakeTimeout) && handshakeTimeout >= 0)) return
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `the option handshakeTimeout of ${what} takes milliseconds, and got ${String(handshakeTimeout)}`,
  )
}

type Secured = (socket: TLSSocket) => void
type Failed = (error: SocketError) => void

/**
 * @internal Takes `raw` through the handshake, and calls one of the two callbacks. Returns a function that gives up, and
 * destroys `raw`.
 */
export function handshake(
  raw: Duplex,
  name: string,
  host: string | null,
  isServer: boolean,
  options: StartTlsOptions,
  secured: Secured,
  failed: Failed,
): () => void {
  raw.on('error', ignoreError)
  const { buffered: _, isServer: __, ...rest } = options
  if (isServer) return serverHandshake(raw, name, rest as ServerTlsOptions, secured, failed)
  return clientHandshake(raw, name, host, rest as ClientTlsOptions, secured, failed)
}

/** @internal */
export function clientHandshake(
  raw: Duplex,
  name: string,
  host: string | null,
  options: ClientTlsOptions,
  secured: Secured,
  failed: Failed,
): () => void {
  const named = host !== null && isIP(host) === 0 ? { servername: host } : {}
  let socket: TLSSocket
  try {
    socket = tlsConnect({ ...named, ...(host === null ? {} : { host }), ...guarded(options), socket: raw })
  } catch (error) {
    raw.destroy()
    failed(new SocketError('INVALID_ARGUMENT', `the TLS options of ${name}: ${messageOf(error)}`, error))
    return () => {}
  }
  const settle = () => {
    socket.off('secureConnect', onSecure).off('error', onError).off('close', onClose)
    socket.on('error', ignoreError)
  }
  const onSecure = () => {
    settle()
    secured(socket)
  }
  const onError = (error: Error | null) => {
    settle()
    socket.destroy()
    raw.destroy()
    failed(handshakeError(name, error, socket))
  }
  const onClose = () => onError(null)
  socket.on('secureConnect', onSecure).on('error', onError).on('close', onClose)
  return () => {
    settle()
    socket.destroy()
    raw.destroy()
  }
}

/** One handshake of a server. */
interface Pending {
  secured: Secured
  failed(error: Error | null, socket: TLSSocket | null): void
}

// Node does not say to which connection a secured socket belongs. Its calls for a handshake run in the context where
// that began.
const pending = new AsyncLocalStorage<Pending>()
const servers = new WeakMap<object, Server>()

/** @internal Returns the server that secures connections. Throws `INVALID_ARGUMENT` for options that Node refuses. */
export function terminatorOf(options: ServerTlsOptions, name: string): Server {
  let server = servers.get(options)
  if (server !== undefined) return server
  try {
    const { handshakeTimeout } = options
    server = createServer(
      guarded(
        handshakeTimeout === undefined ? options : { ...options, handshakeTimeout: timerDelay(handshakeTimeout) },
      ),
    )
  } catch (error) {
    throw new SocketError('INVALID_ARGUMENT', `the TLS options of ${name}: ${messageOf(error)}`, error)
  }
  server.on('secureConnection', socket => {
    const handshake = pending.getStore()
    pending.exit(() => handshake?.secured(socket))
  })
  server.on('tlsClientError', (error, socket) => {
    const handshake = pending.getStore()
    pending.exit(() => handshake?.failed(error, socket))
  })
  servers.set(options, server)
  return server
}

/** @internal */
export function serverHandshake(
  raw: Duplex,
  name: string,
  options: ServerTlsOptions,
  secured: Secured,
  failed: Failed,
): () => void {
  let settled = false
  const settle = () => {
    const first = !settled
    settled = true
    raw.off('close', onClose)
    return first
  }
  const onError = (error: Error | null, socket: TLSSocket | null) => {
    if (!settle()) return
    socket?.on('error', ignoreError).destroy()
    raw.destroy()
    failed(handshakeError(name, error, socket))
  }
  // Node reports most failures before this.
  const onClose = () => setImmediate(() => onError(null, null))
  let server: Server
  try {
    server = terminatorOf(options, name)
  } catch (error) {
    raw.destroy()
    failed(error as SocketError)
    return () => {}
  }
  raw.on('close', onClose)
  const { allowHalfOpen } = raw
  // A peer that ends its side during the handshake has left.
  raw.allowHalfOpen = false
  const one: Pending = {
    secured: socket => {
      socket.on('error', ignoreError)
      raw.allowHalfOpen = socket.allowHalfOpen = allowHalfOpen
      if (settle()) secured(socket)
      else socket.destroy()
    },
    failed: onError,
  }
  pending.run(one, () => server.emit('connection', raw))
  return () => {
    if (settle()) raw.destroy()
  }
}

function handshakeError(name: string, error: Error | null, socket: TLSSocket | null): SocketError {
  const rejected = socket?.authorizationError ? String(socket.authorizationError) : null
  if (rejected !== null) {
    const why = error === null ? rejected : messageOf(error)
    return new SocketError('CERTIFICATE_REJECTED', `the certificate on ${name} was rejected: ${why}`, error, rejected)
  }
  const why = error === null ? 'the connection was closed in the handshake' : messageOf(error)
  return new SocketError('TLS_HANDSHAKE_FAILED', `no secure connection on ${name}: ${why}`, error)
}
