import type { FlowCapabilities } from '../../../src/adapters/port.js'
import type { Receiver } from '../../../src/core/channel/channel.js'
import { type Channel, channel, type Tasklet } from '../../../src/core/index.js'
import { leakCheck } from '../../../src/testing/index.js'
import { TestScope, turns } from '../support.js'
import { TestFeed } from './feed.js'
import { TestIntake } from './intake.js'
import type { Item, Participant, Sink, SinkKind, Source, SourceKind, SourceOptions } from './participant.js'

/** One thing that bridges of a direction have to guarantee. */
export interface Check<K> {
  readonly title: string
  /** Whether the port has declared what this is about. Left out where every port has to pass. */
  applies?(capabilities: FlowCapabilities, kind: K): boolean
  run(bench: Bench, kind: K): Promise<void>
  /** A participant that does not keep the guarantee: the check has to fail for it. */
  sabotage(kind: K): K
}

/** Where a check makes its producers and consumers; sees to it in the end that nothing is left of them. */
export class Bench {
  readonly participant: Participant
  /** Every bridge is made in a scope of its own, which fails with it. */
  readonly #scopes: TestScope[] = []
  readonly #sides: (Source | Sink)[] = []
  readonly #receivers: Receiver<unknown>[] = []

  constructor(participant: Participant) {
    this.participant = participant
  }

  get capabilities(): FlowCapabilities {
    return this.participant.port.capabilities
  }

  scope(): TestScope {
    const scope = new TestScope()
    this.#scopes.push(scope)
    return scope
  }

  /** A producer, and what it is to produce. */
  async source(kind: SourceKind): Promise<{ feed: TestFeed; source: Source; open: Open }> {
    const feed = new TestFeed()
    const source = await kind.make(feed)
    this.#sides.push(source)
    const open: Open = (options = {}, scope = this.scope()) => {
      const { capacity = 0, overflow = 'drop-newest' } = options
      const pausable = this.capabilities.pausable
      const receiver = scope.run(() => source.open(pausable ? { capacity } : { capacity, overflow }))
      this.#receivers.push(receiver)
      return receiver
    }
    return { feed, source, open }
  }

  /** A consumer, what it gets, and the channel that it is to get it from. */
  async sink(kind: SinkKind, capacity = 0): Promise<Outlet> {
    const intake = new TestIntake()
    const sink = await kind.make(intake)
    this.#sides.push(sink)
    const ch = channel<Item>(capacity, { name: 'values' })
    this.#receivers.push(ch)
    const open: Outlet['open'] = (receiver = ch, scope = this.scope()) => scope.run(() => sink.open(receiver)) ?? null
    return { intake, sink, ch, open }
  }

  /** Waits until `holds`; for as long as a medium in memory may take, or one with a journey. */
  async eventually(holds: () => boolean): Promise<void> {
    const start = Date.now()
    const patience = this.participant.medium === 'memory' ? 0 : 5000
    for (let i = 0; !holds() && (i < 100 || Date.now() - start < patience); i++) await turns(1)
  }

  /** Waits for what has to be known at once: in memory in the same turn of the event loop. */
  async atOnce(holds: () => boolean): Promise<void> {
    if (this.participant.medium === 'transport') return this.eventually(holds)
    for (let i = 0; !holds() && i < 20; i++) await new Promise<void>(resolve => process.nextTick(resolve))
  }

  /** Waits until nothing goes on any more. */
  async rest(): Promise<void> {
    await turns(20)
    if (this.participant.medium === 'transport') {
      await new Promise(resolve => setTimeout(resolve, 20))
      await turns(20)
    }
  }

  /** What is attached to the native sides of all bridges, and to the scopes. */
  attached(): number {
    const bonds = this.#scopes.reduce((sum, { bonds }) => sum + bonds, 0)
    return this.#sides.reduce((sum, side) => sum + side.attached(), bonds)
  }

  /** Takes down what a failed check has left. */
  async clear(): Promise<void> {
    for (const receiver of this.#receivers) receiver.cancel()
    for (const { scope } of this.#scopes) scope.cancel()
    await this.dispose()
    await this.rest()
  }

  async dispose(): Promise<void> {
    for (const side of this.#sides) await side.dispose?.()
  }
}

/** Bridges a producer. Capacity 0 and `drop-newest`, if nothing else is said. */
export type Open = (options?: Partial<SourceOptions>, scope?: TestScope) => Receiver<Item>

export interface Outlet {
  readonly intake: TestIntake
  readonly sink: Sink
  readonly ch: Channel<Item>
  /** Bridges `ch`, or another receiver, to the consumer. */
  open(receiver?: Receiver<Item>, scope?: TestScope): Tasklet<unknown> | null
}

/**
 * Runs a check, and with it those that belong to all: nothing is left behind, in the process and on the native sides, and
 * no error got lost. An error that nobody caught fails the test by itself.
 */
export async function runCheck<K>(check: Check<K>, participant: Participant, kind: K): Promise<void> {
  const warnings: unknown[] = []
  const spy = jest.spyOn(process, 'emitWarning').mockImplementation(warning => {
    warnings.push(warning)
  })
  const leaks = leakCheck()
  const bench = new Bench(participant)
  try {
    await inTime(check.run(bench, kind))
    await bench.eventually(() => bench.attached() === 0)
    expect(bench.attached()).toBe(0)
    await bench.dispose()
    await leaks.assertNone()
    expect(warnings).toEqual([])
  } catch (error) {
    leaks.abandon()
    await bench.clear()
    throw error
  } finally {
    spy.mockRestore()
  }
}

/** What waits for something that does not come is over in the end. */
async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the check waits for something that does not come')), 10_000)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
