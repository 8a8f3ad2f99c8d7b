/** After Syncless' queue_test.py. */
import { main, Queue, run, schedule, tasklet } from '../../src/stackless/index.js'
import { everywhere } from './support.js'

function* worker(queue: Queue<unknown>, take: 'pop' | 'popleft', name: number, events: unknown[]) {
  for (;;) {
    const item = yield* queue[take]()
    events.push([name, item])
    if (!item) return
  }
}

test('testEmptyQueue', () => {
  expect([...new Queue()]).toEqual([])
  expect(new Queue().length).toBe(0)
})

everywhere('testNonBlockingQueue', function* () {
  const queue = new Queue([55, 66])
  expect(queue.length).toBe(2)
  yield* queue.append(77)
  expect([queue.length, yield* queue.pop(), queue.length]).toEqual([3, 77, 2])
  expect([yield* queue.popleft(), queue.length]).toEqual([55, 1])
  expect([yield* queue.popleft(), queue.length]).toEqual([66, 0])
  yield* queue.appendleft(88)
  yield* queue.appendleft(99)
  expect([...queue]).toEqual([99, 88])
  expect([...queue]).toEqual([99, 88])
})

for (const [name, take, last] of [
  ['testBlockingQueue', 'popleft', [0, null]],
  ['testBlockingQueueReverse', 'pop', [null, 0]],
] as const) {
  everywhere(name, function* () {
    const events: unknown[] = []
    const queue = new Queue<unknown>()
    new tasklet(worker).setup(queue, take, 1, events)
    new tasklet(worker).setup(queue, take, 2, events)
    expect(queue.pendingReceiverCount).toBe(0)
    yield* schedule()
    expect([queue.pendingReceiverCount, events]).toEqual([2, []])
    yield* queue.append('foo')
    expect([queue.length, events]).toEqual([1, []])
    yield* schedule()
    expect([queue.length, events]).toEqual([0, [[1, 'foo']]])
    yield* queue.append('bar')
    expect(queue.length).toBe(1)
    yield* schedule()
    expect([queue.length, queue.pending_receiver_count, events.at(-1)]).toEqual([0, 2, [2, 'bar']])
    yield* queue.append(0)
    yield* queue.append(null)
    expect([queue.length, queue.pendingReceiverCount]).toEqual([2, 0])
    yield* schedule()
    expect(events.slice(2)).toEqual([
      [1, last[0]],
      [2, last[1]],
    ])
    expect([queue.length, queue.pendingReceiverCount]).toEqual([0, 0])
  })
}

everywhere('with preference -1 the receiver goes on at once', function* () {
  const events: unknown[] = []
  const queue = new Queue<string>([], -1)
  const t = new tasklet(function* () {
    events.push(yield* queue.popleft())
  }).setup()
  yield* t.run()
  yield* queue.append('now')
  expect(events).toEqual(['now'])
})

everywhere('appendleft wakes a receiver too', function* () {
  const events: unknown[] = []
  const queue = new Queue<string>()
  new tasklet(function* () {
    events.push(yield* queue.pop())
  }).setup()
  yield* schedule()
  yield* queue.appendleft('x')
  yield* run()
  expect(events).toEqual(['x'])
})

test('a long queue is quick at both ends', async () => {
  await main(function* () {
    const queue = new Queue<number>()
    for (let i = 0; i < 20_000; i++) yield* queue.append(i)
    for (let i = 0; i < 20_000; i++) if ((yield* queue.popleft()) !== i) throw new Error('out of order')
  })
})
