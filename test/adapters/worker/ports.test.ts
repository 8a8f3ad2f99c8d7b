/** Real threads and processes at the other side. */
import * as worker from '../../../src/adapters/worker/index.js'
import { channel, type SynclessError } from '../../../src/core/index.js'
import { turns } from '../support.js'
import { end, listeners, type Other, say, startProcess, startThread, stop } from './start.js'

const kinds: readonly (readonly [string, (task: string) => Other])[] = [
  ['a worker', task => startThread('peer.ts', task)],
  ['a process', task => startProcess('peer.ts', task, 'advanced')],
  ['a process that speaks JSON', task => startProcess('peer.ts', task)],
]

/** The messages that are none of a bridge. */
function heard(port: Other): Record<string, unknown>[] {
  const messages: Record<string, unknown>[] = []
  port.on('message', (message: Record<string, unknown>) => {
    if (!worker.isBridgeMessage(message)) messages.push(message)
  })
  return messages
}

async function eventually(holds: () => boolean): Promise<void> {
  const start = Date.now()
  while (!holds() && Date.now() - start < 30_000) await new Promise(resolve => setTimeout(resolve, 2))
}

async function failure(work: PromiseLike<unknown>): Promise<SynclessError> {
  return work.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: SynclessError) => error,
  )
}

let other: Other | null = null
afterEach(async () => {
  const left = other
  other = null
  if (left !== null) await end(left)
})

describe.each(kinds)('%s', (_name, start) => {
  test('carries everything both ways, in order, and the end', async () => {
    other = start('echo')
    const before = listeners(other)
    const { incoming, outgoing } = worker.connect<number, number>(other, { capacity: 8 })
    const sending = (async () => {
      for (let n = 0; n < 1000; n++) await outgoing.send(n)
      outgoing.close()
    })()
    const seen: number[] = []
    for await (const n of incoming) seen.push(n)
    await sending
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, n) => n))
    const port = other
    await eventually(() => listeners(port) === before)
    expect(listeners(port)).toBe(before)
  })

  test('sends no more than it is allowed', async () => {
    other = start('count')
    const told = heard(other)
    const sent = () => Number(told.findLast(message => 'sent' in message)?.sent ?? 0)
    const values = worker.toChannel<number>(other, { capacity: 4 })
    await eventually(() => values.statistics().buffered === 4)
    await turns(50)
    // One of them waits in the channel over there, with its sender.
    expect(sent()).toBeLessThanOrEqual(5)
    for (let n = 0; n < 20; n++) {
      expect(await values.receive()).toBe(n)
      expect(values.statistics().buffered).toBeLessThanOrEqual(4)
    }
    await turns(50)
    expect(sent()).toBeLessThanOrEqual(25)
    values.cancel()
    await eventually(() => told.some(message => 'how' in message))
    expect(told.at(-1)).toEqual({ how: 'left' })
  })

  test('carries an error, with its name, message, stack, code and causes', async () => {
    other = start('fail')
    const told = heard(other)
    const values = worker.toChannel<number>(other)
    expect(await values.receive()).toBe(1)
    const error = await failure(values.receive())
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ name: 'TypeError', message: 'failure over there', code: 'EFAIL' })
    expect(error.stack).toContain('peer.ts')
    expect(error.cause).toMatchObject({ name: 'SynclessError', code: 'TIMEOUT', message: 'too late' })
    await eventually(() => told.length > 0)
    expect(told).toEqual([{ how: 'TypeError', code: 'EFAIL', message: 'failure over there' }])
  })

  test('cancels the channel here, with the reason from there', async () => {
    other = start('leave')
    const numbers = channel<number>()
    const drained = worker.drainTo(numbers, other)
    const refused = (async () => {
      for (let n = 0; ; n++) await numbers.send(n)
    })()
    const failed = await failure(drained)
    expect(failed).toBeInstanceOf(RangeError)
    expect(failed.message).toBe('two are enough')
    expect(await failure(refused)).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failed })
  })

  test.each(['exit', 'throw', 'end'])('ends with PEER_GONE, after what has arrived: %s', async how => {
    other = start('one')
    const port = other
    const before = listeners(port)
    const { incoming, outgoing } = worker.connect<number, number>(port)
    await eventually(() => incoming.statistics().buffered === 1)
    if (how === 'end') stop(port)
    else say(port, { do: how })
    const refused = await failure(outgoing.ended.map(() => outgoing.send(1)).then(send => send))
    expect(refused).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: { code: 'PEER_GONE' } })
    expect(await incoming.receive()).toBe(1)
    const error = await failure(incoming.receive())
    expect(error.code).toBe('PEER_GONE')
    if ('threadId' in port) {
      expect(error.message).toMatch(how === 'exit' ? 'exit code 3' : 'exit code 1')
      if (how === 'throw') expect(error.cause).toMatchObject({ name: 'TypeError', message: 'a bug over there' })
    }
    // A Worker that has ended has dropped those of the test as well.
    expect(listeners(port)).toBeLessThanOrEqual(before)
    // A bridge to what has ended already.
    expect(await failure(worker.toChannel(port).receive())).toMatchObject({ code: 'PEER_GONE' })
    expect(await failure(worker.drainTo(channel(), port))).toMatchObject({ code: 'PEER_GONE' })
    expect(listeners(port)).toBeLessThanOrEqual(before)
  })

  test('leaves other messages on the port alone', async () => {
    other = start('mixed')
    const told = heard(other)
    const { incoming, outgoing } = worker.connect<number, number>(other)
    for (const n of [1, 2, 3]) {
      say(other, { question: n })
      await outgoing.send(n)
      expect(await incoming.receive()).toBe(-n)
    }
    outgoing.close()
    expect(await incoming.next()).toEqual({ done: true, value: undefined })
    await eventually(() => told.length === 3)
    expect(told).toEqual([1, 2, 3].map(question => ({ answer: { question } })))
  })
})
