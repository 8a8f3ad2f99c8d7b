/** TLS termination. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Socket } from 'node:net'
import { createServer, type TlsOptions as NodeTlsOptions, type TLSSocket } from 'node:tls'
import { guarded } from '../../core/nbsocket/socket/tls-callbacks.js'
import { timerDelay } from '../../core/ops/sleep.js'

/**
 * Options of `tls.createServer()`: `key` and `cert`, `SNICallback` for several names, `ca`, `requestCert` and
 * `rejectUnauthorized` for client certificates, `minVersion`, `ciphers`, `handshakeTimeout` (milliseconds) and the
 * rest. `ALPNProtocols` or an `ALPNCallback` replaces the protocols that the host offers by default.
 */
export type TlsOptions = Omit<
  NodeTlsOptions,
  'allowHalfOpen' | 'pauseOnConnect' | 'noDelay' | 'keepAlive' | 'keepAliveInitialDelay' | 'highWaterMark' | 'blockList'
>

export interface TlsSink {
  /** The handshake on `raw` is done. From now on, data is read from and written to `socket`. */
  secured(socket: TLSSocket, raw: Socket): void
  /** The handshake failed or never came. The sink must destroy `socket`. */
  failed(error: Error, socket: TLSSocket): void
}

/**
 * Returns a function that takes a connection through its handshake. Throws Node's own error for an option that Node
 * refuses.
 */
export function tlsTermination(
  options: TlsOptions,
  protocols: readonly string[],
  sink: TlsSink,
): (raw: Socket) => void {
  const chosen = options.ALPNProtocols !== undefined || options.ALPNCallback !== undefined
  const { handshakeTimeout } = options
  const server = createServer({
    ...guarded(options),
    ...(chosen ? {} : { ALPNProtocols: [...protocols] }),
    ...(typeof handshakeTimeout === 'number' ? { handshakeTimeout: timerDelay(handshakeTimeout) } : {}),
  })
  // Node does not say to which connection a secured socket belongs; what it calls for a handshake knows where it began.
  const handshake = new AsyncLocalStorage<Socket>()
  server.on('secureConnection', socket => {
    const raw = handshake.getStore()
    if (raw !== undefined) handshake.exit(() => sink.secured(socket, raw))
  })
  server.on('tlsClientError', (error, socket) => sink.failed(error, socket))
  return raw => handshake.run(raw, () => server.emit('connection', raw))
}
