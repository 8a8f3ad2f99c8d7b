import type { ListenOptions as NodeListenOptions } from 'node:net'
import { SynclessError } from '../../base/errors.js'
import { nameOf } from '../bytes/address.js'
import type { SocketError } from '../bytes/socket-error.js'
import type { SocketOptions } from './socket-options.js'
import { assertTlsOptions, type ServerTlsOptions } from './tls.js'

type Where = Pick<
  NodeListenOptions,
  'port' | 'host' | 'path' | 'backlog' | 'exclusive' | 'ipv6Only' | 'reusePort' | 'readableAll' | 'writableAll'
>

/**
 * Options of {@link listen}: the place, as for `net.Server.listen()`, and the manner. Either `port` (0 for a free one)
 * or `path` is required. `timeout` and `lifetime` apply to each connection.
 */
export interface ListenOptions extends SocketOptions, Where {
  /** The TLS options; without them, connections are in the clear. */
  tls?: ServerTlsOptions
  /**
   * With `tls`: whether a client may also speak in the clear. Its first byte tells; see {@link NbSocket.tls}. Default:
   * false.
   */
  plain?: boolean
  /** Whether small pieces are sent at once. Default: true. */
  noDelay?: boolean
  /** Whether the kernel probes idle connections. Default: false. */
  keepAlive?: boolean
  /** The idle time before the first probe, in ms. Default: the system's, 2 hours on Linux. */
  keepAliveInitialDelay?: number
  /** The number of bytes that Node reads ahead, and that it holds for a peer that does not read. Default: Node's. */
  highWaterMark?: number
  /**
   * The number of connections that may wait for `accept()`, beyond the kernel's backlog, and of those that may be in
   * their handshake. Further connections are dropped. Default: 1024.
   */
  queue?: number
  /** The number of connections that may be open at once. Further connections are dropped. Default: no limit. */
  connections?: number
  /**
   * Called with the reason if a connection fails before it is accepted. By default, `ACCEPT_FAILED` is a process
   * warning; `TLS_HANDSHAKE_FAILED` and `CERTIFICATE_REJECTED` are only counted. The listener goes on.
   */
  onError?: (error: SocketError) => void
}

/** Checks the options now: Node would report the mistakes only when a connection comes, and end the process. */
export function assertListenOptions({ tls, queue, connections, highWaterMark }: ListenOptions): void {
  if (tls !== undefined) assertTlsOptions(tls, 'listen()')
  const limits = { queue, connections }
  for (const [name, value] of Object.entries(limits)) refuseUnless(value === undefined || value >= 0, name, value)
  refuseUnless(connections !== 0, 'connections', connections)
  const whole = Number.isSafeInteger(highWaterMark) && Number(highWaterMark) >= 0
  refuseUnless(highWaterMark === undefined || whole, 'highWaterMark', highWaterMark)
}

function refuseUnless(right: boolean, name: string, value: unknown): void {
  if (right) return
  throw new SynclessError('INVALID_ARGUMENT', `the option ${name} of listen() takes a number, and got ${String(value)}`)
}

/** Returns the place in words. Throws `INVALID_ARGUMENT`. */
export function whereAt(options: ListenOptions): string {
  const { port, host = '*', path } = Object(options) as ListenOptions
  if (typeof path === 'string' && path !== '' && port === undefined) return path
  if (path === undefined && typeof port === 'number') return nameOf({ host, port })
  throw new SynclessError('INVALID_ARGUMENT', 'listen() takes { port, host } for TCP, or the { path } of a socket')
}
