import type { HostPort } from '../adapters/port.js'
import { assertFunction, assertOptions, invalid } from '../core/base/arguments.js'
import type { SynclessError } from '../core/base/errors.js'
import type { AdminOptions } from './operations/admin-port.js'
import type { CloseOptions } from './operations/close-options.js'
import type { HealthOptions, ReadinessCheck } from './operations/health.js'
import type { AdmissionOptions } from './stages/admission.js'
import type { LimitOptions } from './stages/limits.js'
import type { RequestIdOptions } from './stages/request-id.js'
import type { HostListenOptions } from './transport/listen-options.js'
import type { NodeHttpOptions } from './transport/node-http-engine.js'
import type { Http2Options } from './transport/node-http2-engine.js'
import type { TlsOptions } from './transport/tls.js'

/** Options of `createHost`. */
export interface HostOptions {
  /**
   * Options of `http.createServer()`: sizes, and timeouts in milliseconds. They hold for every mount. Options that an
   * app was given for a server of its own have no effect in a host.
   */
  http?: NodeHttpOptions
  /**
   * The certificate and the other options of HTTPS. If it is set, the host speaks HTTPS, unless an address says
   * otherwise.
   */
  tls?: TlsOptions
  /**
   * Whether the host speaks HTTP/2 with clients that choose it in their TLS handshake, and with which options. Other
   * clients get HTTP/1.1. The option needs `tls`. An app that cannot be served over HTTP/2, such as one of Express,
   * is refused with `HTTP2_UNSUPPORTED`. Default: false.
   */
  http2?: boolean | Http2Options
  /**
   * Called with every error that has no caller: `HANDLER_FAILED` with the handler's own error as its `cause`,
   * `ACCEPT_FAILED`, and `TRUST_MISMATCH` (of apps that do not hand over to each other). It also gets the errors that
   * any client can cause: `MALFORMED_REQUEST`, `TLS_HANDSHAKE_FAILED`, `AMBIGUOUS_PATH` and `HAND_OVER_LIMIT`.
   * Without `onError`, the first three are process warnings, and the others are not reported.
   */
  onError?: (error: SynclessError) => void
  /** A bound on the requests of all mounts together. Health checks are exempt. Default: none. */
  admission?: AdmissionOptions
  /** Bounds on connections, on the concurrent requests of one connection, and on bodies. */
  limits?: LimitOptions
  /**
   * A port for operators: `/livez`, `/readyz` and, as OpenMetrics, `/metrics`. It listens before the apps start and
   * until the end of the close. Without a `host` it listens on the loopback address only. A host without an admin
   * port counts nothing.
   */
  admin?: AdminOptions
  /**
   * Whether the host also answers `/livez` and `/readyz` on its own addresses, or the paths to use there. They are
   * exempt from `admission`. Default: false.
   */
  health?: boolean | HealthOptions
  /**
   * A check that `/readyz` makes in addition to "the host listens". The answer is 503 if it says false or fails.
   * Default: none.
   */
  readiness?: ReadinessCheck
  /**
   * The source of request ids. Default: none; `requestId()` makes a random id when it is first called for a request.
   */
  requestId?: RequestIdOptions
  /** Host ports for kinds of apps that the package does not know. */
  ports?: readonly HostPort[]
}

/** Options of `host.run`. */
export interface RunOptions extends HostListenOptions, CloseOptions {}

/**
 * Throws `INVALID_ARGUMENT` if a value is of another kind. The contents of the options are checked where they are
 * used.
 */
export function assertHostOptions(options: HostOptions): void {
  assertOptions('createHost()', options)
  for (const name of ['http', 'tls', 'admission', 'limits', 'admin', 'requestId'] as const) {
    if (options[name] !== undefined) assertOptions(`createHost({ ${name} })`, options[name])
  }
  for (const name of ['http2', 'health'] as const) {
    const option = options[name]
    if (option !== undefined && typeof option !== 'boolean') assertOptions(`createHost({ ${name} })`, option)
  }
  for (const name of ['onError', 'readiness'] as const) {
    if (options[name] !== undefined) assertFunction(name, options[name])
  }
  const { ports } = options
  if (ports !== undefined && !Array.isArray(ports)) throw invalid('ports', 'a list of host ports', ports)
}
