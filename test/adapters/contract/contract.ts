/**
 * The contract of the flow ports: what every bridge between a medium and a channel guarantees, whatever the library. One
 * suite, run on every port; which checks apply follows from the `capabilities` that the port declares.
 *
 * To add a port:
 * 1. `src/adapters/<port>/index.ts` exports `capabilities` and the bridges under the names of `FlowPort`; package.json
 *    exports it as `syncless/<port>`, and `docs/bridges/<port>.md` describes it, with the line "**Memory.** At most N MB",
 *    which the test of memory reads.
 * 2. `test/adapters/<port>/participant.ts` exports a `participant`: native producers that take their values from a `Feed`,
 *    native consumers that give what they get to an `Intake` (`participant.ts` here has the types; rx pushes, stream asks).
 *    Say with `ahead` how far the bridge may run ahead, and tell with `attached` what it has put on the native side.
 * 3. `test/adapters/<port>/contract.test.ts` is `contract(participant)`, and nothing else.
 * What only this port has is tested beside it, and is no matter of the contract.
 *
 * Each check brings a sabotage, which makes of a sound participant one that breaks the guarantee: `sabotage.test.ts` sees
 * to it that the check fails then. The tests of memory and of consumers that leave have their full size in
 * `npm run test:full`.
 */
import type { FlowPort } from '../../../src/adapters/port.js'
import { seed } from '../../../src/testing/index.js'
import { abandonSink, abandonSource, abandons } from './abandon.js'
import { type Check, runCheck } from './check.js'
import { incoming } from './incoming.js'
import { accepted } from './input.js'
import { memory } from './memory.js'
import { outgoing } from './outgoing.js'
import { nameOf, type Participant, type SinkKind, type SourceKind } from './participant.js'

export function contract(participant: Participant): void {
  const { name, port } = participant

  test(`${name} is a flow port, and refuses what it cannot bridge`, () => {
    const bridges = [...participant.sources, ...participant.sinks].map(({ way }) => way)
    const exported = (['toChannel', 'fromChannel', 'drainTo', 'connect'] as const).filter(way => port[way])
    // A bridge that no participant has is a bridge that nothing here looks at.
    expect([...new Set(bridges)].sort()).toEqual([...exported].sort())
    expect(accepted(port)).toEqual([])
  })

  for (const { title, check, kind } of applicable(participant)) {
    test(title, async () => {
      await runCheck(check, participant, kind)
      // What crosses no wire is quick: it has to hold in other orders, too.
      for (const order of participant.medium === 'memory' ? [1, 2, 3] : []) {
        using _shuffled = seed(order, { shuffle: true })
        await runCheck(check, participant, kind)
      }
    })
  }

  const each = Math.ceil(abandons / (participant.sources.length + participant.sinks.length))
  const leave = `of the ${abandons} consumers of the port, ${each} leave this at random moments, and leave nothing`
  const bounded = 'memory stays within what the documentation says'
  participant.sources.forEach((kind, index) => {
    test(`${nameOf(kind)}: ${leave}`, () => abandonSource(participant, kind, each), 120_000)
    test(`${nameOf(kind)}: ${bounded}`, () => memory(participant, 'sources', index), 120_000)
  })
  participant.sinks.forEach((kind, index) => {
    test(`${nameOf(kind)}: ${leave}`, () => abandonSink(participant, kind, each), 120_000)
    test(`${nameOf(kind)}: ${bounded}`, () => memory(participant, 'sinks', index), 120_000)
  })
}

/** A check of either direction, for a kind that it is for. */
export interface Applicable {
  readonly title: string
  // Which of the two it is for, it knows itself.
  readonly check: Check<SourceKind & SinkKind>
  readonly kind: SourceKind & SinkKind
}

/** Every check that the capabilities of a port ask for. */
export function applicable({ port, sources, sinks }: Participant): Applicable[] {
  return [...chosen(port, incoming, sources), ...chosen(port, outgoing, sinks)]
}

function chosen<K extends SourceKind | SinkKind>(
  { capabilities }: FlowPort,
  checks: readonly Check<K>[],
  kinds: readonly K[],
): Applicable[] {
  return kinds.flatMap(kind =>
    checks
      .filter(check => check.applies?.(capabilities, kind) ?? true)
      .map(check => ({ title: `${nameOf(kind)}: ${check.title}`, check, kind }) as unknown as Applicable),
  )
}
