/** What holds for every bridge out of a channel. */
import { type Channel, channel } from '../../../src/core/index.js'
import { outcome, TestScope, watch } from '../support.js'
import type { Bench, Check, Outlet } from './check.js'
import { expectCarried } from './incoming.js'
import type { Item, SinkKind } from './participant.js'
import { elsewhere, override, withDrain, withIntake, withSink } from './sabotage.js'

const failure = new Error('failure of the channel')
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Sends 0, 1, 2, ..., `count` of them and then the end; keeps how far it got and what stopped it. */
function producer(bench: Bench, to: Channel<Item>, count = Number.POSITIVE_INFINITY) {
  const state = { sent: 0, stopped: null as unknown }
  bench.scope().go(function* () {
    try {
      for (; state.sent < count; state.sent++) yield* to.send(state.sent)
      to.close()
    } catch (error) {
      state.stopped = error
    }
  })
  return state
}

const over = ({ intake }: Outlet) => intake.over !== 'no'

/** A bridge that is no tasklet ends; one that is gives `expected`. */
async function expectOutcome(bench: Bench, tasklet: PromiseLike<unknown> | null, expected: unknown): Promise<void> {
  if (tasklet === null) return
  const seen = watch(tasklet)
  await bench.eventually(() => seen.outcome !== 'pending')
  if (expected instanceof Error) expect(seen.outcome).toBe(expected)
  else expect(seen.outcome).toEqual(expected)
}

const lossy = (kind: SinkKind) =>
  withIntake(kind, intake => ({
    take(value, done) {
      if (value === 2) done?.()
      else intake.take(value, done)
    },
  }))
const deafToEnd = (kind: SinkKind) => withIntake(kind, () => ({ end() {} }))
const deafToLeaving = (kind: SinkKind) => withSink(kind, () => ({ leave() {} }))

export const outgoing: readonly Check<SinkKind>[] = [
  {
    title: 'delivers everything, in order, then ends',
    async run(bench, kind) {
      for (const capacity of [0, 3]) {
        const outlet = await bench.sink(kind, capacity)
        const { intake, ch, open } = outlet
        const drained = open()
        producer(bench, ch, 20)
        await bench.eventually(() => intake.seen.length === 20 && (!bench.capabilities.ends || over(outlet)))
        expect(intake.seen).toEqual(numbers(20))
        if (bench.capabilities.ends) expect(intake.over).toBe('ended')
        await expectOutcome(bench, drained, 'ended')
      }
    },
    sabotage: lossy,
  },
  {
    title: 'delivers what is in the channel when it is bridged, and its end',
    applies: capabilities => capabilities.ends,
    async run(bench, kind) {
      for (const count of [0, 1, 3]) {
        const outlet = await bench.sink(kind, 3)
        for (const n of numbers(count)) outlet.ch.trySend(n)
        outlet.ch.close()
        const drained = outlet.open()
        await bench.eventually(() => over(outlet))
        expect([outlet.intake.seen, outlet.intake.over]).toEqual([numbers(count), 'ended'])
        await expectOutcome(bench, drained, 'ended')
      }
    },
    sabotage: deafToEnd,
  },
  {
    title: 'passes on each value as it comes',
    async run(bench, kind) {
      const { intake, sink, ch, open } = await bench.sink(kind)
      const drained = open()
      for (const n of numbers(5)) {
        await ch.send(n)
        await bench.eventually(() => intake.seen.length > n)
        expect(intake.seen).toEqual(numbers(n + 1))
      }
      sink.leave()
      await expectOutcome(bench, drained, expect.anything())
    },
    sabotage: kind =>
      withIntake(kind, intake => {
        const late: (() => void)[] = []
        return {
          take(value, done) {
            late.push(() => intake.take(value, done))
            if (late.length > 1) late.shift()?.()
            else done?.()
          },
        }
      }),
  },
  {
    title: 'holds back the producer where the consumer stalls, within its bound',
    applies: ({ holdsBack }, kind) => holdsBack.includes(kind.way),
    async run(bench, kind) {
      for (const capacity of [0, 1, 4]) {
        const { intake, sink, ch, open } = await bench.sink(kind, capacity)
        intake.stall()
        const drained = open()
        const state = producer(bench, ch)
        await bench.eventually(() => intake.seen.length > 0)
        await bench.rest()
        expect(state.sent).toBeLessThanOrEqual(capacity + kind.ahead)
        for (const n of numbers(10)) {
          intake.step()
          await bench.eventually(() => intake.seen.length > n + 1)
          await bench.rest()
          expect(intake.seen.length).toBeGreaterThan(n + 1)
          expect(state.sent).toBeLessThanOrEqual(intake.done + capacity + kind.ahead)
        }
        sink.leave()
        await bench.rest()
        intake.flow()
        await expectOutcome(bench, drained, expect.anything())
      }
    },
    sabotage: kind =>
      withIntake(kind, intake => ({
        take(value, done) {
          intake.take(value)
          done?.()
        },
      })),
  },
  {
    title: 'takes values as fast as they come where the consumer cannot hold back, and loses none',
    applies: ({ holdsBack }, kind) => !holdsBack.includes(kind.way),
    async run(bench, kind) {
      const outlet = await bench.sink(kind, 2)
      outlet.intake.stall()
      const drained = outlet.open()
      const state = producer(bench, outlet.ch, 100)
      await bench.eventually(() => outlet.intake.seen.length === 100)
      expect([state.sent, outlet.intake.seen]).toEqual([100, numbers(100)])
      expect(outlet.ch.statistics().dropped).toBe(0)
      await expectOutcome(bench, drained, 'ended')
    },
    sabotage: lossy,
  },
  {
    title: 'fails as its channel does',
    async run(bench, kind) {
      for (const pending of [false, true]) {
        const outlet = await bench.sink(kind, 2)
        const drained = outlet.open()
        if (pending) {
          await outlet.ch.send(0)
          await bench.eventually(() => outlet.intake.seen.length === 1)
        }
        outlet.ch.close(failure)
        await bench.eventually(() => over(outlet))
        const { over: how } = outlet.intake
        if (bench.capabilities.errors === 'none') expect(how).not.toBe('ended')
        else expectCarried(typeof how === 'object' ? how.error : how, failure, bench.capabilities.errors)
        await expectOutcome(bench, drained, failure)
      }
    },
    sabotage: kind => withIntake(kind, intake => ({ fail: () => intake.end(), close: () => intake.end() })),
  },
  {
    title: 'fails with an error that is sent in band, and cancels the channel, as nobody goes on',
    applies: (_, kind) => kind.way !== 'connect',
    async run(bench, kind) {
      const outlet = await bench.sink(kind)
      const drained = outlet.open()
      await outlet.ch.sendError(failure)
      await bench.eventually(() => over(outlet) && outlet.ch.closed)
      const { over: how } = outlet.intake
      if (bench.capabilities.errors === 'none') expect(how).not.toBe('ended')
      else expectCarried(typeof how === 'object' ? how.error : how, failure, bench.capabilities.errors)
      expect(outlet.ch.closed).toBe(true)
      expect(await outlet.ch.ended).toEqual({ by: 'cancel', reason: failure })
      await expectOutcome(bench, drained, failure)
    },
    sabotage: kind => withDrain(kind, (sink, receiver) => sink.open(override(receiver, { cancel() {} }))),
  },
  {
    title: 'cancels the channel at once when the consumer leaves, idle and while it is busy',
    applies: capabilities => capabilities.cancels,
    async run(bench, kind) {
      for (const busy of [false, true]) {
        const { intake, sink, ch, open } = await bench.sink(kind)
        if (busy) intake.stall()
        const drained = open()
        const state = busy ? producer(bench, ch) : null
        await bench.rest()
        sink.leave()
        await bench.atOnce(() => ch.closed)
        expect([ch.closed, ch.trySend(1)]).toEqual([true, 'closed'])
        await bench.rest()
        intake.flow()
        if (state !== null) expect(state.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED' })
        await expectOutcome(bench, drained, 'left')
        expect(await ch.ended).toMatchObject({ by: 'cancel' })
      }
    },
    sabotage: deafToLeaving,
  },
  {
    title: 'counts as dropped what was taken in the turn in which the consumer leaves',
    applies: ({ cancels }, { way }) => cancels && way === 'drainTo',
    async run(bench, kind) {
      const { intake, sink, ch, open } = await bench.sink(kind)
      open()
      await bench.rest()
      const sent = ch.trySend(1)
      sink.leave()
      await bench.atOnce(() => ch.closed)
      await bench.rest()
      // A medium with a journey may have had it under way.
      if (bench.participant.medium === 'transport') return
      expect([sent, intake.seen.length + ch.statistics().dropped]).toEqual(['sent', 1])
    },
    sabotage: kind =>
      withDrain(kind, (sink, receiver) => sink.open(override(receiver as Channel<Item>, { countDropped() {} }))),
  },
  {
    title: 'fails with the consumer, and the producer learns why',
    applies: ({ cancels, errors }, { fails }) => cancels && errors !== 'none' && fails,
    async run(bench, kind) {
      const { intake, sink, ch, open } = await bench.sink(kind)
      const drained = open()
      const state = producer(bench, ch, 3)
      await bench.eventually(() => intake.seen.length === 3)
      const other = await bench.sink(kind)
      const waiting = other.open()
      const idle = producer(bench, other.ch)
      other.intake.stall()
      await bench.rest()
      other.sink.fail?.(failure)
      await bench.eventually(() => idle.stopped !== null)
      expect(idle.stopped).toMatchObject({ code: 'CHANNEL_CANCELLED' })
      expectCarried((idle.stopped as Error).cause, failure, bench.capabilities.errors)
      other.intake.flow()
      if (waiting !== null) {
        const failed = await outcome(waiting)
        expectCarried(failed, failure, bench.capabilities.errors)
      }
      expect(state.sent).toBe(3)
      sink.leave()
      await expectOutcome(bench, drained, expect.anything())
    },
    sabotage: kind => withSink(kind, sink => ({ fail: () => sink.leave() })),
  },
  {
    title: 'does not mind what the producer does after the consumer has left',
    applies: capabilities => capabilities.cancels,
    async run(bench, kind) {
      for (const late of ['send', 'close', 'error'] as const) {
        const { sink, ch, open } = await bench.sink(kind, 1)
        const drained = open()
        await bench.rest()
        sink.leave()
        await bench.eventually(() => ch.closed)
        if (late === 'send') expect(await outcome(ch.send(1))).toMatchObject({ code: 'CHANNEL_CANCELLED' })
        else if (late === 'close') ch.close()
        else ch.close(failure)
        await expectOutcome(bench, drained, 'left')
      }
    },
    sabotage: kind =>
      withSink(kind, sink => ({
        leave: () => {
          process.emitWarning('left')
          sink.leave()
        },
      })),
  },
  {
    title: 'ends with its scope: the channel is cancelled, and the consumer learns of it',
    async run(bench, kind) {
      const request = new TestScope()
      const outlet = await bench.sink(kind)
      const drained = outlet.open(outlet.ch, request)
      const state = producer(bench, outlet.ch, 2)
      await bench.eventually(() => outlet.intake.seen.length === 2)
      const idle = await bench.sink(kind)
      idle.open(idle.ch, request)
      await bench.rest()
      expect(state.sent).toBe(2)
      request.scope.cancel()
      await bench.eventually(() => idle.ch.closed && (!bench.capabilities.ends || over(idle)))
      await bench.rest()
      expect(idle.ch.closed).toBe(true)
      expect(await idle.ch.ended).toMatchObject({ by: 'cancel' })
      if (bench.capabilities.ends) expect(idle.intake.over).not.toBe('no')
      expect(idle.intake.over).not.toBe('ended')
      expect([request.bonds, request.scope.size, request.failures]).toEqual([0, 0, []])
      if (drained !== null) expect(drained.state).not.toBe('waiting')
    },
    sabotage: kind => withDrain(kind, (sink, receiver) => elsewhere(() => sink.open(receiver))),
  },
  {
    title: 'is not made in a scope that has ended',
    async run(bench, kind) {
      const request = new TestScope()
      await request.scope.close()
      await bench.rest()
      const outlet = await bench.sink(kind)
      expect(() => outlet.open(outlet.ch, request)).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }))
      outlet.ch.close()
      await expectOutcome(bench, outlet.open(), 'ended')
      outlet.sink.leave()
    },
    sabotage: kind => withDrain(kind, (sink, receiver) => elsewhere(() => sink.open(receiver))),
  },
  {
    title: 'ends when its tasklet is killed: the channel is cancelled, and the consumer learns of it',
    applies: (_, kind) => kind.way === 'drainTo',
    async run(bench, kind) {
      for (const started of [false, true]) {
        const outlet = await bench.sink(kind)
        const drained = outlet.open()
        if (started) await bench.rest()
        await drained?.kill()
        expect(outlet.ch.closed).toBe(true)
        await bench.eventually(() => !bench.capabilities.ends || over(outlet))
        if (bench.capabilities.ends) expect(outlet.intake.over).not.toBe('no')
        expect(outlet.intake.over).not.toBe('ended')
      }
    },
    sabotage: kind => withIntake(kind, intake => ({ fail: () => intake.end(), close: () => intake.end() })),
  },
  {
    title: 'refuses a channel that another bridge reads, with ALREADY_CONSUMED',
    applies: (_, kind) => kind.way !== 'connect',
    async run(bench, kind) {
      const outlet = await bench.sink(kind)
      const drained = outlet.open()
      const other = await bench.sink(kind)
      expect(() => other.open(outlet.ch)).toThrow(expect.objectContaining({ code: 'ALREADY_CONSUMED' }))
      outlet.ch.close()
      other.ch.close()
      await expectOutcome(bench, drained, 'ended')
      await expectOutcome(bench, other.open(), 'ended')
      for (const { sink } of [outlet, other]) sink.leave()
    },
    sabotage: kind => {
      let first = true
      return withDrain(kind, (sink, receiver) => {
        if (!first) receiver = channel()
        first = false
        return sink.open(receiver)
      })
    },
  },
  {
    title: 'refuses what cannot be received from',
    applies: (_, kind) => kind.way !== 'connect',
    async run(bench, kind) {
      const { sink, ch, open } = await bench.sink(kind)
      const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
      for (const bad of [undefined, null, 5, 'text', {}, { receive() {} }] as never[]) {
        expect(() => bench.scope().run(() => sink.open(bad))).toThrow(invalid)
      }
      ch.close()
      await expectOutcome(bench, open(), 'ended')
      sink.leave()
    },
    sabotage: kind =>
      withDrain(kind, (sink, receiver) => ((receiver as unknown) === 5 ? undefined : sink.open(receiver))),
  },
]
