import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import type { HostPort } from '../adapters/port.js'
import { SynclessError } from '../core/errors.js'
import type { AdmissionOptions } from './admission.js'
import type { BindOptions } from './engine.js'
import { codeOf, messageOf } from './error-text.js'
import type { NodeHttpOptions } from './node-http-engine.js'

/** Options of `createHost`. */
export interface HostOptions {
  /**
   * Options of `http.createServer()`: sizes, and timeouts in milliseconds. They hold for every mount; those that an app
   * was given for a server of its own have no effect in a host.
   */
  http?: NodeHttpOptions
  /**
   * Is told of every error that has no caller: `HANDLER_FAILED` with the handler's own error as its `cause`, and
   * `MALFORMED_REQUEST`. Without it the first are process warnings, and the second, which anyone can cause, are not
   * reported.
   */
  onError?: (error: SynclessError) => void
  /** A bound on the requests of all mounts together; health checks are exempt. Default: none. */
  admission?: AdmissionOptions
  /** Host ports for kinds of app that the package does not know. */
  ports?: readonly HostPort[]
}

/** Options of `host.mount`. */
export interface MountOptions {
  /**
   * Whether the app sees its URLs without the mount path, as `app.use(path, subApp)` does it in Express: `req.url` is
   * shorter, `req.baseUrl` and `req.originalUrl` say the rest. Default: false, the app sees full paths.
   */
  strip?: boolean
  /** A bound on the requests of this mount, ahead of the host's; false exempts it from the host's. Default: none. */
  admission?: AdmissionOptions | false
}

/** Where a host listens: a TCP `port` (0: any free one), optionally with a `host`, or the `path` of a Unix socket. */
export type HostListenOptions = BindOptions

/** Options of `host.close`. */
export interface CloseOptions {
  /** How long requests, tasklets and upgraded connections may take to finish, in milliseconds. Default: 10 000. */
  deadline?: number
}

/** Options of `host.run`. */
export interface RunOptions extends HostListenOptions, CloseOptions {}

const DEADLINE = 10_000

/** Throws `INVALID_ARGUMENT` for options that are no object. */
export function assertOptions(what: string, options: unknown, hint = ''): void {
  if (typeof options === 'object' && options !== null) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes an object of options, and got ${inspect(options)}${hint}`)
}

/** As `assertOptions`, for those that say where to listen. */
export function assertListenOptions(what: string, options: unknown): void {
  const port = typeof options === 'number' ? options : 3000
  assertOptions(what, options, `: pass { port: ${port} }, or { path } for a Unix socket`)
}

/** Throws `INVALID_ARGUMENT`. */
export function checkedDeadline({ deadline = DEADLINE }: CloseOptions): number {
  if (typeof deadline === 'number' && deadline >= 0) return deadline
  throw new SynclessError('INVALID_ARGUMENT', `deadline is ${deadline}: give milliseconds, 0 or more`)
}

/** What the system said about an address, as an error that says what to do. */
export function bindError(error: unknown, options: HostListenOptions): SynclessError {
  const code = codeOf(error)
  const where = options.path ?? `port ${options.port ?? 0}${options.host === undefined ? '' : ` on ${options.host}`}`
  const advice = bindAdvice[code]
  if (advice !== undefined) return new SynclessError('ADDRESS_IN_USE', `${where} ${advice} (${code})`, { cause: error })
  return new SynclessError('INVALID_ARGUMENT', `the host cannot listen on ${where}: ${messageOf(error)}`, {
    cause: error,
  })
}

const bindAdvice: Record<string, string> = {
  EADDRINUSE: 'is taken by another server: stop that one, or listen on another; port 0 finds a free one',
  EACCES: 'may not be used by this process: ports below 1024 need a privilege; choose a higher one',
  EADDRNOTAVAIL: 'is no address of this machine: leave `host` out to listen on all of them',
}

/** One shape for both kinds of address: a Unix socket has its path as the address, and port 0. */
export function addressInfo(address: AddressInfo | string | null): AddressInfo {
  return typeof address === 'object' && address !== null ? address : { address: address ?? '', family: 'unix', port: 0 }
}
