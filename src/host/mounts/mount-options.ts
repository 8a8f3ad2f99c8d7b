/** What may be said of a mount. */

import { assertOptions, invalid } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { AdmissionOptions } from '../stages/admission.js'
import type { MountLimitOptions } from '../stages/limits.js'
import type { Difference } from './accepted-differences.js'
import type { HandOverOptions } from './hand-over-limit.js'

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

/** Throws `INVALID_ARGUMENT` for what is of another kind. What the options hold is looked at where it is used. */
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

/** Throws `INVALID_ARGUMENT`: an app wants requests. */
export function assertNoProtocols(what: string, { protocols }: MountOptions): void {
  if (protocols === undefined) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes no protocols: they are for host.server()`)
}
