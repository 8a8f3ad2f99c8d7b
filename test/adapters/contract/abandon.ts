/** Consumers, 10 000 in full, that leave at moments that a seed says: nothing is left of them, on either side. */
import { channel, go } from '../../../src/core/index.js'
import { Random } from '../../../src/core/loop/random.js'
import { leakCheck } from '../../../src/testing/index.js'
import { sized } from '../../sized.js'
import { TestScope, turns } from '../support.js'
import { TestFeed } from './feed.js'
import { TestIntake } from './intake.js'
import type { Item, Participant, Sink, SinkKind, Source, SourceKind } from './participant.js'

/** How many consumers a port has, over all its bridges. */
export const abandons = sized(1000, 10_000)
const seed = Number(process.env.CONTRACT_SEED ?? 1)

/** How many are there at a time. */
const crowd = 500

/** Consumers of a bridge into a channel. */
export function abandonSource(participant: Participant, kind: SourceKind, count = abandons): Promise<void> {
  return abandon(count, random => consumer(participant, kind, random))
}

/** Consumers on the native side of a bridge out of a channel. */
export function abandonSink(participant: Participant, kind: SinkKind, count = abandons): Promise<void> {
  return abandon(count, random => producer(participant, kind, random))
}

async function abandon(total: number, one: (random: Random) => Promise<Left>): Promise<void> {
  const random = new Random(seed)
  const leaks = leakCheck()
  for (let begun = 0; begun < total; begun += crowd) {
    const count = Math.min(crowd, total - begun)
    const left = await Promise.all(Array.from({ length: count }, () => one(random)))
    let there = left
    for (let i = 0; i < 1000 && there.length > 0; i++) {
      await turns(1)
      there = there.filter(isThere)
    }
    expect(left.filter(isThere).map(({ how, side }) => `${how}: ${side.attached()} attached`)).toEqual([])
    for (const { side } of left) await side.dispose?.()
  }
  await leaks.assertNone()
}

/** A consumer that has left, how it did, and whether the other side knows. */
interface Left {
  readonly how: string
  readonly side: Source | Sink
  told(): boolean
}

const isThere = (left: Left): boolean => left.side.attached() > 0 || !left.told()

/** Waits for a moment: none, some microtasks, or some turns. */
async function moment(random: Random): Promise<void> {
  const length = random.below(6)
  for (let i = 0; i < length; i++) await (random.below(2) === 0 ? null : turns(1))
}

/** One that receives from a native source and leaves. */
async function consumer({ port }: Participant, kind: SourceKind, random: Random): Promise<Left> {
  const feed = new TestFeed()
  const source = await kind.make(feed)
  const request = new TestScope()
  if (port.capabilities.pausable) feed.endless()
  else feed.put(...Array.from({ length: random.below(6) }, (_, i) => i))
  const capacity = 1 + random.below(3)
  const receiver = request.run(() =>
    source.open(port.capabilities.pausable ? { capacity } : { capacity, overflow: 'latest' }),
  )
  const how = ['cancel', 'kill', 'scope', 'break'][random.below(4)] as string
  const limit = how === 'break' ? random.below(3) + 1 : Number.POSITIVE_INFINITY
  const reader = request.go(function* () {
    for (let taken = 0; taken < limit; taken++) if ((yield* receiver.next()).done) return
  })
  reader.gone.then(() => receiver.cancel())
  await moment(random)
  if (!port.capabilities.pausable) feed.put(7)
  await moment(random)
  if (how === 'cancel') receiver.cancel()
  else if (how === 'kill') reader.kill()
  else if (how === 'scope') request.scope.cancel()
  else if (random.below(2) === 0) reader.kill()
  else receiver.cancel()
  return { how, side: source, told: () => !port.capabilities.cancels || feed.stopped !== null }
}

/** One on the native side that leaves a channel. */
async function producer({ port }: Participant, kind: SinkKind, random: Random): Promise<Left> {
  const intake = new TestIntake()
  if (random.below(2) === 0) intake.stall()
  const sink = await kind.make(intake)
  const request = new TestScope()
  const ch = channel<Item>(random.below(3))
  const sender = go(function* () {
    try {
      for (let i = 0; i < 12; i++) yield* ch.send(i)
      yield* ch.ended
    } catch {}
  })
  const drained = request.run(() => sink.open(ch)) ?? null
  drained?.then(null, () => {})
  const how = ['leave', 'scope', 'kill', 'close', 'fail'][random.below(port.capabilities.cancels ? 5 : 4)] as string
  await moment(random)
  intake.step(random.below(3))
  await moment(random)
  if (how === 'leave' && port.capabilities.cancels) sink.leave()
  else if (how === 'fail' && kind.fails) sink.fail?.(new Error('left'))
  else if (how === 'kill' && drained !== null) drained.kill()
  else if (how === 'close') ch.close()
  else request.scope.cancel()
  intake.flow()
  if (how === 'close') setImmediate(() => sink.leave())
  return { how, side: sink, told: () => sender.state === 'done' || ch.closed }
}
