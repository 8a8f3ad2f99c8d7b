import { offer } from '../../../src/core/channel/overflow.js'
import { type Channel, channel, go, type Op, schedule } from '../../../src/core/index.js'
import { idle, outcome, rejection, reported, watch } from '../support.js'

test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null])('a capacity of %p is refused', capacity => {
  expect(() => channel(capacity as number)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test('a rendezvous send waits until its value is taken', async () => {
  const ch = channel<string>()
  const sent = watch(ch.send('v'))
  await idle()
  expect(sent.outcome).toBe('pending')
  expect(await ch.receive()).toBe('v')
  await idle()
  expect(sent.outcome).toBe(undefined)
})

test('a buffered send waits only where the buffer is full', async () => {
  const ch = channel<number>(2)
  await ch.send(1)
  await ch.send(2)
  const third = watch(ch.send(3))
  await idle()
  expect(third.outcome).toBe('pending')
  expect(ch.statistics()).toEqual({
    capacity: 2,
    buffered: 2,
    waitingSenders: 1,
    waitingReceivers: 0,
    dropped: 0,
  })
  expect(await ch.receive()).toBe(1)
  await idle()
  expect(third.outcome).toBe(undefined)
  expect(ch.statistics()).toMatchObject({ buffered: 2, waitingSenders: 0 })
})

test.each([0, 1, 2, 7, 8, 9, 100])('with capacity %d values come in the order they were sent', async capacity => {
  const ch = channel<number>(capacity)
  for (let n = 0; n < 50; n++) ch.send(n).then()
  const received: number[] = []
  for (let n = 0; n < 25; n++) received.push(await ch.receive())
  for (let n = 50; n < 75; n++) ch.send(n).then()
  for (let n = 0; n < 50; n++) received.push(await ch.receive())
  expect(received).toEqual(Array.from({ length: 75 }, (_, n) => n))
})

test('receivers are served in the order they came', async () => {
  const ch = channel<number>()
  const receivers = [0, 1, 2].map(() => watch(ch.receive()))
  for (const n of [0, 1, 2]) ch.trySend(n)
  await idle()
  expect(receivers.map(r => r.outcome)).toEqual([0, 1, 2])
})

test('a receiver that leaves the middle of the queue leaves the others in their order', async () => {
  const ch = channel<number>()
  const log: string[] = []
  const receivers = ['a', 'b', 'c'].map(name =>
    go(function* () {
      log.push(`${name}${yield* ch.receive()}`)
    }),
  )
  await idle()
  receivers[1]!.kill()
  expect(ch.balance).toBe(-2)
  ch.trySend(1)
  ch.trySend(2)
  await idle()
  expect(log).toEqual(['a1', 'c2'])
})

test('the balance counts waiting senders up and receivers down', async () => {
  const ch = channel<number>()
  expect(ch.balance).toBe(0)
  const senders = [1, 2].map(n => watch(ch.send(n)))
  await idle()
  expect(ch.balance).toBe(2)
  await ch.receive()
  await ch.receive()
  const receivers = [1, 2, 3].map(() => watch(ch.receive()))
  await idle()
  expect(ch.balance).toBe(-3)
  ch.close()
  await idle()
  expect(ch.balance).toBe(0)
  expect([...senders, ...receivers].map(w => w.outcome)).not.toContain('pending')
})

test('undefined and null are values like others', async () => {
  const ch = channel<undefined | null>(2)
  await ch.send(undefined)
  await ch.send(null)
  expect(ch.tryReceive()).toEqual({ ok: true, value: undefined })
  expect(await ch.next()).toEqual({ done: false, value: null })
})

test('a value that looks like a promise or an operation travels as it is', async () => {
  const ch = channel<unknown>(1)
  const op = ch.receive()
  await ch.send(op)
  const taken = ch.tryReceive()
  expect(taken.ok && taken.value).toBe(op)
})

test('trySend sends to a waiting receiver, then into the buffer, and else says why not', async () => {
  const ch = channel<number>(1)
  const receiver = watch(ch.receive())
  expect([ch.trySend(1), ch.trySend(2), ch.trySend(3)]).toEqual(['sent', 'sent', 'full'])
  await idle()
  expect(receiver.outcome).toBe(1)
  ch.close()
  expect(ch.trySend(4)).toBe('closed')
})

test('tryReceive takes from the buffer and from waiting senders, and else says whether there will be more', async () => {
  const ch = channel<number>(1)
  expect(ch.tryReceive()).toEqual({ ok: false, done: false })
  ch.trySend(1)
  const sent = watch(ch.send(2))
  await idle()
  expect(ch.tryReceive()).toEqual({ ok: true, value: 1 })
  expect(ch.tryReceive()).toEqual({ ok: true, value: 2 })
  await idle()
  expect(sent.outcome).toBe(undefined)
  ch.close()
  expect(ch.tryReceive()).toEqual({ ok: false, done: true })
})

test('an error sent in band takes a slot, and one receiver throws it', async () => {
  const ch = channel<number>(3)
  const error = new Error('in band')
  await ch.send(1)
  await ch.sendError(error)
  await ch.send(2)
  expect(ch.statistics().buffered).toBe(3)
  expect(await ch.receive()).toBe(1)
  expect(await rejection(ch.receive())).toBe(error)
  expect(await ch.receive()).toBe(2)
  expect(ch.closed).toBe(false)
})

test('an error sent in band reaches next, tryReceive and a receiver that waits', async () => {
  const ch = channel<number>()
  const error = new Error('in band')
  const waiting = watch(ch.receive())
  await ch.sendError(error)
  await idle()
  expect(waiting.outcome).toBe(error)
  ch.sendError(error).then()
  expect(await rejection(ch.next())).toBe(error)
  ch.sendError(error).then()
  expect(() => ch.tryReceive()).toThrow(error)
})

test('ended tells how the channel ended, before and after', async () => {
  const ch = channel<number>()
  const before = watch(ch.ended)
  const other = watch(ch.ended)
  await idle()
  expect([before.outcome, other.outcome]).toEqual(['pending', 'pending'])
  const error = new Error('end')
  ch.close(error)
  expect(await rejection(ch.receive())).toBe(error)
  ch.cancel()
  await idle()
  expect(before.outcome).toEqual({ by: 'close', error })
  expect(other.outcome).toBe(before.outcome)
  expect(await ch.ended).toBe(before.outcome)
  const cancelled = channel<number>()
  cancelled.cancel('enough')
  expect(await cancelled.ended).toEqual({ by: 'cancel', reason: 'enough' })
})

test('the operations are described by the name of the channel', () => {
  const orders = channel<number>(0, { name: 'orders' })
  expect(
    [orders.receive(), orders.send(1), orders.sendError(1), orders.next(), orders.ended].map(op => op.describe()),
  ).toEqual(['receive on "orders"', 'send on "orders"', 'send on "orders"', 'next on "orders"', 'end of "orders"'])
  expect(channel().receive().describe()).toBe('receive on a channel')
})

test('an error that a policy drops is reported', async () => {
  const ch = channel<number>(1)
  await ch.sendError(new Error('dropped'))
  const warnings = await reported(async () => offer(ch, 1, 'drop-oldest'))
  expect(warnings.join()).toContain('dropped')
  expect(ch.statistics().dropped).toBe(1)
})

describe('each', () => {
  test('calls a function, a generator function or an async one with each value until the end', async () => {
    const ch = channel<number>()
    const log: unknown[] = []
    const consumers = [
      go(function* () {
        yield* ch.each(n => log.push(`plain ${n}`))
      }),
      go(function* () {
        yield* ch.each(function* (n) {
          yield* schedule()
          log.push(`generator ${n}`)
        })
      }),
      go(function* () {
        yield* ch.each(async n => {
          await null
          log.push(`async ${n}`)
        })
      }),
    ]
    await idle()
    for (let n = 1; n <= 3; n++) await ch.send(n)
    ch.close()
    await Promise.all(consumers)
    expect(log.sort()).toEqual(['async 3', 'generator 2', 'plain 1'])
  })

  test('cancels the channel with the error that leaves it', async () => {
    const ch = channel<number>(1)
    const error = new Error('consumer')
    const t = go(function* () {
      yield* ch.each(() => {
        throw error
      })
    })
    await ch.send(1)
    expect(await rejection(t)).toBe(error)
    expect(await ch.ended).toEqual({ by: 'cancel', reason: error })
  })

  test('cancels the channel when its tasklet is killed', async () => {
    const ch = channel<number>()
    const t = go(function* () {
      yield* ch.each(() => {})
    })
    await idle()
    await t.kill()
    expect(ch.closed).toBe(true)
    expect(await outcome(ch.send(1))).toMatchObject({ code: 'CHANNEL_CANCELLED' })
  })

  test('does not cancel a channel that another one reads', async () => {
    const ch = channel<number>()
    const [first, second] = [0, 1].map(() =>
      go(function* () {
        yield* ch.each(() => {})
      }),
    )
    await idle()
    await first!.kill()
    expect(ch.closed).toBe(false)
    await second!.kill()
    expect(ch.closed).toBe(true)
  })

  test('throws the error that the channel was closed with', async () => {
    const ch = channel<number>(1)
    const error = new Error('end')
    const seen: number[] = []
    const t = go(function* () {
      yield* ch.each(n => seen.push(n))
    })
    await ch.send(1)
    ch.close(error)
    expect(await rejection(t)).toBe(error)
    expect(seen).toEqual([1])
    expect(await rejection(ch.receive())).toBe(error)
  })
})

describe('preference', () => {
  /** Who goes on first when tasklet `a` acts on a partner that waits, while `other` is ready too. */
  async function order(preference: -1 | 0 | 1 | 'default', act: 'send' | 'receive'): Promise<string[]> {
    const ch = channel<number>()
    if (preference !== 'default') ch.preference = preference
    const log: string[] = []
    const operation = (kind: 'send' | 'receive', name: string, c: Channel<number>) =>
      function* () {
        if (kind === 'send') yield* c.send(1)
        else yield* c.receive()
        log.push(name)
      }
    go(operation(act === 'send' ? 'receive' : 'send', 'partner', ch))
    await idle()
    go(operation(act, 'actor', ch))
    go(function* () {
      log.push('other')
    })
    await idle()
    return log
  }

  test('0: nobody switches, the partner is appended', async () => {
    expect(await order(0, 'send')).toEqual(['actor', 'other', 'partner'])
    expect(await order(0, 'receive')).toEqual(['actor', 'other', 'partner'])
    expect(await order('default', 'send')).toEqual(['actor', 'other', 'partner'])
    expect(await order('default', 'receive')).toEqual(['actor', 'other', 'partner'])
  })

  test('-1: a send switches to the receiver, a receive switches to nobody', async () => {
    expect(await order(-1, 'send')).toEqual(['partner', 'other', 'actor'])
    expect(await order(-1, 'receive')).toEqual(['actor', 'other', 'partner'])
  })

  test('1: a receive switches to the sender, a send switches to nobody', async () => {
    expect(await order(1, 'receive')).toEqual(['partner', 'other', 'actor'])
    expect(await order(1, 'send')).toEqual(['actor', 'other', 'partner'])
  })

  test.each([-1, 1] as const)('%d acts only where an item is handed over directly', async preference => {
    const ch = channel<number>(1)
    ch.preference = preference
    const log: string[] = []
    const noting = (name: string, op: () => Op<unknown>) =>
      go(function* () {
        yield* op()
        log.push(name)
      })
    ch.trySend(1)
    noting('sender', () => ch.send(2))
    await idle()
    noting('receiver', () => ch.receive())
    noting('other', () => schedule())
    await idle()
    // What was received came from the buffer, and what was sent went there.
    expect(log).toEqual(['receiver', 'sender', 'other'])
  })

  test('acts only inside a tasklet', async () => {
    const ch = channel<number>()
    ch.preference = -1
    const log: string[] = []
    go(function* () {
      yield* ch.receive()
      log.push('receiver')
    })
    await idle()
    const sent = ch.send(1).then(() => log.push('sender'))
    log.push('after send')
    await sent
    await idle()
    expect(log[0]).toBe('after send')
    expect(log.slice(1).sort()).toEqual(['receiver', 'sender'])
  })

  test.each([-1, 0, 1] as const)('%d keeps the values and their order', async preference => {
    const ch = channel<number>()
    ch.preference = preference
    const received: number[] = []
    go(function* () {
      for (let n = 0; n < 20; n++) yield* ch.send(n)
      ch.close()
    })
    await go(function* () {
      yield* ch.each(n => received.push(n))
    })
    expect(received).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })
})
