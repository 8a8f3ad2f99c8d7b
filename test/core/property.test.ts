/**
 * Random programs under random seeds and in random orders, on the virtual clock. Whatever they do, no value is lost or
 * doubled, every `finally` that was entered runs once, nothing is left in a queue, no tasklet, no timer and no listener,
 * and the same seed gives the same run.
 *
 * `SYNCLESS_RUNS=20000 npx jest test/core/property` searches longer.
 */
import { inspect, isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import {
  broadcast,
  type Channel,
  type Co,
  channel,
  deadline,
  go,
  isTaskletExit,
  type Op,
  perform,
  type Receiver,
  SynclessError,
  schedule,
  scope,
  select,
  sleep,
  type Tasklet,
  timeout,
} from '../../src/core/index.js'
import { loop } from '../../src/core/loop/loop.js'
import { Node } from '../../src/core/loop/op.js'
import { leakCheck, seed, virtualClock } from '../../src/testing/index.js'
import { reported, uncaught } from './support.js'

const RUNS = Number(process.env.SYNCLESS_RUNS ?? 2000)

type Basic =
  | { readonly do: 'send' | 'receive' | 'next'; readonly ch: number }
  | { readonly do: 'publish' }
  | { readonly do: 'subscribed'; readonly subscriber: number }
  | { readonly do: 'sleep'; readonly ms: number }
  | { readonly do: 'timeout' | 'deadline'; readonly ms: number; readonly of: Basic; readonly orElse: boolean }
  | { readonly do: 'select'; readonly of: Basic[]; readonly biased: boolean; readonly poll: boolean }
  | { readonly do: 'map'; readonly of: Basic }

type Step =
  | { readonly do: 'perform' | 'swallow'; readonly op: Basic }
  | { readonly do: 'trySend' | 'tryReceive' | 'close' | 'cancel' | 'each'; readonly ch: number }
  | { readonly do: 'schedule' | 'fail' }
  | { readonly do: 'kill' | 'raise' | 'join'; readonly target: number }
  | { readonly do: 'go' | 'scope'; readonly body: Step[] }
  | { readonly do: 'timeoutOn'; readonly ms: number; readonly body: Step[] }
  | { readonly do: 'async'; readonly op: Basic; readonly abortAfter: number }

interface Program {
  readonly seed: number
  readonly capacities: number[]
  readonly preferences: (-1 | 0 | 1)[]
  readonly ends: boolean
  readonly cleanup: number
  /** Small: the loop rests often. */
  readonly budget: number
  /** Whether ready tasklets run in an order drawn from the seed. */
  readonly shuffle: boolean
  readonly tasklets: Step[][]
}

const ch = fc.nat({ max: 2 })
const short = fc.nat({ max: 6 })
/** Some times never come: their timers have to be cleared. */
const ms = fc.oneof({ weight: 4, arbitrary: short }, { weight: 1, arbitrary: fc.constant(1e6) })

const { basic } = fc.letrec<{ basic: Basic }>(tie => ({
  basic: fc.oneof(
    { depthSize: 'small', withCrossShrink: true, maxDepth: 3 },
    fc.record({ do: fc.constantFrom('send' as const, 'receive' as const, 'next' as const), ch }),
    fc.record({ do: fc.constantFrom('send' as const, 'receive' as const), ch }),
    fc.record({ do: fc.constant('publish' as const) }),
    fc.record({ do: fc.constant('subscribed' as const), subscriber: fc.nat({ max: 1 }) }),
    fc.record({ do: fc.constant('sleep' as const), ms }),
    fc.record({
      do: fc.constantFrom('timeout' as const, 'deadline' as const),
      ms,
      of: tie('basic'),
      orElse: fc.boolean(),
    }),
    fc.record({
      do: fc.constant('select' as const),
      of: fc.array(tie('basic'), { maxLength: 3 }),
      biased: fc.boolean(),
      poll: fc.boolean(),
    }),
    fc.record({ do: fc.constant('map' as const), of: tie('basic') }),
  ),
}))

const { step } = fc.letrec<{ step: Step }>(tie => {
  const body = fc.array(tie('step'), { maxLength: 4 })
  const target = fc.nat({ max: 5 })
  const op = basic
  return {
    step: fc.oneof(
      { depthSize: 'small', withCrossShrink: true, maxDepth: 3 },
      { weight: 10, arbitrary: fc.record({ do: fc.constant('perform' as const), op }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('swallow' as const), op }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('trySend' as const, 'tryReceive' as const), ch }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'cancel' as const), ch }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('each' as const), ch }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('schedule' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fail' as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('kill' as const, 'raise' as const), target }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('join' as const), target }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('go' as const, 'scope' as const), body }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('timeoutOn' as const), ms, body }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('async' as const), op, abortAfter: short }) },
    ),
  }
})

const program: fc.Arbitrary<Program> = fc.record({
  seed: fc.nat(),
  capacities: fc.array(fc.nat({ max: 3 }), { minLength: 3, maxLength: 3 }),
  preferences: fc.array(fc.constantFrom(-1 as const, 0 as const, 1 as const), { minLength: 3, maxLength: 3 }),
  ends: fc.boolean(),
  cleanup: fc.nat({ max: 3 }),
  budget: fc.constantFrom(Number.POSITIVE_INFINITY, 3),
  shuffle: fc.boolean(),
  tasklets: fc.array(fc.array(step, { maxLength: 6 }), { minLength: 1, maxLength: 6 }),
})

const expected = new Set(['CHANNEL_CLOSED', 'CHANNEL_CANCELLED', 'TIMEOUT', 'TASKLET_KILLED', 'SCOPE_CLOSED'])

class Raised extends Error {}

/** One run of a program: what it did, and what it says it sent and received. */
class Run {
  readonly trace: string[] = []
  readonly sent: number[] = []
  readonly received: number[] = []
  readonly channels: Channel<number>[]
  readonly news = broadcast<number>()
  readonly published: number[] = []
  readonly subscribers: { readonly source: Receiver<number>; readonly got: number[] }[]
  readonly tasklets: Tasklet<unknown>[] = []
  promised = 0
  entered = 0
  left = 0
  #values = 0
  readonly #program: Program

  constructor(program: Program) {
    this.#program = program
    this.channels = program.capacities.map((capacity, i) => {
      const made = channel<number>(capacity, { name: `ch${i}` })
      made.preference = program.preferences[i] ?? 0
      return made
    })
    this.subscribers = program.capacities
      .slice(0, 2)
      .map(capacity => ({ source: this.news.subscribe({ capacity }), got: [] }))
  }

  start(): void {
    for (const [i, steps] of this.#program.tasklets.entries()) this.#start(`t${i}`, steps)
  }

  #start(name: string, steps: Step[]): void {
    const t = go(() => this.#body(name, steps))
    t.name = name
    this.tasklets.push(t)
    t.then(null, () => {})
  }

  *#body(name: string, steps: Step[]): Co<void> {
    this.entered++
    try {
      for (const [i, step] of steps.entries()) yield* this.#step(`${name}.${i}`, step)
    } catch (error) {
      this.#note(`${name} ends by ${codeOf(error)}`)
      throw error
    } finally {
      this.left++
      if (this.#program.cleanup === 1) yield* schedule()
      if (this.#program.cleanup === 2) yield* sleep(2)
      this.#note(`${name} over`)
    }
  }

  *#step(name: string, step: Step): Co<void> {
    try {
      yield* this.#act(name, step)
    } catch (error) {
      if (isTaskletExit(error) || error instanceof Raised) throw error
      if (!(error instanceof SynclessError) || !expected.has(error.code)) throw error
      this.#note(`${name} caught ${error.code}`)
    }
  }

  *#act(name: string, step: Step): Co<void> {
    switch (step.do) {
      case 'perform': {
        const done = yield* this.#op(step.op)
        done()
        return this.#note(`${name} ${step.op.do}`)
      }
      case 'swallow': {
        // What nobody should do, but many will: the exit is caught, and the tasklet goes on.
        let done = () => {}
        try {
          done = yield* this.#op(step.op)
        } catch {}
        return done()
      }
      case 'trySend': {
        const value = ++this.#values
        if (this.#channel(step.ch).trySend(value) === 'sent') this.sent.push(value)
        return
      }
      case 'tryReceive': {
        const taken = this.#channel(step.ch).tryReceive()
        if (taken.ok) this.received.push(taken.value)
        return
      }
      case 'close':
        return this.#program.ends ? this.#channel(step.ch).close() : undefined
      case 'cancel':
        return this.#program.ends ? this.#channel(step.ch).cancel() : undefined
      case 'each':
        // Leaving `each` cancels, which drops values: they are counted.
        if (this.#program.ends) yield* this.#channel(step.ch).each(value => this.received.push(value))
        return
      case 'schedule':
        return yield* schedule()
      case 'fail':
        throw new Raised(name)
      case 'kill': {
        const t = this.tasklets[step.target]
        if (t !== undefined) yield* timeout(20, t.kill(), { else: undefined })
        return
      }
      case 'raise': {
        const t = this.tasklets[step.target]
        if (t !== undefined && ['ready', 'waiting'].includes(t.state)) t.raise(new Raised(name))
        return
      }
      case 'join': {
        const t = this.tasklets[step.target]
        if (t !== undefined && t.state !== 'running') yield* timeout(3, t, { else: undefined })
        return
      }
      case 'go':
        return this.#start(`${name}g`, step.body)
      case 'scope':
        yield* scope(() => this.#body(`${name}s`, step.body))
        return
      case 'timeoutOn':
        yield* timeout(step.ms, () => this.#body(`${name}t`, step.body), { else: undefined })
        return this.#note(`${name} timeout over`)
      case 'async': {
        const controller = new AbortController()
        const op = this.#op(step.op)
        this.promised++
        perform(op, { signal: controller.signal })
          .then(
            done => done(),
            () => {},
          )
          .finally(() => this.promised--)
        const abort = go(function* () {
          yield* sleep(step.abortAfter)
        })
        abort.then(null, () => {}).then(() => controller.abort())
        return
      }
    }
  }

  #channel(index: number): Channel<number> {
    return this.channels[index] as Channel<number>
  }

  #note(text: string): void {
    this.trace.push(text)
  }

  /** The operation, giving what has to be noted when it has happened. */
  #op(spec: Basic): Op<() => void> {
    switch (spec.do) {
      case 'send': {
        const value = ++this.#values
        return this.#channel(spec.ch)
          .send(value)
          .map(() => () => void this.sent.push(value))
      }
      case 'receive':
        return this.#channel(spec.ch)
          .receive()
          .map(value => () => void this.received.push(value))
      case 'next':
        return this.#channel(spec.ch)
          .next()
          .map(result => () => void (result.done || this.received.push(result.value)))
      case 'publish': {
        const value = ++this.#values
        return this.news.publish(value).map(() => () => void this.published.push(value))
      }
      case 'subscribed': {
        const { source, got } = this.subscribers[spec.subscriber] as (typeof this.subscribers)[number]
        return source.receive().map(value => () => void got.push(value))
      }
      case 'sleep':
        return sleep(spec.ms).map(() => () => {})
      case 'timeout':
        return timeout(spec.ms, this.#op(spec.of), spec.orElse ? { else: () => {} } : (undefined as never))
      case 'deadline': {
        const at = loop.clock.date() + spec.ms
        return deadline(at, this.#op(spec.of), spec.orElse ? { else: () => {} } : (undefined as never))
      }
      case 'map':
        return this.#op(spec.of).map(done => done)
      case 'select': {
        const branches = Object.fromEntries(spec.of.map((of, i) => [`b${i}`, this.#op(of)]))
        const options =
          spec.poll || spec.of.length === 0 ? { orElse: () => {}, biased: spec.biased } : { biased: spec.biased }
        return select(branches, options).map(({ value }) => value as () => void)
      }
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof SynclessError ? error.code : error instanceof Error ? error.constructor.name : String(error)
}

/** Who in the end performs a node: the outermost select, the tasklet, the promise. */
function performer(node: Node<unknown>): unknown {
  return node.waiter instanceof Node ? performer(node.waiter) : (node.waiter ?? node)
}

/** Where all is quiet, nobody may wait for what is there: a partner that is not its own, an item, or room for one. */
function missedMeetings(each: Channel<number>): string[] {
  const { buffered, capacity, waitingReceivers, waitingSenders } = each.statistics()
  const problems: string[] = []
  if (buffered > 0 && waitingReceivers > 0) problems.push(`${each.name} has items and waiting receivers`)
  if (buffered < capacity && waitingSenders > 0) problems.push(`${each.name} has room and waiting senders`)
  for (let sender = each.senders.head; sender !== null; sender = sender.after) {
    for (let receiver = each.receivers.head; receiver !== null; receiver = receiver.after) {
      if (performer(sender) !== performer(receiver)) problems.push(`on ${each.name} two wait for each other`)
    }
  }
  return problems
}

/** Runs a program to its end, and says what went wrong. */
async function run(program: Program): Promise<{ trace: string[]; problems: string[] }> {
  using clock = virtualClock()
  using _seeded = seed(program.seed, { shuffle: program.shuffle })
  const leaks = leakCheck()
  const { budget } = loop
  loop.budget = program.budget
  try {
    const run = new Run(program)
    run.start()
    await clock.advance(100)
    const trace = [...run.trace]
    const problems = run.channels.flatMap(missedMeetings)
    // Longer than any cleanup and its grace period, and shorter than the times that never come.
    // One that swallows its exit may start more before it ends.
    for (let round = 0; round < 4; round++) {
      for (const t of run.tasklets) t.kill()
      await clock.advance(100_000)
    }
    await leaks.assertNone().catch(error => problems.push(error.message))
    const check = (fine: boolean, problem: string) => fine || problems.push(problem)
    for (const t of run.tasklets) {
      check(['done', 'failed', 'killed'].includes(t.state), `${t.name} is ${t.state}`)
      if (t.state !== 'failed') continue
      const error: unknown = await t.then(null, error => error)
      check(error instanceof Raised || expected.has(codeOf(error)), `${t.name} failed: ${inspect(error)}`)
    }
    check(run.entered === run.left, `${run.entered} bodies entered, ${run.left} left`)
    check(run.promised === 0, `${run.promised} promises are pending`)
    let dropped = 0
    const kept: number[] = []
    for (const each of run.channels) {
      const statistics = each.statistics()
      check(statistics.waitingSenders === 0, `${each.name} has waiting senders`)
      check(statistics.waitingReceivers === 0, `${each.name} has waiting receivers`)
      dropped += statistics.dropped
      for (let taken = each.tryReceive(); taken.ok; taken = each.tryReceive()) kept.push(taken.value)
    }
    const got = [...run.received, ...kept]
    check(new Set(got).size === got.length, `doubled: ${got}`)
    const sent = new Set(run.sent)
    check(
      got.every(value => sent.has(value)),
      `received what was not sent: ${got.filter(value => !sent.has(value))}`,
    )
    check(sent.size === got.length + dropped, `sent ${sent.size}, received or kept ${got.length}, dropped ${dropped}`)
    for (const [i, { source, got }] of run.subscribers.entries()) {
      for (let taken = source.tryReceive(); taken.ok; taken = source.tryReceive()) got.push(taken.value)
      check(source.statistics().waitingReceivers === 0, `subscriber ${i} has waiting receivers`)
      check(
        isDeepStrictEqual([...got].sort(), [...run.published].sort()),
        `published ${run.published}, subscriber ${i} got ${got}`,
      )
    }
    return { trace, problems }
  } finally {
    loop.budget = budget
  }
}

test('random programs lose nothing, leave nothing behind, and repeat under their seed', async () => {
  await reported(() =>
    fc.assert(
      fc.asyncProperty(program, async spec => {
        const runs: { trace: string[]; problems: string[] }[] = []
        const errors = await uncaught(async () => {
          for (let i = 0; i < 2; i++) runs.push(await run(spec))
        })
        expect([errors, runs[0]?.problems]).toEqual([[], []])
        expect(runs[1]?.trace).toEqual(runs[0]?.trace)
      }),
      { numRuns: RUNS, ...(process.env.SYNCLESS_SEED ? { seed: Number(process.env.SYNCLESS_SEED) } : {}) },
    ),
  )
}, 600_000)
