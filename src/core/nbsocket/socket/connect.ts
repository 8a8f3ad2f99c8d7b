import { connect as netConnect, type Socket, type TcpSocketConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { SynclessError } from '../../base/errors.js'
import type { Op } from '../../loop/op.js'
import { action } from '../../ops/action.js'
import { timeout as within } from '../../scope/timeout.js'
import { nameOf } from '../bytes/address.js'
import { ignoreError, messageOf, SocketError, systemCodeOf } from '../bytes/socket-error.js'
import { NbSocket } from './nbsocket.js'
import { assertSocketOptions, type SocketOptions } from './socket-options.js'
import { assertTlsOptions, type ClientTlsOptions, clientHandshake } from './tls.js'

/** Options of the TCP connection itself: those of `net.connect()`. */
type Tcp = Omit<TcpSocketConnectOpts, 'port' | 'host'>

/** Options of {@link connect}: the place and the manner. Either `port` or `path` is required. */
export interface ConnectOptions extends SocketOptions, Tcp {
  /** The port of a TCP server. */
  port?: number
  /** The name or the address of the server. Default: `localhost`. */
  host?: string
  /** The path of a Unix-domain socket, or of a Windows pipe. */
  path?: string
  /** Whether to use TLS: with Node's defaults (`true`), or with these options. Default: false. */
  tls?: boolean | ClientTlsOptions
  /** Whether small pieces are sent at once. Default: true. */
  noDelay?: boolean
  /** Whether the kernel probes an idle connection. Default: false. */
  keepAlive?: boolean
  /** The idle time before the first probe, in ms. Default: the system's, 2 hours on Linux. */
  keepAliveInitialDelay?: number
  /** The number of bytes that Node reads ahead, and that it holds for a peer that does not read. Default: Node's. */
  highWaterMark?: number
}

/**
 * Connects to a TCP or Unix-domain server, over TLS if `tls` is set; gives an {@link NbSocket}. If a name has several
 * addresses, they are tried as Node does ("happy eyeballs"). A connect that loses, times out or is killed leaves nothing
 * behind.
 *
 * Fails with `CONNECT_FAILED` (refused, unreachable, no such name), `TLS_HANDSHAKE_FAILED` and `CERTIFICATE_REJECTED`,
 * each a {@link SocketError} with Node's error as the `cause` and its code as `systemCode`. Fails with `TIMEOUT` if
 * connection and handshake take longer than the option `timeout`. Throws `INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, main } from 'syncless'
 * import { connect, listen } from 'syncless/nbsocket'
 *
 * const server = await listen({ port: 0, host: '127.0.0.1' })
 * go(function* greet() {
 *   const sock = yield* server.accept()
 *   yield* sock.send('hello\n')
 *   yield* sock.close()
 * })
 * const sock = await connect({ port: server.port, host: '127.0.0.1', timeout: 5000 })
 * assert.equal(String(await sock.recv()), 'hello\n')
 * assert.equal((await sock.recv()).length, 0)
 * await sock.close()
 * await server.close()
 *
 * await assert.rejects(async () => connect({ port: server.port, host: '127.0.0.1' }), {
 *   code: 'CONNECT_FAILED',
 *   systemCode: 'ECONNREFUSED',
 * })
 * ```
 */
export function connect(options: ConnectOptions): Op<NbSocket> {
  const where = whereTo(options)
  assertSocketOptions(options, 'connect()')
  if (options.tls !== undefined && typeof options.tls !== 'boolean') assertTlsOptions(options.tls, 'connect()')
  const { timeout, lifetime, tls, path, host = path === undefined ? 'localhost' : null } = options
  const connected = action<Duplex>((resolve, reject) => {
    let stop = dial(
      options,
      where,
      raw => {
        if (tls === undefined || tls === false) return resolve(raw)
        stop = clientHandshake(raw, where, host, tls === true ? {} : tls, resolve, reject)
      },
      reject,
    )
    return () => stop()
  }, `connect to ${where}`)
  const limited = timeout === undefined ? connected : within(timeout, connected)
  return limited.map(
    stream =>
      new NbSocket(stream, {
        name: `socket ${where}`,
        remote: path ?? null,
        host,
        ...(timeout === undefined ? {} : { timeout }),
        ...(lifetime === undefined ? {} : { lifetime }),
      }),
  )
}

function whereTo(options: ConnectOptions): string {
  const { port, host, path } = Object(options) as ConnectOptions
  if (typeof path === 'string' && path !== '' && port === undefined) return path
  if (path === undefined && typeof port === 'number') return nameOf({ host, port })
  throw new SynclessError(
    'INVALID_ARGUMENT',
    'connect() takes { port, host } of a TCP server, or the { path } of a socket',
  )
}

function dial(
  options: ConnectOptions,
  where: string,
  connected: (socket: Socket) => void,
  failed: (error: SocketError) => void,
): () => void {
  const { timeout: _, lifetime: __, tls: ___, noDelay = true, path, port = 0, ...rest } = options
  let socket: Socket
  try {
    const common = { ...rest, noDelay, allowHalfOpen: true }
    socket = path === undefined ? netConnect({ ...common, port }) : netConnect({ ...common, path })
  } catch (error) {
    throw new SocketError('INVALID_ARGUMENT', `connect() to ${where}: ${messageOf(error)}`, error)
  }
  const settle = () => socket.off('connect', onConnect).off('error', onError).on('error', ignoreError)
  const onConnect = () => {
    settle()
    connected(socket)
  }
  const onError = (error: Error) => {
    settle()
    const why = systemCodeOf(error) ?? messageOf(error)
    failed(new SocketError('CONNECT_FAILED', `no connection to ${where}: ${meanings[why] ?? messageOf(error)}`, error))
  }
  socket.on('connect', onConnect).on('error', onError)
  return () => {
    settle()
    socket.destroy()
  }
}

const meanings: Record<string, string> = {
  ECONNREFUSED: 'it was refused, as no server listens there (ECONNREFUSED)',
  ENOTFOUND: 'the name does not exist (ENOTFOUND)',
  ENOENT: 'the socket does not exist (ENOENT)',
  ETIMEDOUT: 'no answer came in time (ETIMEDOUT)',
  EACCES: 'this process may not use the address (EACCES)',
  EMFILE: 'this process has too many files open (EMFILE)',
}
