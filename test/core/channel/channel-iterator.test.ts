import { channel, go, schedule } from '../../../src/core/index.js'
import { idle, outcome, rejection, reported, watch } from '../support.js'

test('for await takes every value until the end', async () => {
  const ch = channel<number>(1)
  go(function* () {
    for (let n = 0; n < 5; n++) yield* ch.send(n)
    ch.close()
  })
  const received: number[] = []
  for await (const n of ch) received.push(n)
  expect(received).toEqual([0, 1, 2, 3, 4])
})

test('for await throws the error that the channel was closed with, after what was sent before', async () => {
  const ch = channel<number>(1)
  const error = new Error('end')
  await ch.send(1)
  ch.close(error)
  const received: number[] = []
  const consume = async () => {
    for await (const n of ch) received.push(n)
  }
  expect(await rejection(consume())).toBe(error)
  expect(received).toEqual([1])
})

test('an error sent in band leaves the iteration, which cancels the channel', async () => {
  const ch = channel<number>(2)
  const error = new Error('in band')
  await ch.sendError(error)
  await ch.send(1)
  const consume = async () => {
    for await (const _ of ch);
  }
  expect(await rejection(consume())).toBe(error)
  expect(await ch.ended).toEqual({ by: 'cancel', reason: error })
})

test('leaving it early cancels the channel', async () => {
  const ch = channel<number>(1)
  await ch.send(1)
  const waiting = watch(ch.send(2))
  for await (const _ of ch) break
  expect(ch.closed).toBe(true)
  await idle()
  // The second value had been moved to the buffer when the first was taken; it was dropped with it.
  expect(waiting.outcome).toBe(undefined)
  expect(await outcome(ch.send(3))).toMatchObject({ code: 'CHANNEL_CANCELLED' })
})

test('an error in its body cancels the channel, and is thrown itself', async () => {
  const ch = channel<number>(1)
  await ch.send(1)
  const error = new Error('body')
  const consume = async () => {
    for await (const _ of ch) throw error
  }
  expect(await rejection(consume())).toBe(error)
  expect(ch.closed).toBe(true)
})

test('leaving it early does not cancel while another iteration is open', async () => {
  const ch = channel<number>(1)
  const other = ch.values()
  const pending = watch(other.next())
  await ch.send(1)
  await idle()
  expect(pending.outcome).toEqual({ done: false, value: 1 })
  await ch.send(2)
  for await (const _ of ch) break
  expect(ch.closed).toBe(false)
  await other.return?.()
  expect(ch.closed).toBe(true)
})

test('leaving it early does not cancel while a receiver waits', async () => {
  const ch = channel<number>(1)
  const iterator = ch.values()
  await ch.send(1)
  await iterator.next()
  const receiver = watch(ch.receive())
  await idle()
  await iterator.return?.()
  expect(ch.closed).toBe(false)
  expect(ch.trySend(2)).toBe('sent')
  await idle()
  expect(receiver.outcome).toBe(2)
})

test('leaving it early does not cancel with preventCancel', async () => {
  const ch = channel<number>(1)
  await ch.send(1)
  for await (const _ of ch.values({ preventCancel: true })) break
  expect(ch.closed).toBe(false)
  await ch.send(2)
  expect(await ch.receive()).toBe(2)
})

test('return() during a pending next() withdraws it: nothing is lost', async () => {
  const ch = channel<number>()
  const iterator = ch.values({ preventCancel: true })
  const pending = [watch(iterator.next()), watch(iterator.next())]
  await idle()
  expect(ch.balance).toBe(-2)
  expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
  expect(ch.balance).toBe(0)
  await idle()
  expect(pending.map(next => next.outcome)).toEqual([
    { done: true, value: undefined },
    { done: true, value: undefined },
  ])
  expect(ch.trySend(1)).toBe('full')
})

test('return() after a commit loses nothing: the value is handed over', async () => {
  const ch = channel<number>()
  const iterator = ch.values({ preventCancel: true })
  const pending = watch(iterator.next())
  expect(ch.trySend(1)).toBe('sent')
  await iterator.return?.()
  await idle()
  expect(pending.outcome).toEqual({ done: false, value: 1 })
})

test('leaving it because of another error drops what is left, and the end that nobody saw is reported', async () => {
  const ch = channel<number>(2)
  ch.trySend(1)
  ch.trySend(2)
  ch.close(new Error('the end'))
  const error = new Error('body')
  const consume = async () => {
    for await (const _ of ch) throw error
  }
  const warnings = await reported(async () => expect(await rejection(consume())).toBe(error))
  expect([ch.buffered, warnings]).toEqual([0, [expect.stringContaining('the end')]])
})

test('with preventCancel an error in band ends the iteration, and not the channel', async () => {
  const ch = channel<number>(2)
  const error = new Error('in band')
  await ch.sendError(error)
  await ch.send(1)
  expect(await rejection(ch.values({ preventCancel: true }).next())).toBe(error)
  expect(ch.closed).toBe(false)
  expect(await ch.receive()).toBe(1)
})

test.each([0, 1])('return(), again and again, leaves once: after %d values', async values => {
  const ch = channel<number>(2)
  const [left, open, other] = [ch.values(), ch.values(), ch.values()]
  for (const iterator of [open, other]) {
    ch.trySend(1)
    await iterator.next()
  }
  for (let n = 0; n < values; n++) {
    ch.trySend(1)
    await left.next()
  }
  for (let i = 0; i < 3; i++) await left.return?.()
  await open.return?.()
  // One of the others is open still.
  expect(ch.closed).toBe(false)
  await other.return?.()
  expect(ch.closed).toBe(true)
})

test('an iteration that was left without an end of the channel cannot bring it later', async () => {
  const ch = channel<number>(2)
  const [left, quiet] = [ch.values(), ch.values({ preventCancel: true })]
  for (const iterator of [left, quiet]) {
    ch.trySend(1)
    await iterator.next()
  }
  for (const iterator of [left, quiet, left]) await iterator.return?.()
  expect(ch.closed).toBe(false)
})

test('several pending next() are served in their order', async () => {
  const ch = channel<number>()
  const iterator = ch.values()
  const pending = [watch(iterator.next()), watch(iterator.next()), watch(iterator.next())]
  ch.trySend(1)
  ch.trySend(2)
  ch.close()
  await idle()
  expect(pending.map(next => next.outcome)).toEqual([
    { done: false, value: 1 },
    { done: false, value: 2 },
    { done: true, value: undefined },
  ])
})

test('after the end, and after return(), next() is done and stays so', async () => {
  const ch = channel<number>(1)
  const iterator = ch.values()
  ch.close()
  for (let i = 0; i < 2; i++) expect(await iterator.next()).toEqual({ done: true, value: undefined })
  const left = channel<number>(1)
  const early = left.values({ preventCancel: true })
  await early.return?.()
  await left.send(1)
  expect(await early.next()).toEqual({ done: true, value: undefined })
  expect(left.statistics().buffered).toBe(1)
})

test('an iteration that came to the end does not cancel anything', async () => {
  const ch = channel<number>()
  ch.close()
  for await (const _ of ch);
  expect(await ch.ended).toEqual({ by: 'close' })
})

test('two iterations share the values', async () => {
  const ch = channel<number>()
  const seen: number[] = []
  const consume = async () => {
    for await (const n of ch) seen.push(n)
  }
  const consumers = [consume(), consume()]
  for (let n = 0; n < 10; n++) await ch.send(n)
  ch.close()
  await Promise.all(consumers)
  expect(seen.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('a producer sees that its consumer left at its next send', async () => {
  const ch = channel<number>()
  const sent: number[] = []
  const producer = go(function* () {
    for (let n = 0; ; n++) {
      yield* ch.send(n)
      sent.push(n)
      yield* schedule()
    }
  })
  for await (const n of ch) if (n === 2) break
  expect(await rejection(producer)).toMatchObject({ code: 'CHANNEL_CANCELLED' })
  expect(sent).toEqual([0, 1, 2])
})
