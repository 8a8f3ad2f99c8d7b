import { invalid } from '../../core/base/arguments.js'

/** Limits that the host keeps by itself. Those of its HTTP parser are options of `http`: see docs/operations.md. */
export interface LimitOptions {
  /**
   * How many connections may be open at once, upgraded ones included; one more is closed as soon as it is accepted.
   * Default: as many as the system allows.
   */
  connections?: number
  /**
   * How many requests of one connection are served at once. Later ones of a client that pipelines wait, and nothing more
   * is read from it; a client that waits for its answers never notices. Default: 100.
   */
  pipelining?: number
  /**
   * The most bytes in the body of a request. A larger one is answered with 413: by its `Content-Length` before the app
   * sees it, otherwise when that many have come, and then its connection ends. Default: none; frameworks have limits of
   * their own.
   */
  body?: number
}

/** Limits of one mount. */
export type MountLimitOptions = Pick<LimitOptions, 'body'>

/** Fills in what was left out. Throws `INVALID_ARGUMENT`. */
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
