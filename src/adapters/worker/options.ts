import { SynclessError } from '../../core/base/errors.js'

/** What both ends of a bridge have to agree on. */
export interface TopicOption {
  /** Which of several bridges on one port this is. Both sides give the same. Default: the one without a name. */
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
