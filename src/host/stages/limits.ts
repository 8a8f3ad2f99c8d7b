import { invalid } from '../../core/base/arguments.js'

/** Limits that the host itself enforces. Those of its HTTP parser are options of `http`: see docs/operations.md. */
export interface LimitOptions {
  /**
   * How many connections may be open at once, upgraded ones included. A connection beyond the limit is closed as soon
   * as it is accepted. Default: as many as the system allows.
   */
  connections?: number
  /**
   * How many requests of one connection are served at once. If a client pipelines more, the later ones wait, and the
   * host stops reading from the connection. A client that waits for its answers never notices. Default: 100.
   */
  pipelining?: number
  /**
   * The maximum number of bytes in the body of a request. The answer to a larger one is 413. If its `Content-Length`
   * says so, the app never sees the request. Otherwise the answer comes after that many bytes, and then the
   * connection ends. Default: none; frameworks have limits of their own.
   */
  body?: number
}

/** Limits of one mount. */
export type MountLimitOptions = Pick<LimitOptions, 'body'>

/** Returns the limits with their defaults. Throws `INVALID_ARGUMENT`. */
export function checkedLimits(options: LimitOptions = {}): Required<LimitOptions> {
  const { connections = Number.POSITIVE_INFINITY, pipelining = 100, body = Number.POSITIVE_INFINITY } = options
  const limits = { connections, pipelining, body }
  for (const [name, value] of Object.entries(limits)) {
    const least = name === 'body' ? 0 : 1
    if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= least)) continue
    throw invalid(`limits.${name}`, `a whole number, ${least} or more`, value)
  }
  return limits
}
