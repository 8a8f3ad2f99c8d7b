/** What every port refuses that is of no use to it. */

import type { FlowPort } from '../../../src/adapters/port.js'
import { channel } from '../../../src/core/index.js'

const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
const useless: readonly unknown[] = [undefined, null, 5, true, {}]

type Loose = (...args: readonly unknown[]) => unknown

/** Sources, sinks and duplexes that are none; with `options` that are in order; and options that are none. Gives what was not refused. */
export function accepted(port: FlowPort): string[] {
  const bridges: [string, Loose | undefined, (bad: unknown) => unknown[]][] = [
    ['toChannel', port.toChannel as Loose | undefined, bad => [bad, { capacity: 1, overflow: 'latest' }]],
    ['drainTo', port.drainTo as Loose | undefined, bad => [channel(), bad, {}]],
    ['connect', port.connect as Loose | undefined, bad => [bad, { capacity: 1, overflow: 'latest' }]],
  ]
  const taken: string[] = []
  for (const [name, bridge, args] of bridges) {
    for (const bad of bridge === undefined ? [] : useless) {
      if (!refuses(() => bridge?.(...args(bad)))) taken.push(`${name} of ${String(bad)}`)
    }
  }
  for (const [name, bridge] of [...bridges, ['fromChannel', port.fromChannel as Loose | undefined] as const]) {
    if (bridge !== undefined && !refuses(() => bridge(channel(), null, null, null), /options/)) {
      taken.push(`${name} with null for its options`)
    }
  }
  return taken
}

function refuses(fn: () => unknown, says = /./): boolean {
  try {
    fn()
    return false
  } catch (error) {
    return invalid.asymmetricMatch(error) && says.test((error as Error).message)
  }
}
