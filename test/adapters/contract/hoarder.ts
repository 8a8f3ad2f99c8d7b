import { channel } from '../../../src/core/index.js'
import type { Item, Participant } from './participant.js'

/** A bridge that takes whatever its source has, and keeps it until it is received. */
export const participant: Participant = {
  name: 'hoarder',
  port: {
    capabilities: {
      pausable: true,
      holdsBack: [],
      multicast: false,
      errors: 'identity',
      ends: true,
      cancels: true,
      ack: false,
    },
  },
  medium: 'memory',
  sources: [
    {
      way: 'toChannel',
      ahead: 0,
      make: feed => ({
        open() {
          const kept = channel<Item>(1_000_000)
          feed.flow(step => {
            if ('value' in step) kept.trySend(step.value)
            else kept.close()
          })
          return kept
        },
        attached: () => 0,
      }),
    },
  ],
  sinks: [],
}
