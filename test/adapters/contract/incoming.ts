/** What holds for every bridge into a channel. */

import type { Overflow } from '../../../src/core/channel/overflow.js'
import { channel, go, type Receiver } from '../../../src/core/index.js'
import { all, outcome, TestScope, watch } from '../support.js'
import type { Check } from './check.js'
import type { Item, SourceKind } from './participant.js'
import { elsewhere, override, withFeed, withOpen, withSteps } from './sabotage.js'

const failure = new Error('failure of the source')

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i)

/** Receives so many, each in a turn of its own. */
async function take(receiver: Receiver<Item>, count: number): Promise<Item[]> {
  const seen: Item[] = []
  for (let i = 0; i < count; i++) seen.push(await receiver.receive())
  return seen
}

/** What an error becomes on its way, by what the port has declared. */
export function carried(error: Error, how: 'identity' | 'message' | 'none'): unknown {
  if (how === 'identity') return error
  return how === 'message'
    ? expect.objectContaining({ message: expect.stringContaining(error.message) })
    : expect.anything()
}

/** Asserts that an error has crossed: the very object, where the port has declared so. */
export function expectCarried(got: unknown, error: Error, how: 'identity' | 'message' | 'none'): void {
  if (how === 'identity') expect(got).toBe(error)
  else expect(got).toEqual(carried(error, how))
}

const lossy = (kind: SourceKind) => withSteps(kind, step => ('value' in step && step.value === 2 ? null : step))
const endless = (kind: SourceKind) => withSteps(kind, step => ('end' in step ? null : step))

/** A participant that leaves as it was what is made in a scope. */
const unbound = (kind: SourceKind) => withOpen(kind, (source, options) => elsewhere(() => source.open(options)))

export const incoming: readonly Check<SourceKind>[] = [
  {
    title: 'delivers everything, in order, to a receiver that waits',
    async run(bench, kind) {
      const { feed, open } = await bench.source(kind)
      const received = watch(take(open({ capacity: 1 }), 6))
      for (const n of numbers(6)) {
        feed.put(n)
        await bench.rest()
      }
      expect(received.outcome).toEqual(numbers(6))
      feed.end()
    },
    sabotage: lossy,
  },
  {
    title: 'delivers what a source has at once, and after it the end',
    applies: capabilities => capabilities.ends,
    async run(bench, kind) {
      const { feed, open } = await bench.source(kind)
      feed.put(...numbers(6))
      feed.end()
      const received = watch(all(open({ capacity: 6 })))
      await bench.eventually(() => received.outcome !== 'pending')
      expect(received.outcome).toEqual(numbers(6))
    },
    sabotage: kind => endless(kind),
  },
  {
    title: 'ends with a source that has nothing, before and after the first receive',
    applies: capabilities => capabilities.ends,
    async run(bench, kind) {
      for (const early of [true, false]) {
        const { feed, open } = await bench.source(kind)
        if (early) feed.end()
        const receiver = open()
        const received = watch(receiver.next())
        await bench.rest()
        if (!early) feed.end()
        await bench.eventually(() => received.outcome !== 'pending')
        expect(received.outcome).toEqual({ done: true, value: undefined })
        expect(await receiver.next()).toEqual({ done: true, value: undefined })
      }
    },
    sabotage: kind => endless(kind),
  },
  {
    title: 'goes on with a source that never ends until it is left',
    async run(bench, kind) {
      const { feed, open } = await bench.source(kind)
      const receiver = open({ capacity: 1 })
      for (const n of numbers(20)) {
        const received = watch(receiver.receive())
        feed.put(n)
        await bench.eventually(() => received.outcome !== 'pending')
        expect(received.outcome).toBe(n)
      }
      expect(feed.stopped).toBeNull()
      receiver.cancel()
    },
    sabotage: kind => withSteps(kind, step => ('value' in step && step.value === 7 ? { end: true } : step)),
  },
  {
    title: 'holds back a source whose receiver stalls, within its bound',
    applies: capabilities => capabilities.pausable,
    async run(bench, kind) {
      for (const capacity of [0, 1, 4]) {
        const { feed, open } = await bench.source(kind)
        feed.endless()
        const receiver = open({ capacity })
        await bench.rest()
        expect(feed.produced).toBeLessThanOrEqual(capacity + kind.ahead)
        for (const n of numbers(10)) {
          expect(await receiver.receive()).toBe(n)
          await bench.rest()
          expect(feed.produced).toBeLessThanOrEqual(n + 1 + capacity + kind.ahead)
        }
        expect(receiver.statistics().dropped).toBe(0)
        receiver.cancel()
      }
    },
    sabotage: kind =>
      withFeed(kind, feed => ({
        pull: sink =>
          feed.pull(step => {
            sink(step)
            for (let i = 0; i < 10; i++) feed.pull(() => {})
          }),
      })),
  },
  {
    title: 'keeps its bound by the policy where the source cannot be held back, and counts what it drops',
    applies: capabilities => !capabilities.pausable,
    async run(bench, kind) {
      for (const [overflow, kept] of policies) {
        const { feed, open } = await bench.source(kind)
        const receiver = open({ capacity: 3, overflow })
        feed.put(...numbers(10))
        const settled = () => receiver.statistics().buffered + receiver.statistics().dropped === 10
        await bench.eventually(settled)
        expect([overflow, receiver.statistics()]).toEqual([
          overflow,
          expect.objectContaining({ buffered: kept.length, dropped: 10 - kept.length }),
        ])
        expect(await take(receiver, kept.length)).toEqual(kept)
        receiver.cancel()
      }
    },
    sabotage: kind => withOpen(kind, (source, options) => source.open({ ...options, capacity: options.capacity + 1 })),
  },
  {
    title: "ends with OVERFLOW where the policy is 'error', after what it has kept, and leaves the source",
    applies: capabilities => !capabilities.pausable,
    async run(bench, kind) {
      const { feed, open } = await bench.source(kind)
      const receiver = open({ capacity: 3, overflow: 'error' })
      feed.put(...numbers(10))
      await bench.eventually(() => receiver.statistics().dropped > 0)
      const kept = watch(take(receiver, 3))
      await bench.eventually(() => kept.outcome !== 'pending')
      expect(kept.outcome).toEqual(numbers(3))
      expect(await outcome(receiver.receive())).toMatchObject({ code: 'OVERFLOW' })
      if (bench.capabilities.cancels) expect(feed.stopped).not.toBeNull()
    },
    sabotage: kind => withOpen(kind, (source, options) => source.open({ ...options, overflow: 'latest' })),
  },
  {
    title: 'fails as its source does, after what was buffered, every receiver',
    async run(bench, kind) {
      const { feed, open } = await bench.source(kind)
      const receiver = open({ capacity: 2 })
      const first = watch(receiver.receive())
      feed.put(0, 1)
      await bench.eventually(() => first.outcome !== 'pending')
      await bench.rest()
      feed.fail(failure)
      await bench.rest()
      const later = [await outcome(receiver.receive()), await outcome(receiver.receive())]
      expect([first.outcome, later[0]]).toEqual([0, 1])
      expectCarried(later[1], failure, bench.capabilities.errors)
      expectCarried(await outcome(receiver.next()), failure, bench.capabilities.errors)
    },
    sabotage: kind => withSteps(kind, step => ('error' in step ? { end: true } : step)),
  },
  {
    title: 'fails with a source that has failed already, and while a receiver waits',
    async run(bench, kind) {
      for (const early of [true, false]) {
        const { feed, open } = await bench.source(kind)
        if (early) feed.fail(failure)
        const received = watch(open().receive())
        await bench.rest()
        if (!early) feed.fail(failure)
        await bench.eventually(() => received.outcome !== 'pending')
        expectCarried(received.outcome, failure, bench.capabilities.errors)
      }
    },
    sabotage: kind => withSteps(kind, step => ('error' in step ? { error: new TypeError('another') } : step)),
  },
  {
    title: 'passes on the error of its source when the buffer is full',
    applies: capabilities => !capabilities.pausable,
    async run(bench, kind) {
      const { feed, open } = await bench.source(kind)
      const receiver = open({ capacity: 1, overflow: 'latest' })
      feed.put(...numbers(5))
      feed.fail(failure)
      await bench.eventually(() => receiver.statistics().dropped === 4)
      await bench.rest()
      expect(await receiver.receive()).toBe(4)
      expectCarried(await outcome(receiver.receive()), failure, bench.capabilities.errors)
    },
    sabotage: kind => withSteps(kind, step => ('error' in step ? { value: 9 } : step)),
  },
  {
    title: 'cancels its source at once, idle, while a receive waits, and with values in the buffer',
    async run(bench, kind) {
      for (const state of ['idle', 'waiting', 'buffered'] as const) {
        const { feed, source, open } = await bench.source(kind)
        const receiver = open({ capacity: 2 })
        if (state !== 'idle') {
          const received = watch(receiver.receive())
          feed.put(0)
          await bench.eventually(() => received.outcome !== 'pending')
        }
        const waiting = state === 'waiting' ? watch(receiver.next()) : null
        if (state === 'buffered') feed.put(1, 2)
        await bench.rest()
        receiver.cancel(failure)
        const told = () => !bench.capabilities.cancels || feed.stopped !== null
        await bench.atOnce(() => source.attached() === 0 && told())
        expect([state, told()]).toEqual([state, true])
        await bench.rest()
        expect(source.attached()).toBe(0)
        if (waiting !== null) expect(waiting.outcome).toEqual({ done: true, value: undefined })
        expect(await receiver.next()).toEqual({ done: true, value: undefined })
      }
    },
    sabotage: kind => withOpen(kind, (source, options) => override(source.open(options), { cancel() {} })),
  },
  {
    title: 'cancels its source when the iteration is left',
    async run(bench, kind) {
      const { feed, source, open } = await bench.source(kind)
      const receiver = open({ capacity: 4 })
      const left = watch(
        (async () => {
          for await (const value of receiver) if (value === 1) break
        })(),
      )
      feed.put(...numbers(4))
      await bench.eventually(() => left.outcome !== 'pending')
      const told = () => !bench.capabilities.cancels || feed.stopped !== null
      await bench.eventually(() => source.attached() === 0 && told())
      expect([left.outcome, source.attached(), told()]).toEqual([undefined, 0, true])
    },
    sabotage: kind =>
      withOpen(kind, (source, options) => {
        const receiver = source.open(options)
        return override(receiver, { [Symbol.asyncIterator]: () => receiver.values({ preventCancel: true }) })
      }),
  },
  {
    title: 'does not mind what a source does after it was left',
    async run(bench, kind) {
      for (const late of ['value', 'end', 'error'] as const) {
        const { feed, open } = await bench.source(kind)
        const receiver = open({ capacity: 1 })
        const received = watch(receiver.receive())
        feed.put(0)
        await bench.eventually(() => received.outcome !== 'pending')
        receiver.cancel()
        if (late === 'value') feed.put(1)
        else if (late === 'end') feed.end()
        else feed.fail(failure)
        await bench.rest()
        expect(await receiver.next()).toEqual({ done: true, value: undefined })
      }
    },
    sabotage: kind =>
      withOpen(kind, (source, options) => {
        const receiver = source.open(options)
        receiver.ended.then(() => process.emitWarning('an error came too late'))
        return receiver
      }),
  },
  {
    title: 'ends with its scope: whoever receives gets SCOPE_CLOSED, and the source is left',
    async run(bench, kind) {
      const request = new TestScope()
      const { feed, source, open } = await bench.source(kind)
      const receiver = open({ capacity: 1 }, request)
      const inside = watch(
        request.go(function* () {
          return yield* receiver.receive()
        }),
      )
      const outside = watch(receiver.receive())
      await bench.rest()
      expect(request.bonds).toBe(1)
      request.scope.cancel()
      await bench.eventually(() => outside.outcome !== 'pending' && source.attached() === 0)
      await bench.rest()
      expect(inside.outcome).toMatchObject({ code: 'TASKLET_KILLED' })
      expect(outside.outcome).toMatchObject({ code: 'SCOPE_CLOSED' })
      if (bench.capabilities.cancels) expect(feed.stopped).not.toBeNull()
      expect([request.bonds, request.scope.size, request.failures]).toEqual([0, 0, []])
    },
    sabotage: unbound,
  },
  {
    title: 'is not made in a scope that has ended',
    async run(bench, kind) {
      const request = new TestScope()
      await request.scope.close()
      await bench.rest()
      const { open } = await bench.source(kind)
      expect(() => open({}, request)).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }))
      open().cancel()
    },
    sabotage: unbound,
  },
  {
    title: 'does not keep its scope waiting, and forgets it when it has ended',
    applies: capabilities => capabilities.ends,
    async run(bench, kind) {
      const { feed, open } = await bench.source(kind)
      feed.put(0)
      feed.end()
      const request = new TestScope()
      const receiver = open({ capacity: 1 }, request)
      expect(request.scope.size).toBe(0)
      const received = watch(all(receiver))
      await bench.eventually(() => received.outcome !== 'pending' && request.bonds === 0)
      expect([received.outcome, request.bonds]).toEqual([[0], 0])
    },
    sabotage: kind =>
      withOpen(kind, (source, options) => {
        const receiver = source.open(options)
        go(function* () {
          yield* receiver.ended
        })
        return receiver
      }),
  },
  {
    title: 'has one bridge a source, and refuses a second one with ALREADY_CONSUMED',
    applies: (capabilities, kind) => kind.anew !== true && (!capabilities.multicast || kind.way === 'connect'),
    async run(bench, kind) {
      const { open } = await bench.source(kind)
      const receiver = open()
      expect(() => open()).toThrow(expect.objectContaining({ code: 'ALREADY_CONSUMED' }))
      receiver.cancel()
    },
    sabotage: kind => {
      let first: Receiver<Item> | null = null
      return withOpen(kind, (source, options) => {
        first ??= source.open(options)
        return first
      })
    },
  },
  {
    title: 'gives every bridge of a source everything, and leaving one leaves the others',
    applies: (capabilities, kind) => capabilities.multicast && kind.way === 'toChannel',
    async run(bench, kind) {
      const { feed, open } = await bench.source(kind)
      const [one, other, third] = [open({ capacity: 6 }), open({ capacity: 6 }), open({ capacity: 6 })]
      feed.put(...numbers(3))
      await bench.eventually(() => third?.statistics().buffered === 3)
      third?.cancel()
      feed.put(3)
      const got = watch(Promise.all([take(one, 4), take(other, 4)]))
      await bench.eventually(() => got.outcome !== 'pending')
      expect(got.outcome).toEqual([numbers(4), numbers(4)])
      one.cancel()
      other.cancel()
    },
    sabotage: kind => {
      let count = 0
      return withOpen(kind, (source, options) => {
        const receiver = source.open(options)
        if (++count % 2 === 0) receiver.cancel()
        return receiver
      })
    },
  },
  {
    title: 'tells the producer what was taken, and not before',
    applies: capabilities => capabilities.ack,
    async run(bench, kind) {
      const { feed, open } = await bench.source(kind)
      const receiver = open({ capacity: 4 })
      feed.put(...numbers(4))
      await bench.rest()
      for (const n of numbers(4)) {
        const received = watch(receiver.receive())
        await bench.eventually(() => received.outcome !== 'pending' && feed.acknowledged > n)
        await bench.rest()
        expect([received.outcome, feed.acknowledged]).toEqual([n, n + 1])
      }
      receiver.cancel()
    },
    sabotage: kind =>
      withFeed(kind, feed => ({
        taken() {
          feed.taken()
          feed.taken()
        },
      })),
  },
  {
    title: 'refuses a wrong capacity, and an overflow that is missing or unknown, and leaves the source free',
    async run(bench, kind) {
      const { open } = await bench.source(kind)
      const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
      for (const capacity of [-1, 0.5, Number.NaN, '1' as never]) expect(() => open({ capacity })).toThrow(invalid)
      if (!bench.capabilities.pausable) {
        for (const overflow of ['block', 'none', null] as never[])
          expect(() => open({ capacity: 1, overflow })).toThrow(invalid)
        for (const overflow of ['latest', 'drop-oldest'] as const)
          expect(() => open({ capacity: 0, overflow })).toThrow(invalid)
      }
      open().cancel()
    },
    sabotage: kind =>
      withOpen(kind, (source, options) => (options.capacity === 0.5 ? channel() : source.open(options))),
  },
]

/** For each policy, what a buffer of 3 has kept of 10 values that came at once. */
const policies: readonly [Overflow, readonly Item[]][] = [
  ['drop-oldest', [7, 8, 9]],
  ['drop-newest', [0, 1, 2]],
  ['latest', [9]],
]
