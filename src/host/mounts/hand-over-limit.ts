/** Whether and how far a mount hands over what its app has nothing for. */
import { invalid } from '../../core/base/arguments.js'

/** What `handOver` of `host.mount` may say. */
export interface HandOverOptions {
  /**
   * How many bytes of a body the host keeps while this app reads it, to hand them to the next one. A request whose body was
   * read and is larger is answered with 413. Bodies that were not read have no limit. Default: 1 048 576.
   */
  limit?: number
}

const LIMIT = 1_048_576

/** The limit in bytes, or null where nothing is handed over. Throws `INVALID_ARGUMENT`. */
export function handOverLimit(option: boolean | HandOverOptions | undefined): number | null {
  if (option === undefined || option === false) return null
  if (option === true) return LIMIT
  if (typeof option !== 'object' || option === null) throw invalid('handOver', 'true, or { limit }', option)
  const { limit = LIMIT } = option
  if (!Number.isInteger(limit) || limit < 0) throw invalid('handOver.limit', 'a number of bytes, 0 or more', limit)
  return limit
}

/** Whether an app's own hooks run for a request that it hands over. Throws `INVALID_ARGUMENT`. */
export function runsHooks(option: 'run' | 'skip' | undefined): boolean {
  if (option === undefined || option === 'run') return true
  if (option === 'skip') return false
  throw invalid('hooks', "'run' or 'skip'", option)
}
