/** What happens on a port, with both of its ends in this thread. */
import { EventEmitter } from 'node:events'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { encodeError } from '../../../src/adapters/worker/encoded-error.js'
import * as worker from '../../../src/adapters/worker/index.js'
import { type Channel, channel, SynclessError, TimeoutError } from '../../../src/core/index.js'
import { meantWarnings } from '../../warnings.js'
import { outcome, reported, TestScope, turns, watch } from '../support.js'
import { listeners } from './participant.js'

meantWarnings(/"port" ended with an error that no receiver got/)

let port1: MessagePort
let port2: MessagePort
beforeEach(() => {
  ;({ port1, port2 } = new MessageChannel())
})
afterEach(async () => {
  port1.close()
  await turns()
})

const filled = (...values: unknown[]): Channel<unknown> => {
  const ch = channel<unknown>(values.length + 1)
  for (const value of values) ch.trySend(value)
  return ch
}

/** What an error becomes on its way. */
async function journey(error: unknown): Promise<unknown> {
  const ch = channel()
  ch.close(error)
  watch(worker.drainTo(ch, port1))
  return outcome(worker.toChannel(port2).receive())
}

test('either side may be there first', async () => {
  for (const first of ['sender', 'receiver']) {
    // A listener keeps the port from keeping messages for who comes later, as a Worker does.
    const ports = new MessageChannel()
    ports.port1.on('message', () => {})
    ports.port2.on('message', () => {})
    let received = first === 'receiver' ? watch(worker.toChannel(ports.port2).receive()) : null
    await turns()
    const ch = filled('value')
    const drained = watch(worker.drainTo(ch, ports.port1))
    ch.close()
    await turns()
    received ??= watch(worker.toChannel(ports.port2).receive())
    await turns()
    expect([first, received.outcome, drained.outcome]).toEqual([first, 'value', 'ended'])
    ports.port1.close()
  }
  await turns()
})

test('nothing is taken from the channel before somebody is there to receive', async () => {
  const ch = filled(1, 2)
  const drained = watch(worker.drainTo(ch, port1))
  await turns()
  expect(ch.buffered).toBe(2)
  const values = worker.toChannel(port2, { capacity: 1 })
  await turns()
  expect([ch.buffered, values.statistics().buffered]).toEqual([1, 1])
  values.cancel()
  await turns()
  expect(drained.outcome).toBe('left')
})

test('with capacity 0 a value crosses when somebody receives', async () => {
  const ch = filled(1, 2)
  watch(worker.drainTo(ch, port1))
  const values = worker.toChannel(port2, { capacity: 0 })
  await turns()
  expect(ch.buffered).toBe(2)
  expect(await values.receive()).toBe(1)
  await turns()
  expect([ch.buffered, values.statistics().buffered]).toEqual([1, 0])
  values.cancel()
  await turns()
})

test('a value for a receiver that has left is kept for the next one', async () => {
  const ch = channel<number>()
  watch(worker.drainTo(ch, port1))
  const values = worker.toChannel<number>(port2, { capacity: 0 })
  const request = new TestScope()
  const reader = request.go(() => values.receive()[Symbol.iterator]() as never)
  await turns()
  reader.kill()
  await turns()
  await ch.send(7)
  await turns()
  expect(values.statistics().buffered).toBe(1)
  expect(await values.receive()).toBe(7)
  ch.close()
  expect(await values.next()).toEqual({ done: true, value: undefined })
})

test('one message allows many values', async () => {
  let allowed = 0
  port1.on('message', (message: { kind: string }) => {
    if (message.kind === 'allow') allowed++
  })
  const ch = channel<number>(1000)
  for (let n = 0; n < 1000; n++) ch.trySend(n)
  ch.close()
  const drained = worker.drainTo(ch, port1)
  let received = 0
  for await (const _ of worker.toChannel(port2, { capacity: 64 })) received++
  expect([received, await drained]).toEqual([1000, 'ended'])
  expect(allowed).toBeLessThan(1000 / 20)
})

test('drainTo has ended when the other side has got everything', async () => {
  const ch = filled(1)
  ch.close()
  const drained = watch(worker.drainTo(ch, port1))
  const values = worker.toChannel(port2)
  await turns()
  expect(drained.outcome).toBe('ended')
  port1.close()
  await turns()
  expect([await values.receive(), await values.next()]).toEqual([1, { done: true, value: undefined }])
})

test('a port has one bridge a direction for each topic, and topics do not mix', async () => {
  const [a, b] = [filled('a'), filled('b')]
  watch(worker.drainTo(a, port1, { topic: 'a' }))
  watch(worker.drainTo(b, port1, { topic: 'b' }))
  const taken = expect.objectContaining({ code: 'ALREADY_CONSUMED' })
  const free = channel()
  expect(() => worker.drainTo(free, port1, { topic: 'a' })).toThrow(taken)
  const both = [worker.toChannel(port2, { topic: 'b' }), worker.toChannel(port2, { topic: 'a' })]
  expect(() => worker.toChannel(port2, { topic: 'a' })).toThrow(taken)
  expect(() => worker.connect(port2, { topic: 'a' })).toThrow(taken)
  // The other directions are free, and so is the channel that was refused.
  const back = worker.toChannel(port1, { topic: 'a' })
  watch(worker.drainTo(free, port2, { topic: 'a' }))
  free.trySend('back')
  expect([await both[0]?.receive(), await both[1]?.receive(), watch(back.receive())]).toMatchObject(['b', 'a', {}])
  a.close()
  b.close()
  free.close()
  await turns()
  expect([listeners(port1), listeners(port2)]).toEqual([0, 0])
})

test('bridges may follow one another on a port', async () => {
  for (let round = 0; round < 5; round++) {
    const ch = channel<number>(8)
    for (let n = 0; n < 8; n++) ch.trySend(round * 10 + n)
    const drained = watch(worker.drainTo(ch, port1))
    const values = worker.toChannel<number>(port2, { capacity: 8 })
    expect(await values.receive()).toBe(round * 10)
    if (round % 2 === 0) values.cancel()
    else ch.close()
    // At once: what is still under way for the last one is not for the next one.
    if (round % 2 === 0) {
      const next = worker.toChannel<number>(port2, { capacity: 8 })
      await turns()
      expect([drained.outcome, next.statistics().buffered]).toEqual(['left', 0])
      next.cancel()
    }
    await turns()
  }
  expect([listeners(port1), listeners(port2)]).toEqual([0, 0])
})

test('the close of a port, on either side, is PEER_GONE, also for bridges that come later', async () => {
  for (const near of [true, false]) {
    const ports = new MessageChannel()
    const ch = channel()
    const drained = watch(worker.drainTo(ch, ports.port1))
    const values = watch(worker.toChannel(ports.port1).receive())
    await turns()
    if (near) ports.port1.close()
    else ports.port2.close()
    await turns()
    expect([drained.outcome, values.outcome]).toMatchObject([{ code: 'PEER_GONE' }, { code: 'PEER_GONE' }])
    expect(await outcome(ch.send(1))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: { code: 'PEER_GONE' } })
    expect(await outcome(worker.toChannel(ports.port1).receive())).toMatchObject({ code: 'PEER_GONE' })
    expect(await outcome(worker.drainTo(channel(), ports.port1))).toMatchObject({ code: 'PEER_GONE' })
    expect(listeners(ports.port1)).toBe(0)
  }
})

test('what cannot be copied fails the bridge on both sides', async () => {
  const ch = filled(() => {})
  const values = watch(worker.toChannel(port2).receive())
  const drained = await outcome(worker.drainTo(ch, port1))
  await turns()
  expect([drained, values.outcome]).toMatchObject([{ name: 'DataCloneError' }, { name: 'DataCloneError' }])
  expect(await outcome(ch.send(1))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: drained })
})

test('a message that cannot be read fails what is received, and the other side is told', async () => {
  const ch = channel()
  const drained = watch(worker.drainTo(ch, port1))
  const values = watch(worker.toChannel(port2).receive())
  await turns()
  const unreadable = new Error('unreadable')
  port2.emit('messageerror', unreadable)
  await turns()
  expect([values.outcome, drained.outcome]).toEqual([unreadable, 'left'])
})

test('a transfer that throws, or gives no list, fails the drain', async () => {
  const failure = new Error('failure')
  const answers: [() => unknown, unknown][] = [
    [
      () => {
        throw failure
      },
      failure,
    ],
    [async () => [], expect.objectContaining({ code: 'INVALID_ARGUMENT' })],
    [() => 'buffer', expect.objectContaining({ code: 'INVALID_ARGUMENT' })],
  ]
  for (const [transfer, expected] of answers) {
    const { port1, port2 } = new MessageChannel()
    const values = channel<number>(1)
    const received = worker.toChannel(port2, { capacity: 1 })
    const drained = worker.drainTo(values, port1, { transfer: transfer as () => [] })
    const failing = drained.then(null, (error: unknown) => error)
    await values.send(1)
    await expect(received.receive()).rejects.toThrow()
    expect(await failing).toEqual(expected)
    port1.close()
  }
})

test('transfers what it is told to', async () => {
  const bytes = new Uint8Array([1, 2, 3])
  const { outgoing } = worker.connect<never, Uint8Array<ArrayBuffer>>(port1, { transfer: ({ buffer }) => [buffer] })
  const values = worker.toChannel<Uint8Array>(port2)
  await outgoing.send(bytes)
  expect([...(await values.receive()), bytes.byteLength]).toEqual([1, 2, 3, 0])
  outgoing.close()
  expect(await values.next()).toEqual({ done: true, value: undefined })
})

test('errors come back as what they were, as far as a copy can', async () => {
  const timeout = await journey(new TimeoutError(5, 'waiting'))
  expect(timeout).toBeInstanceOf(SynclessError)
  expect(timeout).toMatchObject({ code: 'TIMEOUT', ms: 5, message: 'waiting took longer than 5 ms' })
  expect(await journey(new RangeError('range'))).toBeInstanceOf(RangeError)
  class HttpError extends Error {
    override name = 'HttpError'
    status = 404
    request = { url: '/' }
  }
  const http = await journey(new HttpError('not found'))
  expect(http).toBeInstanceOf(Error)
  expect(http).toMatchObject({ name: 'HttpError', message: 'not found', status: 404 })
  expect(http).not.toHaveProperty('request')
  const all = (await journey(new AggregateError([new TypeError('one'), 'two'], 'both'))) as AggregateError
  expect(all).toBeInstanceOf(AggregateError)
  expect(all.errors).toMatchObject([{ name: 'TypeError', message: 'one' }, 'two'])
  const cyclic = new Error('cyclic')
  cyclic.cause = cyclic
  expect(await journey(cyclic)).toMatchObject({ message: 'cyclic', cause: { cause: { message: 'cyclic' } } })
  expect([await journey('text'), await journey(Symbol('sign')), await journey(null)]).toEqual([
    'text',
    'Symbol(sign)',
    null,
  ])
})

test('a code of this package makes no error of this package', async () => {
  const foreign = Object.assign(new Error('slow'), { name: 'PoolError', code: 'TIMEOUT' })
  const error = await journey(foreign)
  expect(error).not.toBeInstanceOf(SynclessError)
  expect(error).toMatchObject({ name: 'PoolError', code: 'TIMEOUT', message: 'slow' })
})

test.each(['name', 'message', 'stack', 'cause', 'errors', 'code', 'detail'])(
  'a getter that throws loses one property, and no other: %s',
  async property => {
    const known: Record<string, unknown> = {
      name: 'Known',
      message: 'it failed',
      cause: new RangeError('because'),
      code: 'E_KNOWN',
      detail: 'more',
      other: 7,
    }
    const error = Object.assign(new Error('it failed', { cause: known.cause }), known, { errors: undefined })
    Object.defineProperty(error, property, {
      enumerable: true,
      get() {
        throw new Error('not for you')
      },
    })
    const received = (await journey(error)) as Record<string, unknown>
    expect(received).toBeInstanceOf(Error)
    for (const [key, value] of Object.entries(known)) {
      if (key === 'cause' && property !== key) expect(received.cause).toMatchObject({ message: 'because' })
      else if (key !== property) expect(received[key]).toBe(value)
    }
    if (property === 'stack') expect(received.stack).toBe('Known: it failed')
    else if (property in known && property !== 'name' && property !== 'message')
      expect(received).not.toHaveProperty(property)
  },
)

test('an error that cannot be read, and one with the names of what all objects have, cross as well', async () => {
  const refuses = () => {
    throw new Error('not for you')
  }
  const unreadable = new Proxy(new Error('secret'), { get: refuses, getPrototypeOf: refuses, ownKeys: refuses })
  expect(encodeError(unreadable)).toEqual({ value: 'an error that cannot be read' })
  const odd = new Error('odd')
  odd.name = 'constructor'
  Object.defineProperty(odd, '__proto__', { value: null, enumerable: true })
  const error = await journey(odd)
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'constructor', message: 'odd' })
  expect(Object.getPrototypeOf(error)).toBe(Error.prototype)
})

test('a reason crosses as an error does; an exit, which is for one tasklet alone, does not', async () => {
  for (const [reason, seen] of [
    ['enough', 'enough'],
    [new RangeError('range'), { name: 'RangeError', message: 'range' }],
    [undefined, undefined],
  ]) {
    const ch = channel()
    const drained = watch(worker.drainTo(ch, port1))
    const values = worker.toChannel(port2)
    await turns()
    values.cancel(reason)
    const { by, ...end } = await ch.ended
    expect([by, 'reason' in end && end.reason]).toMatchObject(['cancel', seen])
    await turns()
    if (reason instanceof Error) expect(drained.outcome).toMatchObject({ name: 'RangeError' })
    else expect(drained.outcome).toBe('left')
  }
})

test('other messages are not touched', async () => {
  const seen: unknown[] = []
  port2.on('message', message => {
    if (!worker.isBridgeMessage(message)) seen.push(message)
  })
  const values = worker.toChannel(port2)
  const others = [1, null, 'text', { kind: 'value', id: 1 }, { syncless: 'other' }]
  for (const other of others) port1.postMessage(other)
  await turns()
  expect([seen, values.statistics().buffered]).toEqual([others, 0])
  values.cancel()
  await turns()
})

test('refuses wrong options', () => {
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  const bridges: ((port: MessagePort, options: never) => unknown)[] = [
    worker.toChannel,
    worker.connect,
    (port: MessagePort, o: object) => worker.drainTo(channel(), port, o),
  ]
  for (const bridge of bridges) {
    expect(() => bridge(port1, { topic: 5 } as never)).toThrow(invalid)
    expect(() => bridge(port1, null as never)).toThrow(invalid)
  }
  expect(() => worker.connect(port1, { capacity: -1 })).toThrow(invalid)
  expect(listeners(port1)).toBe(0)
})

test('a receiver that has come and left does not end the bridge that comes next', async () => {
  const left = worker.toChannel(port2)
  left.cancel()
  const tells = watch(worker.drainTo(filled(1), port1))
  await turns()
  expect(tells.outcome).toBe('pending')
  expect(await worker.toChannel(port2).receive()).toBe(1)
})

test('a sender that is there is told of a receiver that leaves before it has heard of it', async () => {
  const drained = watch(worker.drainTo(filled(1), port1))
  worker.toChannel(port2).cancel()
  await turns()
  expect(drained.outcome).toBe('left')
})

test('a bridge keeps the process alive as any listener on the port does, and no longer', async () => {
  const held = () => process.getActiveResourcesInfo().filter(kind => kind === 'MessagePort').length
  const before = held()
  const values = worker.toChannel(port1)
  expect(held() - before).toBe(1)
  const drained = watch(worker.drainTo(channel(), port1))
  expect(held() - before).toBe(1)
  port1.unref()
  expect(held() - before).toBe(0)
  // What comes later does not hold it again: the port is listened to already.
  watch(worker.toChannel(port1, { topic: 'other' }).next())
  expect(held() - before).toBe(0)
  port1.ref()
  port2.close()
  await turns()
  expect([held() - before, drained.outcome]).toMatchObject([0, { code: 'PEER_GONE' }])
  values.cancel()
  const ports = new MessageChannel()
  worker.toChannel(ports.port1).cancel()
  expect(held() - before).toBe(0)
})

/** A message of a bridge, as the other side would send it. */
const frame = (fields: object) => ({ syncless: 'bridge', topic: '', ...fields })

test('drainTo waits until the other side says that it has the end', async () => {
  const kinds: string[] = []
  let sender = 0
  port2.on('message', (message: { kind: string; sender: number }) => {
    kinds.push(message.kind)
    sender = message.sender
    if (message.kind === 'hello') port2.postMessage(frame({ kind: 'allow', sender, receiver: 1, total: 1 }))
  })
  const ch = filled('value')
  ch.close()
  const drained = watch(worker.drainTo(ch, port1))
  await turns()
  // The end is no value, but it waits for leave to send as well: nobody would take it before.
  expect([kinds, drained.outcome]).toEqual([['hello', 'value'], 'pending'])
  port2.postMessage(frame({ kind: 'allow', sender, receiver: 1, total: 2 }))
  await turns()
  expect([kinds, drained.outcome]).toEqual([['hello', 'value', 'end'], 'pending'])
  port2.postMessage(frame({ kind: 'done', sender, receiver: 1 }))
  await turns()
  expect(drained.outcome).toBe('ended')
})

test('what is still under way from an earlier bridge is not heard', async () => {
  const ch = filled('value')
  watch(worker.drainTo(ch, port1))
  const values = worker.toChannel(port2)
  expect(await values.receive()).toBe('value')
  const error = { value: 'an old error' }
  port1.postMessage(frame({ kind: 'fail', sender: 1, receiver: null, error }))
  port1.postMessage(frame({ kind: 'value', sender: 1, receiver: null, value: 'old' }))
  port2.postMessage(frame({ kind: 'cancel', sender: 1, receiver: 1, at: 0, reason: error }))
  port2.postMessage(frame({ kind: 'done', sender: 1, receiver: 1 }))
  await turns()
  expect([ch.closed, values.statistics().buffered]).toEqual([false, 0])
  ch.close()
  expect(await values.next()).toEqual({ done: true, value: undefined })
})

test('the exit of a killed consumer does not cross: the channel is left, without a reason', async () => {
  const ch = channel()
  const drained = watch(worker.drainTo(ch, port1))
  const values = worker.toChannel(port2)
  const reader = new TestScope().go(() => values.each(() => {}))
  await turns()
  reader.kill()
  expect(await ch.ended).toEqual({ by: 'cancel', reason: undefined })
  await turns()
  expect(drained.outcome).toBe('left')
})

test('what only looks like a message of a bridge is none: nothing minds it', async () => {
  const ch = filled('value')
  const drained = watch(worker.drainTo(ch, port1))
  const values = worker.toChannel(port2)
  expect(await values.receive()).toBe('value')
  const forged = [
    { syncless: 'bridge' },
    ...[{ kind: 'value' }, { kind: 'fail', sender: 1, receiver: null }, { kind: 'constructor' }].map(frame),
    ...[
      { kind: 'allow', sender: 1, receiver: 1, total: Number.NaN },
      { kind: 'cancel', sender: 1, receiver: 1 },
    ].map(frame),
  ]
  for (const message of forged) {
    expect(worker.isBridgeMessage(message)).toBe(false)
    port1.postMessage(message)
    port2.postMessage(message)
  }
  await turns()
  expect([drained.outcome, values.statistics().buffered]).toEqual(['pending', 0])
  values.cancel()
  await turns()
  expect(drained.outcome).toBe('left')
})

test('an error that is forged in its parts is an error all the same', async () => {
  const values = worker.toChannel(port2)
  const error = { name: 'RangeError', message: {}, stack: 7, errors: 5, cause: { name: 3 }, more: [1, {}] }
  port1.postMessage(frame({ kind: 'hello', sender: 1, receiver: null }))
  port1.postMessage(frame({ kind: 'fail', sender: 1, receiver: null, error }))
  const failed = await outcome(values.receive())
  expect(failed).toBeInstanceOf(RangeError)
  expect(failed).toMatchObject({ cause: undefined })
})

test('a sender that does not wait for leave ends with OVERFLOW, after what was allowed, and is told', async () => {
  const kinds: string[] = []
  let receiver = 0
  port1.on('message', (message: { kind: string; receiver: number }) => {
    kinds.push(message.kind)
    receiver = message.receiver
  })
  const values = worker.toChannel(port2, { capacity: 2 })
  await turns()
  port1.postMessage(frame({ kind: 'hello', sender: 1, receiver: null }))
  for (const value of [1, 2, 3, 4]) port1.postMessage(frame({ kind: 'value', sender: 1, receiver, value }))
  await turns()
  expect([await values.receive(), await values.receive()]).toEqual([1, 2])
  expect(await outcome(values.receive())).toMatchObject({ code: 'OVERFLOW' })
  await turns()
  expect(kinds).toEqual(['here', 'allow', 'cancel'])
})

test('a value that was taken in the turn in which the other side goes is counted as dropped', async () => {
  const ch = channel<number>()
  const drained = watch(worker.drainTo(ch, port1))
  const values = worker.toChannel(port2)
  await turns()
  expect(ch.balance).toBe(-1)
  ch.trySend(1)
  // As when it comes in the very turn.
  port1.emit('close', new Event('close'))
  await turns()
  expect([drained.outcome, ch.statistics().dropped]).toMatchObject([{ code: 'PEER_GONE' }, 1])
  values.cancel()
})

test('the error of a worker whose bridges end before it does is reported', async () => {
  const thread = Object.assign(new EventEmitter(), { threadId: 1, postMessage() {} })
  const failure = new Error('a bug over there')
  const warnings: string[][] = []
  for (const how of ['well', 'failed', 'failed, and listened to']) {
    const seen = await reported(async () => {
      const values = worker.toChannel(thread as never)
      if (how.endsWith('listened to')) thread.on('error', () => {})
      if (how !== 'well') thread.emit('error', failure)
      values.cancel()
    })
    warnings.push(seen)
  }
  expect(warnings).toEqual([[], [expect.stringContaining('a bug over there')], []])
})

test('a worker of node:cluster is refused: its process is the port', () => {
  const like = Object.assign(new EventEmitter(), { send() {}, isConnected: () => true })
  expect(() => worker.toChannel(like as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
