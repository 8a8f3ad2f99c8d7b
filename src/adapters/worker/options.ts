import { SynclessError } from '../../core/base/errors.js'

/** What both ends of a bridge have to agree on. */
export interface TopicOption {
  /** The name of this bridge among several on one port. Both sides use the same. Default: the bridge without a name. */
  topic?: string
}

/** Throws `INVALID_ARGUMENT` unless these are options, with a topic that can be one. */
export function checkedTopic(options: TopicOption, bridge: string): string {
  if (typeof options !== 'object' || options === null) {
    throw new SynclessError('INVALID_ARGUMENT', `${bridge} takes its options as an object`)
  }
  const { topic = '' } = options
  if (typeof topic === 'string') return topic
  throw new SynclessError('INVALID_ARGUMENT', `${bridge} takes a string as topic`)
}
