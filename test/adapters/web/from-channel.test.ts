import * as web from '../../../src/adapters/web/index.js'
import { channel } from '../../../src/core/index.js'
import { all, outcome, producer, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')

test('nothing is received before it is read; then as far ahead as the strategy says', async () => {
  const strategies: [QueuingStrategy<number> | undefined, number][] = [
    [undefined, 0],
    [{ highWaterMark: 3 }, 3],
    [{ highWaterMark: 6, size: () => 2 }, 3],
  ]
  for (const [strategy, ahead] of strategies) {
    const ch = channel<number>()
    const state = producer(ch)
    const reader = web.fromChannel(ch, strategy === undefined ? {} : { strategy }).getReader()
    await turns()
    expect(state.sent).toBe(ahead)
    expect(await reader.read()).toEqual({ done: false, value: 0 })
    await turns()
    expect(state.sent).toBe(ahead + 1)
    await reader.cancel()
  }
})

test('it is the body of a response, encoded', async () => {
  const ch = channel<object>(2)
  ch.trySend({ a: '€' })
  ch.trySend({ b: 2 })
  ch.close()
  expect(await new Response(web.fromChannel(ch, { encode: web.ndjson })).text()).toBe('{"a":"€"}\n{"b":2}\n')
})

test('an encoder that throws errors the stream, and the producer learns why', async () => {
  const ch = channel<number>()
  const sending = watch(ch.send(1).map(() => ch.send(2)))
  const encode = () => {
    throw failure
  }
  expect(await outcome(all(web.fromChannel(ch, { encode })))).toBe(failure)
  await turns()
  expect(sending.outcome).not.toBe('pending')
  expect(await ch.ended).toEqual({ by: 'cancel', reason: failure })
})

test('a cancel reaches the channel in the same turn, with its reason, while a receive is pending', async () => {
  const ch = channel<number>()
  const reader = web.fromChannel(ch).getReader()
  const read = watch(reader.read())
  await turns()
  const left = reader.cancel(failure)
  expect([ch.closed, ch.balance]).toEqual([true, 0])
  await left
  expect(read.outcome).toEqual({ done: true, value: undefined })
  expect(await ch.ended).toEqual({ by: 'cancel', reason: failure })
})

test('the end of its scope errors the stream', async () => {
  const request = new TestScope()
  const stream = request.run(() => web.fromChannel(channel<number>()))
  request.scope.cancel()
  expect(await outcome(all(stream))).toMatchObject({ code: 'SCOPE_CLOSED' })
})

describe('a byte stream', () => {
  test('is read into the buffers of its readers, in order', async () => {
    const ch = channel<Uint8Array>(4)
    for (const bytes of [[1, 2, 3, 4, 5], [], [6], [7, 8]]) ch.trySend(Uint8Array.from(bytes))
    ch.close()
    const reader = web.fromChannel(ch, { type: 'bytes' }).getReader({ mode: 'byob' })
    const seen: number[][] = []
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(3))
      if (done) break
      seen.push([...value])
    }
    expect(seen).toEqual([[1, 2, 3], [4, 5], [6], [7, 8]])
  })

  test('leaves the sender its buffers', async () => {
    const ch = channel<Uint8Array>(1)
    const sent = Buffer.from('mine')
    ch.trySend(sent)
    ch.close()
    const [got] = await all(web.fromChannel(ch, { type: 'bytes' }))
    expect([Buffer.from(got as Uint8Array).toString(), sent.toString()]).toEqual(['mine', 'mine'])
  })

  test('ends and is cancelled while a read is pending', async () => {
    for (const cancel of [false, true]) {
      const ch = channel<Uint8Array>()
      const reader = web.fromChannel(ch, { type: 'bytes' }).getReader({ mode: 'byob' })
      const read = watch(reader.read(new Uint8Array(3)))
      await turns()
      if (cancel) reader.cancel(failure)
      else ch.close()
      expect(ch.closed).toBe(true)
      await turns()
      expect(read.outcome).toMatchObject({ done: true })
    }
  })

  test('reads ahead by bytes', async () => {
    const ch = channel<Uint8Array>()
    let sent = 0
    const sending = (async () => {
      for (;;) {
        await ch.send(new Uint8Array(10))
        sent++
      }
    })().catch(error => error)
    const stream = web.fromChannel(ch, { type: 'bytes', strategy: { highWaterMark: 25 } })
    await turns()
    expect(sent).toBe(3)
    await stream.cancel()
    expect(await sending).toMatchObject({ code: 'CHANNEL_CANCELLED' })
  })

  test('carries bytes only', async () => {
    const ch = channel<string>(1)
    ch.trySend('text')
    expect(await outcome(all(web.fromChannel(ch, { type: 'bytes' })))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
