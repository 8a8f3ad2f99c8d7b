import { broadcast, channel, go, type Receiver, select } from '../../../src/core/index.js'
import { idle, outcome, rejection, watch } from '../support.js'

test('every subscriber gets every value that is published while it is subscribed', async () => {
  const news = broadcast<number>()
  const early = news.subscribe({ capacity: 3 })
  await news.publish(1)
  const late = news.subscribe({ capacity: 3 })
  const newest = news.subscribe({ capacity: 1, overflow: 'latest' })
  expect(news.size).toBe(3)
  newest.cancel()
  expect(news.size).toBe(2)
  await news.publish(2)
  news.close()
  expect([await all(early), await all(late)]).toEqual([[1, 2], [2]])
})

test('where there are no subscribers the value is dropped', async () => {
  const news = broadcast<number>()
  await news.publish(1)
  expect(await outcome(news.subscribe().receive())).toBe('pending')
})

test('a publish waits until every blocking subscriber has room, and then delivers to all in one step', async () => {
  const news = broadcast<number>()
  const [quick, slow] = [news.subscribe({ capacity: 2 }), news.subscribe({ capacity: 1 })]
  await news.publish(1)
  const second = watch(news.publish(2))
  await idle()
  expect(second.outcome).toBe('pending')
  expect(quick.statistics().buffered).toBe(1)
  expect(await slow.receive()).toBe(1)
  await idle()
  expect(second.outcome).toBe(undefined)
  expect([quick.statistics().buffered, slow.statistics().buffered]).toEqual([2, 1])
})

test('rendezvous subscribers get a value when all of them wait', async () => {
  const news = broadcast<number>()
  const [a, b] = [news.subscribe(), news.subscribe()]
  const published = watch(news.publish(1))
  const first = watch(a.receive())
  await idle()
  expect([published.outcome, first.outcome]).toEqual(['pending', 'pending'])
  const second = watch(b.receive())
  await idle()
  expect([published.outcome, first.outcome, second.outcome]).toEqual([undefined, 1, 1])
})

test('values come in the order they were published, whoever publishes', async () => {
  const news = broadcast<number>()
  const subscriber = news.subscribe({ capacity: 2 })
  for (let n = 0; n < 20; n++) news.publish(n).then()
  news.close()
  expect(await all(subscriber)).toEqual(Array.from({ length: 20 }, (_, n) => n))
})

test('a killed publish did not happen', async () => {
  const news = broadcast<number>()
  const subscriber = news.subscribe()
  const t = go(function* () {
    yield* news.publish(1)
  })
  await idle()
  await t.kill()
  const received = watch(subscriber.receive())
  await idle()
  expect(received.outcome).toBe('pending')
  await news.publish(2)
  await idle()
  expect(received.outcome).toBe(2)
})

test('a publish that lost a select did not happen, and may be performed again', async () => {
  const news = broadcast<number>()
  const subscriber = news.subscribe()
  const gate = channel<number>()
  const op = news.publish(1)
  const chosen = watch(select({ op, gate: gate.receive() }))
  await idle()
  gate.trySend(0)
  await idle()
  expect(chosen.outcome).toEqual({ key: 'gate', value: 0 })
  expect(subscriber.tryReceive()).toEqual({ ok: false, done: false })
  const again = watch(op)
  expect(await subscriber.receive()).toBe(1)
  await idle()
  expect(again.outcome).toBe(undefined)
})

test.each([
  ['drop-oldest', 2, [3, 4], 2],
  ['drop-newest', 2, [1, 2], 2],
  ['latest', 2, [3, 4], 2],
  ['latest', 1, [4], 3],
] as const)(
  '%s with capacity %d keeps %j and does not hold up the publisher',
  async (overflow, capacity, kept, dropped) => {
    const news = broadcast<number>()
    const subscriber = news.subscribe({ capacity, overflow })
    for (const n of [1, 2, 3, 4]) await news.publish(n)
    news.close()
    expect(subscriber.statistics().dropped).toBe(dropped)
    expect(await all(subscriber)).toEqual(kept)
  },
)

test("overflow 'error' ends that subscriber alone", async () => {
  const news = broadcast<number>()
  const weak = news.subscribe({ capacity: 1, overflow: 'error' })
  const strong = news.subscribe({ capacity: 5 })
  await news.publish(1)
  await news.publish(2)
  await news.publish(3)
  expect(await weak.receive()).toBe(1)
  expect(await rejection(weak.receive())).toMatchObject({ code: 'OVERFLOW' })
  expect(strong.statistics().buffered).toBe(3)
  expect(news.size).toBe(1)
})

test('a subscriber that leaves no longer holds up the publisher', async () => {
  const news = broadcast<number>()
  const [stays, leaves] = [news.subscribe({ capacity: 5 }), news.subscribe()]
  const published = [watch(news.publish(1)), watch(news.publish(2))]
  await idle()
  expect(published.map(each => each.outcome)).toEqual(['pending', 'pending'])
  leaves.cancel()
  await idle()
  expect(published.map(each => each.outcome)).toEqual([undefined, undefined])
  expect(news.size).toBe(1)
  news.close()
  expect(await all(stays)).toEqual([1, 2])
})

test('leaving a for await unsubscribes', async () => {
  const news = broadcast<number>()
  const subscriber = news.subscribe({ capacity: 2 })
  await news.publish(1)
  for await (const _ of subscriber) break
  expect(news.size).toBe(0)
  await news.publish(2)
})

test('close ends every subscriber after what waits to be published', async () => {
  const news = broadcast<number>()
  const [a, b] = [news.subscribe({ capacity: 1 }), news.subscribe()]
  const published = [watch(news.publish(1)), watch(news.publish(2))]
  news.close()
  news.close(new Error('late'))
  expect(await rejection(news.publish(3))).toMatchObject({ code: 'CHANNEL_CLOSED' })
  expect(await Promise.all([all(a), all(b)])).toEqual([
    [1, 2],
    [1, 2],
  ])
  expect(published.map(p => p.outcome)).toEqual([undefined, undefined])
  for (const options of [{}, { capacity: 1 }, { capacity: 1, overflow: 'latest' as const }]) {
    expect(await outcome(news.subscribe(options).next())).toEqual({ done: true, value: undefined })
  }
  expect(news.size).toBe(0)
})

test('a close behind a publish is done as soon as that is delivered, for every subscriber', async () => {
  const news = broadcast<number>()
  const [slow, quick] = [news.subscribe(), news.subscribe({ capacity: 1, overflow: 'latest' })]
  news.publish(1).then()
  news.close()
  const received = watch(quick.receive())
  const after = watch(quick.next())
  await idle()
  expect([received.outcome, after.outcome]).toEqual(['pending', 'pending'])
  expect(await slow.receive()).toBe(1)
  await idle()
  expect([received.outcome, after.outcome]).toEqual([1, { done: true, value: undefined }])
})

test('close(error) gives every subscriber the error', async () => {
  const news = broadcast<number>()
  const failure = new Error('failure')
  const subscribers = [
    news.subscribe({ capacity: 1 }),
    news.subscribe({ capacity: 1, overflow: 'latest' }),
    news.subscribe(),
  ]
  news.close(failure)
  for (const subscriber of subscribers) expect(await rejection(subscriber.receive())).toBe(failure)
})

test('a receiver that lost a select has not taken a value from anybody', async () => {
  const news = broadcast<number>()
  const [a, b] = [news.subscribe(), news.subscribe()]
  const gate = channel<number>()
  const chosen = watch(select({ a: a.receive(), gate: gate.receive() }))
  await idle()
  gate.trySend(0)
  await idle()
  expect(chosen.outcome).toMatchObject({ key: 'gate' })
  const published = watch(news.publish(1))
  const other = watch(b.receive())
  await idle()
  expect([published.outcome, other.outcome]).toEqual(['pending', 'pending'])
  expect(await a.receive()).toBe(1)
  await idle()
  expect([published.outcome, other.outcome]).toEqual([undefined, 1])
})

test('one select on two subscriptions: neither loses a value', async () => {
  for (const order of ['publish first', 'select first']) {
    const news = broadcast<number>()
    const [a, b] = [news.subscribe(), news.subscribe()]
    const published: { outcome: unknown }[] = []
    const publish = () => {
      for (const n of [1, 2]) published.push(watch(news.publish(n)))
    }
    const seen: Record<string, number[]> = { a: [], b: [] }
    const consume = () =>
      go(function* () {
        for (let i = 0; i < 4; i++) {
          const { key, value } = yield* select({ a: a.receive(), b: b.receive() })
          seen[key]!.push(value)
        }
      })
    if (order === 'publish first') publish()
    const consumer = consume()
    await idle()
    if (order === 'select first') publish()
    await idle()
    await consumer.kill()
    // A value may wait for both to have room for ever, but it must never reach one subscriber alone and be gone.
    const delivered = published.filter(p => p.outcome === undefined).length
    expect({ order, a: seen.a!.length, b: seen.b!.length }).toEqual({ order, a: delivered, b: delivered })
  }
})

test('a select never pairs its publish with its own receive', async () => {
  const news = broadcast<number>()
  const [a, b] = [news.subscribe(), news.subscribe()]
  const chosen = watch(select({ publish: news.publish(1), receive: a.receive() }))
  await idle()
  expect(chosen.outcome).toBe('pending')
  // Now the only subscriber left has a receiver that waits: the publisher's own.
  b.cancel()
  await idle()
  expect(chosen.outcome).toBe('pending')
  expect(await outcome(a.receive())).toBe(1)
  expect(chosen.outcome).toEqual({ key: 'publish', value: undefined })
  const later = [watch(a.receive()), watch(a.receive())]
  await news.publish(2)
  await news.publish(3)
  await idle()
  expect(later.map(each => each.outcome)).toEqual([2, 3])
})

test('one who takes a value may receive, publish, subscribe and close in the middle of the delivery', async () => {
  const news = broadcast<number>()
  const [a, b] = [news.subscribe({ capacity: 1 }), news.subscribe({ capacity: 1 })]
  const log: unknown[] = []
  // As a bridge does that hands values to callbacks.
  const receive = () => {
    const next = a.next().node()
    const wake = () => {
      const { value } = next.take()
      log.push(value)
      if (value === 1) {
        news
          .publish(2)
          .node()
          .performFor({ wake: () => log.push('published 2') })
        log.push(news.subscribe({ capacity: 5 }))
      }
      if (value === 2) news.close()
      if (value !== undefined) receive()
    }
    next.performFor({ wake })
  }
  receive()
  await news.publish(1)
  await idle()
  const late = log[1] as Receiver<number>
  expect(log).toEqual([1, late])
  expect(await all(b)).toEqual([1, 2])
  expect(log).toEqual([1, late, 2, 'published 2', undefined])
  expect(await all(late)).toEqual([2])
})

test('a receiver behind the one of the publisher is room all the same', async () => {
  const news = broadcast<number>()
  const [a, b] = [news.subscribe(), news.subscribe()]
  const chosen = watch(select({ publish: news.publish(1), receive: a.receive() }))
  const behind = watch(a.receive())
  await idle()
  expect(chosen.outcome).toBe('pending')
  const last = watch(b.receive())
  await idle()
  expect([chosen.outcome, behind.outcome, last.outcome]).toEqual([{ key: 'publish', value: undefined }, 1, 1])
})

test.each([
  [{ capacity: -1 }],
  [{ capacity: 1.5 }],
  [{ overflow: 'newest' as never }],
  [{ capacity: 0, overflow: 'latest' as const }],
  [{ capacity: 0, overflow: 'drop-oldest' as const }],
])('subscribe(%j) is refused', options => {
  expect(() => broadcast().subscribe(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  expect(broadcast().size).toBe(0)
})

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = []
  for await (const value of source) values.push(value)
  return values
}

test('a close that waited for a publish happens when that publish is withdrawn', async () => {
  const news = broadcast<number>()
  const blocking = news.subscribe()
  const dropping = news.subscribe({ capacity: 1, overflow: 'latest' })
  const publisher = go(() => news.publish(1))
  await idle()
  news.close()
  await publisher.kill()
  await idle()
  expect(blocking.tryReceive()).toEqual({ ok: false, done: true })
  expect(dropping.tryReceive()).toEqual({ ok: false, done: true })
})

test('a delivery that makes a select withdraw another publish happens once', async () => {
  const news = broadcast<number>()
  const [a, b] = [news.subscribe({ capacity: 1 }), news.subscribe({ capacity: 1 })]
  await news.publish(0)
  await a.receive()
  const published = watch(news.publish(1))
  const chosen = watch(select({ receive: a.receive(), publish: news.publish(2) }))
  await idle()
  expect([published.outcome, chosen.outcome]).toEqual(['pending', 'pending'])
  expect(b.tryReceive()).toEqual({ ok: true, value: 0 })
  await idle()
  expect([published.outcome, chosen.outcome]).toEqual([undefined, { key: 'receive', value: 1 }])
  expect(b.tryReceive()).toEqual({ ok: true, value: 1 })
  expect([a.tryReceive(), b.tryReceive()]).toEqual(Array(2).fill({ ok: false, done: false }))
})
