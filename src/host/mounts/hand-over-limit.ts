/** The option `handOver` of a mount: whether requests are handed over, and up to which size of body. */
import { invalid } from '../../core/base/arguments.js'

/** The value of the option `handOver` of `host.mount`. */
export interface HandOverOptions {
  /**
   * How many bytes of a body the host keeps for the next app while this app reads it. If a declined request has a
   * larger body and the app has read from it, the answer is 413. Bodies that no app has read have no limit. Default:
   * 1 048 576.
   */
  limit?: number
}

const LIMIT = 1_048_576

/** Returns the limit in bytes, or null if the mount hands nothing over. Throws `INVALID_ARGUMENT`. */
export function handOverLimit(option: boolean | HandOverOptions | undefined): number | null {
  if (option === undefined || option === false) return null
  if (option === true) return LIMIT
  if (typeof option !== 'object' || option === null) throw invalid('handOver', 'true, or { limit }', option)
  const { limit = LIMIT } = option
  if (!Number.isInteger(limit) || limit < 0) throw invalid('handOver.limit', 'a number of bytes, 0 or more', limit)
  return limit
}

/** Returns whether an app's own hooks run for a request that it hands over. Throws `INVALID_ARGUMENT`. */
export function runsHooks(option: 'run' | 'skip' | undefined): boolean {
  if (option === undefined || option === 'run') return true
  if (option === 'skip') return false
  throw invalid('hooks', "'run' or 'skip'", option)
}
