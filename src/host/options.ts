import type { AddressInfo } from 'node:net'
import type { HostPort } from '../adapters/port.js'
import { SynclessError } from '../core/errors.js'
import type { AdminOptions } from './admin.js'
import type { AdmissionOptions } from './admission.js'
import type { Difference } from './agreement.js'
import { assertFunction, assertOptions, invalid } from './check.js'
import type { HandOverOptions } from './hand-over.js'
import type { HealthOptions, ReadinessCheck } from './health.js'
import type { LimitOptions, MountLimitOptions } from './limits.js'
import type { ListenAddress, Protocol } from './listen-address.js'
import type { NodeHttpOptions } from './node-http-engine.js'
import type { Http2Options } from './node-http2-engine.js'
import type { RequestIdOptions } from './request-id.js'
import type { TlsOptions } from './tls.js'

/** Options of `createHost`. */
export interface HostOptions {
  /**
   * Options of `http.createServer()`: sizes, and timeouts in milliseconds. They hold for every mount; those that an app
   * was given for a server of its own have no effect in a host.
   */
  http?: NodeHttpOptions
  /** The certificate and what else HTTPS takes. With it the host speaks HTTPS, unless an address says otherwise. */
  tls?: TlsOptions
  /**
   * Whether HTTP/2 is spoken with clients that choose it in their TLS handshake, and how; others get HTTP/1.1. It needs
   * `tls`. An app that cannot be served so, as those of Express, is refused with `HTTP2_UNSUPPORTED`. Default: false.
   */
  http2?: boolean | Http2Options
  /**
   * Is told of every error that has no caller: `HANDLER_FAILED` with the handler's own error as its `cause`,
   * `ACCEPT_FAILED`, `TRUST_MISMATCH` (of apps that do not hand over to each other), and what anyone can cause:
   * `MALFORMED_REQUEST`, `TLS_HANDSHAKE_FAILED`, `AMBIGUOUS_PATH` and `HAND_OVER_LIMIT`. Without it the first three are
   * process warnings, and the others are not reported.
   */
  onError?: (error: SynclessError) => void
  /** A bound on the requests of all mounts together; health checks are exempt. Default: none. */
  admission?: AdmissionOptions
  /** Bounds on connections, on what one connection may ask for at once, and on bodies. */
  limits?: LimitOptions
  /**
   * A port for those who operate the host: `/livez`, `/readyz` and, as OpenMetrics, `/metrics`. It listens ahead of the
   * apps' start and until the end of the close. Without a `host` it is on the loopback address only. A host without an
   * admin port counts nothing.
   */
  admin?: AdminOptions
  /**
   * Whether the host answers `/livez` and `/readyz` on its own addresses, too, or under which paths. They are exempt from
   * `admission`. Default: false.
   */
  health?: boolean | HealthOptions
  /** What `/readyz` asks beside whether the host listens; false, or an error, is 503. Default: nothing. */
  readiness?: ReadinessCheck
  /** Where requests get their ids from. Default: those that `requestId()` is asked for have random ones. */
  requestId?: RequestIdOptions
  /** Host ports for kinds of app that the package does not know. */
  ports?: readonly HostPort[]
}

/** Options of `host.mount`, `host.server` and `host.serverFactory`. */
export interface MountOptions {
  /**
   * Whether the app sees its URLs without the mount path, as `app.use(path, subApp)` does it in Express: `req.url` is
   * shorter, `req.baseUrl` and `req.originalUrl` say the rest. Default: false, the app sees full paths.
   */
  strip?: boolean
  /**
   * Whether requests that the app has nothing for go on to the mount that would have them without it: the next one at the
   * same path, or else at a shorter one. A body that the app has read is read by the next app from its begin, up to a limit.
   * Default: false; such a request is answered with 404.
   */
  handOver?: boolean | HandOverOptions
  /**
   * Whether `onRequest` hooks of a Fastify app run for a request that no route of it matches and that it hands over, as they do
   * in `@fastify/express`. Hooks are guards: authentication, CORS, rate limits. `'skip'` hands over before them. Default: `'run'`.
   */
  hooks?: 'run' | 'skip'
  /**
   * What this app may treat differently from one that it hands over to, or that hands over to it: without it, such a
   * difference is a `PATH_MISMATCH` or a `TRUST_MISMATCH` at the start, and a path with another `'spelling'` is refused
   * with 400. Default: none.
   */
  accept?: readonly Difference[]
  /**
   * For functions alone: whether the third parameter is `next`. Default: it is, unless the function shows that it is
   * something else, by the parameter's name (`parsedUrl`, `info`, `context`, `options` and the like) or as Polka's `handler`.
   */
  next?: boolean
  /**
   * For `host.server` alone: the server gets the upgrades of its path that offer one of these, which are names in
   * `Upgrade` or sub-protocols of WebSocket (`'vite-hmr'`), and nothing else. Requests of the path, and its upgrades to
   * other protocols, are another mount's. Default: the server gets all of its path.
   */
  protocols?: readonly string[]
  /** A bound on the requests of this mount, ahead of the host's; false exempts it from the host's. Default: none. */
  admission?: AdmissionOptions | false
  /** Limits of this mount, in place of the host's. */
  limits?: MountLimitOptions
}

/** Where a host listens: one address, or several as `{ addresses: [...] }`. */
export interface HostListenOptions extends ListenAddress {
  /** Further addresses; all of them, where no `port` or `path` stands beside it. */
  addresses?: readonly ListenAddress[]
}

/** Options of `host.close`. */
export interface CloseOptions {
  /**
   * How long requests, tasklets and upgraded connections may take to finish, in milliseconds, from the moment at which
   * the host stops accepting. Default: 8000, because container runtimes kill 10 s after they have asked.
   */
  deadline?: number
  /**
   * How long the host goes on serving before that, in milliseconds, while `/readyz` says that it is not ready: longer than
   * the balancer in front of it takes to notice, that is its period times its threshold. Default: 0. A host that does not
   * listen yet does not wait.
   */
  readinessDelay?: number
}

/** Options of `host.run`. */
export interface RunOptions extends HostListenOptions, CloseOptions {}

const DEADLINE = 8000

/** Throws `INVALID_ARGUMENT` for what is of another kind. What the options hold is looked at where it is used. */
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

/** Throws `INVALID_ARGUMENT`, as {@link assertHostOptions} does. */
export function assertMountOptions(what: string, options: MountOptions): void {
  assertOptions(what, options)
  const { strip, next, limits, protocols } = options
  if (next !== undefined && typeof next !== 'boolean') throw invalid('next', 'true or false', next)
  if (strip !== undefined && typeof strip !== 'boolean') throw invalid('strip', 'true or false', strip)
  if (limits !== undefined) assertOptions(`${what}: limits`, limits)
  assertProtocols(protocols)
}

/** The addresses that are meant, at least one. Throws `INVALID_ARGUMENT`. */
export function checkedAddresses(what: string, options: HostListenOptions): ListenAddress[] {
  const port = typeof options === 'number' ? options : 3000
  assertOptions(what, options, `: pass { port: ${port} }, or { path } for a Unix socket`)
  const { addresses = [], ...first } = options
  if (!Array.isArray(addresses)) throw invalid(`${what}: addresses`, 'a list of them', addresses)
  const given = first.port !== undefined || first.path !== undefined
  const all = given || addresses.length === 0 ? [first, ...addresses] : [...addresses]
  for (const address of all) assertAddress(what, address)
  return all
}

const protocols: readonly Protocol[] = ['http', 'https', 'both']

/** What Node would not refuse by an error of its own, or only when it is too late. */
const kinds = { port: ['number', 'string'], host: ['string'], path: ['string'], backlog: ['number'] } as const

function assertAddress(what: string, address: ListenAddress): void {
  assertOptions(`${what}: addresses`, address)
  for (const [name, allowed] of Object.entries(kinds)) {
    const value: unknown = address[name as keyof typeof kinds]
    if (value === undefined || value === null || allowed.some(kind => kind === typeof value)) continue
    throw invalid(`${what}: ${name}`, `a ${allowed[0]}`, value)
  }
  const { protocol } = address
  if (protocol === undefined || protocols.includes(protocol)) return
  throw invalid(`${what}: protocol`, protocols.join(', '), protocol)
}

/** Fills in what was left out. Throws `INVALID_ARGUMENT`. */
export function checkedCloseOptions({ deadline = DEADLINE, readinessDelay = 0 }: CloseOptions): Required<CloseOptions> {
  for (const [name, value] of Object.entries({ deadline, readinessDelay })) {
    if (typeof value === 'number' && value >= 0) continue
    throw invalid(name, 'milliseconds, 0 or more', value)
  }
  return { deadline, readinessDelay }
}

/** One shape for both kinds of address: a Unix socket has its path as the address, and port 0. */
export function addressInfo(address: AddressInfo | string | null): AddressInfo {
  return typeof address === 'object' && address !== null ? address : { address: address ?? '', family: 'unix', port: 0 }
}

function assertProtocols(protocols: unknown): void {
  if (protocols === undefined) return
  const names = Array.isArray(protocols) && protocols.length > 0 && protocols.every(isName)
  if (names) return
  throw invalid('protocols', 'one or more names in a list', protocols)
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && /^\S+$/.test(name)
}

/** Throws `INVALID_ARGUMENT`: an app wants requests. */
export function assertNoProtocols(what: string, { protocols }: MountOptions): void {
  if (protocols === undefined) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes no protocols: they are for host.server()`)
}
