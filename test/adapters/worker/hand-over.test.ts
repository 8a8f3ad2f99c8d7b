/** A port that was read from already goes to another thread, or to another bridge. */
import { once } from 'node:events'
import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import * as worker from '../../../src/adapters/worker/index.js'
import { channel, type Receiver } from '../../../src/core/index.js'
import { meantWarnings } from '../../warnings.js'
import { turns, watch } from '../support.js'
import { end, startThread } from './start.js'

meantWarnings(/"port" ended with an error that no receiver got/)

let thread: Worker
beforeAll(() => {
  thread = startThread('peer.ts', 'take')
})
afterAll(() => end(thread))

/** A channel with numbers in it, that ends. */
function numbers(from: number, to: number): Receiver<number> {
  const ch = channel<number>(to - from)
  for (let n = from; n < to; n++) ch.trySend(n)
  ch.close()
  return ch
}

/** Has the other thread take a port over, and gives what its bridge of the topic receives there. */
async function takenOver(port: MessagePort, topic: string): Promise<unknown> {
  const [answer] = await Promise.all([once(thread, 'message'), thread.postMessage({ take: port, topic }, [port])])
  return answer[0]
}

test('a bridge goes on in the thread that a port was sent to, after another one has ended here', async () => {
  const { port1, port2 } = new MessageChannel()
  const first = watch(worker.drainTo(numbers(0, 3), port1, { topic: 'first' }))
  // It offers its values before anybody wants them.
  const second = watch(worker.drainTo(numbers(3, 9), port1, { topic: 'second' }))
  const here: number[] = []
  for await (const n of worker.toChannel<number>(port2, { topic: 'first' })) here.push(n)
  await turns()
  expect([here, first.outcome, second.outcome]).toEqual([[0, 1, 2], 'ended', 'pending'])
  expect(await takenOver(port2, 'second')).toEqual({ taken: [3, 4, 5, 6, 7, 8] })
  await turns()
  expect(second.outcome).toBe('ended')
  port1.close()
})

test('a receiver that leaves here lets the other thread begin anew', async () => {
  const { port1, port2 } = new MessageChannel()
  const values = worker.toChannel<number>(port2, { topic: 'same', capacity: 1 })
  const drained = watch(worker.drainTo(numbers(0, 5), port1, { topic: 'same' }))
  expect(await values.receive()).toBe(0)
  values.cancel()
  while (drained.outcome === 'pending') await turns()
  expect(drained.outcome).toBe('left')
  watch(worker.drainTo(numbers(5, 8), port1, { topic: 'same' }))
  expect(await takenOver(port2, 'same')).toEqual({ taken: [5, 6, 7] })
  port1.close()
})

test('a port of which messages were read by a listener, or one by one, goes to a bridge', async () => {
  const { port1, port2 } = new MessageChannel()
  for (const plain of ['one', 'two']) port1.postMessage(plain)
  expect(receiveMessageOnPort(port2)).toEqual({ message: 'one' })
  const listener = jest.fn()
  port2.on('message', listener)
  while (listener.mock.calls.length === 0) await turns()
  port2.off('message', listener)
  expect(listener.mock.calls).toEqual([['two']])
  const drained = watch(worker.drainTo(numbers(0, 3), port1))
  const got: number[] = []
  for await (const n of worker.toChannel<number>(port2)) got.push(n)
  await turns()
  expect([got, drained.outcome]).toEqual([[0, 1, 2], 'ended'])
  port1.close()
})
