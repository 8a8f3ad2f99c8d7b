/** The options of a mount. */

import { assertOptions, invalid } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { AdmissionOptions } from '../stages/admission.js'
import type { MountLimitOptions } from '../stages/limits.js'
import type { Difference } from './accepted-differences.js'
import type { HandOverOptions } from './hand-over-limit.js'

/** Options of `host.mount`, `host.server` and `host.serverFactory`. */
export interface MountOptions {
  /**
   * Whether the app sees its URLs without the mount path, as with `app.use(path, subApp)` in Express: `req.url` is
   * shorter, and `req.baseUrl` and `req.originalUrl` hold the rest. Default: false, the app sees full paths.
   */
  strip?: boolean
  /**
   * Whether the host passes on the requests that the app declines. The next app is the next one at the same path, or
   * else one at a shorter path: the mount that would get the request without this app. It reads the body from the
   * start, even if this app has read it, up to a limit. Default: false; the answer to such a request is 404.
   */
  handOver?: boolean | HandOverOptions
  /**
   * Whether the `onRequest` hooks of a Fastify app run for a request that matches none of its routes and is handed
   * over, as they do in `@fastify/express`. Hooks are guards: authentication, CORS, rate limits. `'skip'` hands over
   * before the hooks run. Default: `'run'`.
   */
  hooks?: 'run' | 'skip'
  /**
   * The differences that are allowed between this app and the apps before and after it in a hand-over. Any other
   * difference is a `PATH_MISMATCH` or a `TRUST_MISMATCH` at the start; a path with another `'spelling'` is refused
   * with 400. Default: none.
   */
  accept?: readonly Difference[]
  /**
   * For functions only: whether the third parameter is `next`. Default: true, unless the function shows that the
   * parameter is something else. It shows that by the parameter's name (`parsedUrl`, `info`, `context`, `options` and
   * the like), or by being Polka's `handler`.
   */
  next?: boolean
  /**
   * For `host.server` only: the server gets only those upgrades of its path that offer one of these protocols. A
   * protocol is a name in `Upgrade` or a sub-protocol of WebSocket (`'vite-hmr'`). Another mount gets the requests of
   * the path and its other upgrades. Default: the server gets everything on its path.
   */
  protocols?: readonly string[]
  /**
   * A bound on the requests of this mount, checked before the host's bound. `false` exempts the mount from the host's
   * bound. Default: none.
   */
  admission?: AdmissionOptions | false
  /** Limits of this mount. They replace the host's. */
  limits?: MountLimitOptions
}

/**
 * Throws `INVALID_ARGUMENT` if a value is of another kind. The contents of the options are checked where they are
 * used.
 */
export function assertMountOptions(what: string, options: MountOptions): void {
  assertOptions(what, options)
  const { strip, next, limits, protocols } = options
  if (next !== undefined && typeof next !== 'boolean') throw invalid('next', 'true or false', next)
  if (strip !== undefined && typeof strip !== 'boolean') throw invalid('strip', 'true or false', strip)
  if (limits !== undefined) assertOptions(`${what}: limits`, limits)
  assertProtocols(protocols)
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

/** Throws `INVALID_ARGUMENT` if `protocols` is set for an app, which needs requests. */
export function assertNoProtocols(what: string, { protocols }: MountOptions): void {
  if (protocols === undefined) return
  throw new SynclessError('INVALID_ARGUMENT', `${what}: use protocols with host.server() only`)
}
