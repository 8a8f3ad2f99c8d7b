/** The table of what `close()`, `close(error)` and `cancel(reason)` do to whom, cell by cell. */
import { type Channel, ChannelClosed, channel, go, type Op, select } from '../../src/core/index.js'
import { idle, outcome, reported, watch } from './support.js'

const failure = new Error('failure')
const inBand = new Error('in band')
const closed = expect.objectContaining({ name: 'ChannelClosed', code: 'CHANNEL_CLOSED' })
const cancelled = expect.objectContaining({ name: 'ChannelCancelled', code: 'CHANNEL_CANCELLED', cause: 'reason' })
const end = { done: true, value: undefined }

const ends = {
  'close()': { apply: (ch: Channel<number>) => ch.close(), refuses: closed, receives: closed, nexts: end as unknown },
  'close(error)': {
    apply: (ch: Channel<number>) => ch.close(failure),
    refuses: closed,
    receives: failure,
    nexts: failure,
  },
  'cancel(reason)': {
    apply: (ch: Channel<number>) => ch.cancel('reason'),
    refuses: cancelled,
    receives: closed,
    nexts: end,
  },
}

/** Both ways of performing an operation have to agree. */
const performers: Record<string, <T>(op: Op<T>) => { outcome: unknown }> = {
  'a tasklet': op => {
    const seen: { outcome: unknown } = { outcome: 'pending' }
    go(function* () {
      try {
        seen.outcome = yield* op
      } catch (error) {
        seen.outcome = error
      }
    })
    return seen
  },
  await: op => watch(op),
}

/** Ways of receiving until there is no more. An error in band ends each, as the end does; what comes last is in the list. */
const drains: Record<string, (ch: Channel<number>) => PromiseLike<unknown[]>> = {
  receive: ch =>
    collect(async seen => {
      for (;;) seen.push(await ch.receive())
    }),
  next: ch =>
    collect(async seen => {
      for (let step = await ch.next(); !step.done; step = await ch.next()) seen.push(step.value)
    }),
  tryReceive: ch =>
    collect(async seen => {
      for (let taken = ch.tryReceive(); taken.ok; taken = ch.tryReceive()) seen.push(taken.value)
      expect(ch.tryReceive()).toEqual({ ok: false, done: true })
    }),
  'for await': ch =>
    collect(async seen => {
      for await (const value of ch.values({ preventCancel: true })) seen.push(value)
    }),
  each: ch =>
    collect(seen =>
      go(function* () {
        ch.openIterators++ // An iteration that stays open: leaving this one cancels nothing.
        yield* ch.each(value => seen.push(value))
      }),
    ),
}

async function collect(drain: (seen: unknown[]) => PromiseLike<void>): Promise<unknown[]> {
  const seen: unknown[] = []
  try {
    await drain(seen)
    return [...seen, 'end']
  } catch (error) {
    return [...seen, error instanceof ChannelClosed ? 'end' : error]
  }
}

describe.each(Object.entries(performers))('from %s', (_performer, perform) => {
  describe.each(Object.entries(ends))('%s', (name, { apply, refuses, receives, nexts }) => {
    test.each([0, 1, 3])('wakes every waiting receiver, with capacity %d', async capacity => {
      const ch = channel<number>(capacity)
      const [first, second, third] = [perform(ch.receive()), perform(ch.next()), perform(ch.receive())]
      await idle()
      expect(ch.balance).toBe(-3)
      apply(ch)
      expect(ch.balance).toBe(0)
      await idle()
      expect([first.outcome, second.outcome, third.outcome]).toEqual([receives, nexts, receives])
    })

    test.each([0, 1])('makes every later send throw, with capacity %d', async capacity => {
      const ch = channel<number>(capacity)
      apply(ch)
      const sends = [perform(ch.send(1)), perform(ch.sendError(1)), perform(ch.send(2))]
      await idle()
      expect(sends.map(send => send.outcome)).toEqual([refuses, refuses, refuses])
      expect(ch.trySend(1)).toBe('closed')
      expect(ch.statistics().buffered).toBe(0)
      if (name === 'close(error)') ch.receive().then(null, () => {})
    })

    test.each([0, 1])('ends every later receive of an empty channel, with capacity %d', async capacity => {
      const ch = channel<number>(capacity)
      apply(ch)
      const received = [perform(ch.receive()), perform(ch.next()), perform(ch.receive()), perform(ch.next())]
      await idle()
      expect(received.map(({ outcome }) => outcome)).toEqual([receives, nexts, receives, nexts])
      if (name === 'close(error)') expect(() => ch.tryReceive()).toThrow(failure)
      else expect(ch.tryReceive()).toEqual({ ok: false, done: true })
    })

    describe.each([0, 1, 2, 5])('with four items sent, capacity %d', capacity => {
      /** What is buffered is there, what has no room waits. */
      async function sent() {
        const ch = channel<number>(capacity)
        const sends = [ch.send(1), ch.send(2), ch.sendError(inBand), ch.send(4)].map(perform)
        await idle()
        return { ch, sends }
      }
      const buffered = Math.min(capacity, 4)

      test('deals with waiting senders and the buffer as the table says', async () => {
        const { ch, sends } = await sent()
        const warnings = await reported(async () => apply(ch))
        const late = perform(ch.send(5))
        await idle()
        expect(late.outcome).toEqual(refuses)
        const outcomes = sends.map(send => send.outcome)
        if (name === 'cancel(reason)') {
          expect(outcomes).toEqual([...Array(buffered).fill(undefined), ...Array(4 - buffered).fill(refuses)])
          expect(ch.statistics()).toMatchObject({ buffered: 0, waitingSenders: 0, dropped: buffered })
          expect(warnings).toHaveLength(buffered > 2 ? 1 : 0)
        } else {
          expect(outcomes).toEqual([...Array(buffered).fill(undefined), ...Array(4 - buffered).fill('pending')])
          expect(ch.statistics()).toMatchObject({ buffered, waitingSenders: 4 - buffered, dropped: 0 })
          expect(warnings).toEqual([])
          for (let n = 0; n < 4; n++) perform(ch.receive())
          await idle()
          expect(sends.map(send => send.outcome)).toEqual(Array(4).fill(undefined))
          if (name === 'close(error)') expect(await outcome(ch.receive())).toBe(failure)
        }
      })

      test.each(Object.entries(drains))(
        'lets %s have what is left, then the end, again and again',
        async (_way, drain) => {
          const { ch } = await sent()
          await reported(async () => apply(ch))
          const last = name === 'close(error)' ? failure : 'end'
          const seen: unknown[] = []
          for (let i = 0; i < 4; i++) seen.push(await outcome(drain(ch)))
          const all = [[1, 2, inBand], [4, last], [last], [last]]
          expect(seen).toEqual(name === 'cancel(reason)' ? Array(4).fill(['end']) : all)
        },
      )
    })

    test('settles a select that waits at the channel, once', async () => {
      const [ch, other] = [channel<number>(), channel<number>()]
      const receiving = perform(select({ other: other.receive(), ch: ch.next() }))
      await idle()
      apply(ch)
      await idle()
      expect(receiving.outcome).toEqual(nexts === failure ? failure : { key: 'ch', value: end })
      expect([ch.balance, other.balance]).toEqual([0, 0])
      const late = perform(select({ other: other.receive(), ch: ch.send(1) }))
      await idle()
      expect(late.outcome).toEqual(refuses)
      expect([ch.balance, other.balance]).toEqual([0, 0])
    })

    test.each(Object.keys(ends) as (keyof typeof ends)[])('is the end, whatever %s does after it', async later => {
      const ch = channel<number>()
      apply(ch)
      await outcome(ch.receive())
      ends[later].apply(ch)
      ends[later].apply(ch)
      const [send, receive] = [perform(ch.send(1)), perform(ch.receive())]
      await idle()
      expect(send.outcome).toEqual(refuses)
      if (later !== 'cancel(reason)') expect(receive.outcome).toEqual(receives)
      expect(await ch.ended).toMatchObject({ by: name === 'cancel(reason)' ? 'cancel' : 'close' })
    })
  })
})

test.each([undefined, failure])(
  'cancel after close(%p) drops the buffer, and its waiting senders throw',
  async error => {
    const ch = channel<number>(1)
    await ch.send(1)
    const waiting = watch(ch.send(2))
    await idle()
    ch.close(error)
    const warnings = await reported(async () => ch.cancel('reason'))
    await idle()
    expect(waiting.outcome).toEqual(cancelled)
    expect(ch.statistics()).toMatchObject({ buffered: 0, waitingSenders: 0, dropped: 1 })
    expect(warnings).toHaveLength(error === undefined ? 0 : 1)
    expect(await outcome(ch.next())).toEqual(end)
    expect(await outcome(ch.send(3))).toEqual(closed)
    expect(await ch.ended).toMatchObject({ by: 'close' })
  },
)

test('an error end that falsy values make is still an error', async () => {
  const ch = channel<number>()
  ch.close(null)
  expect(await outcome(ch.receive())).toBe(null)
  expect(await ch.ended).toEqual({ by: 'close', error: null })
})

test('an error end that the consumer cancels unseen is reported, once', async () => {
  const ch = channel<number>(0, { name: 'orders' })
  ch.close(failure)
  const warnings = await reported(async () => {
    ch.cancel()
    ch.cancel()
  })
  expect(warnings).toEqual([expect.stringMatching(/"orders".*failure/)])
})

test('an error end that was received is not reported', async () => {
  const ch = channel<number>()
  ch.close(failure)
  expect(await outcome(ch.receive())).toBe(failure)
  expect(await reported(async () => ch.cancel())).toEqual([])
})

test('after close(error) every receiver gets the error, whichever way the first one took it', async () => {
  const takers: ((ch: Channel<number>) => PromiseLike<unknown>)[] = [
    ch => ch.receive(),
    ch => ch.next(),
    async ch => {
      for await (const _ of ch);
    },
    ch =>
      go(function* () {
        yield* ch.each(() => {})
      }),
  ]
  for (const first of takers) {
    const ch = channel<number>()
    ch.close(failure)
    expect(await outcome(first(ch))).toBe(failure)
    for (const then of takers) expect(await outcome(then(ch))).toBe(failure)
  }
})

test('errors sent in band are dropped by a cancel, and each is reported', async () => {
  const ch = channel<number>(2)
  await ch.sendError(new Error('one'))
  await ch.send(1)
  const warnings = await reported(async () => ch.cancel())
  expect(warnings).toEqual([expect.stringContaining('one')])
  expect(ch.statistics().dropped).toBe(2)
})

test('errors that waiting senders hold are thrown back to them by a cancel', async () => {
  const ch = channel<number>()
  const sender = watch(ch.sendError(failure))
  await idle()
  ch.cancel('reason')
  await idle()
  expect(sender.outcome).toEqual(cancelled)
})
