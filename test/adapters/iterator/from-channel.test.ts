import { Readable } from 'node:stream'
import * as iterator from '../../../src/adapters/iterator/index.js'
import { channel } from '../../../src/core/index.js'
import { outcome, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')
const done = { done: true, value: undefined }

test('next() may be called ahead, and is answered in order', async () => {
  const ch = channel<number>()
  const values = iterator.fromChannel(ch)
  const steps = watch(Promise.all([values.next(), values.next(), values.next()]))
  await ch.send(1)
  await ch.send(2)
  ch.close()
  await turns()
  expect(steps.outcome).toEqual([{ done: false, value: 1 }, { done: false, value: 2 }, done])
  expect(await values.next()).toEqual(done)
})

test('return() ends a pending next(), which has taken nothing, and cancels in the same turn', async () => {
  const ch = channel<number>()
  const values = iterator.fromChannel(ch)
  const pending = watch(Promise.all([values.next(), values.next()]))
  await turns()
  const left = values.return()
  expect([ch.closed, ch.balance]).toEqual([true, 0])
  expect([await left, await values.next()]).toEqual([done, done])
  expect(pending.outcome).toEqual([done, done])
})

test('throw() cancels with its error as the reason', async () => {
  const ch = channel<number>()
  const values = iterator.fromChannel(ch)
  const sending = watch(ch.send(1))
  expect(await outcome(values.throw(failure))).toBe(failure)
  expect(sending.outcome).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
  expect(await values.next()).toEqual(done)
})

test('an error of the channel is thrown once, after what was buffered', async () => {
  const ch = channel<number>(1)
  const values = iterator.fromChannel(ch)
  ch.trySend(1)
  ch.close(failure)
  expect(await values.next()).toEqual({ done: false, value: 1 })
  expect(await outcome(values.next())).toBe(failure)
  expect(await values.next()).toEqual(done)
})

test('an error of the channel is told to every next() that waits', async () => {
  const ch = channel<number>()
  const values = iterator.fromChannel(ch)
  const pending = [watch(values.next()), watch(values.next())]
  await turns()
  ch.close(failure)
  await turns()
  expect(pending.map(({ outcome }) => outcome)).toEqual([failure, failure])
})

test('an error in band is the end: it cancels the channel, and whoever waits behind it is done', async () => {
  const ch = channel<number>()
  const values = iterator.fromChannel(ch)
  const pending = [watch(values.next()), watch(values.next())]
  await turns()
  await ch.sendError(failure)
  expect(await outcome(ch.send(1))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
  expect(pending.map(({ outcome }) => outcome)).toEqual([failure, done])
  expect(await values.next()).toEqual(done)
})

test('what is no signal is refused, and leaves nothing', () => {
  const request = new TestScope()
  const ch = channel<number>()
  for (const signal of [null, 5, {}, new EventTarget()] as never[]) {
    const make = () => request.run(() => iterator.fromChannel(ch, { signal }))
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  }
  expect(request.bonds).toBe(0)
  iterator.fromChannel(ch).return()
})

describe('a signal', () => {
  test('rejects a pending next() with its reason, and cancels with it', async () => {
    const abort = new AbortController()
    const ch = channel<number>()
    const values = iterator.fromChannel(ch, { signal: abort.signal })
    const pending = [watch(values.next()), watch(values.next())]
    await turns()
    abort.abort(failure)
    expect(ch.closed).toBe(true)
    await turns()
    expect(pending.map(seen => seen.outcome)).toEqual([failure, done])
    expect(await values.next()).toEqual(done)
    expect(await ch.ended).toEqual({ by: 'cancel', reason: failure })
  })

  test('that is aborted between, or before, rejects the next next()', async () => {
    for (const early of [true, false]) {
      const abort = new AbortController()
      if (early) abort.abort(failure)
      const ch = channel<number>()
      const values = iterator.fromChannel(ch, { signal: abort.signal })
      abort.abort(failure)
      expect(ch.closed).toBe(true)
      expect(await outcome(values.next())).toBe(failure)
      expect(await values.next()).toEqual(done)
    }
  })

  test('is forgotten at the end', async () => {
    const { signal } = new AbortController()
    const removed = jest.spyOn(signal, 'removeEventListener')
    const values = iterator.fromChannel(channel<number>(), { signal })
    await values.return()
    expect(removed).toHaveBeenCalledTimes(1)
  })
})

test('await using leaves it', async () => {
  const ch = channel<number>()
  {
    await using values = iterator.fromChannel(ch)
    expect(values[Symbol.asyncIterator]()).toBe(values)
  }
  expect(ch.closed).toBe(true)
})

test('the end of its scope is told once, also where nobody waits', async () => {
  const request = new TestScope()
  const ch = channel<number>()
  const values = request.run(() => iterator.fromChannel(ch))
  request.scope.cancel()
  await turns()
  expect(await outcome(values.next())).toMatchObject({ code: 'SCOPE_CLOSED' })
  expect(await values.next()).toEqual(done)
})

test('a stream that is made of it and destroyed while it reads leaves the channel', async () => {
  const ch = channel<number>()
  const readable = Readable.from(iterator.fromChannel(ch))
  readable.resume()
  await turns()
  readable.destroy()
  await turns()
  expect([ch.closed, ch.balance]).toEqual([true, 0])
})
